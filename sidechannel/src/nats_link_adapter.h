/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NATS_LINK_ADAPTER_H
#define BATON_NATS_LINK_ADAPTER_H

#include "nats_link_connection.h"

/* Sets the callbacks of a connection: event loop, errors, end. */
natsStatus baton__nats_adapter_install(baton__nats_connection *connection, natsOptions *options);

#endif

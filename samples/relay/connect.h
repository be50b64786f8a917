/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELAY_CONNECT_H
#define RELAY_CONNECT_H

#include "options.h"

#include <baton/worker.h>

/*
 * Makes a worker, and waits up to options->wait_ms for the NATS server. NULL: a line on stderr says
 * why, or a signal came (*signal_out, else 0).
 */
baton_worker *connect_worker(const relay_options *options, int signals_fd, int *signal_out);

#endif

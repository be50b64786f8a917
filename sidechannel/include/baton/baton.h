/* SPDX-License-Identifier: Apache-2.0 */
/** Everything: the sdk and the side channel over NATS. */
#ifndef BATON_BATON_H
#define BATON_BATON_H

#include <baton/handoff.h>
#include <baton/metadata_json.h>
#include <baton/nats_options.h>
#include <baton/nats_server.h>
#include <baton/offer.h>
#include <baton/sdk.h>
#include <baton/worker.h>

#endif

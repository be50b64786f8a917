/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_HANDOFF_H
#define BATON_CLI_PERF_HANDOFF_H

#include "perf_channel.h"
#include "perf_options.h"

/*
 * Whole hand-offs over NATS, from the offer to its outcome at the origin, and round trips over NATS
 * alone (baton_worker_ping) between the same two processes, in rounds that alternate. The ping is
 * the baseline: it goes the same way as an offer and its acknowledgement would if they went over
 * NATS, with a smaller message.
 *
 * Prints the result. Failures are recorded.
 */
baton_status perf_handoff(const perf_options *options);
/* The other side: takes what is offered. OPTIONS came, and are these. */
baton_status perf_handoff_consume(const perf_options *options, perf_channel *channel);

#endif

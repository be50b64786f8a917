/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_TRANSFER_H
#define BATON_CLI_PERF_TRANSFER_H

#include "perf_buffers.h"
#include "perf_channel.h"
#include "perf_options.h"
#include "perf_statistics.h"

/*
 * Transfers between the two sides of a channel. This side begins them (it is active), the other has
 * made the passive operations and sent their metadata before the clock runs. So they go in batches:
 * PREPARE, METADATA..., BEGIN, the timed part, END. The latency of one is from the call that begins
 * it to the return of the call that waits for it.
 */
typedef struct perf_transfers {
    perf_statistics latency_us;
    double elapsed_s; /* of the timed parts, all together */
    double active_cpu_s;
    double passive_cpu_s;
    char path[16];
    char transport[64];
} perf_transfers;

/* From OPTIONS to BYE; the greeting is done. Failures are recorded. */
baton_status perf_transfer_run(const perf_options *options, perf_channel *channel,
                               perf_transfers *result_out);
/* The other side: OPTIONS came, and are these. */
baton_status perf_transfer_serve(const perf_options *options, perf_channel *channel);

/* Which slot of its perf_buffers a transfer uses, on both sides. Those in flight together never
 * share one; the first and the last that are timed have slots of their own, so that they can be
 * checked when all is over. */
uint64_t perf_transfer_slots(const perf_options *options);
uint64_t perf_transfer_slot(const perf_options *options, uint64_t index, bool is_timed);
/* After the warm-up, before the first that is timed: what is checked at the end must not be there yet. */
void perf_transfer_spoil_target(const perf_options *options, bool is_target, perf_buffers *buffers);

/* A connector as the options want it. */
baton_status perf_connector_create(const perf_options *options, baton_connector **connector_out);

#endif

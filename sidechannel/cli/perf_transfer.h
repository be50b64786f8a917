/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_TRANSFER_H
#define BATON_CLI_PERF_TRANSFER_H

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
    char path[16];      /* as the last one is reported here */
    char peer_path[16]; /* ... and there */
    char transport[64];
} perf_transfers;

/* From OPTIONS to BYE; the greeting is done. Failures are recorded. */
baton_status perf_transfer_run(const perf_options *options, perf_channel *channel,
                               perf_transfers *result_out);
/* The other side: OPTIONS came, and are these. */
baton_status perf_transfer_serve(const perf_options *options, perf_channel *channel);

#endif

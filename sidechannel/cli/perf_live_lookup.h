/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_LIVE_LOOKUP_H
#define BATON_CLI_PERF_LIVE_LOOKUP_H

#include "perf_live_work.h"

/*
 * What it costs to find an operation, as a peer meets it. So many are made, and the peer reads some of them, at most a thousand and at most
 * half, chosen at random: each of its OPENs names one that nobody has touched since all others were. They go a hundred at a time; the time
 * is from the first call that begins a read until all hundred are over on both sides, with all that a read of 64 bytes takes on both.
 *
 * ns_out: of one read. Failures are recorded.
 */
baton_status live_lookup_play(live *self, uint64_t count, double *ns_out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_LIVE_LOOKUP_H
#define BATON_CLI_PERF_LIVE_LOOKUP_H

#include "perf_live_work.h"

/*
 * What it costs to find an operation, as a peer meets it. So many are made, and the peer reads half of them, at most 960, chosen at
 * random, after all of them were come by once more: so among many the one that an OPEN names is most likely in no near cache. They go
 * 16 at a time; the time is from the first call that begins a read until all 16 are over on both sides, with all that a read of
 * 64 bytes takes on both.
 *
 * ns_out: of one read. Failures are recorded.
 */
baton_status live_lookup_play(live *self, uint64_t count, double *ns_out);

#endif

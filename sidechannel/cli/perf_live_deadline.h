/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_LIVE_DEADLINE_H
#define BATON_CLI_PERF_LIVE_DEADLINE_H

#include "perf_live_work.h"

/*
 * What it costs that a deadline passes. So many operations are made, and then nobody drives progress until the last of them is due: a
 * task keeps the connector's thread, or this thread does nothing. The time is from then on to the end of all of them, so nobody's
 * waiting is in it.
 *
 * ns_out: of one operation. Failures are recorded.
 */
baton_status live_deadline_play(live *self, uint64_t count, double *ns_out);

#endif

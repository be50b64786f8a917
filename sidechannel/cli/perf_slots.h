/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_SLOTS_H
#define BATON_CLI_PERF_SLOTS_H

#include "perf_buffers.h"
#include "perf_options.h"

/*
 * Which slot of its perf_buffers a transfer uses, on both sides. Those in flight together never share one; the first and the last that are
 * timed have slots of their own, so that they can be checked when all is over.
 */
uint64_t perf_slots_count(const perf_options *options);
uint64_t perf_slots_of(const perf_options *options, uint64_t index, bool is_timed);

/* The memory of a side, filled where it is a source, and with something else where it is a target. Failures of this and of the two
 * below are recorded. */
baton_status perf_slots_create(const perf_options *options, baton_device device, bool is_shared, bool is_source,
                               perf_buffers **buffers_out);
/* After the warm-up, before the first that is timed: what is checked at the end must not be there yet. */
baton_status perf_slots_spoil(const perf_options *options, perf_buffers *target);
/* The first and the last that were timed. */
baton_status perf_slots_check(const perf_options *options, const perf_buffers *target);

#endif

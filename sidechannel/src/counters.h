/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_COUNTERS_H
#define BATON_COUNTERS_H

#include <baton/worker.h>

/* The counters of a worker: written by any thread, read by any thread. */
typedef struct baton__counters {
#define BATON__COUNTERS_FIELD(name) uint64_t name;
    BATON_WORKER_STATS_LIST(BATON__COUNTERS_FIELD)
#undef BATON__COUNTERS_FIELD
} baton__counters;

/* counter: address of a field. Both return what it is then. */
static inline uint64_t baton__counter_add(uint64_t *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static inline uint64_t baton__counter_subtract(uint64_t *counter)
{
    return __atomic_sub_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* The first, and then ever more rarely: a peer that sends nonsense cannot flood the log. */
static inline bool baton__counter_is_news(uint64_t value)
{
    return (value & (value - 1)) == 0;
}

/* Copies every counter. */
void baton__counters_read(const baton__counters *counters, baton_worker_stats *stats_out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

void baton__counters_read(const baton__counters *counters, baton_worker_stats *stats_out)
{
#define BATON__COUNTERS_READ(name) \
    stats_out->name = __atomic_load_n(&counters->name, __ATOMIC_RELAXED);
    BATON_WORKER_STATS_LIST(BATON__COUNTERS_READ)
#undef BATON__COUNTERS_READ
}

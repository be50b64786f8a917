/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_statistics.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* percent: 1 .. 100; samples are sorted. */
static double percentile(const double *samples, size_t count, size_t percent)
{
    /* count * percent could overflow; the parts cannot. */
    size_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;
    return samples[rank - 1];
}

perf_statistics perf_statistics_make(double *samples, size_t count)
{
    if (count == 0) {
        return (perf_statistics){0};
    }
    qsort(samples, count, sizeof(*samples), by_value);
    return (perf_statistics){.p50 = percentile(samples, count, 50),
                             .p99 = percentile(samples, count, 99),
                             .best = samples[0]};
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_STATISTICS_H
#define BATON_CLI_PERF_STATISTICS_H

#include <stddef.h>

/* What is told of many measurements of one thing. */
typedef struct perf_statistics {
    double p50;
    double p99;
    double best; /* the smallest */
} perf_statistics;

/* Sorts the samples in place. Percentiles are by nearest rank: the smallest sample that at least so
 * many percent of all are not above. Without samples everything is 0. */
perf_statistics perf_statistics_make(double *samples, size_t count);

#endif

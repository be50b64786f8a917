/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_METER_H
#define BATON_CLI_PERF_METER_H

#include <stdint.h>

/* What this process has used so far, all its threads together. */
typedef struct perf_meter {
    uint64_t now_ns;   /* CLOCK_MONOTONIC */
    uint64_t cpu_ns;   /* user and system */
    uint64_t switches; /* times that a thread of it has waited */
} perf_meter;

perf_meter perf_meter_read(void);
uint64_t perf_now_ns(void);
/* Returns early if a signal comes. */
void perf_sleep_ms(uint32_t time_ms);

#endif

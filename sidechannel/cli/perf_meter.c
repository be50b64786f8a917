/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_meter.h"

#include <sys/resource.h>
#include <time.h>

static uint64_t ns_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_usec * 1000U;
}

uint64_t perf_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

perf_meter perf_meter_read(void)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage); /* fails for no valid argument */
    return (perf_meter){.now_ns = perf_now_ns(),
                        .cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
                        .switches = (uint64_t)usage.ru_nvcsw};
}

void perf_sleep_ms(uint32_t time_ms)
{
    struct timespec time = {.tv_sec = time_ms / 1000, .tv_nsec = (long)(time_ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

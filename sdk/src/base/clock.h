/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_CLOCK_H
#define BATON_BASE_CLOCK_H

#include <stdint.h>

#define BATON__NS_PER_MS UINT64_C(1000000)
#define BATON__NS_PER_US UINT64_C(1000)

/* Where time comes from; tests put their own here. */
typedef struct baton__clock {
    uint64_t (*now_ns)(void *context);
    void *context;
} baton__clock;

/* CLOCK_BOOTTIME: goes on while the machine is suspended, as leases must. */
extern const baton__clock baton__clock_boottime;

static inline uint64_t baton__clock_now(const baton__clock *clock)
{
    return clock->now_ns(clock->context);
}

/* Nanoseconds of CLOCK_REALTIME, for epochs. */
uint64_t baton__realtime_ns(void);

#endif

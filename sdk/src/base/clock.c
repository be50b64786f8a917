/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now = {0};
    /* Fails only for an unknown clock or a bad pointer; neither can be. */
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t boottime_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_BOOTTIME);
}

const baton__clock baton__clock_boottime = {.now_ns = boottime_ns, .context = NULL};

uint64_t baton__realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A one-shot event on a futex.
 *
 * The states only go 0 -> 1, 0 -> 2 -> 1. Who is about to sleep makes it 2 first, so setting enters
 * the kernel only when somebody may sleep. The memory may be freed by who sees the event set, while
 * the setter is still on its way into the kernel: FUTEX_WAKE on such an address reads nothing
 * through it, and at worst wakes a stranger, whose loop takes a spurious wake-up as every user of a
 * futex must.
 */
#include "base/event.h"

#include <baton/export.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { EVENT_CLEAR = 0, EVENT_SET = 1, EVENT_AWAITED = 2 };

void baton__event_set(baton__event *event)
{
    uint32_t before = __atomic_exchange_n(&event->state, EVENT_SET, __ATOMIC_RELEASE);
    if (before == EVENT_AWAITED) {
        (void)syscall(SYS_futex, &event->state, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    }
}

bool baton__event_is_set(const baton__event *event)
{
    return __atomic_load_n(&event->state, __ATOMIC_ACQUIRE) == EVENT_SET;
}

static struct timespec deadline_after(uint32_t timeout_ms)
{
    struct timespec deadline = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += (time_t)(timeout_ms / 1000);
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000L;
    }
    return deadline;
}

/* True if the event is set; if not, it is announced that somebody sleeps. */
static bool is_set_or_announce(baton__event *event)
{
    uint32_t seen = EVENT_CLEAR;
    return !__atomic_compare_exchange_n(&event->state, &seen, EVENT_AWAITED, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE) &&
           seen == EVENT_SET;
}

bool baton__event_wait(baton__event *event, uint32_t timeout_ms)
{
    if (timeout_ms == 0 || baton__event_is_set(event)) {
        return baton__event_is_set(event);
    }
    /* An absolute time, so that spurious wake-ups and signals do not prolong the wait.
     * FUTEX_WAIT_BITSET takes it on CLOCK_MONOTONIC. */
    struct timespec deadline = deadline_after(timeout_ms);
    const struct timespec *until = timeout_ms == BATON_FOREVER ? NULL : &deadline;
    while (!is_set_or_announce(event)) {
        long result = syscall(SYS_futex, &event->state, FUTEX_WAIT_BITSET_PRIVATE, EVENT_AWAITED,
                              until, NULL, FUTEX_BITSET_MATCH_ANY);
        if (result != 0 && errno == ETIMEDOUT) {
            return baton__event_is_set(event);
        }
    }
    return true;
}

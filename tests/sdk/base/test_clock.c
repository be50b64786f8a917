/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <time.h>

Test(clock, boottime_is_that_of_the_kernel_and_never_goes_back)
{
    struct timespec now;
    uint64_t before = baton__clock_now(&baton__clock_boottime);
    cr_assert_eq(clock_gettime(CLOCK_BOOTTIME, &now), 0);
    uint64_t between = (uint64_t)now.tv_sec * 1000 * BATON__NS_PER_MS + (uint64_t)now.tv_nsec;
    uint64_t after = baton__clock_now(&baton__clock_boottime);
    cr_assert_leq(before, between);
    cr_assert_leq(between, after);
}

Test(clock, realtime_is_that_of_the_kernel)
{
    struct timespec now;
    cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
    uint64_t seconds = baton__realtime_ns() / (1000 * BATON__NS_PER_MS);
    cr_assert_geq(seconds + 60, (uint64_t)now.tv_sec);
    cr_assert_leq(seconds, (uint64_t)now.tv_sec + 60);
}

static uint64_t count_up(void *context)
{
    return ++*(uint64_t *)context;
}

Test(clock, a_test_brings_its_own)
{
    uint64_t time = 41;
    baton__clock clock = {.now_ns = count_up, .context = &time};
    cr_assert_eq(baton__clock_now(&clock), 42);
    cr_assert_eq(baton__clock_now(&clock), 43);
}

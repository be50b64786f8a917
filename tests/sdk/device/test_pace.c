/* SPDX-License-Identifier: Apache-2.0 */
/* When the end of a copy is looked for. */
#include "device/pace.h"

#include <criterion/criterion.h>

enum { CHUNK = 512 * 1024, SMALL = 4096, LONG = 80000 };

/* Copies that take so long, one after the other, looked at each step_ns: how many looks the last one takes. late_out: how long after its end it was seen. */
static unsigned run(baton__pace *pace, uint64_t *now, uint64_t take_ns, uint64_t step_ns, unsigned copies, uint64_t *late_out)
{
    unsigned looks = 0;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t begin = *now;
        uint64_t end = begin + take_ns;
        looks = 0;
        baton__pace_first(pace, begin, CHUNK);
        for (bool over = false; !over;) {
            *now += step_ns;
            bool due = baton__pace_is_due(pace, *now);
            looks += due ? 1 : 0;
            over = due && *now >= end;
        }
        *late_out = *now - end;
        baton__pace_over(pace, *now, CHUNK);
    }
    return looks;
}

Test(pace, what_is_not_known_is_looked_for_at_once)
{
    baton__pace pace = {0};
    uint64_t now = 1000000;
    uint64_t late = 0;
    cr_expect(baton__pace_is_due(&pace, now));
    cr_expect_eq(run(&pace, &now, LONG, 1000, 1, &late), LONG / 1000);
    cr_expect_eq(late, 0);
}

Test(pace, a_known_copy_takes_a_fourth_of_the_looks_and_is_seen_at_its_end)
{
    baton__pace pace = {0};
    uint64_t now = 1000000;
    uint64_t late = 0;
    unsigned looks = run(&pace, &now, LONG, 1000, 10, &late);
    cr_expect(looks > 0 && looks <= LONG / 1000 / 4 + 1, "%u looks", looks);
    cr_expect_eq(late, 0);
}

Test(pace, a_slow_moment_is_forgotten)
{
    baton__pace pace = {0};
    uint64_t now = 1000000;
    uint64_t late = 0;
    (void)run(&pace, &now, LONG, 1000, 10, &late);
    (void)run(&pace, &now, 100 * LONG, 1000, 1, &late);
    cr_expect_leq(late, BATON__PACE_MAX_NS);
    (void)run(&pace, &now, LONG, 1000, 1, &late);
    cr_expect_leq(late, BATON__PACE_MAX_NS - LONG, "no copy is left alone for longer");
    (void)run(&pace, &now, LONG, 1000, 10, &late);
    cr_expect_eq(late, 0);
}

Test(pace, follows_copies_that_become_slower)
{
    baton__pace pace = {0};
    uint64_t now = 1000000;
    uint64_t late = 0;
    (void)run(&pace, &now, LONG / 4, 1000, 10, &late);
    cr_expect_leq(run(&pace, &now, LONG, 1000, 60, &late), LONG / 1000 / 3);
    cr_expect_eq(late, 0);
}

Test(pace, a_small_copy_is_looked_for_at_once_and_teaches_nothing)
{
    baton__pace pace = {0};
    uint64_t now = 1000000;
    uint64_t late = 0;
    (void)run(&pace, &now, LONG, 1000, 10, &late);
    uint64_t before = pace.unit_ns;
    baton__pace_first(&pace, now, SMALL);
    cr_expect(baton__pace_is_due(&pace, now + LONG * SMALL / CHUNK));
    baton__pace_over(&pace, now + 50, SMALL);
    cr_expect_eq(pace.unit_ns, before);
}

/* A clock that stood still, and the largest copies there could be. */
Test(pace, extremes)
{
    baton__pace pace = {0};
    baton__pace_first(&pace, 5, CHUNK);
    baton__pace_over(&pace, 5, CHUNK);
    cr_expect_eq(pace.unit_ns, 0);
    baton__pace_first(&pace, 5, CHUNK);
    baton__pace_over(&pace, UINT64_C(3600000000000), CHUNK);
    baton__pace_first(&pace, UINT64_C(3600000000000), CHUNK);
    cr_expect_not(baton__pace_is_due(&pace, UINT64_C(3600000000000) + BATON__PACE_MAX_NS - 1));
    cr_expect(baton__pace_is_due(&pace, UINT64_C(3600000000000) + BATON__PACE_MAX_NS));
}

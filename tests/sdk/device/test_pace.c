/* SPDX-License-Identifier: Apache-2.0 */
/* When the end of a copy is looked for; and that a lane, over the stand-in, goes by it. */
#include "device/pace.h"

#include "device/device.h"
#include "support/cuda_case.h"

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

static uint64_t over(baton__lane *lane)
{
    uint64_t count = 77;
    int native = 0;
    WORKS(baton__cuda_lanes.poll(lane, &count, &native));
    return count;
}

/* One copy that is asked for just after it has begun; true if that did not cost a call of the runtime's. */
static bool is_left_alone(baton__lane *lane, const baton__slice *slice, void *pinned, uint64_t *count)
{
    int native = 0;
    uint64_t queries = fake_cuda_calls("cudaEventQuery");
    WORKS(baton__cuda_lanes.copy_out(lane, slice, pinned, &native));
    bool alone = over(lane) == *count && fake_cuda_calls("cudaEventQuery") == queries;
    *count += 1;
    EVENTUALLY(over(lane) == *count);
    return alone;
}

/* Once it is known how long they take. A thread that is not run for a while is late for the first question, so it is tried often. */
Test(pace, a_lane_does_not_look_before_a_copy_can_be_over)
{
    enum { TRIES = 500 };
    baton__lane *lane = NULL;
    void *pinned = NULL;
    uint64_t count = 0;
    int tries = 0;
    cuda_case_begin(1);
    WORKS(baton__cuda_lanes.open(0, &lane));
    WORKS(baton__cuda_lanes.pin(0, CHUNK, &pinned));
    baton__run run = {.base = cuda_case_memory(0, CHUNK), .segment = CHUNK, .stride = CHUNK, .count = 1};
    baton__layout layout = {.runs = &run, .count = 1, .total = CHUNK};
    const baton__slice slice = {&layout, 0, CHUNK};
    fake_cuda_set_copy_delay_us(1000);
    cr_expect_not(is_left_alone(lane, &slice, pinned, &count), "nothing is known yet");
    while (!is_left_alone(lane, &slice, pinned, &count)) {
        cr_assert_lt(++tries, TRIES, "each is looked for at once");
    }
    baton__cuda_lanes.close(lane);
    baton__cuda_lanes.unpin(pinned, CHUNK);
}

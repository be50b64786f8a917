/* SPDX-License-Identifier: Apache-2.0 */
/* perf_slots: which memory a transfer uses. */
#include "perf_slots.h"

#include <criterion/criterion.h>

/* Each is there, and no two of `depth` that follow each other are one. */
static void check_row(const perf_options *options, uint64_t total, bool is_timed)
{
    uint64_t slots = perf_slots_count(options);
    for (uint64_t i = 0; i < total; i++) {
        cr_assert_lt(perf_slots_of(options, i, is_timed), slots);
        for (uint64_t k = i + 1; k < total && k < i + options->depth; k++) {
            cr_assert_neq(perf_slots_of(options, i, is_timed), perf_slots_of(options, k, is_timed));
        }
    }
}

static void check_ends(const perf_options *options)
{
    uint64_t first = perf_slots_of(options, 0, true);
    uint64_t last = perf_slots_of(options, options->count - 1, true);
    for (uint64_t i = 1; i + 1 < options->count; i++) {
        cr_assert_neq(perf_slots_of(options, i, true), first);
        cr_assert_neq(perf_slots_of(options, i, true), last);
    }
}

Test(perf_slots, none_is_shared_and_the_first_and_the_last_have_their_own)
{
    for (uint64_t depth = 1; depth < 6; depth++) {
        for (uint64_t count = 1; count < 13; count++) {
            for (uint64_t warmup = 0; warmup < 13; warmup++) {
                const perf_options options = {.depth = depth, .count = count, .warmup = warmup};
                check_row(&options, warmup, false);
                check_row(&options, count, true);
                check_ends(&options);
            }
        }
    }
}

Test(perf_slots, one_transfer_takes_one)
{
    const perf_options one = {.depth = 8, .count = 1};
    const perf_options many = {.depth = 8, .count = 1000, .warmup = 20};
    cr_expect_eq(perf_slots_count(&one), 1);
    cr_expect_eq(perf_slots_count(&many), 10);
}

/* The last slot is touched before the clock runs. */
Test(perf_slots, the_warm_up_goes_through_all)
{
    const perf_options options = {.depth = 3, .count = 100, .warmup = 5};
    bool touched[5] = {false};
    for (uint64_t i = 0; i < 5; i++) {
        touched[perf_slots_of(&options, i, false)] = true;
    }
    for (size_t i = 0; i < 5; i++) {
        cr_expect(touched[i]);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/depot.h"

#include "base/poison.h"
#include "support/no_memory.h"
#include <criterion/criterion.h>
#include <string.h>

enum { MANY = 20000 /* far more than the ring has places, and large enough for huge pages */, SIZE = 570 };

static baton__depot depot;
static uint8_t *held[MANY];

static void init(void)
{
    baton__depot_init(&depot, SIZE);
}

static void fini(void)
{
    baton__depot_fini(&depot);
}

TestSuite(depot, .init = init, .fini = fini);

static void take_all(void)
{
    for (int i = 0; i < MANY; i++) {
        held[i] = baton__depot_take(&depot);
        cr_assert_not_null(held[i]);
        cr_assert(held[i][0] == 0 && memcmp(held[i], held[i] + 1, SIZE - 1) == 0, "piece %d is not zeroed", i);
        memset(held[i], i % 251 + 1, SIZE);
    }
}

static void give_all(void)
{
    for (int i = 0; i < MANY; i++) {
        cr_assert(held[i][0] == i % 251 + 1 && memcmp(held[i], held[i] + 1, SIZE - 1) == 0, "piece %d is another's", i);
        baton__depot_give(&depot, held[i]);
    }
}

Test(depot, pieces_are_zeroed_and_nobody_elses)
{
    take_all();
    give_all();
    take_all();
    give_all();
}

#ifndef BATON__HAS_POISON
Test(depot, pieces_begin_with_a_line_of_the_cache)
{
    take_all();
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq((uintptr_t)held[i] % 64, 0);
    }
    give_all();
}

Test(depot, what_was_once_in_use_serves_again)
{
    take_all();
    give_all();
    size_t bytes = depot.slab.bytes;
    cr_expect_leq(bytes, (size_t)MANY * 576 * 5 / 4 + 65536, "at most a quarter more than what was needed");
    take_all();
    give_all();
    cr_expect_eq(depot.slab.bytes, bytes);
}
#endif

Test(depot, what_is_not_given_back_goes_with_it)
{
    uint8_t *piece = baton__depot_take(&depot);
    cr_assert_not_null(piece);
#ifdef BATON__HAS_POISON
    baton__depot_give(&depot, piece); /* there it is the C library's */
#endif
}

Test(depot, nothing_given_back_is_nothing)
{
    baton__depot_give(&depot, NULL);
}

Test(depot, without_memory_there_is_none)
{
    struct rlimit before;
    if (!no_memory_begin(512, &before)) {
        cr_skip_test("malloc cannot be made to fail in this build");
    }
    void *piece = baton__depot_take(&depot);
    no_memory_end(&before);
    cr_expect_null(piece);
}

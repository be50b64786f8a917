/* SPDX-License-Identifier: Apache-2.0 */
#include "base/recycler.h"

#include "support/no_memory.h"
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

enum { SIZE = 200, MORE = BATON__RECYCLER_PLACES + 10 };

static baton__recycler recycler;

Test(recycler, what_comes_back_is_zeroed)
{
    baton__recycler_init(&recycler, SIZE);
    uint8_t *memory = baton__recycler_take(&recycler);
    memset(memory, 7, SIZE);
    baton__recycler_give(&recycler, memory);
    memory = baton__recycler_take(&recycler);
    for (int i = 0; i < SIZE; i++) {
        cr_assert_eq(memory[i], 0);
    }
    baton__recycler_give(&recycler, memory);
    baton__recycler_fini(&recycler);
}

Test(recycler, more_than_it_has_places_for_is_no_error_and_no_leak)
{
    void *held[MORE];
    baton__recycler_init(&recycler, SIZE);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MORE; i++) {
            held[i] = baton__recycler_take(&recycler);
            cr_assert_not_null(held[i]);
        }
        for (int i = 0; i < MORE; i++) {
            baton__recycler_give(&recycler, held[i]);
        }
    }
    baton__recycler_fini(&recycler);
}

/* The numbers of its places are of 32 bits: a service that runs for months comes round. */
Test(recycler, its_numbers_wrap_around)
{
    baton__recycler_init(&recycler, SIZE);
    uint32_t start = UINT32_MAX - BATON__RECYCLER_PLACES - 1;
    start -= start % BATON__RECYCLER_PLACES;
    recycler.give_at = recycler.take_at = start;
    for (uint32_t i = 0; i < BATON__RECYCLER_PLACES; i++) {
        recycler.places[i].turn = start + i;
    }
    for (int i = 0; i < 3 * BATON__RECYCLER_PLACES; i++) {
        void *one = baton__recycler_take(&recycler);
        void *other = baton__recycler_take(&recycler);
        cr_assert(one != NULL && other != NULL && one != other);
        baton__recycler_give(&recycler, one);
        baton__recycler_give(&recycler, other);
    }
    if (NO_MEMORY_POSSIBLE) { /* under a sanitizer nothing is kept */
        cr_expect_eq(recycler.give_at - recycler.take_at, 2);
    }
    baton__recycler_fini(&recycler);
}

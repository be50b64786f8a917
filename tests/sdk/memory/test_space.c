/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/space.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { UNITS = 100000, HELD = 300, STEPS = 200000 };

static uint64_t state = 88172645463325252U;

/* xorshift64: Marsaglia, "Xorshift RNGs" (2003). */
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Neighbours meet, no two free ones are neighbours, and all of them are the range. */
static uint64_t check_all(const baton__space *space, uint64_t units)
{
    uint64_t at = 0;
    uint64_t taken = 0;
    const baton__part *before = NULL;
    for (const baton__part *part = space->first; part != NULL; before = part, part = part->after) {
        cr_assert_eq(part->offset, at);
        cr_assert_eq(part->before, before);
        cr_assert_gt(part->units, 0);
        cr_assert(before == NULL || before->taken || part->taken);
        at += part->units;
        taken += part->taken ? part->units : 0;
    }
    cr_assert_eq(at, units);
    return taken;
}

Test(space, parts_never_overlap_and_join_again)
{
    static baton__space space;
    static baton__part *held[HELD];
    uint64_t taken = 0;
    bool memory = false;
    cr_assert(baton__space_init(&space, UNITS));
    for (int i = 0; i < STEPS; i++) {
        baton__part **slot = &held[next_random() % HELD];
        if (*slot != NULL) {
            taken -= (*slot)->units;
            baton__space_give(&space, *slot);
            *slot = NULL;
        } else {
            uint64_t wanted = next_random() % (UINT64_C(1) << (next_random() % 12)) + 1;
            *slot = baton__space_take(&space, wanted, &memory);
            cr_assert_not(memory);
            cr_assert(*slot == NULL || (*slot)->units == wanted);
            taken += *slot == NULL ? 0 : wanted;
        }
        if (i % 1000 == 0) {
            cr_assert_eq(check_all(&space, UNITS), taken);
        }
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i] != NULL) {
            baton__space_give(&space, held[i]);
        }
    }
    cr_assert_eq(check_all(&space, UNITS), 0);
    cr_assert_null(space.first->after, "it is one part again");
    baton__space_fini(&space);
}

Test(space, all_of_it_can_be_taken_whatever_its_size)
{
    static const uint64_t sizes[] = {1, 2, 15, 16, 17, 31, 33, 1000, 4097, 123457, UINT64_C(1) << 60};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        static baton__space space;
        bool memory = false;
        cr_assert(baton__space_init(&space, sizes[i]));
        cr_assert_null(baton__space_take(&space, sizes[i] + 1, &memory));
        baton__part *all = baton__space_take(&space, sizes[i], &memory);
        cr_assert_not_null(all, "%zu", i);
        cr_assert_null(baton__space_take(&space, 1, &memory));
        cr_assert_not(memory);
        baton__space_give(&space, all);
        baton__part *one = baton__space_take(&space, 1, &memory);
        cr_assert_not_null(one);
        cr_assert_eq(one->units, 1);
        baton__space_give(&space, one);
        baton__space_fini(&space);
    }
}

/* What is asked for is found where it fits, also if the list of its class has smaller ones. */
Test(space, a_hole_of_the_right_size_is_used)
{
    static baton__space space;
    bool memory = false;
    cr_assert(baton__space_init(&space, 1000));
    baton__part *a = baton__space_take(&space, 300, &memory);
    baton__part *b = baton__space_take(&space, 10, &memory);
    baton__part *rest = baton__space_take(&space, 690, &memory);
    cr_assert(a != NULL && b != NULL && rest != NULL);
    uint64_t hole = a->offset;
    baton__space_give(&space, a);
    cr_assert_null(baton__space_take(&space, 301, &memory));
    a = baton__space_take(&space, 300, &memory);
    cr_assert_not_null(a);
    cr_assert_eq(a->offset, hole);
    baton__space_give(&space, a);
    baton__space_give(&space, rest);
    baton__space_give(&space, b);
    cr_assert_eq(check_all(&space, 1000), 0);
    baton__space_fini(&space);
}

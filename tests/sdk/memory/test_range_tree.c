/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/range_tree.h"

#include "support/shape.h"

#include <criterion/criterion.h>

enum { RANGES = 300, SPACE = 1000 };

/* The plain model: an array, searched from end to end. */
static baton__range ranges[RANGES];
static bool present[RANGES];

static baton__range *model_find(uintptr_t start, uintptr_t end)
{
    baton__range *found = NULL;
    for (size_t i = 0; i < RANGES; i++) {
        if (present[i] && ranges[i].start <= start && ranges[i].end >= end && (found == NULL || ranges[i].start > found->start)) {
            found = &ranges[i];
        }
    }
    return found;
}

static size_t model_inside(const baton__range *range)
{
    size_t count = 0;
    for (size_t i = 0; i < RANGES; i++) {
        count += present[i] && ranges[i].start >= range->start && ranges[i].end <= range->end;
    }
    return count;
}

static void random_range(baton__range *range, uint64_t *state)
{
    range->start = 1 + (uintptr_t)(shape_next(state) % SPACE);
    range->end = range->start + 1 + (uintptr_t)(shape_next(state) % (shape_next(state) % 4 == 0 ? SPACE : 30));
}

static void insert(baton__range_tree *tree, size_t i, uint64_t *state)
{
    random_range(&ranges[i], state);
    if (model_find(ranges[i].start, ranges[i].end) != NULL) {
        return;
    }
    size_t inside = model_inside(&ranges[i]);
    for (baton__range *taken; (taken = baton__range_tree_take_inside(tree, &ranges[i])) != NULL; inside--) {
        cr_assert(present[taken - ranges]);
        cr_assert_geq(taken->start, ranges[i].start);
        cr_assert_leq(taken->end, ranges[i].end);
        present[taken - ranges] = false;
    }
    cr_assert_eq(inside, 0);
    baton__range_tree_insert(tree, &ranges[i]);
    present[i] = true;
}

Test(range_tree, finds_what_the_model_finds)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t state = seed;
        baton__range_tree tree = {0};
        memset(present, 0, sizeof(present));
        for (int step = 0; step < 5000; step++) {
            size_t i = (size_t)(shape_next(&state) % RANGES);
            if (present[i]) {
                baton__range_tree_remove(&tree, &ranges[i]);
                present[i] = false;
            } else {
                insert(&tree, i, &state);
            }
            baton__range asked;
            random_range(&asked, &state);
            cr_assert_eq(baton__range_tree_find(&tree, asked.start, asked.end), model_find(asked.start, asked.end));
        }
    }
}

Test(range_tree, the_ends_of_the_address_space)
{
    baton__range_tree tree = {0};
    baton__range all = {.start = 0, .end = UINTPTR_MAX};
    baton__range last = {.start = UINTPTR_MAX - 1, .end = UINTPTR_MAX};
    cr_assert_null(baton__range_tree_find(&tree, 0, 1));
    cr_assert_null(baton__range_tree_take_inside(&tree, &all));
    baton__range_tree_insert(&tree, &last);
    cr_assert_eq(baton__range_tree_find(&tree, UINTPTR_MAX - 1, UINTPTR_MAX), &last);
    cr_assert_null(baton__range_tree_find(&tree, 0, UINTPTR_MAX));
    cr_assert_eq(baton__range_tree_take_inside(&tree, &all), &last);
    baton__range_tree_insert(&tree, &all);
    cr_assert_eq(baton__range_tree_find(&tree, 5, 6), &all);
    cr_assert_eq(baton__range_tree_find(&tree, 0, UINTPTR_MAX), &all);
    baton__range_tree_remove(&tree, &all);
    cr_assert_null(tree.root);
}

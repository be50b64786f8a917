/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include "support/no_memory.h"
#include <criterion/criterion.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { MANY = 1000, SIZE = 100 };

static baton__slab slab;
static uint8_t *objects[MANY];

static void take_all(void)
{
    baton__slab_init(&slab, SIZE);
    for (int i = 0; i < MANY; i++) {
        objects[i] = baton__slab_take(&slab);
        cr_assert_not_null(objects[i]);
        cr_assert_eq((uintptr_t)objects[i] % alignof(max_align_t), 0);
        memset(objects[i], i % 251, SIZE);
    }
}

Test(slab, objects_do_not_overlap)
{
    take_all();
    for (int i = 0; i < MANY; i++) {
        for (int j = 0; j < SIZE; j++) {
            cr_assert_eq(objects[i][j], i % 251);
        }
    }
    baton__slab_fini(&slab);
}

Test(slab, what_comes_back_is_taken_again_and_is_zeroed)
{
    take_all();
    for (int i = 0; i < MANY; i++) {
        baton__slab_give(&slab, objects[i]);
    }
    const struct baton__slab_block *blocks = slab.blocks;
    for (int i = 0; i < MANY; i++) {
        const uint8_t *object = baton__slab_take(&slab);
        for (int j = 0; j < SIZE; j++) {
            cr_assert_eq(object[j], 0);
        }
    }
    cr_expect_eq(slab.blocks, blocks, "more memory than before");
    baton__slab_fini(&slab);
}

Test(slab, nothing_given_back_is_nothing)
{
    baton__slab_init(&slab, SIZE);
    baton__slab_give(&slab, NULL);
    baton__slab_fini(&slab);
}

Test(slab, large_objects_are_had_too)
{
    baton__slab_init(&slab, 100000);
    uint8_t *object = baton__slab_take(&slab);
    memset(object, 1, 100000);
    baton__slab_give(&slab, object);
    baton__slab_fini(&slab);
}

Test(slab, without_memory_there_is_none)
{
    struct rlimit before;
    baton__slab_init(&slab, 1000);
    if (!no_memory_begin(512, &before)) {
        cr_skip_test("malloc cannot be made to fail in this build");
    }
    void *object = baton__slab_take(&slab);
    no_memory_end(&before);
    cr_expect_null(object);
    baton__slab_fini(&slab);
}

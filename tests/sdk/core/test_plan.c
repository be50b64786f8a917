/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plan.h"

#include "support/no_memory.h"

#include <criterion/criterion.h>

#define CHUNK ((uint64_t)4096)

/* The chunks in order are the row of bytes, cut, with no byte left out and none twice. */
static void expect_plan(uint64_t total, uint64_t chunk_size, uint32_t chunks)
{
    baton__layout layout = {.total = total};
    baton__plan plan;
    cr_assert_eq(baton__plan_init(&plan, total, chunk_size), BATON_OK);
    cr_assert_eq(plan.chunks, chunks, "%u instead of %u", plan.chunks, chunks);
    uint64_t at = 0;
    for (uint32_t index = 0; index < chunks; index++) {
        baton__slice slice = baton__plan_slice(&plan, &layout, index);
        cr_assert_eq(slice.layout, &layout);
        cr_assert_eq(slice.offset, at, "chunk %u", index);
        cr_assert_eq(slice.size, total - at < chunk_size ? total - at : chunk_size);
        at += slice.size;
    }
    cr_assert_eq(at, total);
}

Test(plan, a_row_is_cut_at_the_chunk)
{
    static const struct {
        uint64_t total;
        uint32_t chunks;
    } cases[] = {{1, 1},         {CHUNK - 1, 1},     {CHUNK, 1},          {CHUNK + 1, 2},
                 {2 * CHUNK, 2}, {2 * CHUNK + 1, 3}, {1000 * CHUNK, 1000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_plan(cases[i].total, CHUNK, cases[i].chunks);
    }
}

Test(plan, every_power_of_two_from_4_kib_to_1_gib_is_a_chunk_size)
{
    for (uint64_t chunk_size = BATON__CHUNK_MIN; chunk_size <= BATON__CHUNK_MAX; chunk_size *= 2) {
        expect_plan(2 * chunk_size + 1, chunk_size, 3);
    }
}

static void expect_refused(uint64_t total, uint64_t chunk_size, baton_status expected)
{
    baton__plan plan = {.chunk_size = 1, .total = 2, .chunks = 3};
    cr_assert_eq(baton__plan_init(&plan, total, chunk_size), expected);
    cr_assert_eq(plan.chunk_size, 1);
    cr_assert_eq(plan.total, 2);
    cr_assert_eq(plan.chunks, 3);
}

Test(plan, every_other_chunk_size_is_refused)
{
    static const uint64_t sizes[] = {0,
                                     1,
                                     2048,
                                     BATON__CHUNK_MIN - 1,
                                     BATON__CHUNK_MIN + 1,
                                     3 * BATON__CHUNK_MIN,
                                     BATON__CHUNK_MAX - 1,
                                     BATON__CHUNK_MAX + 1,
                                     2 * BATON__CHUNK_MAX,
                                     UINT64_C(1) << 63,
                                     UINT64_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        expect_refused(CHUNK, sizes[i], BATON_ERR_INVALID_ARGUMENT);
    }
}

Test(plan, more_chunks_than_the_limit_are_too_large)
{
    expect_plan(BATON__CHUNKS_MAX * CHUNK, CHUNK, BATON__CHUNKS_MAX);
    expect_refused(BATON__CHUNKS_MAX * CHUNK + 1, CHUNK, BATON_ERR_TOO_LARGE);
    expect_refused(UINT64_MAX, CHUNK, BATON_ERR_TOO_LARGE);
}

Test(plan, without_memory_a_bitmap_fails_and_touches_nothing)
{
    struct rlimit before;
    if (!no_memory_begin(4096 * sizeof(uint32_t), &before)) {
        cr_skip_test("memory cannot be made to fail here");
    }
    baton__bits bits = {.size = 1};
    baton_status of_bits = baton__bits_init(&bits, 4096 * sizeof(uint32_t) * 8);
    no_memory_end(&before);
    cr_assert_eq(of_bits, BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(bits.size, 1);
}

static const uint32_t bit_sizes[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 100000};
enum { BIT_SIZES = sizeof(bit_sizes) / sizeof(bit_sizes[0]) };

static baton__bits make_bits(uint32_t size)
{
    baton__bits bits;
    memset(&bits, 0xA5, sizeof(bits));
    cr_assert_eq(baton__bits_init(&bits, size), BATON_OK);
    cr_assert_eq(bits.words != NULL, size > 64);
    return bits;
}

Test(bits, are_clear_at_first)
{
    for (size_t i = 0; i < BIT_SIZES; i++) {
        baton__bits bits = make_bits(bit_sizes[i]);
        for (uint32_t k = 0; k < bits.size; k++) {
            cr_assert_not(baton__bits_get(&bits, k));
        }
        cr_assert_eq(bits.set, 0);
        cr_assert_eq(baton__bits_next_clear(&bits, 0), 0);
        cr_assert_eq(baton__bits_full(&bits), bits.size == 0);
        baton__bits_fini(&bits);
        cr_assert_null(bits.words);
    }
}

Test(bits, setting_and_clearing_touches_one_and_keeps_count)
{
    for (size_t i = 0; i < BIT_SIZES; i++) {
        baton__bits bits = make_bits(bit_sizes[i]);
        for (uint32_t k = 0; k < bits.size; k++) {
            cr_assert(baton__bits_set(&bits, k));
            cr_assert_not(baton__bits_set(&bits, k), "the second time it was set before");
            cr_assert_eq(bits.set, 1);
            cr_assert(baton__bits_get(&bits, k));
            cr_assert(k == 0 || !baton__bits_get(&bits, k - 1));
            cr_assert(k + 1 == bits.size || !baton__bits_get(&bits, k + 1));
            baton__bits_clear(&bits, k);
            baton__bits_clear(&bits, k);
            cr_assert_eq(bits.set, 0);
            cr_assert_not(baton__bits_get(&bits, k));
        }
        baton__bits_fini(&bits);
    }
}

Test(bits, the_next_clear_one_is_found_and_the_end_is_the_size)
{
    for (size_t i = 0; i < BIT_SIZES; i++) {
        baton__bits bits = make_bits(bit_sizes[i]);
        for (uint32_t k = 0; k < bits.size; k++) {
            cr_assert_eq(baton__bits_next_clear(&bits, 0), k);
            (void)baton__bits_set(&bits, k);
        }
        cr_assert(baton__bits_full(&bits));
        cr_assert_eq(baton__bits_next_clear(&bits, 0), bits.size);
        cr_assert_eq(baton__bits_next_clear(&bits, bits.size), bits.size);
        cr_assert_eq(baton__bits_next_clear(&bits, bits.size + 100), bits.size);
        for (uint32_t k = bits.size; k-- > 0;) {
            baton__bits_clear(&bits, k);
            cr_assert_not(baton__bits_full(&bits));
            cr_assert_eq(baton__bits_next_clear(&bits, k), k);
            cr_assert_eq(baton__bits_next_clear(&bits, k + 1),
                         k + 1 < bits.size ? k + 1 : bits.size);
            cr_assert_eq(baton__bits_next_clear(&bits, k / 2), k);
        }
        baton__bits_fini(&bits);
    }
}

Test(bits, a_copy_is_equal_and_on_its_own)
{
    for (size_t i = 0; i < BIT_SIZES; i++) {
        baton__bits from = make_bits(bit_sizes[i]);
        baton__bits to = make_bits(bit_sizes[i]);
        for (uint32_t k = 0; k < from.size; k++) {
            (void)(k % 3 == 0 ? baton__bits_set(&from, k) : baton__bits_set(&to, k));
        }
        baton__bits_copy(&to, &from);
        cr_assert_eq(to.set, from.set);
        for (uint32_t k = 0; k < from.size; k++) {
            cr_assert_eq(baton__bits_get(&to, k), k % 3 == 0);
        }
        if (from.size != 0) {
            baton__bits_clear(&from, 0);
            cr_assert(baton__bits_get(&to, 0));
        }
        baton__bits_fini(&from);
        baton__bits_fini(&to);
    }
}

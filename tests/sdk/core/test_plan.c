/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plan.h"

#include "support/no_memory.h"

#include <criterion/criterion.h>

#define CHUNK ((size_t)4096)
enum { MANY = 65536 };

static baton_descriptor *descriptors[MANY];
static size_t made;

/* Memory that nobody touches: the plan counts and never reads. Pieces lie far apart. */
static void describe(size_t size)
{
    void *address = (void *)(((uintptr_t)made + 1) << 30); /* NOLINT(performance-no-int-to-ptr) */
    cr_assert_eq(baton_descriptor_from_pointer(address, size, BATON_DEVICE_HOST, NULL, NULL,
                                               &descriptors[made]),
                 BATON_OK);
    made++;
}

static void release_all(void)
{
    while (made > 0) {
        baton_descriptor_release(descriptors[--made]);
    }
}

TestSuite(plan, .fini = release_all);

/* The chunks in order are the descriptors in order, cut, with no byte left out and none twice. */
static void expect_tiles(const baton__plan *plan)
{
    uint32_t index = 0;
    for (size_t i = 0; i < made; i++) {
        size_t size = baton_descriptor_size(descriptors[i]);
        const uint8_t *at = baton_descriptor_pointer(descriptors[i]);
        for (size_t left = size; left > 0; index++) {
            cr_assert_lt(index, plan->chunks);
            baton__piece piece = baton__plan_piece(plan, descriptors, index);
            cr_assert_eq(piece.pointer, at, "chunk %u", index);
            cr_assert_eq(piece.size, left < plan->chunk_size ? left : plan->chunk_size);
            cr_assert_eq(baton__plan_descriptor(plan, descriptors, index), descriptors[i]);
            at += piece.size;
            left -= piece.size;
        }
    }
    cr_assert_eq(index, plan->chunks);
}

static void expect_plan(uint64_t chunk_size, uint32_t chunks)
{
    baton__plan plan;
    cr_assert_eq(baton__plan_init(&plan, descriptors, (uint32_t)made, chunk_size), BATON_OK);
    cr_assert_eq(plan.chunks, chunks, "%u instead of %u", plan.chunks, chunks);
    cr_assert_eq(plan.count, made);
    expect_tiles(&plan);
    baton__plan_fini(&plan);
    cr_assert_null(plan.first_chunk);
    release_all();
}

Test(plan, one_descriptor_is_cut_at_the_chunk)
{
    static const struct {
        size_t size;
        uint32_t chunks;
    } cases[] = {{1, 1},         {CHUNK - 1, 1},     {CHUNK, 1},          {CHUNK + 1, 2},
                 {2 * CHUNK, 2}, {2 * CHUNK + 1, 3}, {1000 * CHUNK, 1000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        describe(cases[i].size);
        expect_plan(CHUNK, cases[i].chunks);
    }
}

Test(plan, no_chunk_spans_two_descriptors)
{
    static const size_t sizes[] = {1, CHUNK - 1, CHUNK, CHUNK + 1, 1, 3 * CHUNK - 1, 2 * CHUNK, 7};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        describe(sizes[i]);
    }
    expect_plan(CHUNK, 1 + 1 + 1 + 2 + 1 + 3 + 2 + 1);
}

Test(plan, every_mix_of_three_odd_sizes_is_tiled)
{
    static const size_t sizes[] = {1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17};
    static const uint32_t chunks[] = {1, 1, 1, 2, 6};
    for (int mix = 0; mix < 5 * 5 * 5; mix++) {
        describe(sizes[mix % 5]);
        describe(sizes[mix / 5 % 5]);
        describe(sizes[mix / 25]);
        expect_plan(CHUNK, chunks[mix % 5] + chunks[mix / 5 % 5] + chunks[mix / 25]);
    }
}

Test(plan, as_many_descriptors_as_an_operation_may_have)
{
    for (size_t i = 0; i < MANY; i++) {
        describe(1 + i % 2 * CHUNK);
    }
    expect_plan(CHUNK, MANY / 2 * 3);
}

Test(plan, every_power_of_two_from_4_kib_to_1_gib_is_a_chunk_size)
{
    for (uint64_t chunk_size = BATON__CHUNK_MIN; chunk_size <= BATON__CHUNK_MAX; chunk_size *= 2) {
        describe((size_t)chunk_size + 1);
        describe((size_t)chunk_size);
        expect_plan(chunk_size, 3);
    }
}

static const baton__plan untouched = {.chunk_size = 1, .chunks = 2, .count = 3};

static void expect_refused(uint64_t chunk_size, baton_status expected)
{
    baton__plan plan = untouched;
    cr_assert_eq(baton__plan_init(&plan, descriptors, (uint32_t)made, chunk_size), expected);
    cr_assert_eq(plan.chunk_size, untouched.chunk_size);
    cr_assert_eq(plan.chunks, untouched.chunks);
    cr_assert_eq(plan.count, untouched.count);
    cr_assert_null(plan.first_chunk);
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
    describe(CHUNK);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        expect_refused(sizes[i], BATON_ERR_INVALID_ARGUMENT);
    }
}

Test(plan, more_chunks_than_the_limit_are_too_large)
{
    describe((size_t)BATON__CHUNKS_MAX * CHUNK);
    expect_plan(CHUNK, BATON__CHUNKS_MAX);
    describe((size_t)BATON__CHUNKS_MAX * CHUNK + 1);
    expect_refused(CHUNK, BATON_ERR_TOO_LARGE);
    release_all();
    describe((size_t)(BATON__CHUNKS_MAX - 1) * CHUNK);
    describe(1);
    describe(1);
    expect_refused(CHUNK, BATON_ERR_TOO_LARGE);
}

/* 2^12 times 2^52 - 2 chunks and a few more are 2^64 + 1: a sum that wraps round is no small one.
 */
Test(plan, a_sum_that_would_overflow_is_too_large)
{
    enum { HUGE = 4096, SINGLE = 2 * HUGE + 1 };
    for (size_t i = 0; i < HUGE + SINGLE; i++) {
        void *address = (void *)CHUNK; /* NOLINT(performance-no-int-to-ptr) */
        cr_assert_eq(baton_descriptor_from_pointer(address, i < HUGE ? SIZE_MAX - 2 * CHUNK : 1,
                                                   BATON_DEVICE_HOST, NULL, NULL,
                                                   &descriptors[made++]),
                     BATON_OK);
    }
    expect_refused(CHUNK, BATON_ERR_TOO_LARGE);
}

Test(plan, without_memory_it_fails_and_touches_nothing)
{
    struct rlimit before;
    for (size_t i = 0; i < 4096; i++) {
        describe(1);
    }
    if (!no_memory_begin(4096 * sizeof(uint32_t), &before)) {
        cr_skip_test("memory cannot be made to fail here");
    }
    baton__plan plan = untouched;
    baton__bits bits = {.size = 1};
    baton_status status = baton__plan_init(&plan, descriptors, 4096, CHUNK);
    baton_status of_bits = baton__bits_init(&bits, 4096 * sizeof(uint32_t) * 8);
    no_memory_end(&before);
    cr_assert_eq(status, BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(plan.count, untouched.count);
    cr_assert_null(plan.first_chunk);
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

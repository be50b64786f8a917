/* SPDX-License-Identifier: Apache-2.0 */
/* perf_buffers: segments, and data that is told apart from any other. */
#include "perf_buffers.h"

#include "perf_failure.h"
#include <criterion/criterion.h>
#include <string.h>

enum { SIZE = 10001, SEGMENTS = 4, SLOTS = 3 };

static perf_buffers *make(void)
{
    perf_buffers *buffers = NULL;
    cr_assert_eq(perf_buffers_create(&(perf_shape){.size_bytes = SIZE, .segments = 1, .slots = SLOTS, .device = BATON_DEVICE_HOST}, &buffers), BATON_OK, "%s",
                 perf_failure_text());
    cr_assert_eq(perf_buffers_fill(buffers), BATON_OK);
    return buffers;
}

static unsigned char *memory_of(const perf_buffers *buffers, uint64_t slot)
{
    return baton_descriptor_pointer(perf_buffers_slot(buffers, slot)[0]);
}

static void is_wrong(const perf_buffers *buffers, uint64_t slot)
{
    cr_expect_eq(perf_buffers_check(buffers, slot, "first"), BATON_ERR_CHECKSUM);
}

/* No byte is in two segments, no two segments are one piece, and the data is that of the row. */
static void check_segments(size_t size, size_t segments, size_t stride, size_t count)
{
    perf_buffers *buffers = NULL;
    const perf_shape shape = {
        .size_bytes = size, .segments = segments, .stride_bytes = stride, .slots = SLOTS, .device = BATON_DEVICE_HOST};
    cr_assert_eq(perf_buffers_create(&shape, &buffers), BATON_OK, "%s", perf_failure_text());
    cr_assert_eq(perf_buffers_count(buffers), count);
    cr_assert_eq(perf_buffers_spoil(buffers), BATON_OK);
    cr_assert_eq(perf_buffers_fill(buffers), BATON_OK);
    for (uint64_t slot = 0; slot < SLOTS; slot++) {
        size_t total = 0;
        cr_expect_eq(perf_buffers_check(buffers, slot, "first"), BATON_OK);
        for (size_t i = 0; i < count; i++) {
            baton_descriptor *descriptor = perf_buffers_slot(buffers, slot)[i];
            unsigned char *last = (unsigned char *)baton_descriptor_pointer(descriptor);
            total += baton_descriptor_size(descriptor);
            *last ^= 1;
            is_wrong(buffers, slot);
            *last ^= 1;
        }
        cr_expect_eq(total, size);
        cr_expect_eq(perf_buffers_check(buffers, slot, "first"), BATON_OK);
    }
    perf_buffers_destroy(buffers);
}

Test(perf_buffers, segments_cover_a_slot)
{
    check_segments(SIZE, SEGMENTS, 0, SEGMENTS);
    check_segments(SIZE, SIZE, 0, SIZE);
    check_segments(7919 * 4, 7919, 0, 7919);
    check_segments(SEGMENTS * (size_t)1000, SEGMENTS, 1024, 1);
    check_segments(SEGMENTS * (size_t)1000, SEGMENTS, 1000, 1);
    perf_buffers_destroy(NULL);
}

Test(perf_buffers, what_was_filled_is_right_and_what_was_spoiled_is_not)
{
    perf_buffers *buffers = make();
    for (uint64_t slot = 0; slot < SLOTS; slot++) {
        cr_expect_eq(perf_buffers_check(buffers, slot, "first"), BATON_OK);
    }
    cr_assert_eq(perf_buffers_spoil(buffers), BATON_OK);
    for (uint64_t slot = 0; slot < SLOTS; slot++) {
        is_wrong(buffers, slot);
    }
    cr_expect_eq(perf_failure_status(), BATON_ERR_CHECKSUM);
    cr_expect_str_eq(perf_failure_text(), "the data of the first transfer is wrong from byte 0 on");
    perf_buffers_destroy(buffers);
}

Test(perf_buffers, every_byte_counts)
{
    perf_buffers *buffers = make();
    static const size_t places[] = {0, 1, 2500, 9999, SIZE - 1};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        memory_of(buffers, 1)[places[i]] ^= 1;
        is_wrong(buffers, 1);
        memory_of(buffers, 1)[places[i]] ^= 1;
        cr_expect_eq(perf_buffers_check(buffers, 1, "first"), BATON_OK);
    }
    perf_buffers_destroy(buffers);
}

Test(perf_buffers, data_of_another_slot_or_place_is_wrong)
{
    perf_buffers *buffers = make();
    memcpy(memory_of(buffers, 0), memory_of(buffers, 1), SIZE);
    is_wrong(buffers, 0);
    cr_assert_eq(perf_buffers_fill(buffers), BATON_OK);
    memmove(memory_of(buffers, 2), memory_of(buffers, 2) + 8, SIZE - 8);
    is_wrong(buffers, 2);
    perf_buffers_destroy(buffers);
}

Test(perf_buffers, more_than_half_of_the_machine_is_refused)
{
    perf_buffers *buffers = NULL;
    const perf_shape shape = {.size_bytes = UINT64_C(1) << 50, .segments = 1, .slots = 3, .device = BATON_DEVICE_HOST};
    cr_expect_eq(perf_buffers_create(&shape, &buffers), BATON_ERR_OUT_OF_MEMORY);
    cr_expect_null(buffers);
}

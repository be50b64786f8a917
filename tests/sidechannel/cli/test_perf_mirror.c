/* SPDX-License-Identifier: Apache-2.0 */
/* perf_buffers in memory of a device, which perf_mirror fills and looks at; the runtime of CUDA is the stand-in. */
#include "perf_buffers.h"
#include "perf_failure.h"
#include "perf_mirror.h"

#include "support/any_memory.h"
#include <criterion/criterion.h>

enum { SIZE = 1000000, SLOTS = 3, ROW = 65536 };

static const baton_device on_device = {BATON_DEVICE_KIND_CUDA, 0};

static perf_buffers *make(uint64_t segments, uint64_t stride)
{
    perf_buffers *buffers = NULL;
    const perf_shape shape = {
        .size_bytes = SIZE, .segments = segments, .stride_bytes = stride, .slots = SLOTS, .device = on_device};
    cr_assert_eq(perf_buffers_create(&shape, &buffers), BATON_OK, "%s", perf_failure_text());
    return buffers;
}

static void holds(const perf_buffers *buffers, baton_status wanted)
{
    for (uint64_t slot = 0; slot < SLOTS; slot++) {
        cr_assert_eq(perf_buffers_check(buffers, slot, "first"), wanted, "slot %u: %s", (unsigned)slot, perf_failure_text());
    }
}

static void is_filled_and_spoiled(uint64_t segments, uint64_t stride, size_t count)
{
    perf_buffers *buffers = make(segments, stride);
    cr_assert_eq(perf_buffers_count(buffers), count);
    cr_assert_eq(baton_descriptor_device(perf_buffers_slot(buffers, 0)[0]).kind, BATON_DEVICE_KIND_CUDA);
    holds(buffers, BATON_ERR_CHECKSUM);
    cr_assert_eq(perf_buffers_fill(buffers), BATON_OK, "%s", perf_failure_text());
    holds(buffers, BATON_OK);
    cr_assert_eq(perf_buffers_spoil(buffers), BATON_OK, "%s", perf_failure_text());
    holds(buffers, BATON_ERR_CHECKSUM);
    perf_buffers_destroy(buffers);
}

Test(perf_mirror, buffers_are_filled_and_checked)
{
    is_filled_and_spoiled(1, 0, 1);
    is_filled_and_spoiled(7, 0, 7);
    is_filled_and_spoiled(1000, 1024, 1);
}

/* The bytes are on the device as they would be on the host, and come back. */
Test(perf_mirror, the_row_goes_there_and_back)
{
    perf_mirror *mirror = NULL;
    baton_descriptor *memory[2] = {NULL, NULL};
    cr_assert_eq(baton_descriptor_allocate(ROW / 4, on_device, &memory[0]), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_descriptor_allocate(ROW - ROW / 4, on_device, &memory[1]), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(perf_mirror_create(ROW, &mirror), BATON_OK, "%s", perf_failure_text());
    unsigned char *row = perf_mirror_memory(mirror);
    for (size_t i = 0; i < ROW; i++) {
        row[i] = (unsigned char)(i * 7 + i / 256);
    }
    cr_assert_eq(perf_mirror_put(mirror, memory, 2), BATON_OK, "%s", perf_failure_text());
    uint8_t *second = any_look(memory[1]);
    cr_assert_eq(memcmp(second, row + ROW / 4, ROW - ROW / 4), 0);
    any_done(second);
    row[0] ^= 1;
    row[ROW - 1] ^= 1;
    cr_assert_eq(perf_mirror_get(mirror, memory, 2), BATON_OK, "%s", perf_failure_text());
    cr_assert_eq(row[0], 0);
    cr_assert_eq(row[ROW - 1], (unsigned char)((ROW - 1) * 7 + (ROW - 1) / 256));
    perf_mirror_destroy(mirror);
    perf_mirror_destroy(NULL);
    baton_descriptor_release(memory[0]);
    baton_descriptor_release(memory[1]);
}

/* A copy that fails is a failure, and not wrong data. */
Test(perf_mirror, a_device_that_fails_is_told)
{
    bool (*fail)(const char *);
    perf_buffers *buffers = make(1, 0);
    *(void **)&fail = any_function("fake_cuda_set_fail");
    cr_assert(fail("copy:1:719"));
    cr_assert_neq(perf_buffers_fill(buffers), BATON_OK);
    cr_expect_eq(perf_failure_status(), BATON_ERR_DEVICE, "%s", perf_failure_text());
    perf_buffers_destroy(buffers);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/descriptor.h"

#include "support/no_memory.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char memory[4096];

typedef struct released {
    int times;
    void *pointer;
    size_t size_bytes;
} released;

static void note_release(void *pointer, size_t size_bytes, void *context)
{
    released *note = context;
    note->times++;
    note->pointer = pointer;
    note->size_bytes = size_bytes;
}

static max_align_t marker;
/* What an output holds before a call that must not touch it. */
static baton_descriptor *const untouched = (baton_descriptor *)(void *)&marker;

static const baton_device cuda = {BATON_DEVICE_KIND_CUDA, 0};

/* What describing memory of the host as a device's ends with, whether there is a device or not. */
static baton_status host_memory_as_cuda(void)
{
    baton_status status = baton_device_check(cuda);
    return status == BATON_OK ? BATON_ERR_INVALID_ARGUMENT : status;
}

Test(descriptor, from_pointer_keeps_what_it_was_given)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_pointer(memory, sizeof(memory), BATON_DEVICE_HOST, NULL,
                                               NULL, &descriptor),
                 BATON_OK);
    cr_assert_eq(baton_descriptor_pointer(descriptor), memory);
    cr_assert_eq(baton_descriptor_size(descriptor), sizeof(memory));
    cr_assert(baton_device_equal(baton_descriptor_device(descriptor), BATON_DEVICE_HOST));
    cr_assert_null(baton_descriptor_tensor(descriptor));
    baton_descriptor_release(descriptor);
}

Test(descriptor, the_last_reference_releases_the_memory_once)
{
    released note = {0};
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_pointer(memory, 100, BATON_DEVICE_HOST, note_release, &note,
                                               &descriptor),
                 BATON_OK);
    cr_assert_eq(baton_descriptor_acquire(descriptor), descriptor);
    cr_assert_eq(baton_descriptor_acquire(descriptor), descriptor);
    baton_descriptor_release(descriptor);
    baton_descriptor_release(descriptor);
    cr_assert_eq(note.times, 0);
    baton_descriptor_release(descriptor);
    cr_assert_eq(note.times, 1);
    cr_assert_eq(note.pointer, memory);
    cr_assert_eq(note.size_bytes, 100);
}

Test(descriptor, null_can_be_released_and_acquired)
{
    baton_descriptor_release(NULL);
    cr_assert_null(baton_descriptor_acquire(NULL));
}

static void check_from_pointer(void *pointer, size_t size, baton_device device,
                               baton_status expected)
{
    released note = {0};
    baton_descriptor *descriptor = untouched;
    cr_assert_eq(
        baton_descriptor_from_pointer(pointer, size, device, note_release, &note, &descriptor),
        expected);
    cr_assert_eq(descriptor, untouched);
    cr_assert_eq(note.times, 0);
    cr_assert_str_neq(baton_error_text(), "");
}

Test(descriptor, from_pointer_refuses_what_is_no_memory)
{
    check_from_pointer(NULL, 1, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT);
    check_from_pointer(memory, 0, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT);
    check_from_pointer(memory, SIZE_MAX, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT);
    check_from_pointer(memory, SIZE_MAX - (uintptr_t)memory + 1, BATON_DEVICE_HOST,
                       BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_descriptor_from_pointer(memory, 1, BATON_DEVICE_HOST, NULL, NULL, NULL),
                 BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor, from_pointer_takes_memory_up_to_the_end_of_the_address_space)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_pointer(memory, SIZE_MAX - (uintptr_t)memory,
                                               BATON_DEVICE_HOST, NULL, NULL, &descriptor),
                 BATON_OK);
    baton_descriptor_release(descriptor);
}

Test(descriptor, from_pointer_refuses_devices_that_are_not_there)
{
    check_from_pointer(memory, 1, (baton_device){BATON_DEVICE_KIND_HOST, 1},
                       BATON_ERR_INVALID_ARGUMENT);
    check_from_pointer(memory, 1, (baton_device){(baton_device_kind)77, 0},
                       BATON_ERR_INVALID_ARGUMENT);
    check_from_pointer(memory, 1, cuda, host_memory_as_cuda());
}

Test(descriptor, allocate_gives_aligned_and_zeroed_memory)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_allocate(5000, BATON_DEVICE_HOST, &descriptor), BATON_OK);
    char *bytes = baton_descriptor_pointer(descriptor);
    cr_assert_eq((uintptr_t)bytes % 64, 0);
    cr_assert_eq(baton_descriptor_size(descriptor), 5000);
    cr_assert(baton_device_equal(baton_descriptor_device(descriptor), BATON_DEVICE_HOST));
    cr_assert_eq(bytes[0], 0);
    cr_assert_eq(bytes[4999], 0);
    memset(bytes, 1, 5000);
    baton_descriptor_release(descriptor);
}

static bool is_mapped(uintptr_t address)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *end = NULL;
        uintptr_t from = (uintptr_t)strtoull(line, &end, 16);
        uintptr_t to = (uintptr_t)strtoull(end + 1, NULL, 16);
        found = found || (address >= from && address < to);
    }
    (void)fclose(maps);
    return found;
}

Test(descriptor, allocated_memory_is_freed_with_the_last_reference)
{
    const size_t size = (size_t)16 << 20; /* more than any block that the C library keeps */
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_allocate(size, BATON_DEVICE_HOST, &descriptor), BATON_OK);
    uintptr_t middle = (uintptr_t)baton_descriptor_pointer(descriptor) + size / 2;
    (void)baton_descriptor_acquire(descriptor);
    baton_descriptor_release(descriptor);
    cr_assert(is_mapped(middle));
    baton_descriptor_release(descriptor);
    cr_assert_not(is_mapped(middle));
}

Test(descriptor, allocate_refuses_and_leaves_the_output)
{
    baton_descriptor *descriptor = untouched;
    cr_assert_eq(baton_descriptor_allocate(0, BATON_DEVICE_HOST, &descriptor),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(
        baton_descriptor_allocate(1, (baton_device){BATON_DEVICE_KIND_HOST, 1}, &descriptor),
        BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_descriptor_allocate(SIZE_MAX / 2, BATON_DEVICE_HOST, &descriptor),
                 BATON_ERR_OUT_OF_MEMORY);
    if (baton_device_check(cuda) != BATON_OK) {
        cr_assert_eq(baton_descriptor_allocate(1, cuda, &descriptor), baton_device_check(cuda));
    }
    cr_assert_eq(descriptor, untouched);
    cr_assert_eq(baton_descriptor_allocate(1, BATON_DEVICE_HOST, NULL), BATON_ERR_INVALID_ARGUMENT);
}

static baton_tensor tensor_of(uint8_t bits, uint16_t lanes, uint32_t dimensions, int64_t first,
                              int64_t second)
{
    baton_tensor tensor;
    memset(&tensor, 0xa5, sizeof(tensor)); /* the rest of shape is nobody's */
    tensor.type_code = 2;
    tensor.type_bits = bits;
    tensor.type_lanes = lanes;
    tensor.dimensions = dimensions;
    tensor.shape[0] = first;
    tensor.shape[1] = second;
    return tensor;
}

Test(descriptor, from_tensor_copies_type_and_shape)
{
    baton_tensor tensor = tensor_of(16, 1, 2, 4, 128);
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_tensor(memory, 1024, BATON_DEVICE_HOST, &tensor, NULL, NULL,
                                              &descriptor),
                 BATON_OK);
    memset(&tensor, 0, sizeof(tensor));
    const baton_tensor *kept = baton_descriptor_tensor(descriptor);
    cr_assert_eq(kept->type_code, 2);
    cr_assert_eq(kept->type_bits, 16);
    cr_assert_eq(kept->type_lanes, 1);
    cr_assert_eq(kept->dimensions, 2);
    cr_assert_eq(kept->shape[0], 4);
    cr_assert_eq(kept->shape[1], 128);
    for (int i = 2; i < BATON_TENSOR_DIMENSIONS_MAX; i++) {
        cr_assert_eq(kept->shape[i], 0);
    }
    baton_descriptor_release(descriptor);
}

static void check_tensor(baton_tensor tensor, size_t size, baton_status expected)
{
    released note = {0};
    baton_descriptor *descriptor = untouched;
    cr_assert_eq(baton_descriptor_from_tensor(memory, size, BATON_DEVICE_HOST, &tensor,
                                              note_release, &note, &descriptor),
                 expected);
    if (expected == BATON_OK) {
        cr_assert_eq(baton_descriptor_size(descriptor), size);
        baton_descriptor_release(descriptor);
        cr_assert_eq(note.times, 1);
    } else {
        cr_assert_eq(descriptor, untouched);
        cr_assert_eq(note.times, 0);
    }
}

Test(descriptor, a_tensor_fills_its_memory)
{
    check_tensor(tensor_of(32, 1, 0, 0, 0), 4, BATON_OK); /* a scalar */
    check_tensor(tensor_of(32, 4, 1, 8, 0), 128, BATON_OK);
    check_tensor(tensor_of(64, 1, 2, 8, 8), 512, BATON_OK);
    check_tensor(tensor_of(8, 1, 1, 1, 0), 1, BATON_OK);
    check_tensor(tensor_of(64, 1, 2, 8, 8), 511, BATON_ERR_SIZE_MISMATCH);
    check_tensor(tensor_of(64, 1, 2, 8, 8), 513, BATON_ERR_SIZE_MISMATCH);
    check_tensor(tensor_of(64, 1, 2, 8, 0), 64, BATON_ERR_SIZE_MISMATCH); /* no elements */
}

Test(descriptor, types_of_less_than_a_byte_fill_whole_bytes)
{
    check_tensor(tensor_of(4, 1, 1, 10, 0), 5, BATON_OK);
    check_tensor(tensor_of(4, 1, 1, 9, 0), 5, BATON_ERR_SIZE_MISMATCH);
    check_tensor(tensor_of(4, 1, 1, 9, 0), 4, BATON_ERR_SIZE_MISMATCH);
    check_tensor(tensor_of(1, 8, 1, 3, 0), 3, BATON_OK);
    check_tensor(tensor_of(1, 1, 2, 4, 2), 1, BATON_OK);
    check_tensor(tensor_of(6, 1, 1, 4, 0), 3, BATON_OK);
    check_tensor(tensor_of(12, 1, 1, 2, 0), 3, BATON_OK);
    check_tensor(tensor_of(12, 1, 1, 1, 0), 1, BATON_ERR_SIZE_MISMATCH);
}

Test(descriptor, a_product_that_overflows_fits_no_memory)
{
    const int64_t half = INT64_C(1) << 32;
    check_tensor(tensor_of(8, 1, 2, half, half), 1, BATON_ERR_SIZE_MISMATCH); /* 2^64: 0 */
    check_tensor(tensor_of(16, 1, 2, half, half / 2), 4096, BATON_ERR_SIZE_MISMATCH);
    check_tensor(tensor_of(8, 1, 2, INT64_MAX, 3), 4096, BATON_ERR_SIZE_MISMATCH);
    check_tensor(tensor_of(255, 65535, 1, INT64_MAX, 0), 4096, BATON_ERR_SIZE_MISMATCH);
}

Test(descriptor, what_is_no_tensor_is_refused)
{
    check_tensor(tensor_of(0, 1, 1, 8, 0), 8, BATON_ERR_INVALID_ARGUMENT);
    check_tensor(tensor_of(8, 0, 1, 8, 0), 8, BATON_ERR_INVALID_ARGUMENT);
    check_tensor(tensor_of(8, 1, 1, -8, 0), 8, BATON_ERR_INVALID_ARGUMENT);
    check_tensor(tensor_of(8, 1, 2, -8, -1), 8, BATON_ERR_INVALID_ARGUMENT);
    check_tensor(tensor_of(8, 1, 2, -1, 0), 8, BATON_ERR_INVALID_ARGUMENT);
    check_tensor(tensor_of(8, 1, BATON_TENSOR_DIMENSIONS_MAX + 1, 8, 1), 8,
                 BATON_ERR_INVALID_ARGUMENT);
    check_tensor(tensor_of(8, 1, UINT32_MAX, 8, 1), 8, BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor, as_many_dimensions_as_there_may_be)
{
    baton_tensor tensor = tensor_of(8, 1, BATON_TENSOR_DIMENSIONS_MAX, 0, 0);
    for (int i = 0; i < BATON_TENSOR_DIMENSIONS_MAX; i++) {
        tensor.shape[i] = i < 3 ? 2 : 1;
    }
    check_tensor(tensor, 8, BATON_OK);
}

Test(descriptor, from_tensor_checks_memory_and_arguments_too)
{
    const baton_tensor tensor = tensor_of(8, 1, 1, 8, 0);
    const baton_device wrong = {BATON_DEVICE_KIND_HOST, 1};
    baton_descriptor *out = untouched;
    cr_assert_eq(
        baton_descriptor_from_tensor(NULL, 8, BATON_DEVICE_HOST, &tensor, NULL, NULL, &out),
        BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_descriptor_from_tensor(memory, 8, wrong, &tensor, NULL, NULL, &out),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_descriptor_from_tensor(memory, 8, BATON_DEVICE_HOST, NULL, NULL, NULL, &out),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(
        baton_descriptor_from_tensor(memory, 8, BATON_DEVICE_HOST, &tensor, NULL, NULL, NULL),
        BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(out, untouched);
}

Test(descriptor, without_memory_nothing_is_made_and_nothing_released)
{
    struct rlimit before;
    released note = {0};
    baton_descriptor *descriptor = untouched;
    if (!no_memory_begin(16, &before)) {
        cr_skip_test("malloc cannot be made to fail in this build");
    }
    baton_status from_pointer = baton_descriptor_from_pointer(memory, 8, BATON_DEVICE_HOST,
                                                              note_release, &note, &descriptor);
    baton_status allocated = baton_descriptor_allocate(8, BATON_DEVICE_HOST, &descriptor);
    no_memory_end(&before);
    cr_assert_eq(from_pointer, BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(allocated, BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(descriptor, untouched);
    cr_assert_eq(note.times, 0);
}

Test(descriptor, strided_memory_has_the_size_of_its_segments)
{
    released note = {0};
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_create_strided(memory, 100, 300, 7, BATON_DEVICE_HOST, note_release, &note, &descriptor), BATON_OK);
    size_t segment = 0;
    size_t stride = 0;
    cr_assert_eq(baton_descriptor_segments(descriptor, &segment, &stride), 7);
    cr_assert_eq(segment, 100);
    cr_assert_eq(stride, 300);
    cr_assert_eq(baton_descriptor_segments(descriptor, NULL, NULL), 7);
    cr_assert_eq(baton_descriptor_size(descriptor), 700);
    cr_assert_eq(baton_descriptor_pointer(descriptor), memory);
    baton_descriptor_release(descriptor);
    cr_assert_eq(note.size_bytes, 6 * 300 + 100, "what lies between them is of the memory too");
}

Test(descriptor, segments_without_a_gap_are_one_piece)
{
    static const size_t cases[][3] = {{100, 100, 7}, {700, 700, 1}, {700, 5000, 1}};
    for (size_t i = 0; i < 3; i++) {
        baton_descriptor *descriptor = NULL;
        cr_assert_eq(baton_descriptor_create_strided(memory, cases[i][0], cases[i][1], cases[i][2], BATON_DEVICE_HOST, NULL, NULL,
                                                     &descriptor),
                     BATON_OK);
        size_t segment = 0;
        cr_assert_eq(baton_descriptor_segments(descriptor, &segment, NULL), 1);
        cr_assert_eq(segment, 700);
        cr_assert_eq(baton_descriptor_size(descriptor), 700);
        baton_descriptor_release(descriptor);
    }
}

Test(descriptor, strides_that_cannot_be_are_refused)
{
    const size_t top = UINTPTR_MAX - (uintptr_t)memory;
    const struct {
        void *pointer;
        size_t segment;
        size_t stride;
        size_t segments;
        baton_device device;
        baton_status expected;
    } cases[] = {
        {NULL, 1, 2, 3, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 0, 2, 3, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 0, 0, 1, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, 8, 0, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, 3, 2, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, 0, 2, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, 8, SIZE_MAX, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, SIZE_MAX, 2, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, SIZE_MAX / 2 + 1, 3, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, top - 3, 2, BATON_DEVICE_HOST, BATON_ERR_INVALID_ARGUMENT},
        {memory, 4, 8, 2, cuda, host_memory_as_cuda()},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        baton_descriptor *descriptor = untouched;
        cr_assert_eq(baton_descriptor_create_strided(cases[i].pointer, cases[i].segment, cases[i].stride, cases[i].segments,
                                                     cases[i].device, NULL, NULL, &descriptor),
                     cases[i].expected, "case %zu", i);
        cr_assert_eq(descriptor, untouched);
    }
    cr_assert_eq(baton_descriptor_create_strided(memory, 4, 8, 2, BATON_DEVICE_HOST, NULL, NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_create_strided(memory, 4, top - 4, 2, BATON_DEVICE_HOST, NULL, NULL, &descriptor), BATON_OK);
    baton_descriptor_release(descriptor);
}

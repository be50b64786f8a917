/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/descriptor.h>

#include <criterion/criterion.h>
#include <dlpack/dlpack.h>
#include <stddef.h>
#include <string.h>

static char memory[4096];
static max_align_t marker;
static baton_descriptor *const untouched = (baton_descriptor *)(void *)&marker;
static int deletions;

static void count_deletion(DLManagedTensor *self)
{
    (void)self;
    deletions++;
}

typedef struct fixture {
    DLManagedTensor managed;
    int64_t shape[4];
    int64_t strides[4];
} fixture;

/* 2 x 3 x 4 floats, strides given and C-contiguous. */
static void set_up(fixture *it)
{
    memset(it, 0, sizeof(*it));
    memcpy(it->shape, (int64_t[]){2, 3, 4, 0}, sizeof(it->shape));
    memcpy(it->strides, (int64_t[]){12, 4, 1, 0}, sizeof(it->strides));
    it->managed.deleter = count_deletion;
    it->managed.dl_tensor = (DLTensor){
        .data = memory,
        .device = {kDLCPU, 0},
        .ndim = 3,
        .dtype = {.code = kDLFloat, .bits = 32, .lanes = 1},
        .shape = it->shape,
        .strides = it->strides,
    };
    deletions = 0;
}

static void check_taken(fixture *it, void *pointer, size_t size)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_dlpack(&it->managed, &descriptor), BATON_OK, "%s",
                 baton_error_text());
    cr_assert_eq(baton_descriptor_pointer(descriptor), pointer);
    cr_assert_eq(baton_descriptor_size(descriptor), size);
    cr_assert(baton_device_equal(baton_descriptor_device(descriptor), BATON_DEVICE_HOST));
    cr_assert_eq(deletions, 0);
    baton_descriptor_release(descriptor);
    cr_assert_eq(deletions, 1);
    deletions = 0;
}

static void check_refused(fixture *it, baton_status expected)
{
    baton_descriptor *descriptor = untouched;
    cr_assert_eq(baton_descriptor_from_dlpack(&it->managed, &descriptor), expected);
    cr_assert_eq(descriptor, untouched);
    cr_assert_eq(deletions, 0);
}

Test(descriptor_dlpack, type_and_shape_are_those_of_the_tensor)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.dtype.lanes = 2;
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_dlpack(&it.managed, &descriptor), BATON_OK);
    const baton_tensor *tensor = baton_descriptor_tensor(descriptor);
    cr_assert_eq(tensor->type_code, kDLFloat);
    cr_assert_eq(tensor->type_bits, 32);
    cr_assert_eq(tensor->type_lanes, 2);
    cr_assert_eq(tensor->dimensions, 3);
    cr_assert_arr_eq(tensor->shape, it.shape, 3 * sizeof(int64_t));
    cr_assert_eq(baton_descriptor_size(descriptor), 192);
    baton_descriptor_release(descriptor);
}

Test(descriptor_dlpack, the_deleter_runs_once_when_the_memory_is_released)
{
    fixture it;
    set_up(&it);
    check_taken(&it, memory, 96);
}

Test(descriptor_dlpack, a_tensor_may_have_no_deleter)
{
    fixture it;
    set_up(&it);
    it.managed.deleter = NULL;
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_dlpack(&it.managed, &descriptor), BATON_OK);
    baton_descriptor_release(descriptor);
}

Test(descriptor_dlpack, strides_may_be_missing)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.strides = NULL;
    check_taken(&it, memory, 96);
}

Test(descriptor_dlpack, the_byte_offset_counts)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.byte_offset = 64;
    check_taken(&it, memory + 64, 96);
}

Test(descriptor_dlpack, a_byte_offset_beyond_the_address_space_is_refused)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.byte_offset = UINT64_MAX;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    it.managed.dl_tensor.byte_offset = UINT64_MAX - (uintptr_t)memory;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    it.managed.dl_tensor.byte_offset = UINT64_MAX - (uintptr_t)memory + 1;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor_dlpack, a_scalar_needs_no_shape)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.ndim = 0;
    it.managed.dl_tensor.shape = NULL;
    it.managed.dl_tensor.strides = NULL;
    check_taken(&it, memory, 4);
}

Test(descriptor_dlpack, a_dimension_of_one_entry_may_have_any_stride)
{
    fixture it;
    static const int64_t strides[] = {0, 1, -1, 7, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        set_up(&it);
        it.shape[1] = 1;
        it.strides[0] = 4;
        it.strides[1] = strides[i];
        check_taken(&it, memory, 32);
    }
}

/* What is taken: contiguous rows at one distance, whichever dimension the gap is in. */
Test(descriptor_dlpack, rows_at_one_stride_are_taken)
{
    static const struct {
        int64_t strides[3];
        size_t segment;
        size_t stride;
        size_t segments;
    } cases[] = {{{24, 4, 1}, 48, 96, 2},
                 {{18, 6, 1}, 16, 24, 6},
                 {{24, 8, 2}, 4, 8, 24},
                 {{INT64_MAX / 64, 4, 1}, 48, INT64_MAX / 64 * 4, 2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture it;
        set_up(&it);
        memcpy(it.strides, cases[i].strides, sizeof(it.strides[0]) * 3);
        baton_descriptor *descriptor = NULL;
        cr_assert_eq(baton_descriptor_from_dlpack(&it.managed, &descriptor), BATON_OK, "case %zu: %s", i, baton_error_text());
        size_t segment;
        size_t stride;
        cr_assert_eq(baton_descriptor_segments(descriptor, &segment, &stride), cases[i].segments);
        cr_assert_eq(segment, cases[i].segment);
        cr_assert_eq(stride, cases[i].stride);
        cr_assert_eq(baton_descriptor_size(descriptor), 96);
        cr_assert_eq(baton_descriptor_tensor(descriptor)->shape[2], 4);
        baton_descriptor_release(descriptor);
        cr_assert_eq(deletions, 1);
    }
}

Test(descriptor_dlpack, rows_beyond_the_address_space_or_of_half_bytes_are_refused)
{
    fixture it;
    set_up(&it);
    it.strides[0] = INT64_MAX;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    set_up(&it);
    it.strides[0] = INT64_MAX / 4;
    it.strides[1] = INT64_MAX / 8;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    set_up(&it);
    it.managed.dl_tensor.dtype = (DLDataType){.code = kDLUInt, .bits = 4, .lanes = 1};
    it.strides[0] = 13;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    it.strides[0] = 4;
    it.strides[1] = 1;
    it.shape[2] = 1;
    it.shape[1] = 3;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor_dlpack, other_strides_are_refused)
{
    static const int64_t strides[][3] = {{12, 4, 2}, {1, 2, 6},  {6, 4, 1},   {12, 5, 1},
                                         {0, 4, 1},  {12, 0, 1}, {-12, 4, 1}, {12, 4, -1}};
    for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        fixture it;
        set_up(&it);
        memcpy(it.strides, strides[i], sizeof(strides[i]));
        check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    }
}

Test(descriptor_dlpack, tensors_without_elements_are_refused)
{
    for (int i = 0; i < 3; i++) {
        fixture it;
        set_up(&it);
        it.shape[i] = 0;
        check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    }
}

Test(descriptor_dlpack, broken_shapes_are_refused)
{
    fixture it;
    set_up(&it);
    it.shape[1] = -3;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    it.shape[1] = INT64_MAX;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    set_up(&it);
    it.managed.dl_tensor.shape = NULL;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    set_up(&it);
    it.managed.dl_tensor.ndim = -1;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    it.managed.dl_tensor.ndim = BATON_TENSOR_DIMENSIONS_MAX + 1;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor_dlpack, broken_types_are_refused)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.dtype.bits = 0;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    set_up(&it);
    it.managed.dl_tensor.dtype.lanes = 0;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor_dlpack, types_of_less_than_a_byte_fill_whole_bytes)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.dtype = (DLDataType){.code = kDLUInt, .bits = 4, .lanes = 1};
    check_taken(&it, memory, 12);
    it.managed.dl_tensor.ndim = 1;
    it.managed.dl_tensor.strides = NULL;
    it.shape[0] = 3;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor_dlpack, null_is_refused)
{
    fixture it;
    set_up(&it);
    baton_descriptor *descriptor = untouched;
    cr_assert_eq(baton_descriptor_from_dlpack(NULL, &descriptor), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_descriptor_from_dlpack(&it.managed, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(descriptor, untouched);
    it.managed.dl_tensor.data = NULL;
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
}

Test(descriptor_dlpack, pinned_memory_is_host_memory)
{
    static const DLDeviceType types[] = {kDLCUDAHost, kDLROCMHost};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        fixture it;
        set_up(&it);
        it.managed.dl_tensor.device.device_type = types[i];
        it.managed.dl_tensor.device.device_id = 3;
        check_taken(&it, memory, 96);
    }
}

Test(descriptor_dlpack, devices_that_baton_lacks_are_refused)
{
    static const DLDeviceType types[] = {kDLOpenCL, kDLVulkan, kDLMetal,        kDLVPI,
                                         kDLROCM,   kDLExtDev, (DLDeviceType)99};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        fixture it;
        set_up(&it);
        it.managed.dl_tensor.device.device_type = types[i];
        check_refused(&it, BATON_ERR_NOT_BUILT_IN);
    }
}

Test(descriptor_dlpack, cuda_devices_need_an_id_and_support)
{
    fixture it;
    set_up(&it);
    it.managed.dl_tensor.device = (DLDevice){kDLCUDA, -1};
    check_refused(&it, BATON_ERR_INVALID_ARGUMENT);
    it.managed.dl_tensor.device.device_id = 0;
    baton_status status = baton_device_check((baton_device){BATON_DEVICE_KIND_CUDA, 0});
    check_refused(&it, status == BATON_OK ? BATON_ERR_INVALID_ARGUMENT : status);
}

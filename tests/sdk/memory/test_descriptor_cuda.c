/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of CUDA memory, over the stand-in for the runtime. */
#include "support/cuda_case.h"

#include <dlpack/dlpack.h>
#include <stddef.h>

enum { SIZE = 96 };

static max_align_t marker;
static baton_descriptor *const untouched = (baton_descriptor *)(void *)&marker;

static int64_t shape[] = {24};
static int deletions;

static void count_deletion(DLManagedTensor *self)
{
    (void)self;
    deletions++;
}

static DLManagedTensor tensor_at(void *data, DLDeviceType type, int id)
{
    return (DLManagedTensor){
        .deleter = count_deletion,
        .dl_tensor = {.data = data,
                      .device = {type, id},
                      .ndim = 1,
                      .dtype = {.code = kDLFloat, .bits = 32, .lanes = 1},
                      .shape = shape},
    };
}

static void check_taken(void *data, DLDeviceType type, int id, baton_device expected)
{
    baton_descriptor *descriptor = NULL;
    DLManagedTensor tensor = tensor_at(data, type, id);
    deletions = 0;
    WORKS(baton_descriptor_from_dlpack(&tensor, &descriptor));
    cr_assert(baton_device_equal(baton_descriptor_device(descriptor), expected));
    cr_assert_eq(baton_descriptor_pointer(descriptor), data);
    baton_descriptor_release(descriptor);
    cr_assert_eq(deletions, 1);
}

static void check_refused(void *data, DLDeviceType type, int id, const char *text)
{
    baton_descriptor *descriptor = untouched;
    DLManagedTensor tensor = tensor_at(data, type, id);
    deletions = 0;
    FAILS(baton_descriptor_from_dlpack(&tensor, &descriptor), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says(text), "%s", baton_error_text());
    cr_assert_eq(descriptor, untouched);
    cr_assert_eq(deletions, 0);
}

Test(descriptor_cuda, tensors_lie_where_dlpack_says)
{
    void *pinned = NULL;
    void *managed = NULL;
    static float plain[SIZE / sizeof(float)];
    const baton_device second = {BATON_DEVICE_KIND_CUDA, 1};
    cuda_case_begin(2);
    void *memory = cuda_case_memory(1, SIZE);
    WORKS(cudaHostAlloc(&pinned, SIZE, cudaHostAllocDefault));
    WORKS(cudaMallocManaged(&managed, SIZE, cudaMemAttachGlobal));
    check_taken(memory, kDLCUDA, 1, second);
    check_taken(managed, kDLCUDAManaged, 1, second);
    check_taken(managed, kDLCUDA, 0, cuda_case_device);
    check_taken(pinned, kDLCUDAHost, 1, BATON_DEVICE_HOST);
    check_taken(managed, kDLCPU, 0, BATON_DEVICE_HOST);
    check_refused(memory, kDLCUDA, 0, "it is memory of cuda:1");
    check_refused(memory, kDLCUDA, 2, "no cuda:2");
    check_refused(memory, kDLCUDA, -1, "negative");
    check_refused(memory, kDLCUDAManaged, -1, "negative");
    check_refused(memory, kDLCUDAHost, 0, "it is memory of cuda:1");
    check_refused(memory, kDLCPU, 0, "it is memory of cuda:1");
    check_refused(pinned, kDLCUDA, 0, "pinned");
    check_refused(plain, kDLCUDAManaged, 0, "does not know");
}

Test(descriptor_cuda, strided_memory_is_looked_at_from_end_to_end)
{
    baton_descriptor *descriptor = NULL;
    size_t segment = 0;
    size_t stride = 0;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, 65536);
    WORKS(baton_descriptor_create_strided(memory, 64, 4096, 16, cuda_case_device, NULL, NULL, &descriptor));
    cr_assert_eq(baton_descriptor_segments(descriptor, &segment, &stride), 16);
    cr_assert_eq(baton_descriptor_size(descriptor), 1024);
    baton_descriptor_release(descriptor);
    descriptor = untouched;
    FAILS(baton_descriptor_create_strided(memory, 64, 4096, 1600, cuda_case_device, NULL, NULL, &descriptor), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(descriptor, untouched);
}

Test(descriptor_cuda, a_failing_device_is_told)
{
    baton_descriptor *descriptor = untouched;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, SIZE);
    cr_assert(fake_cuda_set_fail("cudaPointerGetAttributes:2:999"));
    FAILS(baton_descriptor_from_pointer(memory, SIZE, cuda_case_device, NULL, NULL, &descriptor), BATON_ERR_DEVICE);
    FAILS(baton_descriptor_allocate(0, cuda_case_device, &descriptor), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(descriptor, untouched);
}

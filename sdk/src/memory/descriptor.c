/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/descriptor.h"

#include "base/error.h"
#include "device/device.h"
#include "device/gate.h"
#include "memory/registration.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Of the memory itself, before anything is allocated. */
static baton_status check_memory(const void *pointer, size_t size_bytes, baton_device device)
{
    if (pointer == NULL || size_bytes == 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "a descriptor needs a pointer and a size");
    }
    if (size_bytes > UINTPTR_MAX - (uintptr_t)pointer) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "%zu bytes from there reach beyond the end of the address space",
                           size_bytes);
    }
    baton_status status = baton_device_check(device);
    if (status != BATON_OK) {
        return status;
    }
    return baton__device_find(device.kind)->check_memory(device.id, pointer, size_bytes);
}

/* A tensor that can be: bits, lanes, and a shape without negative entries. */
static bool is_tensor(const baton_tensor *tensor)
{
    if (tensor->type_bits == 0 || tensor->type_lanes == 0 ||
        tensor->dimensions > BATON_TENSOR_DIMENSIONS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < tensor->dimensions; i++) {
        if (tensor->shape[i] < 0) {
            return false;
        }
    }
    return true;
}

/* Counted in bits, for the types of less than a byte; 2^64 bits are still more than any address
 * space. */
size_t baton__tensor_bytes(const baton_tensor *tensor)
{
    if (!is_tensor(tensor)) {
        return 0;
    }
    uint64_t bits = (uint64_t)tensor->type_bits * tensor->type_lanes;
    for (uint32_t i = 0; i < tensor->dimensions; i++) {
        if (__builtin_mul_overflow(bits, (uint64_t)tensor->shape[i], &bits)) {
            return 0;
        }
    }
    return bits % 8 != 0 || bits / 8 > SIZE_MAX ? 0 : (size_t)(bits / 8);
}

/* Only what the tensor has: the caller need not have set the rest of shape. */
static void copy_tensor(const baton_tensor *from, baton_tensor *to)
{
    memset(to, 0, sizeof(*to));
    to->type_code = from->type_code;
    to->type_bits = from->type_bits;
    to->type_lanes = from->type_lanes;
    to->dimensions = from->dimensions;
    memcpy(to->shape, from->shape, from->dimensions * sizeof(to->shape[0]));
}

/* Everything is checked. run: normal, as check_run leaves it. tensor: NULL for none. */
static baton_status make(const baton__run *run, baton_device device, const baton_tensor *tensor,
                         baton_release_fn release, void *context, baton_descriptor **descriptor_out)
{
    size_t storage = tensor == NULL ? 0 : sizeof(*tensor);
    baton_descriptor *descriptor = malloc(sizeof(*descriptor) + storage);
    if (descriptor == NULL) {
        (void)baton__fail_memory("a descriptor");
        return BATON_ERR_OUT_OF_MEMORY;
    }
    *descriptor = (baton_descriptor){
        .references = 1,
        .device = device,
        .pointer = run->base,
        .size_bytes = run->segment * run->count,
        .segment = run->segment,
        .stride = run->stride,
        .segments = run->count,
        .release = release,
        .context = context,
    };
    if (tensor != NULL) {
        copy_tensor(tensor, descriptor->tensor_storage);
        descriptor->tensor = descriptor->tensor_storage;
    }
    *descriptor_out = descriptor;
    return BATON_OK;
}

static baton__run one_piece(void *pointer, size_t size_bytes)
{
    return (baton__run){.base = pointer, .segment = size_bytes, .stride = size_bytes, .count = 1};
}

static baton_status check_tensor(const baton_tensor *tensor, size_t size_bytes)
{
    if (!is_tensor(tensor)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "a tensor has bits, lanes, up to %d dimensions and no negative shape",
                           BATON_TENSOR_DIMENSIONS_MAX);
    }
    if (baton__tensor_bytes(tensor) != size_bytes) {
        return baton__fail(BATON_ERR_SIZE_MISMATCH, "the elements do not fill %zu bytes",
                           size_bytes);
    }
    return BATON_OK;
}

/* Also makes segments without gaps one. */
static baton_status check_run(baton__run *run, baton_device device)
{
    size_t extent = run->segment;
    if (run->count == 0 || run->stride < run->segment) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "a strided descriptor needs segments, and a stride that is not below their size");
    }
    if (__builtin_mul_overflow(run->count - 1, run->stride, &extent) ||
        __builtin_add_overflow(extent, run->segment, &extent)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "%zu segments with a stride of %zu bytes reach beyond the address space", run->count,
                           run->stride);
    }
    if (run->count == 1 || run->stride == run->segment) {
        *run = one_piece(run->base, extent);
    }
    return check_memory(run->base, run->segment == 0 ? 0 : extent, device);
}

baton_status baton__descriptor_make(const baton__run *run, baton_device device, const baton_tensor *tensor,
                                    baton_release_fn release, void *context,
                                    baton_descriptor **descriptor_out)
{
    baton__run checked = *run;
    baton_status status = check_run(&checked, device);
    if (status == BATON_OK && tensor != NULL) {
        status = check_tensor(tensor, checked.segment * checked.count);
    }
    return status == BATON_OK ? make(&checked, device, tensor, release, context, descriptor_out) : status;
}

baton_status baton__descriptor_make_known(void *pointer, size_t size_bytes, baton_device device, baton_release_fn release,
                                          void *context, baton_descriptor **descriptor_out)
{
    baton__run run = one_piece(pointer, size_bytes);
    return make(&run, device, NULL, release, context, descriptor_out);
}

baton_status baton_descriptor_from_pointer(void *pointer, size_t size_bytes, baton_device device,
                                           baton_release_fn release, void *context,
                                           baton_descriptor **descriptor_out)
{
    if (descriptor_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_from_pointer: NULL");
    }
    baton__run run = one_piece(pointer, size_bytes);
    return baton__descriptor_make(&run, device, NULL, release, context, descriptor_out);
}

baton_status baton_descriptor_from_tensor(void *pointer, size_t size_bytes, baton_device device,
                                          const baton_tensor *tensor, baton_release_fn release,
                                          void *context, baton_descriptor **descriptor_out)
{
    if (tensor == NULL || descriptor_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_from_tensor: NULL");
    }
    baton__run run = one_piece(pointer, size_bytes);
    return baton__descriptor_make(&run, device, tensor, release, context, descriptor_out);
}

baton_status baton_descriptor_create_strided(void *pointer, size_t segment_bytes, size_t stride_bytes,
                                             size_t segments, baton_device device,
                                             baton_release_fn release, void *context,
                                             baton_descriptor **descriptor_out)
{
    if (descriptor_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_create_strided: NULL");
    }
    baton__run run = {.base = pointer, .segment = segment_bytes, .stride = stride_bytes, .count = segments};
    return baton__descriptor_make(&run, device, NULL, release, context, descriptor_out);
}

/* context: the descriptor itself, which knows its device. */
static void release_allocated(void *pointer, size_t size_bytes, void *context)
{
    baton_device device = ((const baton_descriptor *)context)->device;
    baton__device_find(device.kind)->deallocate(device.id, pointer, size_bytes);
}

baton_status baton_descriptor_allocate(size_t size_bytes, baton_device device,
                                       baton_descriptor **descriptor_out)
{
    if (size_bytes == 0 || descriptor_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "baton_descriptor_allocate: NULL or 0 bytes");
    }
    baton_status status = baton_device_check(device);
    if (status != BATON_OK) {
        return status;
    }
    const baton__device_table *table = baton__device_find(device.kind);
    void *pointer = NULL;
    status = table->allocate(device.id, size_bytes, &pointer);
    if (status != BATON_OK) {
        return status;
    }
    baton_descriptor *descriptor = NULL;
    baton__run run = one_piece(pointer, size_bytes);
    status = make(&run, device, NULL, release_allocated, NULL, &descriptor);
    if (status != BATON_OK) {
        table->deallocate(device.id, pointer, size_bytes);
        return status;
    }
    descriptor->context = descriptor;
    *descriptor_out = descriptor;
    return BATON_OK;
}

baton_descriptor *baton_descriptor_acquire(baton_descriptor *descriptor)
{
    if (descriptor != NULL) {
        uint32_t before = __atomic_fetch_add(&descriptor->references, 1, __ATOMIC_RELAXED);
        assert(before != 0 && before != UINT32_MAX);
        (void)before;
    }
    return descriptor;
}

void baton_descriptor_release(baton_descriptor *descriptor)
{
    if (descriptor == NULL) {
        return;
    }
    uint32_t before = __atomic_fetch_sub(&descriptor->references, 1, __ATOMIC_ACQ_REL);
    assert(before != 0);
    if (before != 1) {
        return;
    }
    baton__registration_drop(descriptor);
    baton__gate_release(descriptor->gate);
    if (descriptor->release != NULL) {
        descriptor->release(descriptor->pointer, baton__descriptor_extent(descriptor), descriptor->context);
    }
    free(descriptor);
}

void *baton_descriptor_pointer(const baton_descriptor *descriptor)
{
    return descriptor->pointer;
}

size_t baton_descriptor_size(const baton_descriptor *descriptor)
{
    return descriptor->size_bytes;
}

size_t baton_descriptor_segments(const baton_descriptor *descriptor, size_t *segment_bytes_out, size_t *stride_bytes_out)
{
    if (segment_bytes_out != NULL) {
        *segment_bytes_out = descriptor->segment;
    }
    if (stride_bytes_out != NULL) {
        *stride_bytes_out = descriptor->stride;
    }
    return descriptor->segments;
}

baton_device baton_descriptor_device(const baton_descriptor *descriptor)
{
    return descriptor->device;
}

const baton_tensor *baton_descriptor_tensor(const baton_descriptor *descriptor)
{
    return descriptor->tensor;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/descriptor.h"

#include "base/error.h"
#include "device/device.h"

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

/* Everything is checked. tensor: NULL for none. */
static baton_status make(void *pointer, size_t size_bytes, baton_device device,
                         const baton_tensor *tensor, baton_release_fn release, void *context,
                         baton_descriptor **descriptor_out)
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
        .pointer = pointer,
        .size_bytes = size_bytes,
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

baton_status baton_descriptor_from_pointer(void *pointer, size_t size_bytes, baton_device device,
                                           baton_release_fn release, void *context,
                                           baton_descriptor **descriptor_out)
{
    if (descriptor_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_from_pointer: NULL");
    }
    baton_status status = check_memory(pointer, size_bytes, device);
    if (status != BATON_OK) {
        return status;
    }
    return make(pointer, size_bytes, device, NULL, release, context, descriptor_out);
}

baton_status baton_descriptor_from_tensor(void *pointer, size_t size_bytes, baton_device device,
                                          const baton_tensor *tensor, baton_release_fn release,
                                          void *context, baton_descriptor **descriptor_out)
{
    if (tensor == NULL || descriptor_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_descriptor_from_tensor: NULL");
    }
    baton_status status = check_memory(pointer, size_bytes, device);
    if (status != BATON_OK) {
        return status;
    }
    if (!is_tensor(tensor)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "a tensor has bits, lanes, up to %d dimensions and no negative shape",
                           BATON_TENSOR_DIMENSIONS_MAX);
    }
    if (baton__tensor_bytes(tensor) != size_bytes) {
        return baton__fail(BATON_ERR_SIZE_MISMATCH, "the elements do not fill %zu bytes",
                           size_bytes);
    }
    return make(pointer, size_bytes, device, tensor, release, context, descriptor_out);
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
    status = make(pointer, size_bytes, device, NULL, release_allocated, NULL, &descriptor);
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
    if (descriptor->release != NULL) {
        descriptor->release(descriptor->pointer, descriptor->size_bytes, descriptor->context);
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

baton_device baton_descriptor_device(const baton_descriptor *descriptor)
{
    return descriptor->device;
}

const baton_tensor *baton_descriptor_tensor(const baton_descriptor *descriptor)
{
    return descriptor->tensor;
}

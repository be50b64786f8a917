/* SPDX-License-Identifier: Apache-2.0 */
/* What a pointer is: where its memory lies, and whether a range of it may be worked on. */
#include "place.h"
#include "state.h"

#include <string.h>

cudaError_t fake_place_find(const void *pointer, size_t size, fake_place *place_out)
{
    uintptr_t first = (uintptr_t)pointer;
    if (pointer == NULL || first + size < first) {
        return cudaErrorInvalidValue;
    }
    fake_block *block = fake_block_overlapping(pointer, size);
    if (block == NULL) {
        *place_out = (fake_place){.bytes = (uint8_t *)pointer};
        return fake_device_owns(pointer) ? cudaErrorInvalidValue : cudaSuccess;
    }
    uintptr_t start = (uintptr_t)block->start;
    if (block->freeing || first < start || first + size > start + block->size) {
        return cudaErrorInvalidValue;
    }
    *place_out =
        (fake_place){.block = block,
                     .bytes = block->bytes + (first - start),
                     .of_device = block->kind == FAKE_DEVICE || block->kind == FAKE_MANAGED,
                     .of_host = block->kind != FAKE_DEVICE};
    return cudaSuccess;
}

bool fake_place_is_pageable(const fake_place *place)
{
    return place->block == NULL;
}

static void describe(const void *pointer, struct cudaPointerAttributes *attributes)
{
    static const enum cudaMemoryType types[] = {[FAKE_DEVICE] = cudaMemoryTypeDevice,
                                                [FAKE_MANAGED] = cudaMemoryTypeManaged,
                                                [FAKE_PINNED] = cudaMemoryTypeHost,
                                                [FAKE_REGISTERED] = cudaMemoryTypeHost};
    const fake_block *block = fake_block_at(pointer);
    memset(attributes, 0, sizeof(*attributes));
    if (block == NULL) {
        attributes->type = cudaMemoryTypeUnregistered;
        attributes->device = cudaInvalidDeviceId;
        attributes->hostPointer = (void *)pointer;
        return;
    }
    attributes->type = types[block->kind];
    attributes->device = block->device;
    attributes->devicePointer = (void *)pointer;
    attributes->hostPointer = block->kind == FAKE_DEVICE ? NULL : (void *)pointer;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *ptr)
{
    fake_call call;
    if (!fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
    } else if (attributes == NULL) {
        call.error = cudaErrorInvalidValue;
    } else {
        describe(ptr, attributes);
    }
    return fake_leave(&call, "%p", ptr);
}

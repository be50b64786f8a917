/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory that the devices can reach: pinned by allocation or by registration. */
#include "state.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static cudaError_t allocate_pinned(void **pointer, size_t size, unsigned flags)
{
    unsigned known = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
    if (pointer == NULL || (flags & ~known) != 0) {
        return cudaErrorInvalidValue;
    }
    if (size == 0) {
        *pointer = NULL;
        return cudaSuccess;
    }
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return cudaErrorMemoryAllocation;
    }
    fake_block *block = NULL;
    fake_block value = {
        .kind = FAKE_PINNED, .device = fake_current, .start = start, .size = size, .bytes = start};
    cudaError_t error = fake_block_add(&value, &block);
    if (error != cudaSuccess) {
        (void)munmap(start, size);
        return error;
    }
    *pointer = start;
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **pHost, size_t size, unsigned int flags)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = allocate_pinned(pHost, size, flags);
    }
    return fake_leave(&call, "%p, %zu, flags=%u", pHost != NULL ? *pHost : NULL, size, flags);
}

cudaError_t cudaMallocHost(void **ptr, size_t size)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = allocate_pinned(ptr, size, cudaHostAllocDefault);
    }
    return fake_leave(&call, "%p, %zu", ptr != NULL ? *ptr : NULL, size);
}

/* Waits for the device, and for whatever else still works on the memory. */
static void let_go(fake_block *block)
{
    block->freeing = true;
    (void)fake_stream_drain_device(block->device);
    fake_block_wait_unused(block);
    fake_block_drop(block);
}

cudaError_t cudaFreeHost(void *ptr)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_MAY_WAIT | FAKE_GIVES_BACK) &&
        ptr != NULL) {
        fake_block *block = fake_block_starting(ptr);
        if (block == NULL || block->kind != FAKE_PINNED) {
            call.error = cudaErrorInvalidValue;
        } else {
            let_go(block);
        }
    }
    return fake_leave(&call, "%p", ptr);
}

/* Is there memory at all of these pages? */
static bool is_mapped(const void *pointer, size_t size)
{
    enum { PAGES_AT_ONCE = 256 };
    unsigned char states[PAGES_AT_ONCE];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)pointer / page * page;
    uintptr_t end = (uintptr_t)pointer + size;
    const uint8_t *at = (const uint8_t *)pointer - ((uintptr_t)pointer - start);
    while (start < end) {
        size_t length = end - start < page * PAGES_AT_ONCE ? end - start : page * PAGES_AT_ONCE;
        if (mincore((void *)at, length, states) != 0) {
            return false;
        }
        start += length;
        at += length;
    }
    return true;
}

static cudaError_t register_range(void *pointer, size_t size, unsigned flags)
{
    unsigned known = cudaHostRegisterPortable | cudaHostRegisterMapped | cudaHostRegisterIoMemory |
                     cudaHostRegisterReadOnly;
    if (pointer == NULL || size == 0 || (uintptr_t)pointer + size < (uintptr_t)pointer ||
        (flags & ~known) != 0) {
        return cudaErrorInvalidValue;
    }
    const fake_block *other = fake_block_overlapping(pointer, size);
    if (other != NULL && (other->kind == FAKE_PINNED || other->kind == FAKE_REGISTERED)) {
        return cudaErrorHostMemoryAlreadyRegistered;
    }
    if (other != NULL || fake_device_owns(pointer) || !is_mapped(pointer, size)) {
        return cudaErrorInvalidValue;
    }
    fake_block *block = NULL;
    fake_block value = {.kind = FAKE_REGISTERED,
                        .device = fake_current,
                        .start = pointer,
                        .size = size,
                        .bytes = pointer};
    return fake_block_add(&value, &block);
}

cudaError_t cudaHostRegister(void *ptr, size_t size, unsigned int flags)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = register_range(ptr, size, flags);
    }
    return fake_leave(&call, "%p, %zu, flags=%u", ptr, size, flags);
}

cudaError_t cudaHostUnregister(void *ptr)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_MAY_WAIT | FAKE_GIVES_BACK)) {
        fake_block *block = fake_block_starting(ptr);
        if (block == NULL || block->kind != FAKE_REGISTERED) {
            call.error = cudaErrorHostMemoryNotRegistered;
        } else {
            let_go(block);
        }
    }
    return fake_leave(&call, "%p", ptr);
}

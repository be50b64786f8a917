/* SPDX-License-Identifier: Apache-2.0 */
/* Device and managed memory: cudaMalloc, cudaFree and those ordered in a stream. */
#include "state.h"

#include <string.h>
#include <sys/mman.h>

static cudaError_t allocate(void **pointer, int device, size_t size, fake_pool *pool)
{
    fake_block *block = NULL;
    cudaError_t error = fake_device_allocate(device, size, pool, &block);
    if (error == cudaSuccess) {
        *pointer = block->start;
    }
    return error;
}

cudaError_t cudaMalloc(void **devPtr, size_t size)
{
    fake_call call;
    if (!fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
    } else if (devPtr == NULL) {
        call.error = cudaErrorInvalidValue;
    } else if (size == 0) {
        *devPtr = NULL;
    } else {
        call.error = allocate(devPtr, fake_current, size, NULL);
    }
    return fake_leave(&call, "%p, %zu", devPtr != NULL ? *devPtr : NULL, size);
}

/* Waits for the device, and for whatever else still works on the memory. */
static cudaError_t free_block(fake_block *block)
{
    if (block == NULL || (block->kind != FAKE_DEVICE && block->kind != FAKE_MANAGED)) {
        return cudaErrorInvalidValue;
    }
    block->freeing = true;
    (void)fake_stream_drain_device(block->device);
    fake_block_wait_unused(block);
    fake_block_drop(block);
    return cudaSuccess;
}

cudaError_t cudaFree(void *devPtr)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_MAY_WAIT | FAKE_GIVES_BACK) &&
        devPtr != NULL) {
        call.error = free_block(fake_block_starting(devPtr));
    }
    return fake_leave(&call, "%p", devPtr);
}

static cudaError_t allocate_managed(void **pointer, size_t size, unsigned flags)
{
    fake_device *device = &fake_devices[fake_current];
    if (pointer == NULL || size == 0 ||
        (flags != cudaMemAttachGlobal && flags != cudaMemAttachHost)) {
        return cudaErrorInvalidValue;
    }
    if (size > fake_setting.memory_bytes || device->used_bytes > fake_setting.memory_bytes - size) {
        return cudaErrorMemoryAllocation;
    }
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return cudaErrorMemoryAllocation;
    }
    fake_block *block = NULL;
    fake_block value = {
        .kind = FAKE_MANAGED, .device = fake_current, .start = start, .size = size, .bytes = start};
    cudaError_t error = fake_block_add(&value, &block);
    if (error != cudaSuccess) {
        (void)munmap(start, size);
        return error;
    }
    device->used_bytes += size;
    *pointer = start;
    return cudaSuccess;
}

cudaError_t cudaMallocManaged(void **devPtr, size_t size, unsigned int flags)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = allocate_managed(devPtr, size, flags);
    }
    return fake_leave(&call, "%p, %zu, flags=%u", devPtr != NULL ? *devPtr : NULL, size, flags);
}

/* The memory is there at once: what uses it on that stream comes later anyhow. */
static cudaError_t allocate_on_stream(void **pointer, size_t size, fake_pool *pool,
                                      cudaStream_t handle)
{
    fake_stream *stream = NULL;
    cudaError_t error = fake_stream_find(handle, &stream);
    if (error != cudaSuccess) {
        return error;
    }
    if (pool == NULL) {
        pool = fake_pool_default(stream->device);
    }
    if (pointer == NULL || size == 0) {
        return cudaErrorInvalidValue;
    }
    if (pool->size_max != 0 && (size > pool->size_max || pool->used > pool->size_max - size)) {
        return cudaErrorMemoryAllocation;
    }
    error = fake_queue_error(stream);
    if (error == cudaSuccess) {
        error = allocate(pointer, pool->device, size, pool);
    }
    if (error == cudaSuccess) {
        pool->used += size;
    }
    return error;
}

cudaError_t cudaMallocAsync(void **devPtr, size_t size, cudaStream_t hStream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = allocate_on_stream(devPtr, size, NULL, hStream);
    }
    return fake_leave(&call, "%p, %zu, %p", devPtr != NULL ? *devPtr : NULL, size, (void *)hStream);
}

cudaError_t cudaMallocFromPoolAsync(void **ptr, size_t size, cudaMemPool_t memPool,
                                    cudaStream_t stream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        fake_pool *pool = fake_pool_find(memPool);
        call.error =
            pool == NULL ? cudaErrorInvalidValue : allocate_on_stream(ptr, size, pool, stream);
    }
    return fake_leave(&call, "%p, %zu, %p, %p", ptr != NULL ? *ptr : NULL, size, (void *)memPool,
                      (void *)stream);
}

static cudaError_t free_on_stream(void *pointer, cudaStream_t handle)
{
    fake_stream *stream = NULL;
    fake_block *block = fake_block_starting(pointer);
    cudaError_t error = fake_stream_find(handle, &stream);
    if (error != cudaSuccess) {
        return error;
    }
    if (block == NULL || block->kind != FAKE_DEVICE) {
        return cudaErrorInvalidValue;
    }
    fake_work *work = fake_work_make(FAKE_FREE);
    if (work != NULL) {
        fake_work_hold_block(work, 0, block);
    }
    error = fake_queue_add(stream, work);
    block->freeing = error == cudaSuccess;
    return error;
}

cudaError_t cudaFreeAsync(void *devPtr, cudaStream_t hStream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_GIVES_BACK)) {
        call.error = free_on_stream(devPtr, hStream);
    }
    return fake_leave(&call, "%p, %p", devPtr, (void *)hStream);
}

/* Memory that is ordered in a stream has handles of another kind, those of its pool. */
static cudaError_t make_handle(cudaIpcMemHandle_t *handle, const void *pointer)
{
    const fake_block *block = fake_block_at(pointer);
    if (handle == NULL || block == NULL || block->kind != FAKE_DEVICE || block->pool != NULL) {
        return cudaErrorInvalidValue;
    }
    memset(handle, 0, sizeof(*handle));
    memcpy(handle, &block->start, sizeof(block->start));
    return cudaSuccess;
}

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *devPtr)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = make_handle(handle, devPtr);
    }
    return fake_leave(&call, "%p", devPtr);
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total)
{
    fake_call call;
    if (!fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
    } else if (free == NULL || total == NULL) {
        call.error = cudaErrorInvalidValue;
    } else {
        size_t used = fake_devices[fake_current].used_bytes;
        *total = fake_setting.memory_bytes;
        *free = used < *total ? *total - used : 0;
    }
    return fake_leave(&call, "%s", "");
}

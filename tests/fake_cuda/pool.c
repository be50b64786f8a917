/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of device memory: they account, and have attributes, and each device has one from the
 * start. */
#include "state.h"

#include <stdlib.h>

fake_pool *fake_pools;

fake_pool *fake_pool_default(int device)
{
    fake_pool *pool = &fake_devices[device].default_pool;
    if (!pool->is_default) {
        pool->handle = fake_handle();
        pool->device = device;
        pool->is_default = true;
        pool->next = fake_pools;
        fake_pools = pool;
    }
    return pool;
}

fake_pool *fake_pool_find(cudaMemPool_t handle)
{
    for (fake_pool *pool = fake_pools; pool != NULL; pool = pool->next) {
        if (pool->handle == handle && !pool->destroyed) {
            return pool;
        }
    }
    return NULL;
}

/* A destroyed pool goes with the last of its memory. */
static void forget_if_over(fake_pool *pool)
{
    if (!pool->destroyed || pool->used > 0) {
        return;
    }
    fake_pool **link = &fake_pools;
    while (*link != pool) {
        link = &(*link)->next;
    }
    *link = pool->next;
    free(pool);
}

void fake_pool_give_back(fake_pool *pool, size_t size)
{
    pool->used -= size;
    forget_if_over(pool);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *memPool, int device)
{
    fake_call call;
    if (!fake_enter(&call, __func__, FAKE_NEEDS_DEVICE)) {
    } else if (memPool == NULL) {
        call.error = cudaErrorInvalidValue;
    } else if (device < 0 || device >= fake_setting.devices) {
        call.error = cudaErrorInvalidDevice;
    } else {
        *memPool = fake_pool_default(device)->handle;
    }
    return fake_leave(&call, "%d", device);
}

static cudaError_t make_pool(cudaMemPool_t *pool_out, const struct cudaMemPoolProps *properties)
{
    if (pool_out == NULL || properties == NULL ||
        properties->allocType != cudaMemAllocationTypePinned ||
        properties->location.type != cudaMemLocationTypeDevice) {
        return cudaErrorInvalidValue;
    }
    if (properties->location.id < 0 || properties->location.id >= fake_setting.devices) {
        return cudaErrorInvalidDevice;
    }
    fake_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return cudaErrorMemoryAllocation;
    }
    pool->handle = fake_handle();
    pool->device = properties->location.id;
#if CUDART_VERSION >= 12030
    pool->size_max = properties->maxSize;
#endif
    pool->next = fake_pools;
    fake_pools = pool;
    *pool_out = pool->handle;
    return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t *memPool, const struct cudaMemPoolProps *poolProps)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = make_pool(memPool, poolProps);
    }
    return fake_leave(&call, "%s", "");
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t memPool)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_GIVES_BACK)) {
        fake_pool *pool = fake_pool_find(memPool);
        if (pool == NULL || pool->is_default) {
            call.error = cudaErrorInvalidValue;
        } else {
            pool->destroyed = true;
            forget_if_over(pool);
        }
    }
    return fake_leave(&call, "%p", (void *)memPool);
}

static cudaError_t set_attribute(fake_pool *pool, enum cudaMemPoolAttr attribute, const void *value)
{
    if (pool == NULL || value == NULL) {
        return cudaErrorInvalidValue;
    }
    switch (attribute) {
    case cudaMemPoolReuseFollowEventDependencies:
    case cudaMemPoolReuseAllowOpportunistic:
    case cudaMemPoolReuseAllowInternalDependencies:
    case cudaMemPoolAttrReleaseThreshold:
        return cudaSuccess;
    case cudaMemPoolAttrReservedMemHigh:
    case cudaMemPoolAttrUsedMemHigh:
        return *(const uint64_t *)value == 0 ? cudaSuccess : cudaErrorInvalidValue;
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t memPool, enum cudaMemPoolAttr attr, void *value)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = set_attribute(fake_pool_find(memPool), attr, value);
    }
    return fake_leave(&call, "%p, %d", (void *)memPool, (int)attr);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of CUDA memory in the table of devices.
 *
 * What baton allocates comes from the device's memory pool, in the order of a stream that baton keeps for it: freeing then never
 * waits for the device, which cudaFree does, and a descriptor is often released on a connector's own thread. A device without pools
 * has cudaMalloc and cudaFree, as cuda_reserve.c has them.
 */
#include "device/cuda.h"
#include "device/cuda_device.h"
#include "device/device.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>

/* How long memory of a pool may take until all streams can use it: microseconds, unless the device hangs. */
#define READY_NS (UINT64_C(10000) * BATON__NS_PER_MS)

/* Of one device, made when the first memory is allocated there, kept until the process ends. */
typedef struct device_pool {
    bool known;
    bool pools;
    void *stream; /* with pools */
} device_pool;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static device_pool pools[BATON__CUDA_DEVICES_MAX];

/* code: from getting at the attributes of the memory. */
static baton_status refuse(int code, baton__cuda_memory memory, int device)
{
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaPointerGetAttributes");
    }
    switch (memory) {
    case BATON__CUDA_MEMORY_DEVICE:
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "it is memory of cuda:%d", device);
    case BATON__CUDA_MEMORY_PINNED:
        return baton__fail_as_is(BATON_ERR_INVALID_ARGUMENT, "it is pinned host memory: describe it as cpu");
    default:
        return baton__fail_as_is(BATON_ERR_INVALID_ARGUMENT, "it is memory of the host that CUDA does not know");
    }
}

/* Managed memory is every device's. */
static bool is_of(int id, baton__cuda_memory memory, int device)
{
    return memory == BATON__CUDA_MEMORY_MANAGED || (memory == BATON__CUDA_MEMORY_DEVICE && device == id);
}

/* The device is current. */
static baton_status look_at(int id, const void *pointer, size_t size_bytes)
{
    baton__cuda_memory memory = BATON__CUDA_MEMORY_UNKNOWN;
    int device = 0;
    int code = baton__cuda_memory_of(pointer, &memory, &device);
    if (code != BATON__CUDA_OK || !is_of(id, memory, device)) {
        return refuse(code, memory, device);
    }
    code = baton__cuda_memory_of((const char *)pointer + (size_bytes - 1), &memory, &device);
    if (code == BATON__CUDA_OK && memory == BATON__CUDA_MEMORY_UNKNOWN) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "%zu bytes from there reach beyond the memory of cuda:%d", size_bytes, id);
    }
    return code == BATON__CUDA_OK && is_of(id, memory, device) ? BATON_OK : refuse(code, memory, device);
}

static baton_status cuda_check_memory(uint32_t id, const void *pointer, size_t size_bytes)
{
    baton__cuda_visit visit;
    baton_status status = baton__cuda_visit_checked(id, &visit);
    if (status == BATON_OK) {
        status = look_at((int)id, pointer, size_bytes);
        baton__cuda_leave(&visit);
    }
    return status;
}

bool baton__cuda_is_device_memory(uint32_t id, const void *pointer)
{
    baton__cuda_memory memory = BATON__CUDA_MEMORY_UNKNOWN;
    int device = 0;
    baton__cuda_visit visit;
    if (baton__cuda_visit_checked(id, &visit) != BATON_OK) {
        return false;
    }
    int code = baton__cuda_memory_of(pointer, &memory, &device);
    baton__cuda_leave(&visit);
    return code == BATON__CUDA_OK && memory == BATON__CUDA_MEMORY_DEVICE;
}

baton_status baton__cuda_check_host_memory(const void *pointer)
{
    int used = baton__cuda_used();
    baton__cuda_memory memory = BATON__CUDA_MEMORY_UNKNOWN;
    int device = 0;
    baton__cuda_visit visit;
    if (used < 0 || baton__cuda_load() != BATON_OK || baton__cuda_enter(used, &visit) != BATON__CUDA_OK) {
        return BATON_OK;
    }
    /* A broken device is no reason to refuse memory of the host. */
    int code = baton__cuda_memory_of(pointer, &memory, &device);
    baton__cuda_leave(&visit);
    return code == BATON__CUDA_OK && memory == BATON__CUDA_MEMORY_DEVICE ? refuse(code, memory, device) : BATON_OK;
}

/* The device is current. */
static baton_status know_pool(int id, device_pool *pool)
{
    int code = baton__cuda_has_pools(id, &pool->pools);
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaDeviceGetAttribute");
    }
    code = pool->pools ? baton__cuda_stream_create(&pool->stream) : BATON__CUDA_OK;
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaStreamCreateWithPriority");
    }
    pool->known = true;
    return BATON_OK;
}

static baton_status find_pool(int id, device_pool *pool_out)
{
    baton_status status = BATON_OK;
    (void)pthread_mutex_lock(&lock);
    if (!pools[id].known) {
        status = know_pool(id, &pools[id]);
    }
    *pool_out = pools[id];
    (void)pthread_mutex_unlock(&lock);
    return status;
}

/* Until what is on the stream is done, by looking. */
static baton_status wait_ready(void *event)
{
    uint64_t end = baton__clock_now(&baton__clock_boottime) + READY_NS;
    int code = baton__cuda_event_query(event);
    while (code == BATON__CUDA_NOT_READY && baton__clock_now(&baton__clock_boottime) < end) {
        (void)sched_yield();
        code = baton__cuda_event_query(event);
    }
    if (code == BATON__CUDA_NOT_READY) {
        return baton__fail_as_is(BATON_ERR_DEVICE, "the device does not make memory ready: it hangs");
    }
    return code == BATON__CUDA_OK ? BATON_OK : baton__cuda_fail(code, "cudaEventQuery");
}

/* Every stream may use it then, not only the pool's. */
static baton_status make_ready(void *stream)
{
    void *event = NULL;
    int code = baton__cuda_event_create(&event);
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaEventCreateWithFlags");
    }
    code = baton__cuda_event_record(event, stream);
    baton_status status = code == BATON__CUDA_OK ? wait_ready(event) : baton__cuda_fail(code, "cudaEventRecord");
    (void)baton__cuda_event_destroy(event);
    return status;
}

static baton_status allocate_from(const device_pool *pool, size_t size_bytes, void **pointer_out)
{
    void *pointer = NULL;
    if (!pool->pools) {
        int plain = baton__cuda_allocate(&pointer, size_bytes);
        if (plain != BATON__CUDA_OK) {
            return baton__cuda_fail(plain, "cudaMalloc");
        }
        *pointer_out = pointer;
        return BATON_OK;
    }
    int code = baton__cuda_allocate_async(&pointer, size_bytes, pool->stream);
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaMallocAsync");
    }
    baton_status status = make_ready(pool->stream);
    if (status != BATON_OK) {
        (void)baton__cuda_free_async(pointer, pool->stream);
        return status;
    }
    *pointer_out = pointer;
    return BATON_OK;
}

static baton_status cuda_allocate(uint32_t id, size_t size_bytes, void **pointer_out)
{
    device_pool pool;
    baton__cuda_visit visit;
    baton_status status = baton__cuda_visit_checked(id, &visit);
    if (status != BATON_OK) {
        return status;
    }
    status = find_pool((int)id, &pool);
    if (status == BATON_OK) {
        status = allocate_from(&pool, size_bytes, pointer_out);
    }
    baton__cuda_leave(&visit);
    return status;
}

static void cuda_deallocate(uint32_t id, void *pointer, size_t size_bytes)
{
    (void)size_bytes;
    device_pool pool;
    baton__cuda_visit visit;
    if (baton__cuda_load() != BATON_OK || find_pool((int)id, &pool) != BATON_OK) {
        return; /* in a child of fork: the memory is the parent's. The pool is known: it gave the memory. */
    }
    if (!pool.pools) {
        baton__cuda_free_plain(id, pointer);
        return;
    }
    bool entered = baton__cuda_enter((int)id, &visit) == BATON__CUDA_OK;
    int code = baton__cuda_free_async(pointer, pool.stream);
    if (entered) {
        baton__cuda_leave(&visit);
    }
    if (code != BATON__CUDA_OK && code != BATON__CUDA_UNLOADING) {
        BATON__ERROR("cuda:%" PRIu32 ": freeing memory: %s", id, baton__cuda_name(code));
    }
}

static bool cuda_can_export(uint32_t id, void *pointer)
{
    baton__cuda_visit visit;
    if (baton__cuda_visit_checked(id, &visit) != BATON_OK) {
        return false;
    }
    int code = baton__cuda_export(pointer);
    baton__cuda_leave(&visit);
    return code == BATON__CUDA_OK;
}

const baton__device_table baton__device_cuda = {
    .check = baton__cuda_check,
    .check_memory = cuda_check_memory,
    .allocate = cuda_allocate,
    .deallocate = cuda_deallocate,
    .can_export = cuda_can_export,
    .lanes = &baton__cuda_lanes,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools under ThreadSanitizer: threads that take pieces of pools of CUDA memory and of pinned memory, copy from the one to the other and let
 * them go, while others look at the statistics; and pools whose last piece is released by a thread that is named as a connector's, so that another
 * one frees the memory.
 */
#include "device/device.h"
#include "memory/descriptor.h"
#include "transport/segment.h"

#include "fake_cuda.h"

#include <baton/pool.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 100, SIZE = 4096, PATIENCE_S = 60 };

/* In place of UCX's shared memory, which is not needed here: it would bring in UCX (see tests/CMakeLists.txt). */
baton_status baton__segment_create(size_t size, baton__segment **segment_out)
{
    (void)size;
    (void)segment_out;
    return BATON_ERR_NOT_SUPPORTED;
}

void baton__segment_destroy(baton__segment *segment)
{
    (void)segment;
    abort();
}

static int failures; /* __atomic */
static baton_pool *pools[2]; /* of CUDA memory, and pinned */

static void expect(bool right, const char *what)
{
    if (!right) {
        (void)fprintf(stderr, "%s: %s\n", what, baton_error_text());
        (void)__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    }
}

static baton_pool *make(baton_pool_kind kind)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    baton_pool *pool = NULL;
    options.kind = kind;
    options.capacity_bytes = (size_t)THREADS * SIZE;
    expect(baton_pool_create(&options, &pool) == BATON_OK, "create");
    return pool;
}

static void copy(baton__lane *lane, const baton_descriptor *from, const baton_descriptor *to)
{
    const baton__lane_table *lanes = baton__device_find(BATON_DEVICE_KIND_CUDA)->lanes;
    baton__run run = baton__descriptor_run(to);
    baton__layout layout = {.runs = &run, .count = 1, .total = SIZE};
    uint64_t before = 0;
    uint64_t over = 0;
    int native = 0;
    expect(lanes->poll(lane, &before, &native) == BATON_OK, "poll");
    expect(lanes->copy_in(lane, baton_descriptor_pointer(from), &(baton__slice){&layout, 0, SIZE}, &native) == BATON_OK, "copy");
    while (lanes->poll(lane, &over, &native) == BATON_OK && over == before) {
        (void)sched_yield();
    }
}

static void use_pieces(baton__lane *lane, int value)
{
    baton_descriptor *device = NULL;
    baton_descriptor *pinned = NULL;
    expect(baton_pool_allocate(pools[0], SIZE, &device) == BATON_OK, "a piece of the device");
    expect(baton_pool_allocate(pools[1], SIZE, &pinned) == BATON_OK, "a pinned piece");
    if (device != NULL && pinned != NULL) {
        memset(baton_descriptor_pointer(pinned), value, SIZE); /* nobody else has it */
        copy(lane, pinned, device);
    }
    baton_descriptor_release(pinned);
    baton_descriptor_release(device);
}

/* The memory is freed by a thread of baton's, at the same time as others make and free theirs. */
static void outlive(int round)
{
    baton_descriptor *piece = NULL;
    baton_pool *pool = make(round % 2 == 0 ? BATON_POOL_CUDA : BATON_POOL_PINNED);
    if (pool != NULL) {
        expect(baton_pool_allocate(pool, 1, &piece) == BATON_OK, "a last piece");
        baton_pool_destroy(pool);
        baton_descriptor_release(piece);
    }
}

static void *work(void *argument)
{
    const baton__device_table *table = baton__device_find(BATON_DEVICE_KIND_CUDA);
    baton__lane *lane = NULL;
    int number = *(const int *)argument;
    (void)pthread_setname_np(pthread_self(), "baton");
    expect(table->lanes->open(0, &lane) == BATON_OK, "open");
    for (int i = 0; i < ROUNDS && lane != NULL; i++) {
        baton_pool_stats stats = {.struct_size = sizeof(stats)};
        use_pieces(lane, number);
        expect(baton_pool_get_stats(pools[i % 2], &stats) == BATON_OK && stats.pieces <= THREADS, "statistics");
        if (i % 10 == 0) {
            outlive(i / 10);
        }
    }
    table->lanes->close(lane);
    return NULL;
}

static size_t alive(void)
{
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    return counts.device_allocations + counts.pinned_allocations;
}

int main(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    char path[4096];
    const char *build = getenv("BATON_BUILD_DIR");
    (void)snprintf(path, sizeof(path), "%s/tests/bin/libcudart_fake.so", build != NULL ? build : ".");
    if (setenv("BATON_CUDART", path, 1) != 0) {
        return 1;
    }
    fake_cuda_set_forbid_sync(true);
    pools[0] = make(BATON_POOL_CUDA);
    pools[1] = make(BATON_POOL_PINNED);
    if (pools[0] == NULL || pools[1] == NULL) {
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    baton_pool_destroy(pools[0]);
    baton_pool_destroy(pools[1]);
    for (time_t end = time(NULL) + PATIENCE_S; alive() != 0 && time(NULL) < end;) {
        (void)sched_yield();
    }
    expect(alive() == 0, "memory is left");
    return __atomic_load_n(&failures, __ATOMIC_RELAXED) == 0 ? 0 : 1;
}

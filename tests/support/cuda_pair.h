/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-offs between two connectors over the fake transport, with memory of CUDA devices on either side; the runtime is the stand-in, or that of a GPU (cuda_control.h). */
#ifndef BATON_TEST_CUDA_PAIR_H
#define BATON_TEST_CUDA_PAIR_H

#include "support/cuda_control.h"
#include "support/fake_pair.h"

#include <baton/pool.h>
#include <stdlib.h>
#include <time.h>

enum { CUDA_PAIR_PATIENCE_MS = 20000 };

/* Which sides are of a device (bits). */
enum { ON_HOST = 0, SOURCE_ON_DEVICE = 1, TARGET_ON_DEVICE = 2 };

/* baton loads the very library that the test is linked with. */
static inline void cuda_pair_choose_runtime(void)
{
    const char *path = cuda_control_runtime();
    cr_assert_not_null(path);
    cr_assert_eq(setenv("BATON_CUDART", path, 1), 0);
}

static baton_pool *cuda_pair_pool; /* NULL: memory of a device is allocated alone */

/* From here on it is such as other processes can be let into. */
static inline void cuda_pair_use_pool(void)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.kind = BATON_POOL_CUDA;
    options.capacity_bytes = (size_t)1024 * 1024 * 1024;
    cr_assert_eq(baton_pool_create(&options, &cuda_pair_pool), BATON_OK, "%s", baton_error_text());
}

static inline void cuda_pair_open(void)
{
    cuda_pair_choose_runtime();
#ifndef BATON_TEST_ON_GPU
    fake_cuda_set_forbid_sync(true);
#endif
    pair_open();
}

static inline void cuda_pair_close(void)
{
    pair_close();
    baton_pool_destroy(cuda_pair_pool);
#ifndef BATON_TEST_ON_GPU
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    /* Some streams stay for the next: one that allocates for each device, and those that gates have waited on. */
    bool clean = counts.device_allocations == 0 && counts.pinned_allocations == 0 && counts.streams <= 4 && counts.events <= 4;
    cr_expect(clean, "%zu on devices, %zu pinned, %zu streams, %zu events are left", counts.device_allocations,
                 counts.pinned_allocations, counts.streams, counts.events);
#endif
}

static inline baton_descriptor *cuda_pair_memory(size_t size, bool on_device)
{
    baton_descriptor *made = NULL;
    if (on_device && cuda_pair_pool != NULL) {
        cr_assert_eq(baton_pool_allocate(cuda_pair_pool, size, &made), BATON_OK, "%s", baton_error_text());
        return made;
    }
    baton_device device = on_device ? (baton_device){BATON_DEVICE_KIND_CUDA, 0} : BATON_DEVICE_HOST;
    cr_assert_eq(baton_descriptor_allocate(size, device, &made), BATON_OK, "%s", baton_error_text());
    return made;
}

static inline void cuda_pair_fill(const baton_descriptor *memory, uint64_t seed)
{
    size_t size = baton_descriptor_size(memory);
    if (baton_descriptor_device(memory).kind == BATON_DEVICE_KIND_HOST) {
        pattern_fill(baton_descriptor_pointer(memory), size, seed);
        return;
    }
    uint8_t *bytes = malloc(size);
    cr_assert_not_null(bytes);
    pattern_fill(bytes, size, seed);
    cr_assert_eq(cuda_control_poke(baton_descriptor_pointer(memory), bytes, size), 0);
    free(bytes);
}

/* A copy of its bytes; the caller frees it. */
static inline uint8_t *cuda_pair_bytes(const baton_descriptor *memory)
{
    size_t size = baton_descriptor_size(memory);
    uint8_t *bytes = malloc(size);
    cr_assert_not_null(bytes);
    if (baton_descriptor_device(memory).kind == BATON_DEVICE_KIND_HOST) {
        memcpy(bytes, baton_descriptor_pointer(memory), size);
    } else {
        cr_assert_eq(cuda_control_peek(baton_descriptor_pointer(memory), bytes, size), 0);
    }
    return bytes;
}

static inline bool cuda_pair_is_right(const handed *h)
{
    bool right = true;
    for (size_t i = 0; i < h->count && right; i++) {
        uint8_t *bytes = cuda_pair_bytes(h->target[i]);
        right = pattern_is(bytes, h->size, i);
        free(bytes);
    }
    return right;
}

/* As pair_begin, over memory where `on` says. */
static inline void cuda_pair_begin(handed *h, bool read, size_t count, size_t size, baton_completion completion, uint32_t lease_ms, int on)
{
    *h = (handed){.count = count, .size = size, .read = read};
    for (size_t i = 0; i < count; i++) {
        h->source[i] = cuda_pair_memory(size, (on & SOURCE_ON_DEVICE) != 0);
        h->target[i] = cuda_pair_memory(size, (on & TARGET_ON_DEVICE) != 0);
        cuda_pair_fill(h->source[i], i);
    }
    pair_offer(h, completion, lease_ms);
}

static inline uint64_t cuda_pair_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void cuda_pair_turn(void)
{
    (void)baton_connector_progress(connectors[ORIGIN]);
    (void)baton_connector_progress(connectors[CONSUMER]);
}

/* Turns until the condition holds: copies take their own time, whatever the test's clock says. */
#define CUDA_PAIR_UNTIL(condition)                                                                                   \
    do {                                                                                                             \
        uint64_t end_ = cuda_pair_now_ms() + CUDA_PAIR_PATIENCE_MS;                                                  \
        while (!(condition)) {                                                                                       \
            cr_assert_lt(cuda_pair_now_ms(), end_, "not within 20 s: %s", #condition);                               \
            cuda_pair_turn();                                                                                        \
        }                                                                                                            \
    } while (0)

static inline bool cuda_pair_is_over(const handed *h)
{
    return baton_operation_is_over(h->active) && baton_operation_is_over(h->passive);
}

#endif

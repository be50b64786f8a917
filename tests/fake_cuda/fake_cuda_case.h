/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the stand-in have in common. */
#ifndef FAKE_CUDA_CASE_H
#define FAKE_CUDA_CASE_H

#include "fake_cuda.h"

#include <criterion/criterion.h>
#include <cuda_runtime_api.h>
#include <poll.h>
#include <string.h>

enum { SIZE = 64 * 1024, DEADLINE_MS = 20000 };

#define FAILS(call, code) cr_assert_eq((int)(call), (int)(code), "%s", #call)
#define WORKS(call)       FAILS(call, cudaSuccess)

/* Until it is true, for so long at most. */
#define EVENTUALLY(condition)                                        \
    do {                                                             \
        int left_ms = DEADLINE_MS;                                   \
        while (!(condition) && left_ms-- > 0) {                      \
            (void)poll(NULL, 0, 1);                                  \
        }                                                            \
        cr_assert_gt(left_ms, 0, "never came true: %s", #condition); \
    } while (false)

static inline uint8_t *device_memory(size_t size)
{
    void *memory = NULL;
    WORKS(cudaMalloc(&memory, size));
    cr_assert_not_null(memory);
    return memory;
}

static inline uint8_t *pinned_memory(size_t size, uint8_t value)
{
    void *memory = NULL;
    WORKS(cudaHostAlloc(&memory, size, cudaHostAllocDefault));
    memset(memory, value, size);
    return memory;
}

static inline cudaStream_t new_stream(void)
{
    cudaStream_t stream = NULL;
    WORKS(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
}

static inline cudaEvent_t new_event(void)
{
    cudaEvent_t event = NULL;
    WORKS(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    return event;
}

static inline uint8_t byte_at(const uint8_t *device_pointer)
{
    uint8_t byte = 0;
    WORKS(fake_cuda_peek(device_pointer, &byte, 1));
    return byte;
}

#endif

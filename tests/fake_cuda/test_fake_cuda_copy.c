/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the stand-in: what they move, what they refuse, and whom they let wait. */
#include "fake_cuda_case.h"

#include <stdlib.h>
#include <time.h>

Test(fake_cuda_copy, moves_the_bytes)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *other = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 7);
    cudaStream_t stream = new_stream();
    WORKS(cudaMemcpyAsync(memory + 1, pinned, SIZE - 1, cudaMemcpyHostToDevice, stream));
    WORKS(cudaMemcpyAsync(other, memory, SIZE, cudaMemcpyDeviceToDevice, stream));
    WORKS(cudaStreamSynchronize(stream));
    memset(pinned, 1, SIZE);
    WORKS(cudaMemcpyAsync(pinned, other, SIZE - 1, cudaMemcpyDeviceToHost, stream));
    WORKS(cudaStreamSynchronize(stream));
    cr_assert(pinned[0] == 0 && pinned[1] == 7 && pinned[SIZE - 2] == 7 && pinned[SIZE - 1] == 1);
    WORKS(cudaMemcpyAsync(memory, pinned, 0, cudaMemcpyDefault, stream));
}

Test(fake_cuda_copy, rows)
{
    enum { WIDTH = 3, HEIGHT = 5, TO = 8, FROM = 4 };
    uint8_t *memory = device_memory(TO * HEIGHT);
    uint8_t *pinned = pinned_memory(FROM * HEIGHT, 9);
    cudaStream_t stream = new_stream();
    WORKS(
        cudaMemcpy2DAsync(memory, TO, pinned, FROM, WIDTH, HEIGHT, cudaMemcpyHostToDevice, stream));
    WORKS(cudaStreamSynchronize(stream));
    for (int i = 0; i < TO * HEIGHT; i++) {
        cr_assert_eq(byte_at(memory + i), i % TO < WIDTH ? 9 : 0);
    }
    FAILS(cudaMemcpy2DAsync(memory, 2, pinned, FROM, WIDTH, HEIGHT, cudaMemcpyDefault, stream),
          cudaErrorInvalidPitchValue);
    FAILS(cudaMemcpy2DAsync(memory, TO, pinned, FROM, WIDTH, HEIGHT + 1, cudaMemcpyDefault, stream),
          cudaErrorInvalidValue);
    FAILS(cudaMemcpy2DAsync(memory, SIZE_MAX / 2, pinned, FROM, WIDTH, HEIGHT, cudaMemcpyDefault,
                            stream),
          cudaErrorInvalidValue);
}

Test(fake_cuda_copy, a_range_lies_inside_one_allocation)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(2 * SIZE, 7);
    uint8_t *freed = device_memory(SIZE);
    cudaStream_t stream = new_stream();
    WORKS(cudaFree(freed));
    FAILS(cudaMemcpyAsync(memory, pinned, SIZE + 1, cudaMemcpyDefault, stream),
          cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(memory + 1, pinned, SIZE, cudaMemcpyDefault, stream),
          cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(memory - 1, pinned, 2, cudaMemcpyDefault, stream), cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(pinned, freed, 1, cudaMemcpyDefault, stream), cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(pinned, NULL, 1, cudaMemcpyDefault, stream), cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(pinned, memory, SIZE_MAX, cudaMemcpyDefault, stream),
          cudaErrorInvalidValue);
    FAILS(cudaMemsetAsync(memory, 1, SIZE + 1, stream), cudaErrorInvalidValue);
    FAILS(fake_cuda_launch_fill(memory, SIZE + 1, 1, 0, stream), cudaErrorInvalidValue);
    WORKS(cudaStreamSynchronize(stream));
}

Test(fake_cuda_copy, the_kind_fits)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 7);
    void *managed = NULL;
    WORKS(cudaMallocManaged(&managed, SIZE, cudaMemAttachGlobal));
    FAILS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDeviceToHost, NULL),
          cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDeviceToDevice, NULL),
          cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyHostToHost, NULL), cudaErrorInvalidValue);
    FAILS(cudaMemcpyAsync(memory, pinned, SIZE, (enum cudaMemcpyKind)17, NULL),
          cudaErrorInvalidMemcpyDirection);
    WORKS(cudaMemcpyAsync(managed, pinned, SIZE, cudaMemcpyHostToDevice, NULL));
    WORKS(cudaMemcpyAsync(managed, memory, SIZE, cudaMemcpyDeviceToHost, NULL));
    WORKS(cudaDeviceSynchronize());
}

Test(fake_cuda_copy, a_pinned_copy_does_not_wait)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 7);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    WORKS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDefault, stream));
    WORKS(cudaMemcpyAsync(pinned, memory, SIZE, cudaMemcpyDefault, stream));
    FAILS(cudaStreamQuery(stream), cudaErrorNotReady);
    cr_assert_eq(byte_at(memory), 0);
    memset(pinned, 8, SIZE); /* before the copy has begun: it is what arrives */
    WORKS(fake_cuda_release(stream));
    WORKS(cudaStreamSynchronize(stream));
    WORKS(cudaStreamQuery(stream));
    cr_assert_eq(byte_at(memory), 8);
}

Test(fake_cuda_copy, pageable_memory_is_staged_before_it_returns)
{
    uint8_t plain[64];
    uint8_t *memory = device_memory(SIZE);
    cudaStream_t stream = new_stream();
    memset(plain, 3, sizeof(plain));
    WORKS(fake_cuda_launch_hold(stream));
    WORKS(cudaMemcpyAsync(memory, plain, sizeof(plain), cudaMemcpyHostToDevice, stream));
    memset(plain, 4, sizeof(plain));
    WORKS(fake_cuda_release(stream));
    WORKS(cudaStreamSynchronize(stream));
    cr_assert_eq(byte_at(memory + 63), 3);
}

Test(fake_cuda_copy, to_pageable_memory_it_returns_when_it_is_done)
{
    uint8_t plain[64] = {0};
    uint8_t *memory = device_memory(SIZE);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_fill(memory, SIZE, 5, 50, stream));
    WORKS(cudaMemcpyAsync(plain, memory, sizeof(plain), cudaMemcpyDeviceToHost, stream));
    cr_assert(plain[0] == 5 && plain[63] == 5);
}

Test(fake_cuda_copy, between_host_and_host_it_waits)
{
    uint8_t plain[64] = {0};
    uint8_t *pinned = pinned_memory(SIZE, 7);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_spin(50, stream));
    WORKS(cudaMemcpyAsync(plain, pinned, sizeof(plain), cudaMemcpyHostToHost, stream));
    cr_assert_eq(plain[63], 7);
}

Test(fake_cuda_copy, the_synchronous_copy)
{
    uint8_t plain[64] = {1};
    uint8_t *memory = device_memory(SIZE);
    uint8_t *other = device_memory(SIZE);
    WORKS(fake_cuda_launch_spin(20, NULL));
    WORKS(cudaMemcpy(memory, plain, sizeof(plain), cudaMemcpyHostToDevice));
    cr_assert_eq(byte_at(memory), 1);
    WORKS(fake_cuda_launch_hold(NULL));
    WORKS(cudaMemcpy(other, memory, SIZE, cudaMemcpyDeviceToDevice)); /* nobody waits for it */
    cr_assert_eq(byte_at(other), 0);
    WORKS(fake_cuda_release(NULL));
    WORKS(cudaDeviceSynchronize());
    cr_assert_eq(byte_at(other), 1);
}

/* A stream of one device may work on the memory of another. */
Test(fake_cuda_copy, between_devices)
{
    cr_assert(fake_cuda_set_devices(2));
    uint8_t *first = device_memory(SIZE);
    cudaStream_t stream = new_stream();
    WORKS(cudaMemsetAsync(first, 6, SIZE, stream));
    WORKS(cudaSetDevice(1));
    uint8_t *second = device_memory(SIZE);
    WORKS(cudaMemcpyAsync(second, first, SIZE, cudaMemcpyDefault, stream));
    WORKS(cudaStreamSynchronize(stream));
    cr_assert_eq(byte_at(second + SIZE - 1), 6);
}

Test(fake_cuda_copy, takes_as_long_as_it_is_told)
{
    struct timespec before;
    struct timespec after;
    uint8_t *memory = device_memory(1 << 20);
    uint8_t *pinned = pinned_memory(1 << 20, 7);
    fake_cuda_set_copy_delay_us(20000);
    fake_cuda_set_bandwidth_gb_s(0.05);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    WORKS(cudaMemcpyAsync(memory, pinned, 1 << 20, cudaMemcpyDefault, NULL));
    FAILS(cudaStreamQuery(NULL), cudaErrorNotReady);
    WORKS(cudaStreamSynchronize(NULL));
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t took_ms =
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    cr_assert_geq(took_ms, 40);
}

/* Memory that a stream still works on is there until it is done. */
Test(fake_cuda_copy, freeing_waits_for_the_device)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 7);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_spin(30, stream));
    WORKS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDefault, stream));
    WORKS(cudaFreeHost(pinned));
    WORKS(cudaStreamQuery(stream));
    cr_assert_eq(byte_at(memory), 7);
    WORKS(fake_cuda_launch_spin(30, stream));
    WORKS(cudaFree(memory));
    WORKS(cudaStreamQuery(stream));
}

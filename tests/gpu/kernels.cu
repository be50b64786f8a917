/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels.h"

#include <cuda_runtime.h>

enum { THREADS = 256, BLOCKS = 64 };

/* Nanoseconds; the clock of all multiprocessors, which ticks about once a microsecond. */
static __device__ unsigned long long device_now_ns(void)
{
    unsigned long long now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
}

/* Every block waits by itself: none writes before. */
static __device__ void wait_for_ms(unsigned delay_ms)
{
    unsigned long long end = device_now_ns() + delay_ms * 1000000ULL;
    while (device_now_ns() < end) {
    }
}

static __global__ void fill(unsigned char *at, size_t size, unsigned char value, unsigned delay_ms)
{
    size_t step = (size_t)gridDim.x * blockDim.x;
    wait_for_ms(delay_ms);
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += step) {
        at[i] = value;
    }
}

static __global__ void write_pattern(uint64_t *at, size_t words, uint64_t seed, unsigned delay_ms)
{
    size_t step = (size_t)gridDim.x * blockDim.x;
    wait_for_ms(delay_ms);
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < words; i += step) {
        uint64_t word = (i + 1) * 0x9E3779B97F4A7C15ULL ^ (seed + 1) * 0xD1B54A32D192ED03ULL;
        at[i] = word ^ word >> 29;
    }
}

/* Ends by itself after a minute, so that a test that failed does not keep the device. */
static __global__ void hold(const volatile unsigned *released, unsigned wanted)
{
    unsigned long long end = device_now_ns() + 60000000000ULL;
    while (*released < wanted && device_now_ns() < end) {
    }
}

extern "C" int kernel_fill(void *at, size_t size, unsigned char value, unsigned delay_ms, cudaStream_t stream)
{
    fill<<<BLOCKS, THREADS, 0, stream>>>((unsigned char *)at, size, value, delay_ms);
    return (int)cudaGetLastError();
}

extern "C" int kernel_pattern(void *at, size_t size, uint64_t seed, unsigned delay_ms, cudaStream_t stream)
{
    write_pattern<<<BLOCKS, THREADS, 0, stream>>>((uint64_t *)at, size / sizeof(uint64_t), seed, delay_ms);
    return (int)cudaGetLastError();
}

/* Pinned memory that the device reads: how many holds have been released. */
static volatile unsigned *releases;
static unsigned holds;

extern "C" int kernel_hold(cudaStream_t stream)
{
    if (releases == NULL) {
        void *counter = NULL;
        cudaError_t status = cudaHostAlloc(&counter, sizeof(*releases), cudaHostAllocMapped);
        if (status != cudaSuccess) {
            return (int)status;
        }
        releases = (volatile unsigned *)counter;
        *releases = 0;
    }
    hold<<<1, 1, 0, stream>>>((const volatile unsigned *)releases, ++holds);
    return (int)cudaGetLastError();
}

extern "C" int kernel_release(cudaStream_t stream)
{
    (void)stream;
    *releases = *releases + 1;
    return (int)cudaSuccess;
}

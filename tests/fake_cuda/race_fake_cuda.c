/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in under ThreadSanitizer: threads that each copy there and back on streams of their
 * own, whose bytes only the events between the two streams and the query protect, while they make
 * and give back all that there is.
 */
#include "fake_cuda.h"

#include <cuda_runtime_api.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 60, SIZE = 4096 };

static void must(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        (void)fprintf(stderr, "%s: %s\n", what, cudaGetErrorName(error));
        abort();
    }
}
#define MUST(call) must(call, #call)

static void there_and_back(uint8_t *pinned, uint8_t *memory, cudaStream_t there, cudaStream_t back,
                           uint8_t value)
{
    cudaEvent_t arrived = NULL;
    cudaEvent_t done = NULL;
    cudaError_t error = cudaSuccess;
    MUST(cudaEventCreateWithFlags(&arrived, cudaEventDisableTiming));
    MUST(cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
    memset(pinned, value, SIZE);
    MUST(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyHostToDevice, there));
    MUST(cudaEventRecord(arrived, there));
    MUST(cudaStreamWaitEvent(back, arrived, 0));
    MUST(cudaMemcpyAsync(pinned + SIZE, memory, SIZE, cudaMemcpyDeviceToHost, back));
    MUST(cudaEventRecord(done, back));
    while ((error = cudaEventQuery(done)) == cudaErrorNotReady) {
        (void)sched_yield();
    }
    MUST(error);
    if (memcmp(pinned, pinned + SIZE, SIZE) != 0) {
        (void)fprintf(stderr, "the bytes are not those that were sent\n");
        abort();
    }
    MUST(cudaEventDestroy(done));
    MUST(cudaEventDestroy(arrived));
}

static void *go_around(void *argument)
{
    uint8_t value = *(const uint8_t *)argument;
    for (int i = 0; i < ROUNDS; i++) {
        void *pinned = NULL;
        void *memory = NULL;
        cudaStream_t streams[2];
        MUST(cudaHostAlloc(&pinned, 2 * SIZE, cudaHostAllocDefault));
        MUST(cudaMalloc(&memory, SIZE));
        for (int k = 0; k < 2; k++) {
            MUST(cudaStreamCreateWithFlags(&streams[k], cudaStreamNonBlocking));
        }
        there_and_back(pinned, memory, streams[0], streams[1], (uint8_t)(value + i));
        MUST(cudaFreeAsync(memory, streams[1]));
        MUST(cudaStreamDestroy(streams[0]));
        MUST(cudaStreamDestroy(streams[1]));
        MUST(cudaFreeHost(pinned));
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    uint8_t values[THREADS];
    for (int i = 0; i < THREADS; i++) {
        values[i] = (uint8_t)(i * ROUNDS);
        if (pthread_create(&threads[i], NULL, go_around, &values[i]) != 0) {
            abort();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    if (fake_cuda_leaks(NULL) != 0) {
        (void)fprintf(stderr, "something was left\n");
        return 1;
    }
    return 0;
}

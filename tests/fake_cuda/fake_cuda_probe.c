/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of its own for test_fake_cuda_process: what its argument names.
 *
 *   fake_cuda_probe nothing|count|leak|held|wait|pageable|polite
 */
#include "fake_cuda.h"

#include <cuda_runtime_api.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(cudaError_t error)
{
    if (error != cudaSuccess) {
        (void)printf("%s\n", cudaGetErrorName(error));
        exit(1);
    }
}

static void do_nothing(void)
{
}

static void print_count(void)
{
    int count = -1;
    cudaError_t error = cudaGetDeviceCount(&count);
    (void)printf("%s %d\n", cudaGetErrorName(error), count);
}

/* One of each, and the process ends. */
static void leak(void)
{
    void *memory = NULL;
    cudaStream_t stream = NULL;
    cudaEvent_t event = NULL;
    must(cudaMalloc(&memory, 100));
    must(cudaStreamCreate(&stream));
    must(cudaEventCreate(&event));
}

/* The process ends while its streams are held, one of them destroyed. */
static void leave_streams_held(void)
{
    cudaStream_t streams[2];
    for (int i = 0; i < 2; i++) {
        must(cudaStreamCreate(&streams[i]));
        must((cudaError_t)fake_cuda_launch_hold(streams[i]));
        must((cudaError_t)fake_cuda_launch_spin(1, streams[i]));
    }
    must(cudaStreamDestroy(streams[0]));
}

static void wait_for_stream(void)
{
    must(cudaStreamSynchronize(NULL));
}

static void copy_pageable(void)
{
    char bytes[16] = "";
    void *memory = NULL;
    must(cudaMalloc(&memory, sizeof(bytes)));
    must(cudaMemcpyAsync(memory, bytes, sizeof(bytes), cudaMemcpyDefault, NULL));
}

/* All that does not wait. */
static void be_polite(void)
{
    void *memory = NULL;
    void *pinned = NULL;
    cudaStream_t stream = NULL;
    cudaEvent_t event = NULL;
    must(cudaMallocAsync(&memory, 16, NULL));
    must(cudaHostAlloc(&pinned, 16, cudaHostAllocDefault));
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    must(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    must(cudaMemcpyAsync(pinned, memory, 16, cudaMemcpyDefault, stream));
    must(cudaEventRecord(event, stream));
    while (cudaEventQuery(event) == cudaErrorNotReady) {
    }
    must(cudaEventDestroy(event));
    must(cudaStreamDestroy(stream));
    must(cudaFreeAsync(memory, NULL));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        {"nothing", do_nothing},      {"count", print_count},    {"leak", leak},
        {"held", leave_streams_held}, {"wait", wait_for_stream}, {"pageable", copy_pageable},
        {"polite", be_polite}};
    for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(argv[1], cases[i].name) == 0) {
            (void)pthread_setname_np(pthread_self(), "baton");
            cases[i].run();
            return 0;
        }
    }
    return 2;
}

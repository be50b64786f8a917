/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the CUDA backend have in common. They run over the stand-in for the runtime, which they are linked with and which baton loads. */
#ifndef BATON_TEST_CUDA_CASE_H
#define BATON_TEST_CUDA_CASE_H

#include "fake_cuda.h"

#include <baton/descriptor.h>
#include <criterion/criterion.h>
#include <cuda_runtime_api.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUDA_CASE_DEADLINE_MS = 20000 };

#define FAILS(call, code) cr_assert_eq((int)(call), (int)(code), "%s: %s", #call, baton_error_text())
#define WORKS(call)       FAILS(call, 0)

/* Until it is true, for so long at most. */
#define EVENTUALLY(condition)                                        \
    do {                                                             \
        int left_ms = CUDA_CASE_DEADLINE_MS;                         \
        while (!(condition) && left_ms-- > 0) {                      \
            (void)poll(NULL, 0, 1);                                  \
        }                                                            \
        cr_assert_gt(left_ms, 0, "never came true: %s", #condition); \
    } while (false)

static const baton_device cuda_case_device = {BATON_DEVICE_KIND_CUDA, 0};

/* name: of a file among the programs of the tests. */
static inline void cuda_case_load(const char *name, int devices)
{
    char path[4096];
    const char *build = getenv("BATON_BUILD_DIR");
    cr_assert_not_null(build);
    (void)snprintf(path, sizeof(path), "%s/tests/bin/%s", build, name);
    cr_assert_eq(setenv("BATON_CUDART", path, 1), 0);
    cr_assert(fake_cuda_set_devices(devices));
    fake_cuda_set_forbid_sync(true);
}

/* Before anything of CUDA's: Criterion forks for each test. */
static inline void cuda_case_begin(int devices)
{
    cuda_case_load("libcudart_fake.so", devices);
}

static inline bool cuda_case_says(const char *text)
{
    return strstr(baton_error_text(), text) != NULL;
}

static inline uint8_t *cuda_case_memory(int device, size_t size)
{
    void *memory = NULL;
    int before = 0;
    WORKS(cudaGetDevice(&before));
    WORKS(cudaSetDevice(device));
    WORKS(cudaMalloc(&memory, size));
    WORKS(cudaSetDevice(before));
    return memory;
}

/* Runs it on a thread that is named as a connector's is, which must not wait for a device. */
static inline void cuda_case_as_own_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, function, argument), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

#endif

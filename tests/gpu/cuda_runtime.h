/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_GPU_CUDA_RUNTIME_H
#define BATON_GPU_CUDA_RUNTIME_H

#include <cuda_runtime_api.h>

/*
 * The CUDA runtime for the benchmarks of this folder: loaded from where BATON_CUDART says, else as baton loads it (libcudart.so.13). One that lacks a
 * function ends the program only when that is called for: the stand-in has none of IPC.
 */
#define CUDA_RUNTIME_FUNCTIONS(X) \
    X(cudaSetDevice)              \
    X(cudaMalloc)                 \
    X(cudaHostAlloc)              \
    X(cudaMemcpy)                 \
    X(cudaMemcpyAsync)            \
    X(cudaStreamCreateWithFlags)  \
    X(cudaStreamSynchronize)      \
    X(cudaGetErrorString)         \
    X(cudaRuntimeGetVersion)      \
    X(cudaIpcGetMemHandle)        \
    X(cudaIpcOpenMemHandle)       \
    X(cudaIpcCloseMemHandle)

typedef struct cuda_runtime {
#define CUDA_RUNTIME_FIELD(name) __typeof__(name) *name;
    CUDA_RUNTIME_FUNCTIONS(CUDA_RUNTIME_FIELD)
#undef CUDA_RUNTIME_FIELD
} cuda_runtime;

/* Loads it, once. Ends the program with 2 if it is not there. */
const cuda_runtime *cuda_runtime_load(void);
/* Ends the program with 2 unless status is a success. */
void cuda_runtime_check(cudaError_t status, const char *what);
/* "13.0" */
const char *cuda_runtime_version(void);

/* Calls a function of the runtime, which must be there, and must succeed. */
#define CUDA_CALL(name, ...)                                                  \
    do {                                                                      \
        if (cuda_runtime_load()->name == NULL) {                              \
            measure_fail("the CUDA runtime has no " #name);                   \
        }                                                                     \
        cuda_runtime_check(cuda_runtime_load()->name(__VA_ARGS__), #name);    \
    } while (0)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels over the stand-in for the CUDA runtime, so that the programs of this folder run where there is no device. */
#include "kernels.h"

#include "fake_cuda.h"
#include "support/pattern.h"

#include <cuda_runtime_api.h>
#include <stdlib.h>

int kernel_fill(void *at, size_t size, unsigned char value, unsigned delay_ms, struct CUstream_st *stream)
{
    return fake_cuda_launch_fill(at, size, value, delay_ms, stream);
}

static void free_words(void *words)
{
    free(words);
}

int kernel_pattern(void *at, size_t size, uint64_t seed, unsigned delay_ms, struct CUstream_st *stream)
{
    void *words = malloc(size);
    if (words == NULL) {
        return (int)cudaErrorMemoryAllocation;
    }
    pattern_fill(words, size, seed);
    int status = fake_cuda_launch_spin(delay_ms, stream);
    if (status == 0) {
        status = (int)cudaMemcpyAsync(at, words, size, cudaMemcpyHostToDevice, stream);
    }
    if (status != 0) {
        free(words);
        return status;
    }
    return (int)cudaLaunchHostFunc(stream, free_words, words);
}

int kernel_hold(struct CUstream_st *stream)
{
    return fake_cuda_launch_hold(stream);
}

int kernel_release(struct CUstream_st *stream)
{
    return fake_cuda_release(stream);
}

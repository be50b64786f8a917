/* SPDX-License-Identifier: Apache-2.0 */
/* support/cuda_control.h over the CUDA runtime that the program is linked with. */
#include "support/cuda_control.h"

#include "kernels.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

int cuda_control_fill(void *device_pointer, size_t size, unsigned char value, unsigned delay_ms, struct CUstream_st *stream)
{
    return kernel_fill(device_pointer, size, value, delay_ms, stream);
}

int cuda_control_pattern(void *device_pointer, size_t size, uint64_t seed, unsigned delay_ms, struct CUstream_st *stream)
{
    return kernel_pattern(device_pointer, size, seed, delay_ms, stream);
}

int cuda_control_hold(struct CUstream_st *stream)
{
    return kernel_hold(stream);
}

int cuda_control_release(struct CUstream_st *stream)
{
    return kernel_release(stream);
}

/* From pageable memory cudaMemcpy may return while the last of it is under way. */
static int copy(void *to, const void *from, size_t size)
{
    cudaError_t status = cudaMemcpy(to, from, size, cudaMemcpyDefault);
    return (int)(status != cudaSuccess ? status : cudaStreamSynchronize(NULL));
}

int cuda_control_peek(const void *device_pointer, void *out, size_t size)
{
    return copy(out, device_pointer, size);
}

int cuda_control_poke(void *device_pointer, const void *bytes, size_t size)
{
    return copy(device_pointer, bytes, size);
}

const char *cuda_control_runtime(void)
{
    Dl_info info;
    return dladdr((void *)(uintptr_t)cudaMalloc, &info) == 0 ? NULL : info.dli_fname;
}

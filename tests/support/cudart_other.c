/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime as the stand-in, on a device without memory pools, and with a stream (NULL) that is being captured where the environment
 * says so (CUDART_CAPTURES); with CUDART_SHIFTS its pinned memory is aligned to 256 bytes and no more. What it does not define is found in the stand-in, which it is linked with.
 */
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SHIFT = 256 };

static bool shifts(void)
{
    return getenv("CUDART_SHIFTS") != NULL;
}

cudaError_t cudaHostAlloc(void **pHost, size_t size, unsigned int flags)
{
    cudaError_t (*next)(void **, size_t, unsigned);
    void *found = dlsym(RTLD_NEXT, "cudaHostAlloc");
    memcpy(&next, &found, sizeof(next));
    cudaError_t error = next(pHost, shifts() ? size + SHIFT : size, flags);
    if (error == cudaSuccess && shifts()) {
        *pHost = (char *)*pHost + SHIFT;
    }
    return error;
}

cudaError_t cudaFreeHost(void *ptr)
{
    cudaError_t (*next)(void *);
    void *found = dlsym(RTLD_NEXT, "cudaFreeHost");
    memcpy(&next, &found, sizeof(next));
    return next(shifts() ? (char *)ptr - SHIFT : ptr);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device)
{
    cudaError_t (*next)(int *, enum cudaDeviceAttr, int);
    void *found = dlsym(RTLD_NEXT, "cudaDeviceGetAttribute");
    if (attr == cudaDevAttrMemoryPoolsSupported) {
        *value = 0;
        return cudaSuccess;
    }
    memcpy(&next, &found, sizeof(next));
    return next(value, attr, device);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *pCaptureStatus)
{
    *pCaptureStatus = stream == NULL && getenv("CUDART_CAPTURES") != NULL ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode)
{
    static _Thread_local enum cudaStreamCaptureMode now = cudaStreamCaptureModeGlobal;
    enum cudaStreamCaptureMode before = now;
    now = *mode;
    *mode = before;
    return cudaSuccess;
}

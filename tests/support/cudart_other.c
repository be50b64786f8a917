/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime as the stand-in, on a device without memory pools, and with a stream (NULL) that is being captured where the environment
 * says so. What it does not define is found in the stand-in, which it is linked with.
 */
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

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

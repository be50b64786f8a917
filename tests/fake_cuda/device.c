/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: how many, which is current, what they can do, and the versions of driver and runtime. */
#include "state.h"

#include <stdio.h>

enum { COMPUTE_MAJOR = 9, WARP = 32, COPY_ENGINES = 2, FIRST_BUS = 0x10, PCI_ID_SIZE = 13 };

static bool is_device(int device)
{
    return device >= 0 && device < fake_setting.devices;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    fake_call call;
    bool goes_on = fake_enter(&call, __func__, FAKE_NEEDS_DEVICE);
    if (count != NULL) {
        *count = goes_on ? fake_setting.devices : 0;
    } else if (goes_on) {
        call.error = cudaErrorInvalidValue;
    }
    return fake_leave(&call, "%d", count != NULL ? *count : -1);
}

cudaError_t cudaGetDevice(int *device)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_DEVICE)) {
        call.error = device == NULL ? cudaErrorInvalidValue : cudaSuccess;
        if (device != NULL) {
            *device = fake_current;
        }
    }
    return fake_leave(&call, "%s", "");
}

/* Since CUDA 12 this makes the context too. */
cudaError_t cudaSetDevice(int device)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_DEVICE)) {
        if (is_device(device)) {
            fake_current = device;
            fake_devices[device].used = true;
        } else {
            call.error = cudaErrorInvalidDevice;
        }
    }
    return fake_leave(&call, "%d", device);
}

#if CUDART_VERSION >= 12000
cudaError_t cudaInitDevice(int device, unsigned int deviceFlags, unsigned int flags)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_DEVICE)) {
        if (is_device(device)) {
            fake_devices[device].used = true;
        } else {
            call.error = cudaErrorInvalidDevice;
        }
    }
    return fake_leave(&call, "%d, %u, %u", device, deviceFlags, flags);
}
#endif

static int attribute_value(enum cudaDeviceAttr attribute, int device)
{
    switch ((int)attribute) {
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrCanUseHostPointerForRegisteredMem:
    case cudaDevAttrHostRegisterSupported:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrConcurrentManagedAccess:
    case cudaDevAttrMemoryPoolsSupported:
    case cudaDevAttrStreamPrioritiesSupported:
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrGpuOverlap:
    case cudaDevAttrMultiProcessorCount:
        return 1;
    case cudaDevAttrAsyncEngineCount:
        return COPY_ENGINES;
    case cudaDevAttrComputeCapabilityMajor:
        return COMPUTE_MAJOR;
    case cudaDevAttrWarpSize:
        return WARP;
    case cudaDevAttrPciBusId:
        return FIRST_BUS + device;
    default:
        return 0;
    }
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device)
{
    fake_call call;
    if (!fake_enter(&call, __func__, FAKE_NEEDS_DEVICE)) {
    } else if (value == NULL || (int)attr < 1 || attr >= cudaDevAttrMax) {
        call.error = cudaErrorInvalidValue;
    } else if (!is_device(device)) {
        call.error = cudaErrorInvalidDevice;
    } else {
        *value = attribute_value(attr, device);
    }
    return fake_leave(&call, "%d, %d", (int)attr, device);
}

cudaError_t cudaDeviceGetPCIBusId(char *pciBusId, int len, int device)
{
    fake_call call;
    if (!fake_enter(&call, __func__, FAKE_NEEDS_DEVICE)) {
    } else if (pciBusId == NULL || len < PCI_ID_SIZE) {
        call.error = cudaErrorInvalidValue;
    } else if (!is_device(device)) {
        call.error = cudaErrorInvalidDevice;
    } else {
        (void)snprintf(pciBusId, (size_t)len, "0000:%02x:00.0", (unsigned)(FIRST_BUS + device));
    }
    return fake_leave(&call, "%d", device);
}

cudaError_t cudaDeviceCanAccessPeer(int *canAccessPeer, int device, int peerDevice)
{
    fake_call call;
    if (!fake_enter(&call, __func__, FAKE_NEEDS_DEVICE)) {
    } else if (canAccessPeer == NULL) {
        call.error = cudaErrorInvalidValue;
    } else if (!is_device(device) || !is_device(peerDevice)) {
        call.error = cudaErrorInvalidDevice;
    } else {
        *canAccessPeer = device != peerDevice ? 1 : 0;
    }
    return fake_leave(&call, "%d, %d", device, peerDevice);
}

/* Without a driver its version is 0. */
cudaError_t cudaDriverGetVersion(int *driverVersion)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_NOTHING)) {
        call.error = driverVersion == NULL ? cudaErrorInvalidValue : cudaSuccess;
        if (driverVersion != NULL) {
            *driverVersion = fake_setting.devices < 0 ? 0 : CUDART_VERSION;
        }
    }
    return fake_leave(&call, "%s", "");
}

cudaError_t cudaRuntimeGetVersion(int *runtimeVersion)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_NOTHING)) {
        call.error = runtimeVersion == NULL ? cudaErrorInvalidValue : cudaSuccess;
        if (runtimeVersion != NULL) {
            *runtimeVersion = CUDART_VERSION;
        }
    }
    return fake_leave(&call, "%s", "");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "device/cuda_device.h"
#include "device/describe.h"

#include "base/error.h"

#include <stdio.h>

static void describe_device(int id, baton_cuda_device *device)
{
    int major = 0;
    int minor = 0;
    if (baton__cuda_pci_bus_id(id, device->pci_bus_id, (int)sizeof(device->pci_bus_id)) != BATON__CUDA_OK) {
        device->pci_bus_id[0] = '\0';
    }
    if (baton__cuda_compute(id, &major, &minor) == BATON__CUDA_OK) {
        device->compute_major = (uint32_t)major;
        device->compute_minor = (uint32_t)minor;
    }
    (void)baton__cuda_has_pools(id, &device->memory_pools);
}

static uint32_t version_of(int (*ask)(int *version_out))
{
    int version = 0;
    return ask(&version) == BATON__CUDA_OK && version > 0 ? (uint32_t)version : 0;
}

void baton__cuda_describe(baton_cuda_info *info)
{
    int count = 0;
    if (baton__cuda_load() == BATON_OK) {
        (void)snprintf(info->runtime_path, sizeof(info->runtime_path), "%s", baton__cuda_path());
        info->runtime_version = version_of(baton__cuda_runtime_version);
        info->driver_version = version_of(baton__cuda_driver_version);
    }
    info->status = baton__cuda_count_devices(&count);
    if (info->status != BATON_OK) {
        (void)snprintf(info->reason, sizeof(info->reason), "%s", baton_error_text());
        return;
    }
    info->device_count = (uint32_t)count;
    for (int id = 0; id < count && id < BATON_CUDA_DEVICES_MAX; id++) {
        describe_device(id, &info->devices[id]);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of GPUs: the runtime, the driver and the devices, or why there are none. */
#include "doctor_checks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FOUND_SIZE = 1024, VERSION_SIZE = 16 };

static const char nothing_to_do[] = "nothing, unless memory of GPUs is to be handed over";

const char *doctor_fix_cuda(const baton_cuda_info *info, bool gpu)
{
    if (info->status == BATON_OK) {
        return NULL;
    }
    if (!gpu) {
        return nothing_to_do;
    }
    if (info->status == BATON_ERR_NOT_BUILT_IN) {
        return "build baton with -DBATON_CUDA=ON, or copy what is on a GPU to host memory before it is offered";
    }
    if (info->status != BATON_ERR_NOT_SUPPORTED) {
        return "see what nvidia-smi and the kernel's log say of the device";
    }
    if (info->runtime_path[0] == '\0') {
        return "install the CUDA runtime, libcudart.so.13 or .12 (toolkit, Debian's libcudart12, PyPI's nvidia-cuda-runtime), where the "
               "linker finds it, or name the file in BATON_CUDART";
    }
    if (info->driver_version == 0) {
        return "make the driver's libcuda.so.1 visible here: a container needs NVIDIA's container toolkit and --gpus";
    }
    if (info->driver_version / 1000 < info->runtime_version / 1000) {
        return "update the driver, or name an older runtime in BATON_CUDART: libcudart.so.12";
    }
    return "see what CUDA_VISIBLE_DEVICES hides, and which devices the container was given";
}

static const char *version_text(uint32_t version, char text[VERSION_SIZE])
{
    (void)snprintf(text, VERSION_SIZE, "%u.%u", (unsigned)(version / 1000), (unsigned)(version % 1000 / 10));
    return version == 0 ? "none" : text;
}

static void describe(const baton_cuda_info *info, bool gpu, char found[FOUND_SIZE])
{
    char runtime[VERSION_SIZE];
    char driver[VERSION_SIZE];
    int length = 0;
    if (info->status == BATON_OK) {
        length = snprintf(found, FOUND_SIZE, "%u device%s", (unsigned)info->device_count, info->device_count == 1 ? "" : "s");
    } else {
        length = snprintf(found, FOUND_SIZE, "%s%s", info->reason, gpu ? "; this machine has NVIDIA's driver" : "");
    }
    if (info->runtime_path[0] != '\0' && length > 0 && length < FOUND_SIZE) {
        (void)snprintf(found + length, (size_t)(FOUND_SIZE - length), "; runtime %s (%s), driver for CUDA up to %s",
                       version_text(info->runtime_version, runtime), info->runtime_path, version_text(info->driver_version, driver));
    }
}

static void say_device(doctor_report *report, uint32_t id, const baton_cuda_device *device)
{
    char compute[VERSION_SIZE];
    (void)snprintf(compute, sizeof(compute), "%u.%u", (unsigned)device->compute_major, (unsigned)device->compute_minor);
    doctor_say(report,
               &(doctor_finding){.name = "cuda_device",
                                 .fields = {doctor_whole("id", id), doctor_text("pci_bus_id", device->pci_bus_id),
                                            doctor_text("compute", compute), doctor_bool("memory_pools", device->memory_pools)}},
               "cuda:%u at %s, compute capability %s%s", (unsigned)id, device->pci_bus_id, compute,
               device->memory_pools ? "" : ", without memory pools: freeing its memory waits for it");
}

void doctor_check_cuda(doctor_report *report)
{
    char found[FOUND_SIZE];
    baton_cuda_info info = {.struct_size = sizeof(info)};
    if (baton_cuda_describe(&info) != BATON_OK) {
        return; /* struct_size is set: it does not fail */
    }
    bool gpu = access("/dev/nvidiactl", F_OK) == 0;
    describe(&info, gpu, found);
    doctor_section(report, "CUDA");
    doctor_say(report,
               &(doctor_finding){.name = "cuda",
                                 .severity = info.status == BATON_OK ? DOCTOR_OK : DOCTOR_NOTE,
                                 .fix = doctor_fix_cuda(&info, gpu),
                                 .fields = {doctor_bool("usable", info.status == BATON_OK), doctor_bool("gpu", gpu),
                                            doctor_text("status", baton_status_name(info.status)),
                                            doctor_text("runtime", info.runtime_path),
                                            doctor_whole("runtime_version", info.runtime_version),
                                            doctor_whole("driver_version", info.driver_version),
                                            doctor_whole("devices", info.device_count)}},
               "%s", found);
    for (uint32_t id = 0; id < info.device_count && id < BATON_CUDA_DEVICES_MAX; id++) {
        say_device(report, id, &info.devices[id]);
    }
}

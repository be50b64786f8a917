/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of GPUs: the runtime, the driver and the devices, or why there are none. */
#include "doctor_checks.h"

#include <baton/transport.h>
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

/* The initial namespaces have fixed numbers (Linux, include/linux/proc_ns.h). */
static bool is_in_own_namespace(const char *name)
{
    char path[32];
    char link[32] = "";
    (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    if (readlink(path, link, sizeof(link) - 1) < 0) {
        return false;
    }
    return strcmp(link, "ipc:[4026531839]") != 0 && strcmp(link, "pid:[4026531836]") != 0;
}

doctor_verdict doctor_rate_cuda_paths(const baton_transport_cuda_info *info, bool apart)
{
    static const char build[] = "a UCX that is built with CUDA: PyPI's libucx-cu13 or libucx-cu12, or NVIDIA's packages";
    static const char share[] = "containers that hand memory of GPUs to each other need a common IPC and PID namespace (--ipc=host --pid=host)";
    if (!info->known) {
        return (doctor_verdict){.severity = DOCTOR_NOTE,
                                .found = "this UCX has no CUDA: memory of GPUs is staged through pinned memory, one more copy on each side "
                                         "that has it, on the GPU's copy engines",
                                .fix = build};
    }
    if (!info->cuda_ipc) {
        return (doctor_verdict){.severity = DOCTOR_NOTE,
                                .found = "UCX knows CUDA, and has no cuda_ipc: within this host memory of GPUs is staged, one more copy on each "
                                         "side that has it",
                                .fix = build};
    }
    if (apart) {
        return (doctor_verdict){.severity = DOCTOR_NOTE,
                                .found = "cuda_ipc is here, one copy from GPU to GPU, and this process is in a namespace of its own: with "
                                         "processes outside of it memory of GPUs is staged",
                                .fix = share};
    }
    return (doctor_verdict){.severity = DOCTOR_OK, .found = "cuda_ipc copies from GPU to GPU within this host, once and without the CPU"};
}

static void say_paths(doctor_report *report)
{
    baton_transport_cuda_info info = {.struct_size = sizeof(info)};
    if (baton_transport_describe_cuda(&info) != BATON_OK) {
        return; /* UCX cannot be opened: its section says why */
    }
    bool apart = is_in_own_namespace("ipc") || is_in_own_namespace("pid");
    doctor_verdict verdict = doctor_rate_cuda_paths(&info, apart);
    doctor_say(report,
               &(doctor_finding){.name = "cuda_paths",
                                 .severity = verdict.severity,
                                 .fix = verdict.fix,
                                 .fields = {doctor_bool("ucx_cuda", info.known), doctor_bool("cuda_ipc", info.cuda_ipc),
                                            doctor_bool("gpudirect", info.gpudirect), doctor_bool("own_namespace", apart)}},
               "%s; %s", verdict.found,
               info.gpudirect ? "between hosts RDMA reaches the GPUs' memory (GPUDirect)"
                              : "between hosts it is staged, since no RDMA device registers the GPUs' memory (nvidia_peermem)");
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
    if (info.status == BATON_OK) {
        say_paths(report);
    }
}

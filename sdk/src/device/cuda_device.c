/* SPDX-License-Identifier: Apache-2.0 */
#include "device/cuda_device.h"

#include "base/error.h"

#include <inttypes.h>

static int known_count; /* __atomic: once there are devices, there are as many until the process ends */

/* The runtime has one code for two cases. */
static baton_status refuse_driver(void)
{
    int driver = 0;
    int runtime = 0;
    (void)baton__cuda_driver_version(&driver);
    (void)baton__cuda_runtime_version(&runtime);
    if (driver == 0) {
        return baton__fail_as_is(BATON_ERR_NOT_SUPPORTED, "there is no driver of NVIDIA's here: libcuda.so.1 cannot be loaded");
    }
    return baton__fail(BATON_ERR_NOT_SUPPORTED, "the driver is too old: it is for CUDA up to %d.%d, and the runtime is %d.%d",
                       driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
}

baton_status baton__cuda_count_devices(int *count_out)
{
    int count = __atomic_load_n(&known_count, __ATOMIC_RELAXED);
    baton_status status = baton__cuda_load();
    if (status != BATON_OK) {
        return status;
    }
    int code = count > 0 ? BATON__CUDA_OK : baton__cuda_count(&count);
    if (code == BATON__CUDA_OLD_DRIVER) {
        return refuse_driver();
    }
    if (code == BATON__CUDA_NO_DEVICE || (code == BATON__CUDA_OK && count <= 0)) {
        return baton__fail_as_is(BATON_ERR_NOT_SUPPORTED, "CUDA has no device here; CUDA_VISIBLE_DEVICES can hide them");
    }
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaGetDeviceCount");
    }
    count = count < BATON__CUDA_DEVICES_MAX ? count : BATON__CUDA_DEVICES_MAX;
    __atomic_store_n(&known_count, count, __ATOMIC_RELAXED);
    *count_out = count;
    return BATON_OK;
}

baton_status baton__cuda_check(uint32_t id)
{
    int count = 0;
    baton_status status = baton__cuda_count_devices(&count);
    if (status == BATON_OK && id >= (uint32_t)count) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "there is no cuda:%" PRIu32 ": CUDA has %d device%s here", id, count,
                           count == 1 ? "" : "s");
    }
    return status;
}

baton_status baton__cuda_visit_checked(uint32_t id, baton__cuda_visit *visit_out)
{
    baton_status status = baton__cuda_check(id);
    if (status != BATON_OK) {
        return status;
    }
    int code = baton__cuda_enter((int)id, visit_out);
    return code == BATON__CUDA_OK ? BATON_OK : baton__cuda_fail(code, "cudaSetDevice");
}

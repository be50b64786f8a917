/* SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include "base/error.h"

#include <sys/mman.h>

static baton_status host_check(uint32_t id)
{
    if (id != 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "the host has no device ids, its id is 0");
    }
    return BATON_OK;
}

static baton_status host_check_memory(uint32_t id, const void *pointer, size_t size_bytes)
{
    (void)pointer;
    (void)size_bytes;
    return host_check(id);
}

/* Straight from the kernel: page-aligned, shares no page with other data, and costs nothing until
 * used. */
static baton_status host_allocate(uint32_t id, size_t size_bytes, void **pointer_out)
{
    baton_status status = host_check(id);
    if (status != BATON_OK) {
        return status;
    }
    void *pointer =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pointer == MAP_FAILED) {
        return baton__fail(BATON_ERR_OUT_OF_MEMORY, "no %zu bytes of host memory", size_bytes);
    }
    *pointer_out = pointer;
    return BATON_OK;
}

static void host_deallocate(uint32_t id, void *pointer, size_t size_bytes)
{
    (void)id;
    (void)munmap(pointer, size_bytes);
}

const baton__device_table baton__device_host = {
    .check = host_check,
    .check_memory = host_check_memory,
    .allocate = host_allocate,
    .deallocate = host_deallocate,
};

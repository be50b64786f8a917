/* SPDX-License-Identifier: Apache-2.0 */
#include "device/cuda_device.h"
#include "device/device.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* From here on a mapping of its own is worth its price: two system calls and a fault for each page. */
#define MAPPED_FROM (128 * 1024)
#define ALIGNMENT   64

static baton_status host_check(uint32_t id)
{
    if (id != 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "the host has no device ids, its id is 0");
    }
    return BATON_OK;
}

static baton_status host_check_memory(uint32_t id, const void *pointer, size_t size_bytes)
{
    (void)size_bytes;
    baton_status status = host_check(id);
    return status == BATON_OK ? baton__cuda_check_host_memory(pointer) : status;
}

/* Large: straight from the kernel, page-aligned, costs nothing until used. Small: from the heap, at the start of a cache line. */
static baton_status host_allocate(uint32_t id, size_t size_bytes, void **pointer_out)
{
    baton_status status = host_check(id);
    if (status != BATON_OK) {
        return status;
    }
    void *pointer;
    if (size_bytes < MAPPED_FROM) {
        pointer = aligned_alloc(ALIGNMENT, (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
        if (pointer != NULL) {
            memset(pointer, 0, size_bytes);
        }
    } else {
        pointer = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        pointer = pointer == MAP_FAILED ? NULL : pointer;
    }
    if (pointer == NULL) {
        return baton__fail(BATON_ERR_OUT_OF_MEMORY, "no %zu bytes of host memory", size_bytes);
    }
    *pointer_out = pointer;
    return BATON_OK;
}

static void host_deallocate(uint32_t id, void *pointer, size_t size_bytes)
{
    (void)id;
    if (size_bytes < MAPPED_FROM) {
        free(pointer);
    } else {
        (void)munmap(pointer, size_bytes);
    }
}

/* Shared memory of pools is known to these (memory/pool.h). */
static bool host_can_export(uint32_t id, void *pointer)
{
    (void)id;
    (void)pointer;
    return false;
}

const baton__device_table baton__device_host = {
    .check = host_check,
    .check_memory = host_check_memory,
    .allocate = host_allocate,
    .deallocate = host_deallocate,
    .can_export = host_can_export,
};

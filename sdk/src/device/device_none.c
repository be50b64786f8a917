/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a kind that this build has no support for. */
#include "device/device.h"

#include "base/error.h"

#include <stdlib.h>

static baton_status none_check(uint32_t id)
{
    (void)id;
    return baton__fail(BATON_ERR_NOT_BUILT_IN,
                       "this build of baton has no support for CUDA memory");
}

static baton_status none_check_memory(uint32_t id, const void *pointer, size_t size_bytes)
{
    (void)pointer;
    (void)size_bytes;
    return none_check(id);
}

static baton_status none_allocate(uint32_t id, size_t size_bytes, void **pointer_out)
{
    (void)size_bytes;
    (void)pointer_out;
    return none_check(id);
}

/* allocate never gave anything. */
static void none_deallocate(uint32_t id, void *pointer, size_t size_bytes)
{
    (void)id;
    (void)pointer;
    (void)size_bytes;
    abort();
}

static bool none_can_export(uint32_t id, void *pointer)
{
    (void)id;
    (void)pointer;
    return false;
}

const baton__device_table baton__device_none = {
    .check = none_check,
    .check_memory = none_check_memory,
    .allocate = none_allocate,
    .deallocate = none_deallocate,
    .can_export = none_can_export,
};

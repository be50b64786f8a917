/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_DEVICE_H
#define BATON_DEVICE_DEVICE_H

#include "device/lane.h"
#include <baton/device.h>

/*
 * What the library needs of a kind of memory. One constant table a kind, the host's like any other,
 * so that callers never branch on the kind. A kind that this build lacks has the table whose
 * functions answer ERR_NOT_BUILT_IN (device_none.c). All of them set the error text when they fail.
 */
typedef struct baton__device_table {
    /* Is device `id` there, and usable by this process? Errors: ERR_NOT_BUILT_IN, ERR_NOT_SUPPORTED,
     * ERR_INVALID_ARGUMENT, ERR_DEVICE, ERR_WRONG_PROCESS. */
    baton_status (*check)(uint32_t id);
    /* Is this memory, which an application describes, memory of device `id`? pointer is not NULL,
     * size not 0. The host knows only memory of a device that baton has used, and believes everything else.
     * Errors: as check, and ERR_INVALID_ARGUMENT; ERR_DEVICE. */
    baton_status (*check_memory)(uint32_t id, const void *pointer, size_t size_bytes);
    /* size_bytes: not 0. Not for a hot path: a device's takes until it can be used. Errors: as check, and
     * ERR_OUT_OF_MEMORY, ERR_DEVICE. */
    baton_status (*allocate)(uint32_t id, size_t size_bytes, void **pointer_out);
    /* What allocate gave, with the size that it was given. Never waits for a device on a connector's own thread. */
    void (*deallocate)(uint32_t id, void *pointer, size_t size_bytes);
    /* Can another process open the memory of device `id` that this lies in, as UCX's cuda_ipc does? Asks the device. Of the host: no. */
    bool (*can_export)(uint32_t id, void *pointer);
    /* How its bytes reach the CPU. NULL: the CPU, and UCX, read and write them where they lie. */
    const baton__lane_table *lanes;
} baton__device_table;

extern const baton__device_table baton__device_host;
extern const baton__device_table baton__device_none;
extern const baton__device_table baton__device_cuda; /* in a build with CUDA */

/* What a native code of ERR_DEVICE means; a constant string. */
const char *baton__device_native_text(int native);

/* The table of a kind, built in or not. NULL for a kind that baton does not know. */
const baton__device_table *baton__device_find(baton_device_kind kind);

/* True if the kind is known and can have the id. Says nothing about this build or machine: for
 * devices of a peer. */
bool baton__device_is_wellformed(baton_device device);

#endif

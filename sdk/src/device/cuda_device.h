/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_CUDA_DEVICE_H
#define BATON_DEVICE_CUDA_DEVICE_H

#include "device/cuda.h"

/* How many there are, at least one. Errors: as baton__cuda_check. */
baton_status baton__cuda_count_devices(int *count_out);

/* Is device `id` there? It loads the runtime, and makes no context. Errors: as baton__cuda_load, ERR_NOT_SUPPORTED (no
 * driver, one that is too old, no device), ERR_INVALID_ARGUMENT (no such id; the text says how many there are), ERR_DEVICE. */
baton_status baton__cuda_check(uint32_t id);

/* As baton__cuda_check and baton__cuda_enter. */
baton_status baton__cuda_visit_checked(uint32_t id, baton__cuda_visit *visit_out);

/* Is it device `id`'s own memory, and not managed? */
bool baton__cuda_is_device_memory(uint32_t id, const void *pointer);

/* Is this memory, which an application describes as the host's, not a device's? Asks CUDA if, and only if, baton has used a device in
 * this process; else it costs a load. Errors: ERR_INVALID_ARGUMENT. */
baton_status baton__cuda_check_host_memory(const void *pointer);

/* Frees what cudaMalloc gave. It waits for the device, but not on a connector's own thread (cuda_reserve.c). */
void baton__cuda_free_plain(uint32_t device, void *pointer);

#endif

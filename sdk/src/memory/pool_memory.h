/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_POOL_MEMORY_H
#define BATON_MEMORY_POOL_MEMORY_H

#include "device/reserve.h"
#include "transport/segment.h"
#include <baton/pool.h>

/* What the pieces of a pool are cut from, in one place, of whatever kind. Constant once made. */
typedef struct baton__pool_memory {
    void *pointer;
    size_t unit; /* alignment of the pieces, and of all of it */
    size_t size_bytes;
    baton_device device; /* of the pieces */
    baton_device runtime; /* that has to be usable for it: the host for shared memory */
    bool exportable; /* another process can open it, if it is let */
    baton__segment *segment; /* shared memory, else NULL */
    baton__reserve *reserve; /* CUDA's, else NULL */
} baton__pool_memory;

/* Errors: ERR_INVALID_ARGUMENT (kind, device and group that do not go together), ERR_OUT_OF_MEMORY, ERR_NOT_SUPPORTED, ERR_NOT_BUILT_IN,
 * ERR_DEVICE, ERR_WRONG_PROCESS. */
baton_status baton__pool_memory_create(const baton_pool_options *options, baton__pool_memory *memory_out);
/* wait: as baton__reserve_end. */
void baton__pool_memory_destroy(const baton__pool_memory *memory, bool wait);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_RESERVE_H
#define BATON_DEVICE_RESERVE_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory in one large piece, for pools: of a device, or of the host and pinned. Taking it takes milliseconds, and giving it back may wait for
 * all that a device has to do: never on a hot path. Any thread.
 */
typedef struct baton__reserve {
    void *pointer;
    size_t size_bytes;
    uint32_t device; /* where it lies, or in whose context it was pinned */
    bool pinned;
    bool exportable; /* another process can open it: CUDA makes a handle for that */
    struct baton__reserve *next;
} baton__reserve;

/* size_bytes: not 0, at most SIZE_MAX / 2. Rounded up: to 2 MiB on a device, since CUDA lets other processes into such blocks as a whole,
 * else to pages.
 * Errors: ERR_NOT_BUILT_IN, ERR_NOT_SUPPORTED, ERR_INVALID_ARGUMENT (no such device), ERR_OUT_OF_MEMORY, ERR_DEVICE, ERR_WRONG_PROCESS. */
baton_status baton__reserve_device(uint32_t id, size_t size_bytes, baton__reserve **reserve_out);
/* For all devices. Pinned in the context of the device that baton has used first, else of the thread's current one: no other device gets a
 * context for it. Errors: as baton__reserve_device. */
baton_status baton__reserve_pinned(size_t size_bytes, baton__reserve **reserve_out);
/* wait: when this returns it is given back. Without, and on a connector's own thread in any case, a thread that lives for it does that. */
void baton__reserve_end(baton__reserve *reserve, bool wait);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_LANE_H
#define BATON_DEVICE_LANE_H

#include "base/layout.h"
#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copies between memory that the CPU cannot reach and pinned memory of the host, without waiting for them. A lane is a row:
 * its copies run and end in the order in which they were begun, so that a count tells which ones are over. One thread at a time;
 * no function blocks or waits for the device, and none leaves a thread of the application with another current device than it had.
 *
 * What an application has queued on streams of its own never stands before them.
 */
typedef struct baton__lane baton__lane;

/* Copies of one lane that have begun and are not over; one more is refused with ERR_BUSY. */
#define BATON__LANE_MAX 64

typedef struct baton__lane_table {
    /* Errors: ERR_DEVICE (also a lane that is broken for good), ERR_OUT_OF_MEMORY. */
    baton_status (*open)(uint32_t id, baton__lane **lane_out);
    /* Its copies are over, or the lane is broken: the device touches nothing for it any more. */
    void (*close)(baton__lane *lane);
    /* from, to: segments as they lie, a range of which goes to or comes from one piece of pinned memory; valid until the copy is over.
     * After an error nothing of the lane runs any more, though parts may have; the lane is broken. (That takes a look at the device until
     * it is so, the only wait here, and a short one: nothing else is on the lane's stream.)
     * Errors: ERR_BUSY, ERR_DEVICE. native: the CUDA runtime's code. */
    baton_status (*copy_out)(baton__lane *lane, const baton__slice *from, void *to, int *native_out);
    baton_status (*copy_in)(baton__lane *lane, const void *from, const baton__slice *to, int *native_out);
    /* How many copies of this lane, counted from its beginning, are over; one that is may be missing for the time that copies take, at
     * most BATON__PACE_MAX_NS, since it is not looked for before it can be over (pace.h). Errors: ERR_DEVICE: a copy failed, and with it
     * the lane; those that are not counted by then have failed or will not be heard of. */
    baton_status (*poll)(baton__lane *lane, uint64_t *over_out, int *native_out);
    /* Is it the device's own, and nothing that moves between it and the host? Asks the runtime: not for each chunk. */
    bool (*is_device_memory)(uint32_t id, const void *pointer);
    /* Pinned memory for it. It takes milliseconds: not on a hot path. Errors: ERR_DEVICE, ERR_OUT_OF_MEMORY. */
    baton_status (*pin)(uint32_t id, size_t size_bytes, void **pointer_out);
    /* May wait for the device: not while something is under way. */
    void (*unpin)(void *pointer, size_t size_bytes);
    /* What a native code means. Constant. */
    const char *(*native_text)(int native);
} baton__lane_table;

extern const baton__lane_table baton__cuda_lanes; /* in a build with CUDA */

#endif

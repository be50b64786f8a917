/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_STAGE_LANES_H
#define BATON_CORE_STAGE_LANES_H

/* What the files of the stage share: its pinned buffers, and two lanes for each device, so that copies in the two directions do not wait
 * for each other. */
#include "core/engine.h"

enum {
    BATON__STAGE_BUFFER = BATON__CHUNK_BYTES,
    BATON__STAGE_SLAB = 8,                  /* buffers that are pinned together */
    BATON__STAGE_BUFFERS_MAX = BATON__LANE_MAX /* so that a lane always has room */
};

typedef struct baton__stage_lane {
    baton__lane *lane; /* NULL: not opened, or broken */
    uint64_t begun;    /* copies */
    uint64_t over;     /* so many of them, when it was asked last */
    baton__detour *copying; /* oldest first */
} baton__stage_lane;

typedef struct baton__stage_side {
    struct baton__stage_side *next;
    uint32_t id;
    const baton__lane_table *table;
    baton__stage_lane out; /* from the device */
    baton__stage_lane in;
} baton__stage_side;

typedef struct baton__stage_slab {
    struct baton__stage_slab *next;
    const baton__lane_table *table;
    uint8_t *pointer;
} baton__stage_slab;

struct baton__stage {
    baton_connector *connector;
    baton__slab detours;
    baton__detour *waiting; /* oldest first */
    baton__stage_side *sides;
    baton__stage_slab *slabs;
    uint8_t *free[BATON__STAGE_BUFFERS_MAX];
    uint32_t free_count;
    uint32_t buffers; /* free or in use */
    uint32_t buffers_max; /* as many may be pinned */
    uint32_t copying; /* on all lanes */
};

/* NULL: no memory. */
baton__stage_side *baton__stage_side_of(baton__stage *stage, baton_device device);
/*
 * The last quarter is for what comes in. A chunk that goes out keeps its buffer until its reader has fetched it, and a reader that has to wait for a
 * buffer of its own would otherwise wait for us, as we for it; what comes in needs nobody any more.
 * ERR_BUSY: all are in use, and there may be no more. ERR_DEVICE, ERR_OUT_OF_MEMORY: none is in use, and none can be had.
 */
baton_status baton__stage_take(baton__stage *stage, const baton__stage_side *side, bool incoming, uint8_t **buffer_out);
void baton__stage_give(baton__stage *stage, uint8_t *buffer);
/* Begins the copy between the detour's buffer and its memory. Errors: ERR_DEVICE, ERR_OUT_OF_MEMORY. */
baton_status baton__stage_copy(baton__stage *stage, baton__stage_side *side, baton__detour *detour, int *native_out);
/* The oldest copy that is over, taken off its lane; NULL: none is. It may have failed: *status_out. */
baton__detour *baton__stage_copied(baton__stage *stage, baton_status *status_out, int *native_out);
/* What is still copied will never be given back: takes it out of the lists of what is. */
void baton__stage_leak(baton__stage *stage);
/* Nothing is copied any more: unpins the buffers and closes the lanes. */
void baton__stage_lanes_fini(baton__stage *stage);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/stage_lanes.h"

#include "base/error.h"
#include "base/log.h"
#include "device/device.h"
#include <stdlib.h>

baton__stage_side *baton__stage_side_of(baton__stage *stage, baton_device device)
{
    for (baton__stage_side *side = stage->sides; side != NULL; side = side->next) {
        if (side->id == device.id) {
            return side;
        }
    }
    baton__stage_side *side = calloc(1, sizeof(*side));
    if (side == NULL) {
        (void)baton__fail_memory("a device's lanes");
        return NULL;
    }
    side->id = device.id;
    side->table = baton__device_find(device.kind)->lanes;
    LL_PREPEND(stage->sides, side);
    return side;
}

/* Of the runtime's reasons only the lack of memory is one of its own. */
static baton_status of_device(baton_status status)
{
    return status == BATON_OK || status == BATON_ERR_BUSY || status == BATON_ERR_OUT_OF_MEMORY ? status : BATON_ERR_DEVICE;
}

static baton_status pin_slab(baton__stage *stage, const baton__stage_side *side)
{
    void *pointer = NULL;
    baton__stage_slab *slab = malloc(sizeof(*slab));
    if (slab == NULL) {
        return baton__fail_memory("pinned buffers");
    }
    baton_status status = side->table->pin(side->id, (size_t)BATON__STAGE_SLAB * BATON__STAGE_BUFFER, &pointer);
    if (status != BATON_OK) {
        free(slab);
        return status;
    }
    *slab = (baton__stage_slab){.table = side->table, .pointer = pointer};
    LL_PREPEND(stage->slabs, slab);
    for (uint32_t i = 0; i < BATON__STAGE_SLAB; i++) {
        baton__stage_give(stage, slab->pointer + (size_t)i * BATON__STAGE_BUFFER);
    }
    stage->buffers += BATON__STAGE_SLAB;
    return BATON_OK;
}

baton_status baton__stage_take(baton__stage *stage, const baton__stage_side *side, bool incoming, uint8_t **buffer_out)
{
    uint32_t left = stage->free_count + stage->buffers_max - stage->buffers;
    if (!incoming && left <= stage->buffers_max / 4) {
        return BATON_ERR_BUSY;
    }
    if (stage->free_count == 0 && stage->buffers + BATON__STAGE_SLAB <= stage->buffers_max) {
        baton_status status = pin_slab(stage, side);
        if (status != BATON_OK && stage->buffers == 0) {
            return of_device(status);
        }
        if (status != BATON_OK) {
            stage->buffers_max = stage->buffers; /* more are not to be had */
        }
    }
    if (stage->free_count == 0) {
        return BATON_ERR_BUSY;
    }
    *buffer_out = stage->free[--stage->free_count];
    return BATON_OK;
}

void baton__stage_give(baton__stage *stage, uint8_t *buffer)
{
    stage->free[stage->free_count++] = buffer;
}

/* The next copy tries a new one. */
static void close_if_unused(const baton__stage_side *side, baton__stage_lane *lane)
{
    if (lane->copying == NULL && lane->lane != NULL) {
        side->table->close(lane->lane);
        lane->lane = NULL;
    }
}

baton_status baton__stage_copy(baton__stage *stage, baton__stage_side *side, baton__detour *detour, int *native_out)
{
    bool in = detour->chunk->incoming;
    baton__stage_lane *lane = in ? &side->in : &side->out;
    baton_status status = BATON_OK;
    if (lane->lane == NULL) {
        lane->begun = 0;
        lane->over = 0;
        status = side->table->open(side->id, &lane->lane);
    }
    if (status == BATON_OK) {
        status = in ? side->table->copy_in(lane->lane, detour->buffer, &detour->slice, native_out)
                    : side->table->copy_out(lane->lane, &detour->slice, detour->buffer, native_out);
    }
    if (status != BATON_OK) {
        close_if_unused(side, lane); /* else with the last of its copies */
        return of_device(status);
    }
    detour->phase = BATON__STAGE_COPYING;
    detour->ticket = ++lane->begun;
    DL_APPEND(lane->copying, detour);
    stage->copying++;
    return BATON_OK;
}

static baton__detour *take_copied(baton__stage *stage, const baton__stage_side *side, baton__stage_lane *lane, baton_status *status_out,
                                  int *native_out)
{
    baton__detour *oldest = lane->copying;
    if (oldest == NULL) {
        return NULL;
    }
    *status_out = BATON_OK;
    if (oldest->ticket > lane->over) {
        *status_out = side->table->poll(lane->lane, &lane->over, native_out);
    }
    if (*status_out == BATON_OK && oldest->ticket > lane->over) {
        return NULL;
    }
    DL_DELETE(lane->copying, oldest);
    stage->copying--;
    if (*status_out != BATON_OK) {
        close_if_unused(side, lane);
    }
    return oldest;
}

baton__detour *baton__stage_copied(baton__stage *stage, baton_status *status_out, int *native_out)
{
    for (baton__stage_side *side = stage->sides; side != NULL; side = side->next) {
        baton__detour *found = take_copied(stage, side, &side->in, status_out, native_out);
        if (found == NULL) {
            found = take_copied(stage, side, &side->out, status_out, native_out);
        }
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static void close_side(baton__stage_side *side)
{
    if (side->out.lane != NULL) {
        side->table->close(side->out.lane);
    }
    if (side->in.lane != NULL) {
        side->table->close(side->in.lane);
    }
    free(side);
}

static void leak_lane(const baton__stage_lane *lane)
{
    for (baton__detour *detour = lane->copying; detour != NULL; detour = detour->next) {
        if (detour->chunk->peer == NULL) {
            DL_DELETE(detour->chunk->orphans->chunks, detour->chunk);
        }
    }
}

void baton__stage_leak(baton__stage *stage)
{
    for (baton__stage_side *side = stage->sides; side != NULL; side = side->next) {
        leak_lane(&side->in);
        leak_lane(&side->out);
    }
}

void baton__stage_lanes_fini(baton__stage *stage)
{
    while (stage->sides != NULL) {
        baton__stage_side *side = stage->sides;
        stage->sides = side->next;
        close_side(side);
    }
    while (stage->slabs != NULL) {
        baton__stage_slab *slab = stage->slabs;
        stage->slabs = slab->next;
        slab->table->unpin(slab->pointer, (size_t)BATON__STAGE_SLAB * BATON__STAGE_BUFFER);
        free(slab);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/stage_lanes.h"

#include "base/error.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

#define LAST_COPIES_NS (5000 * BATON__NS_PER_MS) /* a device that takes longer is hung */

static baton__stage *stage_of(baton_connector *connector)
{
    if (connector->stage == NULL) {
        connector->stage = calloc(1, sizeof(*connector->stage));
        if (connector->stage != NULL) {
            size_t bytes = connector->options.stage_bytes;
            connector->stage->connector = connector;
            connector->stage->buffers_max = (uint32_t)((bytes == 0 ? BATON__STAGE_BYTES : bytes) / BATON__STAGE_BUFFER);
            baton__slab_init(&connector->stage->detours, sizeof(baton__detour));
        }
    }
    return connector->stage;
}

void baton__stage_end(baton__chunk *chunk)
{
    baton__detour *detour = chunk->detour;
    baton__stage *stage = detour->stage;
    chunk->detour = NULL;
    if (detour->buffer != NULL) {
        baton__stage_give(stage, detour->buffer);
    }
    free(detour->copied);
    baton__slab_give(&stage->detours, detour);
}

/* The transport keeps it no longer. Its sender learns that it is done with. */
static void release_kept(baton__detour *detour)
{
    if (detour->kept != NULL) {
        detour->stage->connector->table->payload_release(detour->chunk->peer->endpoint, detour->kept);
        detour->kept = NULL;
    }
}

static bool is_ending(const baton__chunk *chunk)
{
    return chunk->operation->ending || (chunk->grant != NULL && chunk->grant->state == BATON__GRANT_CLOSING);
}

static bool can_be_sent(const baton__peer *peer)
{
    return peer->endpoint != NULL && !peer->closing && !peer->reset_wanted;
}

static const baton__slice *in_buffer(baton__detour *detour, baton__slice *slice)
{
    size_t size = detour->slice.size;
    if (detour->buffer == NULL) {
        return &detour->slice;
    }
    detour->run = (baton__run){.base = detour->buffer, .segment = size, .stride = size, .count = 1};
    detour->layout = (baton__layout){.runs = &detour->run, .count = 1, .total = size};
    *slice = (baton__slice){.layout = &detour->layout, .size = size};
    return slice;
}

static baton_status copy(baton__detour *detour, int *native_out)
{
    baton__stage_side *side = baton__stage_side_of(detour->stage, detour->chunk->operation->device);
    return side == NULL ? BATON_ERR_OUT_OF_MEMORY : baton__stage_copy(detour->stage, side, detour, native_out);
}

/* What the transport has brought goes on to the device. */
static void arrived(baton__detour *detour)
{
    int native = 0;
    baton_status status = BATON_OK;
    if (detour->buffer == NULL || is_ending(detour->chunk)) {
        status = detour->buffer == NULL ? BATON_OK : BATON_ERR_CANCELLED;
    } else {
        status = copy(detour, &native);
        if (status == BATON_OK) {
            return; /* it ends with its copy */
        }
    }
    baton__chunk_over(detour->chunk, status, native);
}

static void moved(baton__transfer *transfer, baton_status status, int native)
{
    baton__chunk *chunk = (baton__chunk *)transfer;
    if (status == BATON_OK && chunk->incoming && chunk->peer != NULL) {
        arrived(chunk->detour);
    } else {
        baton__chunk_over(chunk, baton__of_transport(status), native);
    }
}

static void send_on(baton__detour *detour)
{
    baton__chunk *chunk = detour->chunk;
    baton__slice slice;
    bool pending = false;
    int native = 0;
    detour->phase = BATON__STAGE_MOVING;
    baton_status status = detour->stage->connector->table->send_chunk(chunk->peer->endpoint, chunk->header, BATON__FRAME_SIZE,
                                                                      in_buffer(detour, &slice), &chunk->transfer, &pending, &native);
    if (!pending) {
        baton__chunk_over(chunk, baton__of_transport(status), native);
    }
}

static void receive_kept(baton__detour *detour)
{
    baton__chunk *chunk = detour->chunk;
    baton__slice slice;
    baton__payload payload = {.data = detour->kept, .size = chunk->size, .announced = true};
    bool pending = false;
    int native = 0;
    detour->phase = BATON__STAGE_MOVING;
    detour->kept = NULL;
    baton_status status = detour->stage->connector->table->receive(chunk->peer->endpoint, &payload, in_buffer(detour, &slice),
                                                                   &chunk->transfer, &pending, &native);
    if (!pending) {
        moved(&chunk->transfer, status, native);
    }
}

/* Bytes that came in the message itself. */
static void put(baton__detour *detour, const void *bytes)
{
    baton__slice slice;
    uint32_t hint = 0;
    const baton__slice *to = in_buffer(detour, &slice);
    baton__layout_scatter(to->layout, to->offset, bytes, to->size, &hint);
    arrived(detour);
}

/* The first step. ERR_BUSY: not yet. Other errors: never. */
static baton_status may_start(baton__detour *detour)
{
    baton__chunk *chunk = detour->chunk;
    const baton_operation *op = chunk->operation;
    if (!baton__gates_are_open(op) || !can_be_sent(chunk->peer)) {
        return BATON_ERR_BUSY;
    }
    if (chunk->direct) {
        return baton__direct_hand_over(chunk, &detour->slice) ? BATON_OK : BATON_ERR_DEVICE;
    }
    if ((op->staged & BATON__STAGED_BY_COPY) == 0) {
        return BATON_OK;
    }
    if (chunk->size > BATON__STAGE_BUFFER) {
        return BATON_ERR_NOT_SUPPORTED; /* it was to go directly, and the link is another one now */
    }
    const baton__stage_side *side = baton__stage_side_of(detour->stage, op->device);
    return side == NULL ? BATON_ERR_OUT_OF_MEMORY : baton__stage_take(detour->stage, side, chunk->incoming, &detour->buffer);
}

static void start(baton__detour *detour, const void *bytes)
{
    int native = 0;
    if (detour->kept != NULL) {
        receive_kept(detour);
    } else if (detour->chunk->incoming) {
        put(detour, bytes != NULL ? bytes : detour->copied);
    } else if (detour->buffer == NULL) {
        send_on(detour);
    } else {
        baton_status status = copy(detour, &native);
        if (status != BATON_OK) {
            baton__chunk_over(detour->chunk, status, native);
        }
    }
}

static baton_status enter(baton__chunk *chunk, const baton__slice *slice)
{
    baton__stage *stage = stage_of(chunk->operation->connector);
    baton__detour *detour = stage == NULL ? NULL : baton__slab_take(&stage->detours);
    if (detour == NULL) {
        return baton__fail_memory("a chunk's detour");
    }
    detour->stage = stage;
    detour->phase = BATON__STAGE_WAITING;
    detour->chunk = chunk;
    detour->slice = *slice;
    chunk->detour = detour;
    chunk->transfer.done = moved;
    return BATON_OK;
}

static void enqueue(baton__detour *detour)
{
    DL_APPEND(detour->stage->waiting, detour);
}

static void dequeue(baton__detour *detour)
{
    DL_DELETE(detour->stage->waiting, detour);
}

baton_status baton__stage_send(baton__chunk *chunk, const baton__slice *slice)
{
    baton_status status = enter(chunk, slice);
    if (status != BATON_OK) {
        return status;
    }
    status = chunk->detour->stage->waiting == NULL ? may_start(chunk->detour) : BATON_ERR_BUSY;
    if (status == BATON_OK) {
        start(chunk->detour, NULL);
    } else {
        enqueue(chunk->detour); /* also what fails: the caller does not expect the end of it yet */
    }
    return BATON_OK;
}

baton_status baton__stage_receive(baton__chunk *chunk, const baton__payload *payload, const baton__slice *slice)
{
    baton_status status = enter(chunk, slice);
    if (status != BATON_OK) {
        return status;
    }
    baton__detour *detour = chunk->detour;
    detour->kept = payload->announced ? payload->data : NULL;
    if (detour->stage->waiting == NULL && may_start(detour) == BATON_OK) {
        start(detour, payload->data);
        return BATON_OK;
    }
    if (payload->announced) {
        *payload->keep = true;
    } else {
        detour->copied = malloc(payload->size);
        if (detour->copied == NULL) {
            baton__stage_end(chunk);
            return baton__fail_memory("a payload that has to wait");
        }
        memcpy(detour->copied, payload->data, payload->size);
    }
    enqueue(detour);
    return BATON_OK;
}

static void go_on(baton__detour *detour, baton_status status, int native)
{
    baton__chunk *chunk = detour->chunk;
    if (status == BATON_OK && chunk->peer != NULL && !chunk->incoming) {
        if (!is_ending(chunk) && can_be_sent(chunk->peer)) {
            send_on(detour);
            return;
        }
        status = is_ending(chunk) ? BATON_ERR_CANCELLED : BATON_ERR_PEER_LOST;
    }
    baton__chunk_over(chunk, status, native);
}

/* The first that need not wait any more; NULL: none. What can never start ends here. */
static baton__detour *next_to_start(baton__stage *stage)
{
    for (baton__detour *detour = stage->waiting; detour != NULL; detour = detour->next) {
        baton_status status = may_start(detour);
        if (status == BATON_OK) {
            dequeue(detour);
            return detour;
        }
        if (status != BATON_ERR_BUSY) {
            dequeue(detour);
            release_kept(detour);
            baton__chunk_over(detour->chunk, status, 0);
            return next_to_start(stage); /* the list may be another one */
        }
    }
    return NULL;
}

int baton__stage_work(baton_connector *connector)
{
    baton__stage *stage = connector->stage;
    baton_status status = BATON_OK;
    int native = 0;
    int done = 0;
    for (baton__detour *detour; (detour = baton__stage_copied(stage, &status, &native)) != NULL; done++) {
        go_on(detour, status, native);
        native = 0;
    }
    for (baton__detour *detour; stage->waiting != NULL && (detour = next_to_start(stage)) != NULL; done++) {
        start(detour, NULL);
    }
    return done;
}

bool baton__stage_is_busy(const baton_connector *connector)
{
    return connector->stage != NULL && connector->stage->copying != 0;
}

const char *baton__why_staged(const baton_operation *op)
{
    bool by_copy = (__atomic_load_n(&op->staged, __ATOMIC_RELAXED) & BATON__STAGED_BY_COPY) != 0;
    return by_copy ? "memory of this side is of a CUDA device" : "the memory waits for an event";
}

/* One that waits; NULL: there is none. */
static baton__detour *waiting_of(const baton__stage *stage, const baton_operation *op, const baton__grant *grant, const baton__peer *peer)
{
    for (baton__detour *detour = stage->waiting; detour != NULL; detour = detour->next) {
        const baton__chunk *chunk = detour->chunk;
        if (peer != NULL ? chunk->peer == peer : chunk->operation == op && chunk->grant == grant) {
            return detour;
        }
    }
    return NULL;
}

static void drop_all(baton__stage *stage, const baton_operation *op, const baton__grant *grant, const baton__peer *peer,
                     baton_status status)
{
    for (baton__detour *detour; stage != NULL && (detour = waiting_of(stage, op, grant, peer)) != NULL;) {
        dequeue(detour);
        release_kept(detour);
        baton__chunk_over(detour->chunk, status, 0);
    }
}

void baton__stage_drop(baton_operation *op, const baton__grant *grant)
{
    if (op->staged != 0) {
        drop_all(op->connector->stage, op, grant, NULL, BATON_ERR_CANCELLED);
    }
}

void baton__stage_leave(baton__peer *peer)
{
    drop_all(peer->connector->stage, NULL, NULL, peer, BATON_ERR_PEER_LOST);
}

bool baton__stage_is_copying(const baton__chunk *chunk)
{
    return chunk->detour != NULL && chunk->detour->phase == BATON__STAGE_COPYING;
}

baton_connector *baton__stage_connector(const baton__chunk *chunk)
{
    return chunk->detour->stage->connector;
}

bool baton__stage_shields(const baton__chunk *chunk)
{
    return chunk->detour != NULL && chunk->detour->buffer != NULL && chunk->detour->phase == BATON__STAGE_MOVING;
}

/* Copies that are still under way, until the device is done. */
static void await_copies(baton__stage *stage)
{
    uint64_t end = baton__now(stage->connector) + LAST_COPIES_NS;
    baton_status status = BATON_OK;
    int native = 0;
    while (stage->copying != 0 && baton__now(stage->connector) < end) {
        baton__detour *detour = baton__stage_copied(stage, &status, &native);
        if (detour != NULL) {
            baton__chunk_over(detour->chunk, status, native);
        }
    }
}

void baton__stage_fini(baton_connector *connector)
{
    baton__stage *stage = connector->stage;
    if (stage == NULL) {
        return;
    }
    await_copies(stage);
    if (stage->copying != 0) {
        BATON__ERROR("%s: a device does not end its copies: what they reach is never given back", connector->name);
        baton__stage_leak(stage);
    }
    baton__outbox_forget(&connector->orphans);
    baton__outbox_forget(&connector->retired_orphans);
    connector->stage = NULL;
    if (stage->copying != 0) {
        return;
    }
    baton__stage_lanes_fini(stage);
    baton__slab_fini(&stage->detours);
    free(stage);
}

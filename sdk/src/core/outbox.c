/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks on their way. outbox_control.c has the control frames. */
#include "core/engine.h"

#include "base/error.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

/* An abandoned chunk is called back after all, or never will be. */
static void forget(baton__chunk *chunk)
{
    DL_DELETE(chunk->orphans->chunks, chunk);
    for (uint32_t i = 0; i < chunk->held_count; i++) {
        baton_descriptor_release(chunk->held[i]);
    }
    free(chunk->held);
    if (chunk->exposed) {
        chunk->left_with->left--;
    }
    if (chunk->detour != NULL) {
        baton__stage_end(chunk);
    }
    free(chunk);
}

void baton__chunk_over(baton__chunk *chunk, baton_status status, int native)
{
    if (chunk->peer == NULL) {
        forget(chunk);
        return;
    }
    if (chunk->detour != NULL) {
        baton__stage_end(chunk);
    }
    baton__chunk copy = *chunk;
    baton_connector *connector = copy.operation->connector;
    DL_DELETE(chunk->peer->chunks, chunk);
    LL_PREPEND(connector->free_chunks, chunk);
    if (status != BATON_OK) {
        baton__direct_failed(&copy);
    } else {
        if (copy.incoming) {
            BATON__COUNT_BY(connector, bytes_received, copy.size);
        } else {
            BATON__COUNT_BY(connector, bytes_sent, copy.size);
        }
    }
    baton__operation_note_transport(copy.operation, copy.peer);
    copy.operation->inflight--;
    if (copy.grant != NULL) {
        copy.grant->inflight--;
        baton__passive_chunk_over(copy.grant, &copy, status, native);
    } else {
        baton__active_chunk_over(copy.operation, &copy, status, native);
    }
    baton__peer_transfer_done(copy.peer);
}

static void chunk_done(baton__transfer *transfer, baton_status status, int native)
{
    baton__chunk_over((baton__chunk *)transfer, baton__of_transport(status), native);
}

static baton__chunk *new_chunk(baton__peer *peer, baton_operation *operation, baton__grant *grant,
                               uint32_t index, size_t size, bool incoming)
{
    baton_connector *connector = operation->connector;
    baton__chunk *chunk = connector->free_chunks;
    if (chunk != NULL) {
        connector->free_chunks = chunk->next;
    } else {
        chunk = malloc(sizeof(*chunk));
        if (chunk == NULL) {
            BATON__ERROR("out of memory for a chunk");
            return NULL;
        }
    }
    chunk->transfer.done = chunk_done;
    chunk->peer = peer;
    chunk->operation = operation;
    chunk->grant = grant;
    chunk->index = index;
    chunk->size = size;
    chunk->incoming = incoming;
    chunk->direct = false;
    chunk->exposed = false;
    chunk->transfer.device = -1;
    chunk->detour = NULL;
    chunk->held = NULL;
    chunk->held_count = 0;
    peer->transfers++;
    DL_APPEND(peer->chunks, chunk);
    operation->inflight++;
    if (grant != NULL) {
        grant->inflight++;
    }
    return chunk;
}

static void drop_chunk(baton__chunk *chunk)
{
    baton_connector *connector = chunk->operation->connector;
    chunk->operation->inflight--;
    if (chunk->grant != NULL) {
        chunk->grant->inflight--;
    }
    DL_DELETE(chunk->peer->chunks, chunk);
    baton__peer_transfer_done(chunk->peer);
    LL_PREPEND(connector->free_chunks, chunk);
}

/* There is no memory for it, here: who waits for it would wait for ever. */
static baton_status refused(baton_operation *operation, baton__grant *grant, baton_status status)
{
    if (grant != NULL) {
        baton__grant_close(grant, status, 0);
    } else {
        baton__active_stop(operation, status, 0);
    }
    return status;
}

static baton_status staged_or_dropped(baton__chunk *chunk, baton_status status)
{
    if (status == BATON_OK) {
        return BATON_OK;
    }
    baton_operation *operation = chunk->operation;
    baton__grant *grant = chunk->grant;
    drop_chunk(chunk);
    return refused(operation, grant, status);
}

baton_status baton__chunk_send(baton__peer *peer, baton_operation *operation, baton__grant *grant,
                               uint32_t index, baton__frame *frame, baton__slice slice, int *native_out)
{
    if (peer->endpoint == NULL || peer->closing || peer->reset_wanted) {
        return BATON_ERR_PEER_LOST;
    }
    baton__chunk *chunk = new_chunk(peer, operation, grant, index, slice.size, false);
    if (chunk == NULL) {
        return refused(operation, grant, BATON_ERR_OUT_OF_MEMORY);
    }
    chunk->direct = baton__direct_sends(chunk, &slice);
    frame->c = chunk->direct ? 1 : frame->c;
    baton__frame_address(peer, frame);
    baton__frame_encode(frame, chunk->header);
    if (operation->staged != 0) {
        return staged_or_dropped(chunk, baton__stage_send(chunk, &slice));
    }
    bool pending = false;
    baton_status status = operation->connector->table->send_chunk(
        peer->endpoint, chunk->header, BATON__FRAME_SIZE, &slice, &chunk->transfer, &pending, native_out);
    if (status != BATON_OK) {
        drop_chunk(chunk);
        baton__peer_failed(peer, *native_out);
        return status;
    }
    if (!pending) {
        chunk_done(&chunk->transfer, BATON_OK, 0);
    }
    return BATON_OK;
}

baton_status baton__chunk_receive(baton__peer *peer, baton_operation *operation, baton__grant *grant,
                                  uint32_t index, const baton__payload *payload, baton__slice slice,
                                  bool from_device, int *native_out)
{
    baton__chunk *chunk = new_chunk(peer, operation, grant, index, slice.size, true);
    if (chunk == NULL) {
        return refused(operation, grant, BATON_ERR_OUT_OF_MEMORY);
    }
    if (operation->staged != 0) {
        chunk->direct = baton__direct_receives(chunk, payload, &slice, from_device);
        return staged_or_dropped(chunk, baton__stage_receive(chunk, payload, &slice));
    }
    bool pending = false;
    baton_status status = BATON_OK;
    if (payload->announced) {
        status = operation->connector->table->receive(peer->endpoint, payload, &slice,
                                                      &chunk->transfer, &pending, native_out);
    } else {
        uint32_t hint = 0;
        baton__layout_scatter(slice.layout, slice.offset, payload->data, slice.size, &hint);
    }
    if (status != BATON_OK) {
        drop_chunk(chunk);
        baton__peer_failed(peer, *native_out);
        return status;
    }
    if (!pending) {
        chunk_done(&chunk->transfer, BATON_OK, 0);
    }
    return BATON_OK;
}

bool baton__chunk_is_arriving(const baton__grant *grant, uint32_t index)
{
    const baton__chunk *chunk;
    DL_FOREACH(grant->peer->chunks, chunk)
    {
        if (chunk->grant == grant && chunk->index == index && chunk->incoming) {
            return true;
        }
    }
    return false;
}

static baton__orphans *orphans_of(const baton__peer *peer)
{
    return peer->retiring ? &peer->connector->retired_orphans : &peer->connector->orphans;
}

/* The descriptors that the chunk is of. */
static void hold_memory(baton__chunk *chunk, const baton_operation *op, const baton__plan *plan)
{
    baton__slice slice = baton__plan_slice(plan, &op->layout, chunk->index);
    uint32_t first = 0;
    uint64_t end = baton_descriptor_size(op->descriptors[0]);
    while (end <= slice.offset) {
        end += baton_descriptor_size(op->descriptors[++first]);
    }
    uint32_t last = first;
    while (end < slice.offset + slice.size) {
        end += baton_descriptor_size(op->descriptors[++last]);
    }
    chunk->held = calloc(last - first + 1, sizeof(baton_descriptor *));
    if (chunk->held == NULL) {
        BATON__ERROR("%s: out of memory: what a transfer may still reach is never given back", op->connector->name);
    }
    for (uint32_t i = first; i <= last; i++) {
        baton_descriptor *held = baton_descriptor_acquire(op->descriptors[i]);
        if (chunk->held != NULL) {
            chunk->held[chunk->held_count++] = held;
        }
    }
}

/* A buffer that the transport may still reach stays with the chunk: nobody else needs it. */
static void leave_buffer(baton__chunk *chunk, bool revoked)
{
    if (revoked) {
        baton__stage_end(chunk);
        chunk->transfer.done = chunk_done;
    }
}

static void abandon_chunk(baton__chunk *chunk, bool hold, bool revoked)
{
    if (baton__stage_shields(chunk)) {
        leave_buffer(chunk, revoked);
        hold = false;
    }
    baton__chunk copy = *chunk;
    baton_operation *op = copy.operation;
    baton_connector *connector = op->connector;
    baton__direct_failed(&copy);
    hold = hold || copy.exposed; /* our own device may still be at it */
    baton_status status = copy.exposed ? BATON_ERR_QUARANTINED : BATON_ERR_PEER_LOST;
    DL_DELETE(copy.peer->chunks, chunk);
    copy.peer->transfers--;
    op->inflight--;
    chunk->peer = NULL;
    chunk->operation = NULL;
    chunk->orphans = orphans_of(copy.peer);
    DL_APPEND(chunk->orphans->chunks, chunk);
    if (chunk->exposed) {
        chunk->left_with = copy.peer;
        copy.peer->left++;
    }
    if (baton__stage_is_copying(chunk)) {
        __atomic_store_n(&op->staged, (uint8_t)(op->staged | BATON__STAGED_LEFT), __ATOMIC_RELAXED);
    }
    if (hold) {
        hold_memory(chunk, op, copy.grant != NULL ? &copy.grant->plan : &op->plan);
        op->reason = BATON_ERR_QUARANTINED;
        BATON__WARN("%s: UCX does not end a transfer with %s; its memory is held back", connector->name,
                    copy.peer->name);
    }
    if (copy.grant != NULL) {
        copy.grant->inflight--;
        copy.grant->reason = hold ? BATON_ERR_QUARANTINED : copy.grant->reason;
        baton__passive_chunk_over(copy.grant, &copy, status, copy.peer->native);
    } else {
        baton__active_chunk_over(op, &copy, status, copy.peer->native);
    }
}

static bool is_ending(const baton__chunk *chunk)
{
    return chunk->operation->ending ||
           (chunk->grant != NULL && chunk->grant->state == BATON__GRANT_CLOSING);
}

static void abandon_controls(baton__peer *peer)
{
    baton__control *control;
    baton__control *next;
    DL_FOREACH_SAFE(peer->controls, control, next)
    {
        DL_DELETE(peer->controls, control);
        baton__control_uncount(control);
        control->peer = NULL;
        control->orphans = orphans_of(peer);
        DL_APPEND(control->orphans->controls, control);
        peer->transfers--;
    }
}

void baton__outbox_revoke(baton__peer *peer)
{
    baton__chunk *chunk;
    baton__chunk *next;
    DL_FOREACH_SAFE(peer->chunks, chunk, next)
    {
        if (!baton__stage_is_copying(chunk) && peer->connector->table->revoke(&chunk->transfer)) {
            abandon_chunk(chunk, false, true);
        }
    }
    abandon_controls(peer);
}

void baton__outbox_abandon(baton__peer *peer, bool lost)
{
    if (baton__stage_is_busy(peer->connector)) {
        (void)baton__stage_work(peer->connector); /* copies may be over, and nobody has looked */
    }
    baton__chunk *chunk;
    baton__chunk *next;
    DL_FOREACH_SAFE(peer->chunks, chunk, next)
    {
        if (lost || is_ending(chunk)) {
            abandon_chunk(chunk, !lost || baton__stage_is_copying(chunk), false);
        }
    }
    abandon_controls(peer);
}

void baton__outbox_retire(baton_connector *connector)
{
    baton__chunk *chunk;
    baton__control *control;
    DL_FOREACH(connector->orphans.chunks, chunk)
    {
        chunk->orphans = &connector->retired_orphans;
    }
    DL_FOREACH(connector->orphans.controls, control)
    {
        control->orphans = &connector->retired_orphans;
    }
    DL_CONCAT(connector->retired_orphans.chunks, connector->orphans.chunks);
    DL_CONCAT(connector->retired_orphans.controls, connector->orphans.controls);
    connector->orphans = (baton__orphans){0};
}

void baton__outbox_forget(baton__orphans *orphans)
{
    baton__chunk *chunk;
    baton__chunk *next;
    DL_FOREACH_SAFE(orphans->chunks, chunk, next)
    {
        if (baton__stage_is_copying(chunk)) { /* not the worker's: its device ends it */
            baton__orphans *present = &baton__stage_connector(chunk)->orphans;
            DL_DELETE(orphans->chunks, chunk);
            chunk->orphans = present;
            DL_PREPEND(present->chunks, chunk);
        } else {
            forget(chunk);
        }
    }
    for (baton__control *control; (control = orphans->controls) != NULL;) {
        DL_DELETE(orphans->controls, control);
        free(control->large);
        free(control);
    }
}

void baton__outbox_fini(baton_connector *connector)
{
    for (baton__control *control; (control = connector->free_controls) != NULL;) {
        connector->free_controls = control->next;
        free(control);
    }
    free(connector->spare_body);
    connector->spare_body = NULL;
    baton__outbox_forget(&connector->orphans);
    baton__outbox_forget(&connector->retired_orphans);
    for (baton__chunk *chunk; (chunk = connector->free_chunks) != NULL;) {
        connector->free_chunks = chunk->next;
        free(chunk);
    }
}

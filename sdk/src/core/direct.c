/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/log.h"
#include "device/device.h"
#include "memory/descriptor.h"
#include <baton/pool.h>

static bool peer_is_on_device(const baton_operation *op, const baton__grant *grant)
{
    return grant != NULL ? grant->peer_on_device : op->a.peer_on_device;
}

static void say_why_not(baton_operation *op, const char *why)
{
    if (__atomic_load_n(&op->why_staged, __ATOMIC_RELAXED) == NULL) { /* the first one counts */
        __atomic_store_n(&op->why_staged, why, __ATOMIC_RELAXED);
    }
}

/* What was found out about a descriptor: once, since CUDA is asked (descriptor->direct). */
enum { NOT_ASKED, FINE, MANAGED, PRIVATE, UNHEARD };

static const char *const words[] = {
    [MANAGED] = "its memory is managed by CUDA, and may be on either side",
    [PRIVATE] = "CUDA lets nobody else into its memory, as that of cudaMallocAsync; that of a baton_pool is better",
    [UNHEARD] = "a descriptor has no release callback, which tells its owner when nobody reaches the memory any more",
};

static uint8_t look_at(const baton_descriptor *descriptor, const baton__lane_table *lanes)
{
    if (!lanes->is_device_memory(descriptor->device.id, descriptor->pointer)) {
        return MANAGED;
    }
    /* UCX would learn it from a call that fails in the middle of the operation, and verbs devices do not register such memory either. */
    if (!baton_descriptor_is_exportable(descriptor)) {
        return PRIVATE;
    }
    return descriptor->release == NULL ? UNHEARD : FINE;
}

static const char *objection_to_memory(const baton_operation *op)
{
    for (uint32_t i = 0; i < op->count; i++) {
        baton_descriptor *descriptor = op->descriptors[i];
        const baton__lane_table *lanes = baton__device_find(descriptor->device.kind)->lanes;
        if (lanes == NULL) {
            return "some of its memory is the host's";
        }
        uint8_t found = __atomic_load_n(&descriptor->direct, __ATOMIC_RELAXED);
        if (found == NOT_ASKED) {
            found = look_at(descriptor, lanes);
            __atomic_store_n(&descriptor->direct, found, __ATOMIC_RELAXED);
        }
        if (found != FINE) {
            return words[found];
        }
    }
    return NULL;
}

/* What the transport calls of CUDA belongs to the context of one, that of the operation. */
static bool is_of_one_device(const baton_operation *op)
{
    for (uint32_t i = 0; i < op->count; i++) {
        if (baton_descriptor_device(op->descriptors[i]).id != op->device.id) {
            return false;
        }
    }
    return true;
}

void baton__direct_note(baton_operation *op)
{
    if ((op->staged & BATON__STAGED_BY_COPY) == 0) {
        return;
    }
    const baton_connector *connector = op->connector;
    const char *unknown = connector->table->knows_no_device(connector->transport);
    bool wanted = unknown == NULL || baton__rma_reaches_devices(connector);
    const char *why = wanted ? objection_to_memory(op) : NULL;
    if (wanted && why == NULL) {
        op->staged |= BATON__STAGED_NATIVE;
        why = is_of_one_device(op) ? NULL : "its memory is of several devices";
    }
    why = unknown != NULL ? unknown : why;
    if (why != NULL) {
        say_why_not(op, why);
    } else {
        op->staged |= BATON__STAGED_OR_DIRECT;
    }
}

static bool is_one_piece(const baton_operation *op)
{
    baton__slice all = {.layout = &op->layout, .size = op->bytes_total};
    return baton__slice_pieces(&all, 2) == 1;
}

static const char *objection(const baton_operation *op, const baton__peer *peer, bool peer_on_device)
{
    if (peer->endpoint == NULL) {
        return "there is no connection to the peer";
    }
    return op->connector->table->why_not_device(peer->endpoint, peer_on_device);
}

static baton_status plan_again(baton_operation *op, size_t chunk_size)
{
    baton__bits_fini(&op->a.claimed);
    baton__bits_fini(&op->a.done);
    baton_status status = baton__plan_init(&op->plan, op->bytes_total, chunk_size);
    if (status == BATON_OK) {
        status = baton__bits_init(&op->a.claimed, op->plan.chunks);
    }
    return status == BATON_OK ? baton__bits_init(&op->a.done, op->plan.chunks) : status;
}

baton_status baton__direct_plan(baton_operation *op)
{
    bool can_be = (op->staged & BATON__STAGED_OR_DIRECT) != 0 && op->a.peer_on_device && op->bytes_total > BATON__CHUNK_BYTES;
    return can_be && is_one_piece(op) && objection(op, op->peer, true) == NULL ? plan_again(op, BATON__DIRECT_CHUNK) : BATON_OK;
}

bool baton__direct_refused(baton_operation *op, baton_status reason)
{
    if (reason != BATON_ERR_NOT_SUPPORTED || op->a.granted || op->plan.chunk_size <= BATON__CHUNK_BYTES ||
        (op->staged & BATON__STAGED_OR_DIRECT) == 0) {
        return false;
    }
    __atomic_store_n(&op->staged, (uint8_t)(op->staged & ~BATON__STAGED_OR_DIRECT), __ATOMIC_RELAXED);
    say_why_not(op, "the peer cannot take chunks of a device's memory directly");
    baton_status status = plan_again(op, BATON__CHUNK_BYTES);
    if (status != BATON_OK) {
        baton__active_stop(op, status, 0);
    } else {
        baton__active_open(op);
    }
    return true;
}

uint32_t baton__direct_open_flags(const baton_operation *op)
{
    return (op->staged & BATON__STAGED_OR_DIRECT) != 0 ? BATON__OPEN_DEVICE : 0;
}

bool baton__direct_serves(const baton_operation *op, const baton__peer *peer, const baton__frame *open)
{
    return (op->staged & BATON__STAGED_OR_DIRECT) != 0 && (open->d & BATON__OPEN_DEVICE) != 0 && is_one_piece(op) &&
           objection(op, peer, true) == NULL;
}

static const char *why_not(const baton__chunk *chunk, const baton__slice *slice)
{
    if (slice->size < BATON__DIRECT_MIN) {
        return "its chunks are small";
    }
    if (baton__slice_pieces(slice, 2) > 1) {
        return "its chunks are of several pieces";
    }
    return objection(chunk->operation, chunk->peer, peer_is_on_device(chunk->operation, chunk->grant));
}

static bool decide(const baton__chunk *chunk, const char *why)
{
    if (why != NULL) {
        say_why_not(chunk->operation, why);
    }
    return why == NULL;
}

bool baton__direct_sends(const baton__chunk *chunk, const baton__slice *slice)
{
    return (chunk->operation->staged & BATON__STAGED_OR_DIRECT) != 0 && decide(chunk, why_not(chunk, slice));
}

bool baton__direct_receives(const baton__chunk *chunk, const baton__payload *payload, const baton__slice *slice, bool from_device)
{
    if ((chunk->operation->staged & BATON__STAGED_OR_DIRECT) == 0) {
        return false;
    }
    return decide(chunk, !from_device || !payload->announced ? "the peer sends from memory of the host" : why_not(chunk, slice));
}

bool baton__direct_hand_over(baton__chunk *chunk, const baton__slice *slice)
{
    baton_operation *op = chunk->operation;
    const baton__lane_table *lanes = baton__device_find(op->device.kind)->lanes;
    uint32_t hint = 0;
    if (!lanes->is_device_memory(op->device.id, baton__layout_at(slice->layout, slice->offset, &hint).pointer)) {
        return false;
    }
    chunk->transfer.device = (int)op->device.id;
    chunk->exposed = op->connector->table->exposes_device(chunk->peer->endpoint);
    __atomic_store_n(&op->direct, true, __ATOMIC_RELAXED);
    return true;
}

void baton__direct_failed(const baton__chunk *chunk)
{
    if (!chunk->exposed || chunk->peer->dead) {
        return;
    }
    baton__grant *grant = chunk->grant;
    if (grant == NULL) {
        chunk->operation->a.exposed = true;
        return;
    }
    if (baton__hold_begin(grant) != BATON_OK) {
        BATON__ERROR("%s: out of memory: what %s may still reach is never given back", chunk->operation->connector->name,
                     chunk->peer->name);
        for (uint32_t i = 0; i < chunk->operation->count; i++) {
            (void)baton_descriptor_acquire(chunk->operation->descriptors[i]);
        }
        return;
    }
    grant->exposed = true;
    baton__grant_waits_for_hold(grant);
}

bool baton__direct_is_reading(const baton_operation *op)
{
    const baton__chunk *chunk;
    if (op->peer != NULL && (op->staged & BATON__STAGED_OR_DIRECT) != 0) {
        DL_FOREACH(op->peer->chunks, chunk)
        {
            if (chunk->operation == op && chunk->exposed) {
                return true;
            }
        }
    }
    return false;
}

bool baton__direct_is_left(const baton__peer *peer)
{
    return peer->left != 0;
}

baton_status baton__direct_end(baton_operation *op, baton_status reason)
{
    if (op->peer == NULL) {
        return reason;
    }
    if (op->a.reads_on && !baton__direct_is_left(op->peer)) {
        baton__release_tell(op->peer, BATON__FRAME_RELEASE, &op->id, &op->a.nonce, &op->a.token);
    }
    bool known = reason == BATON_OK || reason == BATON_ERR_NACKED; /* the peer's part is over */
    return op->a.exposed && !known && baton__hold_active(op) ? BATON_ERR_QUARANTINED : reason;
}

static bool is_over(const baton__grant *grant)
{
    return grant == NULL || (grant->state != BATON__GRANT_ACTIVE && grant->state != BATON__GRANT_CLOSING);
}

void baton__direct_probe(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    baton__block block;
    if (baton__block_decode(payload->data, payload->size, &block) != BATON_OK) {
        BATON__COUNT(connector, refused_address);
        return;
    }
    baton_operation *op = baton__passive_find(connector, &frame->operation);
    baton__grant *grant = op == NULL ? NULL : baton__grant_of_nonce(op, &frame->nonce);
    if (grant != NULL && !baton_key_equal(&grant->token, &frame->key)) {
        BATON__COUNT(connector, refused_token);
        return;
    }
    bool reads_on = (frame->d & BATON__FAIL_READING) != 0;
    if (!is_over(grant)) {
        if (!reads_on) {
            baton__hold_end(grant);
        }
        baton__grant_close(grant, baton__reason_of_peer(baton__reason_unpack(frame->c)), 0);
        baton__grant_quiet(grant);
    } else if (!reads_on) {
        (void)baton__hold_released(connector, frame);
    }
    baton__peer *peer = baton__peer_find(connector, &block.instance);
    if (peer != NULL && peer->epoch == block.epoch && is_over(grant) && !baton__direct_is_left(peer)) {
        baton__release_tell(peer, BATON__FRAME_PROBED, &frame->operation, &frame->nonce, &frame->key);
    }
}

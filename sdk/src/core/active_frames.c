/* SPDX-License-Identifier: Apache-2.0 */
/* The active side: what arrives from the passive side, in-band or by another channel. */
#include "core/engine.h"

#include "base/error.h"
#include "base/log.h"

static void incoming_chunk(baton_operation *op, uint32_t index, const baton__payload *payload, bool from_device)
{
    baton_connector *connector = op->connector;
    if (op->kind != BATON_OPERATION_READ || op->a.view != NULL || op->ending) {
        BATON__COUNT(connector, refused_state);
        return;
    }
    if (index >= op->plan.chunks) {
        BATON__COUNT(connector, refused_bounds);
        return;
    }
    baton__slice slice = baton__plan_slice(&op->plan, &op->layout, index);
    if (payload->size != slice.size) {
        BATON__COUNT(connector, refused_bounds);
        return;
    }
    if (!baton__bits_set(&op->a.claimed, index)) {
        BATON__COUNT(connector, refused_duplicate);
        return;
    }
    int native = 0;
    if (baton__chunk_receive(op->peer, op, NULL, index, payload, slice, from_device, &native) != BATON_OK) {
        baton__bits_clear(&op->a.claimed, index);
    }
}

static void chunk_done(baton_operation *op, uint32_t index, size_t size)
{
    if (baton__bits_set(&op->a.done, index)) {
        if (op->a.asked > 0) {
            op->a.asked--;
        }
        __atomic_add_fetch(&op->bytes_moved, size, __ATOMIC_RELAXED);
    }
}

void baton__active_chunk_over(baton_operation *op, const baton__chunk *chunk, baton_status status,
                              int native)
{
    if (status != BATON_OK) {
        baton__bits_clear(&op->a.claimed, chunk->index);
    }
    if (status == BATON_ERR_CANCELLED) { /* dropped, since it ends */
        if (op->ending) {
            baton__active_quiet(op);
        }
        return;
    }
    if (baton__is_local(status)) {
        baton__active_stop(op, status, native);
    } else if (status != BATON_OK) {
        baton__peer_failed(chunk->peer, native); /* whatever it was: a new session asks again */
    } else if (chunk->incoming) {
        chunk_done(op, chunk->index, chunk->size);
    }
    if (op->ending) {
        baton__active_quiet(op);
    } else {
        baton__active_pump(op);
    }
}

/* What the OPEN brought, this one or the one of a session that was lost, is there, or has to be sent. */
static void written_by_open(baton_operation *op, bool is_there)
{
    if (is_there && op->plan.chunks == 1) {
        (void)baton__bits_set(&op->a.claimed, 0);
        chunk_done(op, 0, op->bytes_total);
        baton__operation_note_transport(op, op->peer);
    }
    op->a.asked = 0;
}

static void on_grant(baton_operation *op, const baton__frame *frame, const baton__payload *payload)
{
    baton_connector *connector = op->connector;
    if (op->a.attached || op->ending) {
        BATON__COUNT(connector, refused_duplicate);
        return;
    }
    bool answered_before = op->a.final;
    op->a.attached = true;
    op->a.exposed = false; /* the peer's part of a session before is over */
    op->a.token = frame->key;
    op->a.ack_key = frame->aux;
    op->lease_ms = frame->a > 86400000 ? 86400000 : (uint32_t)frame->a;
    op->a.lease_until_ns = op->a.opened_ns + (uint64_t)op->lease_ms * BATON__NS_PER_MS;
    op->completion = frame->c > BATON_COMPLETION_ACK ? BATON_COMPLETION_COMMIT : (baton_completion)frame->c;
    if (!op->a.granted) {
        op->a.granted = true;
        op->keys = (baton_settle_keys){.ack_key = op->a.ack_key, .cancel_key = op->a.cancel_key};
        __atomic_store_n(&op->keys_there, 1, __ATOMIC_RELEASE);
        baton__operation_set_status(op, BATON_OPERATION_IN_PROGRESS);
        baton__operation_ready(op, BATON__READY_GRANTED);
    }
    if (op->lease_ms != 0 && !op->a.final &&
        baton__after_ms(connector, op->lease_ms / 3 + 1) >= op->a.lease_until_ns) {
        baton__active_renew(op); /* the grant came late: it would end before the first renewal */
    }
    baton__active_plan_timer(op);
    if (op->ending) {
        return; /* no memory for it */
    }
    if (payload->size != 0) {
        incoming_chunk(op, 0, payload, false);
    }
    if (op->kind == BATON_OPERATION_WRITE) {
        written_by_open(op, frame->b == 1);
    }
    baton__map_granted(op);
    baton__reach_granted(op);
    baton__active_pump(op); /* also chunks that were lost after MOVED */
    if (answered_before) {
        baton__active_finish(op); /* the answer to the last one was lost with its session */
    }
}

static void on_wrote(baton_operation *op, uint32_t index)
{
    if (op->kind != BATON_OPERATION_WRITE || index >= op->plan.chunks ||
        !baton__bits_get(&op->a.claimed, index)) {
        BATON__COUNT(op->connector, refused_bounds);
        return;
    }
    chunk_done(op, index, baton__plan_slice(&op->plan, &op->layout, index).size);
    baton__active_pump(op);
}

/* The passive side has ended it. */
static void ended_by_peer(baton_operation *op, baton_status reason)
{
    if (op->a.final && reason == BATON_ERR_UNKNOWN_OPERATION) {
        reason = BATON_ERR_UNCONFIRMED; /* it has forgotten how it ended */
    }
    op->a.mute = true;
    baton__active_stop(op, reason, 0);
}

static void on_verdict(baton_operation *op, bool committed)
{
    if (!op->a.final || op->ending || (op->a.nack && committed) || (!op->a.nack && !committed)) {
        BATON__COUNT(op->connector, refused_state);
        return;
    }
    if (committed) {
        __atomic_store_n(&op->bytes_moved, op->bytes_total, __ATOMIC_RELAXED);
    }
    op->a.mute = true;
    baton__active_stop(op, committed ? BATON_OK : BATON_ERR_NACKED, 0); /* chunks sent twice may still be under way */
}

static void on_renewed(baton_operation *op, uint64_t sent_ns)
{
    if (sent_ns < op->a.opened_ns || sent_ns > baton__now(op->connector)) {
        BATON__COUNT(op->connector, refused_state);
        return;
    }
    uint64_t until = sent_ns + (uint64_t)op->lease_ms * BATON__NS_PER_MS;
    if (until > op->a.lease_until_ns) {
        op->a.lease_until_ns = until;
    }
}

void baton__active_frame(baton_operation *op, const baton__frame *frame, const baton__payload *payload)
{
    switch (frame->type) {
    case BATON__FRAME_GRANT:
        on_grant(op, frame, payload);
        break;
    case BATON__FRAME_DATA:
        incoming_chunk(op, frame->d, payload, frame->c != 0);
        break;
    case BATON__FRAME_WROTE:
        on_wrote(op, frame->d);
        break;
    case BATON__FRAME_COMMIT:
        on_verdict(op, true);
        break;
    case BATON__FRAME_NACKED:
        on_verdict(op, false);
        break;
    case BATON__FRAME_REFUSE:
        if (!baton__direct_refused(op, baton__reason_unpack(frame->c))) {
            ended_by_peer(op, baton__reason_unpack(frame->c));
        }
        break;
    case BATON__FRAME_CANCEL:
        ended_by_peer(op, baton__reason_of_peer(baton__reason_unpack(frame->c)));
        break;
    case BATON__FRAME_KEYS:
        baton__map_keys(op, frame, payload);
        break;
    case BATON__FRAME_REACHED:
        baton__reach_reached(op, frame, payload);
        break;
    case BATON__FRAME_RENEWED:
        on_renewed(op, frame->a);
        break;
    default:
        BATON__COUNT(op->connector, refused_state);
        break;
    }
}

baton_status baton__active_settle(baton_operation *op, baton_settlement settlement, const baton_key *key,
                                  baton_status reason)
{
    if (!baton_key_equal(&op->a.cancel_key, key)) {
        BATON__COUNT(op->connector, refused_token);
        return baton__fail(BATON_ERR_FORBIDDEN, "settlement with a wrong key");
    }
    switch (settlement) {
    case BATON_SETTLE_COMMIT:
        on_verdict(op, true);
        return BATON_OK;
    case BATON_SETTLE_NACKED:
        on_verdict(op, false);
        return BATON_OK;
    case BATON_SETTLE_CANCEL:
        ended_by_peer(op, baton__reason_of_peer(reason));
        return BATON_OK;
    default:
        return baton__fail(BATON_ERR_WRONG_STATE, "this settlement is for a passive operation");
    }
}

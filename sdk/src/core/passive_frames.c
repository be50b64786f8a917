/* SPDX-License-Identifier: Apache-2.0 */
/* The passive side: what arrives from active sides. Nothing in a frame is believed before its token. */
#include "core/engine.h"

#include "base/log.h"
#include <string.h>

void baton__passive_refuse(baton__peer *peer, const baton__frame *open, baton_status reason)
{
    baton__frame frame = {
        .type = BATON__FRAME_REFUSE,
        .session = open->session,
        .operation = open->operation,
        .nonce = open->nonce,
        .c = baton__reason_pack(reason),
    };
    (void)baton__send_control(peer, &frame, NULL, 0);
}

static void serve(baton__grant *grant, uint32_t index)
{
    baton_operation *op = grant->operation;
    if (grant->state != BATON__GRANT_ACTIVE) {
        return; /* a copy from the device failed at once, of the chunk before */
    }
    if (index >= grant->plan.chunks) {
        BATON__COUNT(op->connector, refused_bounds);
        return;
    }
    if (grant->inflight >= BATON__SERVED_MAX) {
        BATON__COUNT(op->connector, refused_limit);
        return;
    }
    baton__frame frame = {.type = BATON__FRAME_DATA,
                          .session = grant->session,
                          .operation = op->id,
                          .nonce = grant->nonce,
                          .d = index};
    int native = 0;
    (void)baton__chunk_send(grant->peer, op, grant, index, &frame,
                            baton__plan_slice(&grant->plan, &op->layout, index), &native);
}

/* The chunk rides inside the GRANT if the whole readable is that small. */
static void send_grant(baton__grant *grant, uint32_t window)
{
    baton_operation *op = grant->operation;
    if (grant->state != BATON__GRANT_ACTIVE) {
        return; /* no memory for its lease: it is closed, and the consumer was told */
    }
    baton__frame frame = {
        .type = BATON__FRAME_GRANT,
        .session = grant->session,
        .operation = op->id,
        .key = grant->token,
        .nonce = grant->nonce,
        .aux = grant->ack_key,
        .a = op->lease_ms,
        .b = op->kind == BATON_OPERATION_WRITABLE && grant->plan.chunks == 1 && grant->received == 1,
        .c = (uint32_t)op->completion,
    };
    int native = 0;
    if (window == 1 && op->staged == 0 && op->bytes_total <= BATON__INLINE_MAX) {
        (void)baton__chunk_send(grant->peer, op, grant, 0, &frame,
                                baton__plan_slice(&grant->plan, &op->layout, 0), &native);
        return;
    }
    (void)baton__send_control(grant->peer, &frame, NULL, 0);
    for (uint32_t i = 0; i < window && i < grant->plan.chunks; i++) {
        serve(grant, i);
    }
}

static baton_status judge(const baton_operation *op, const baton__frame *frame)
{
    uint32_t kind = baton__open_kind(frame->d);
    uint32_t wanted =
        op->kind == BATON_OPERATION_READABLE ? BATON_OPERATION_READ : BATON_OPERATION_WRITE;
    if (kind != wanted) {
        return BATON_ERR_KIND_MISMATCH;
    }
    if (baton__open_count(frame->d) != (op->count & 0x1FFFFu)) {
        return BATON_ERR_COUNT_MISMATCH;
    }
    if (frame->a != op->bytes_total) {
        return BATON_ERR_SIZE_MISMATCH;
    }
    if (op->ending || frame->c != op->attempt) {
        return BATON_ERR_EXPIRED;
    }
    return op->p.granted >= op->readers ? BATON_ERR_TAKEN : BATON_OK;
}

baton__grant *baton__grant_of_nonce(baton_operation *op, const baton_key *nonce)
{
    for (baton__grant *grant = op->p.grants; grant != NULL; grant = grant->next) {
        if (baton_key_equal(&grant->nonce, nonce)) {
            return grant;
        }
    }
    return NULL;
}

/* An OPEN whose nonce holds the grant: the consumer comes back with a new session, and gets the same grant again. */
static void reopen(baton__peer *peer, baton__grant *grant, const baton__frame *frame)
{
    if (!baton_uuid_equal(&grant->instance, &peer->instance)) {
        BATON__COUNT(peer->connector, refused_token);
        return;
    }
    if (grant->exposed) { /* with a new session: its part of the one before is over */
        grant->exposed = false;
        baton__hold_end(grant);
        baton__grant_quiet(grant);
    }
    if (grant->state != BATON__GRANT_ACTIVE || grant->peer == NULL) {
        if (!baton__tombstone_answer(peer->connector, frame)) {
            baton__passive_refuse(peer, frame, BATON_ERR_EXPIRED); /* closing: it ends soon */
        }
        return;
    }
    if (grant->attached) {
        BATON__COUNT(peer->connector, refused_duplicate);
        return;
    }
    grant->session = frame->session;
    grant->attached = true;
    baton__grant_renew(grant);
    send_grant(grant, 0);
}

static void goes_by_message(baton__grant *grant)
{
    baton_operation *op = grant->operation;
    __atomic_store_n(&op->mapped, false, __ATOMIC_RELAXED);
    if (op->reached) {
        __atomic_store_n(&op->reached, false, __ATOMIC_RELAXED);
        op->transport[0] = '\0';
    }
}

static void on_write(baton__grant *grant, uint32_t index, const baton__payload *payload, bool from_device)
{
    baton_operation *op = grant->operation;
    baton_connector *connector = op->connector;
    if (op->kind != BATON_OPERATION_WRITABLE) {
        BATON__COUNT(connector, refused_state);
        return;
    }
    if (index >= grant->plan.chunks) {
        BATON__COUNT(connector, refused_bounds);
        return;
    }
    baton__slice slice = baton__plan_slice(&grant->plan, &op->layout, index);
    if (payload->size != slice.size) {
        BATON__COUNT(connector, refused_bounds);
        return;
    }
    if (!baton__bits_set(&grant->claimed, index)) {
        /* Sent again after a lost session, and there already: only its answer was lost. */
        BATON__COUNT(connector, refused_duplicate);
        baton__frame wrote = {.type = BATON__FRAME_WROTE, .d = index};
        if (!baton__chunk_is_arriving(grant, index)) {
            baton__grant_send(grant, &wrote);
        }
        return;
    }
    goes_by_message(grant);
    int native = 0;
    if (baton__chunk_receive(grant->peer, op, grant, index, payload, slice, from_device, &native) != BATON_OK) {
        baton__bits_clear(&grant->claimed, index);
    }
}

/* As a WRITE right behind the OPEN would, but the GRANT says that they are there. */
static void take_bytes(baton__grant *grant, const baton__frame *open, const uint8_t *tail)
{
    if (grant->state == BATON__GRANT_ACTIVE) {
        baton__payload payload = {.data = (void *)(uintptr_t)tail, .size = (size_t)open->a};
        grant->opening = true;
        on_write(grant, 0, &payload, false);
        grant->opening = false;
    }
}

/* As a MAP right behind the OPEN would. */
static void give_keys(baton__grant *grant, const baton__frame *open, const uint8_t *tail)
{
    baton_key proof;
    memcpy(proof.bytes, tail, sizeof(proof.bytes));
    if (grant->state == BATON__GRANT_ACTIVE && grant->attached) {
        baton__hold_ask(grant, &proof, (open->d & BATON__OPEN_VIEW) != 0);
    }
}

void baton__passive_open(baton__peer *peer, const baton__frame *frame, const baton__block *block, const uint8_t *tail)
{
    baton_connector *connector = peer->connector;
    baton_operation *op = baton__passive_find(connector, &frame->operation);
    if (op == NULL) {
        if (!baton__tombstone_answer(connector, frame)) {
            BATON__COUNT(connector, refused_operation);
            baton__passive_refuse(peer, frame, BATON_ERR_UNKNOWN_OPERATION);
        }
        return;
    }
    baton__peer_heard(peer);
    baton__grant *grant = baton__grant_of_nonce(op, &frame->nonce);
    if (grant != NULL) {
        reopen(peer, grant, frame);
        return;
    }
    baton_status status = peer->surplus ? BATON_ERR_BUSY : judge(op, frame);
    if (status == BATON_OK) {
        status = baton__grant_create(op, peer, frame, block, &grant);
    }
    if (status != BATON_OK) {
        BATON__COUNT(connector, refused_state);
        baton__passive_refuse(peer, frame, status);
        return;
    }
    if (baton__operation_status(op) == BATON_OPERATION_INITIALIZED) {
        memcpy(op->peer_name, peer->name, sizeof(op->peer_name));
        op->keys = (baton_settle_keys){.ack_key = grant->ack_key, .cancel_key = grant->cancel_key};
        __atomic_store_n(&op->keys_there, 1, __ATOMIC_RELEASE);
        baton__operation_set_status(op, BATON_OPERATION_IN_PROGRESS);
    }
    baton__operation_ready(op, BATON__READY_GRANTED);
    baton__grant_renew(grant);
    if ((frame->d & BATON__OPEN_DATA) != 0) {
        take_bytes(grant, frame, tail);
    }
    send_grant(grant, op->kind == BATON_OPERATION_READABLE ? baton__open_window(frame->d) : 0);
    if ((frame->d & BATON__OPEN_KEYS) != 0) {
        give_keys(grant, frame, tail);
    }
    baton_loop_expect(connector->loop);
}

static void on_read(baton__grant *grant, const baton__frame *frame)
{
    if (grant->operation->kind != BATON_OPERATION_READABLE) {
        BATON__COUNT(grant->operation->connector, refused_state);
        return;
    }
    if (frame->c == 0 || frame->c > BATON__SERVED_MAX || frame->d >= grant->plan.chunks ||
        frame->c > grant->plan.chunks - frame->d) {
        BATON__COUNT(grant->operation->connector, refused_bounds);
        return;
    }
    goes_by_message(grant);
    for (uint32_t i = 0; i < frame->c; i++) {
        serve(grant, frame->d + i);
    }
}

static void on_answer(baton__grant *grant, const baton__frame *frame, const baton__payload *payload)
{
    baton_operation *op = grant->operation;
    if (op->completion != BATON_COMPLETION_ACK) {
        BATON__COUNT(op->connector, refused_state);
        return;
    }
    if (grant->acked || grant->nacked) {
        return;
    }
    if (baton__result_copy(&grant->result, &grant->result_size, payload->data, payload->size) != BATON_OK) {
        return; /* no memory now: the consumer repeats it */
    }
    grant->acked = frame->type == BATON__FRAME_ACK;
    grant->nacked = !grant->acked;
    baton__grant_try_finish(grant);
}

/* Not its last word: it has not heard yet that it is over, and may still be reading; or it says that it is. */
static bool reads_on(const baton__frame *frame)
{
    return frame->type == BATON__FRAME_RENEW || frame->type == BATON__FRAME_MAP || frame->type == BATON__FRAME_REACH ||
           frame->type == BATON__FRAME_READ || frame->type == BATON__FRAME_WRITE ||
           (frame->type == BATON__FRAME_FAIL && (frame->d & BATON__FAIL_READING) != 0);
}

static void on_grant_frame(baton__grant *grant, const baton__frame *frame, const baton__payload *payload)
{
    baton__frame answer = {.type = BATON__FRAME_RENEWED, .a = frame->a};
    bool ends = frame->type == BATON__FRAME_MOVED || frame->type == BATON__FRAME_ACK || frame->type == BATON__FRAME_NACK;
    if (ends && (frame->d & BATON__MOVED_BY_DEVICE) != 0) {
        baton__exposure_filled(grant);
    }
    bool moves = frame->type == BATON__FRAME_READ || frame->type == BATON__FRAME_WRITE;
    if (moves ? !grant->exposed : !reads_on(frame)) {
        baton__hold_end(grant); /* whatever it says, it reads no more by itself */
    }
    if (moves || !reads_on(frame)) {
        baton__exposure_end(grant);
    }
    if (grant->state != BATON__GRANT_ACTIVE) {
        return; /* the device did not end the exposure */
    }
    switch (frame->type) {
    case BATON__FRAME_MAP:
        baton__hold_ask(grant, &frame->aux, (frame->d & BATON__MAP_VIEW) != 0);
        break;
    case BATON__FRAME_REACH:
        baton__exposure_ask(grant, frame, payload);
        break;
    case BATON__FRAME_READ:
        on_read(grant, frame);
        break;
    case BATON__FRAME_WRITE:
        on_write(grant, frame->d, payload, frame->c != 0);
        break;
    case BATON__FRAME_MOVED:
        if (grant->operation->completion == BATON_COMPLETION_ACK) {
            BATON__COUNT(grant->operation->connector, refused_state);
            break;
        }
        grant->moved = true;
        baton__grant_try_finish(grant);
        break;
    case BATON__FRAME_ACK:
    case BATON__FRAME_NACK:
        on_answer(grant, frame, payload);
        break;
    case BATON__FRAME_RENEW:
        baton__grant_renew(grant);
        baton__grant_send(grant, &answer);
        break;
    default:
        baton__grant_close(grant, baton__reason_of_peer(baton__reason_unpack(frame->c)), 0);
        break; /* FAIL */
    }
}

/* A FAIL may come before the GRANT has reached the consumer: then it proves itself with the key of its OPEN. */
static bool is_proven(const baton__grant *grant, const baton__frame *frame)
{
    return baton_key_equal(&grant->token, &frame->key) ||
           (frame->type == BATON__FRAME_FAIL && baton_key_equal(&grant->cancel_key, &frame->aux));
}

/* A consumer whose grant is closing or over, by whatever it says last. */
static void end_of_hold(baton__grant *grant, const baton__frame *frame)
{
    if (reads_on(frame)) {
        return;
    }
    if (grant->hold != NULL) {
        baton__hold_end(grant);
        baton__grant_quiet(grant);
    } else {
        (void)baton__hold_released(grant->operation->connector, frame);
    }
}

void baton__passive_frame(baton_connector *connector, const baton__frame *frame,
                          const baton__payload *payload)
{
    baton_operation *op = baton__passive_find(connector, &frame->operation);
    baton__grant *grant = op == NULL ? NULL : baton__grant_of_nonce(op, &frame->nonce);
    if (grant == NULL) {
        bool released = !reads_on(frame) && baton__hold_released(connector, frame);
        if (!released && !baton__tombstone_answer(connector, frame)) {
            BATON__COUNT(connector, refused_operation);
        }
        return;
    }
    if (!is_proven(grant, frame)) {
        BATON__COUNT(connector, refused_token);
        return;
    }
    if (grant->state != BATON__GRANT_ACTIVE) {
        end_of_hold(grant, frame);
        if (frame->type != BATON__FRAME_RELEASE && !baton__tombstone_answer(connector, frame)) {
            BATON__COUNT(connector, refused_state);
        }
        return;
    }
    if (frame->type == BATON__FRAME_RELEASE) { /* of whatever session: the token proves it */
        baton__hold_end(grant);
        baton__grant_try_finish(grant);
        return;
    }
    if (!grant->attached || !baton_uuid_equal(&grant->session, &frame->session)) {
        BATON__COUNT(connector, refused_session);
        return;
    }
    baton__peer_heard(grant->peer);
    on_grant_frame(grant, frame, payload);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The active side, on its own: begin, move, finish, stop. active_open.c has the OPEN, active_frames.c what arrives. */
#include "core/engine.h"

#include "base/error.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

bool baton__active_send(baton_operation *op, baton__frame *frame, const void *body, size_t size)
{
    if (op->peer == NULL) {
        return false;
    }
    frame->session = op->peer->out_session;
    frame->operation = op->id;
    frame->nonce = op->a.nonce;
    return baton__send_control(op->peer, frame, body, size) == BATON_OK;
}

/* A view is not cut: it is there, or it is not. */
static baton_status make_plan(baton_operation *op)
{
    if (op->a.view == NULL) {
        return baton__plan_init(&op->plan, op->bytes_total, BATON__CHUNK_BYTES);
    }
    op->plan = (baton__plan){.chunk_size = BATON__CHUNK_BYTES, .total = op->bytes_total, .chunks = 1};
    return BATON_OK;
}

static baton_status prepare(baton_operation *op)
{
    const baton__block *block = baton__metadata_block(op->a.metadata);
    baton_connector *connector = op->connector;
    baton_status status = make_plan(op);
    if (status == BATON_OK) {
        status = baton__bits_init(&op->a.claimed, op->plan.chunks);
    }
    if (status == BATON_OK) {
        status = baton__bits_init(&op->a.done, op->plan.chunks);
    }
    baton__peer *peer = NULL;
    if (status == BATON_OK) {
        status = baton__peer_get(connector, block, &peer);
    }
    if (status == BATON_OK && peer->surplus) {
        status = baton__fail(BATON_ERR_LIMIT, "%s: peers_max (%u) peers are in use", connector->name,
                             connector->options.peers_max);
    }
    if (status != BATON_OK) {
        return status;
    }
    baton__table_add(&connector->by_nonce, &op->node, &op->a.nonce);
    memcpy(op->peer_name, peer->name, sizeof(op->peer_name));
    baton__peer_add_active(peer, op);
    status = baton__peer_connect(peer);
    return status == BATON_ERR_BUSY ? BATON_OK : status; /* busy: drained first, then it resumes */
}

void baton__active_begin(baton_operation *op)
{
    op->timer.fire = baton__active_timer;
    baton_status status = prepare(op);
    if (status != BATON_OK) {
        baton__operation_end(op, status, 0);
        return;
    }
    if (baton__peer_is_up(op->peer)) {
        baton__active_open(op);
    }
}

void baton__active_fini(baton_operation *op)
{
    baton__map_fini(op);
    baton__view_fini(op);
    baton__reach_fini(op);
    baton__bits_fini(&op->a.claimed);
    baton__bits_fini(&op->a.done);
    baton_metadata_destroy(op->a.metadata);
}

/* A send's end proves nothing about the other side, so a write of one message asks for the answer at once. */
static bool all_on_their_way(const baton_operation *op)
{
    return op->kind == BATON_OPERATION_WRITE && op->completion != BATON_COMPLETION_ACK &&
           baton__bits_full(&op->a.claimed) && op->inflight == 0;
}

/* The passive side may have given it up, and somebody else may have it: no false success. */
static bool lease_is_over(const baton_operation *op)
{
    return !op->a.final && op->lease_ms != 0 && baton__now(op->connector) >= op->a.lease_until_ns;
}

static void tell_moved(baton_operation *op)
{
    op->a.moved_told = true;
    __atomic_store_n(&op->moved, 1, __ATOMIC_RELEASE);
    baton__operation_ready(op, BATON__READY_MOVED);
}

void baton__active_pump(baton_operation *op)
{
    if (op->ending || !op->a.attached || op->peer == NULL) {
        return;
    }
    /* Also after MOVED: a write's sends are over before the passive side has all of it, and a lost session takes
     * the rest along. */
    if (!baton__bits_full(&op->a.done) && !baton__map_is_on(op) && !baton__reach_is_on(op)) {
        if (op->kind == BATON_OPERATION_READ) {
            baton__active_ask(op);
        } else {
            baton__active_write_chunks(op);
        }
    }
    if (op->inflight != 0) {
        return;
    }
    if (!op->a.moved_told && baton__bits_full(&op->a.done)) {
        baton_status status = lease_is_over(op) ? BATON_ERR_EXPIRED : baton__view_hold(op);
        if (status != BATON_OK) {
            baton__active_stop(op, status, 0);
            return;
        }
        tell_moved(op);
    }
    if (!op->a.final && (op->a.moved_told || all_on_their_way(op))) {
        baton__active_finish(op);
    }
}

static bool send_answer(baton_operation *op)
{
    baton__frame frame = {.type = BATON__FRAME_MOVED,
                          .key = op->a.token,
                          .d = baton__reach_has_moved(op) ? BATON__MOVED_BY_DEVICE : 0};
    if (op->completion == BATON_COMPLETION_ACK) {
        frame.type = op->a.nack ? BATON__FRAME_NACK : BATON__FRAME_ACK;
    }
    bool with_result = frame.type != BATON__FRAME_MOVED;
    bool sent = baton__active_send(op, &frame, with_result ? op->result : NULL,
                                   with_result ? op->result_size : 0);
    baton_loop_expect(op->connector->loop);
    return sent;
}

void baton__active_finish(baton_operation *op)
{
    if ((op->completion == BATON_COMPLETION_ACK && !op->a.answered) || !baton__view_allows_end(op)) {
        return; /* the application has the word */
    }
    if (lease_is_over(op)) {
        baton__active_stop(op, BATON_ERR_EXPIRED, 0);
        return;
    }
    bool sent = send_answer(op);
    if (op->completion == BATON_COMPLETION_BYTES && op->kind == BATON_OPERATION_READ) {
        baton__map_leave(op, sent);
        baton__operation_end(op, BATON_OK, 0);
        return;
    }
    op->a.final = true;
}

void baton__active_answer(baton_operation *op)
{
    if (op->ending || op->a.answered) {
        return;
    }
    op->a.answered = true;
    op->a.nack = __atomic_load_n(&op->answer_state, __ATOMIC_ACQUIRE) == BATON__ANSWER_NACK;
    op->a.final = true;
    if (op->a.attached) {
        (void)send_answer(op);
    } else {
        baton__operation_ready(op, BATON__READY_SILENT);
    }
}

void baton__active_quiet(baton_operation *op)
{
    if (op->ending && op->inflight == 0) {
        baton__operation_end(op, op->reason, op->native);
    }
}

void baton__active_stop(baton_operation *op, baton_status reason, int native)
{
    if (op->ending || baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS) {
        return;
    }
    if (op->a.final && !op->a.mute) {
        if (reason != BATON_ERR_DEADLINE && reason != BATON_ERR_SHUT_DOWN) {
            return; /* the passive side may be COMPLETE already: its answer decides */
        }
        reason = BATON_ERR_UNCONFIRMED;
    }
    baton__stage_drop(op, NULL);
    op->ending = true;
    op->reason = reason;
    op->native = native;
    baton__map_leave(op, baton__is_verdict(reason));
    baton__reach_leave(op);
    if (op->a.opened && !op->a.mute && !op->a.final) {
        op->a.reads_on = baton__direct_is_reading(op);
        baton__frame frame = {.type = BATON__FRAME_FAIL,
                              .key = op->a.token,
                              .aux = op->a.cancel_key,
                              .c = baton__reason_pack(reason),
                              .d = baton__view_is_held(op) || op->a.reads_on ? BATON__FAIL_READING : 0};
        (void)baton__active_send(op, &frame, NULL, 0);
    }
    if (op->inflight == 0) {
        baton__active_quiet(op);
    } else if (baton_loop_timer_start(op->connector->loop, &op->timer,
                                      baton__after_ms(op->connector,
                                                      op->connector->options.drain_ms)) != BATON_OK) {
        baton__peer_reset(op->peer);
    }
}

void baton__active_lost(baton_operation *op, baton_status reason, int native)
{
    if (op->ending) {
        baton__active_quiet(op);
        return;
    }
    if (baton__reach_jobs(op) != 0) { /* they need no session, and end with their link */
        baton__active_stop(op, reason, native);
        baton__reach_force(op);
        return;
    }
    if (!op->a.final) {
        baton__operation_end(op, reason, native);
        return;
    }
    /* Only another channel can tell now; it gets as long as a lease. */
    op->a.lost = true;
    op->native = native;
    baton__operation_ready(op, BATON__READY_SILENT);
    uint32_t wait_ms = op->lease_ms != 0 ? op->lease_ms : op->connector->options.resume_ms;
    if (baton_loop_timer_start(op->connector->loop, &op->timer,
                               baton__after_ms(op->connector, wait_ms)) != BATON_OK) {
        baton__operation_end(op, BATON_ERR_UNCONFIRMED, native);
    }
}

void baton__active_resume(baton_operation *op)
{
    if (op->ending) {
        baton__active_quiet(op);
        return;
    }
    if (op->a.opened && ++op->a.resets > BATON__RESETS_MAX) {
        BATON__INFO("%s: an operation lost its session %u times", op->connector->name, op->a.resets);
        baton__active_lost(op, BATON_ERR_PEER_LOST, op->peer->native);
        return;
    }
    baton__active_open(op);
}

void baton__active_drained(baton__peer *peer)
{
    baton_operation *op;
    baton_operation *next;
    DL_FOREACH_SAFE2(peer->actives, op, next, peer_next)
    {
        if (op->ending) {
            baton__active_quiet(op);
            continue;
        }
        op->chunks_repeated += op->a.asked;
        baton__bits_copy(&op->a.claimed, &op->a.done);
        op->a.asked = 0;
        op->a.cursor = 0;
    }
}

void baton__active_plan_timer(baton_operation *op)
{
    if (op->lease_ms == 0) {
        return;
    }
    uint64_t due = baton__after_ms(op->connector, op->lease_ms / 3 + 1);
    if (!op->a.final && due > op->a.lease_until_ns) {
        due = op->a.lease_until_ns;
    }
    if (baton_loop_timer_start(op->connector->loop, &op->timer, due) != BATON_OK) {
        baton__active_stop(op, BATON_ERR_OUT_OF_MEMORY, 0);
    }
}

void baton__active_renew(baton_operation *op)
{
    baton__frame frame = {
        .type = BATON__FRAME_RENEW, .key = op->a.token, .a = baton__now(op->connector)};
    (void)(op->a.attached && baton__active_send(op, &frame, NULL, 0));
}

void baton__active_timer(baton_timer *timer)
{
    baton_operation *op = (baton_operation *)((char *)timer - offsetof(baton_operation, timer));
    if (op->ending) {
        if (op->inflight != baton__reach_jobs(op) && op->peer != NULL) {
            baton__peer_reset(op->peer); /* drain_ms is over */
        }
        baton__reach_force(op);
        return;
    }
    if (op->a.lost) {
        baton__operation_end(op, BATON_ERR_UNCONFIRMED, op->native);
        return;
    }
    if (op->a.final) {
        (void)send_answer(op); /* repeated until it is answered: the passive side answers every one */
    } else if (baton__now(op->connector) >= op->a.lease_until_ns) {
        baton__active_stop(op, BATON_ERR_EXPIRED, 0);
        return;
    } else {
        baton__active_renew(op);
    }
    baton__active_plan_timer(op);
}

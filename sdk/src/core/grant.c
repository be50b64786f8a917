/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One grant: from the OPEN of a consumer to the end of its account.
 *
 *   ACTIVE -> COMPLETE            MOVED (or ACK) came and everything is there
 *          -> NACKED              NACK came
 *          -> CLOSING -> FAILED   anything else; FAILED only once nothing is in flight
 */
#include "core/engine.h"

#include "base/log.h"
#include <stdlib.h>
#include <string.h>

static void on_timer(baton_timer *timer);

baton_status baton__grant_create(baton_operation *op, baton__peer *peer, const baton__frame *frame,
                                 const baton__block *block, baton__grant **grant_out)
{
    baton__recycler *recycler = &op->connector->grants;
    baton__grant *grant = baton__recycler_take(recycler);
    if (grant == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    baton_status status = baton__plan_init(&grant->plan, op->bytes_total, frame->b);
    if (status == BATON_OK && (op->staged & BATON__STAGED_BY_COPY) != 0 && frame->b > BATON__CHUNK_BYTES &&
        !baton__direct_serves(op, peer, frame)) {
        status = BATON_ERR_NOT_SUPPORTED; /* no buffer is that large */
    }
    if (status == BATON_OK && op->kind == BATON_OPERATION_WRITABLE) {
        status = baton__bits_init(&grant->claimed, grant->plan.chunks);
    }
    if (status != BATON_OK) {
        baton__recycler_give(recycler, grant);
        return status;
    }
    grant->operation = op;
    grant->state = BATON__GRANT_ACTIVE;
    grant->session = frame->session;
    grant->instance = block->instance;
    grant->nonce = frame->nonce;
    grant->cancel_key = frame->aux;
    grant->token = baton_key_random();
    grant->ack_key = baton_key_random();
    grant->attached = true;
    grant->peer_on_device = (frame->d & BATON__OPEN_DEVICE) != 0;
    grant->timer.fire = on_timer;
    grant->next = op->p.grants;
    op->p.grants = grant;
    op->p.granted++;
    baton__peer_add_grant(peer, grant);
    *grant_out = grant;
    return BATON_OK;
}

void baton__grant_destroy(baton__grant *grant)
{
    baton_loop_timer_stop(grant->operation->connector->loop, &grant->timer);
    baton__peer_remove_grant(grant);
    baton__bits_fini(&grant->claimed);
    free(grant->result);
    baton__recycler_give(&grant->operation->connector->grants, grant);
}

void baton__grant_send(baton__grant *grant, baton__frame *frame)
{
    if (grant->peer == NULL || !grant->attached) {
        return;
    }
    frame->session = grant->session;
    frame->operation = grant->operation->id;
    frame->nonce = grant->nonce;
    (void)baton__send_control(grant->peer, frame, NULL, 0);
}

void baton__grant_renew(baton__grant *grant)
{
    baton_operation *op = grant->operation;
    if (op->lease_ms == 0) {
        return;
    }
    grant->lease_until_ns = baton__after_ms(op->connector, op->lease_ms);
    if (grant->timer.slot_ == 0 && grant->state == BATON__GRANT_ACTIVE &&
        baton_loop_timer_start(op->connector->loop, &grant->timer, grant->lease_until_ns) != BATON_OK) {
        baton__grant_close(grant, BATON_ERR_OUT_OF_MEMORY, 0);
    }
}

static void on_timer(baton_timer *timer)
{
    baton__grant *grant = (baton__grant *)((char *)timer - offsetof(baton__grant, timer));
    baton_connector *connector = grant->operation->connector;
    if (grant->state == BATON__GRANT_CLOSING) {
        if (grant->hold != NULL) {
            baton__hold_quarantine(grant);
            if (grant->inflight == 0) {
                baton__grant_quiet(grant);
                return;
            }
        }
        if (grant->inflight != 0 && grant->peer != NULL) {
            baton__peer_reset(grant->peer); /* drain_ms is over */
        }
        return;
    }
    if (grant->state != BATON__GRANT_ACTIVE) {
        return;
    }
    if (baton__now(connector) < grant->lease_until_ns) {
        baton__grant_renew(grant); /* renewed meanwhile: the timer moves lazily, not at every sign of life */
        return;
    }
    BATON__DEBUG("%s: lease of %s ran out", connector->name, grant->operation->peer_name);
    baton__grant_close(grant, BATON_ERR_EXPIRED, 0);
}

void baton__grant_waits_for_hold(baton__grant *grant)
{
    baton_connector *connector = grant->operation->connector;
    if (grant->state == BATON__GRANT_CLOSING &&
        baton_loop_timer_start(connector->loop, &grant->timer, baton__after_ms(connector, BATON__HOLD_MS)) != BATON_OK) {
        baton__hold_quarantine(grant);
    }
}

void baton__grant_quiet(baton__grant *grant)
{
    if (grant->state != BATON__GRANT_CLOSING || grant->inflight != 0) {
        return;
    }
    baton_operation *op = grant->operation;
    grant->state = BATON__GRANT_FAILED;
    baton_loop_timer_stop(op->connector->loop, &grant->timer);
    baton__tombstone_add(grant);
    baton__peer_remove_grant(grant);
    op->p.failed++;
    baton__passive_account(op);
}

void baton__grant_close(baton__grant *grant, baton_status reason, int native)
{
    if (grant->state != BATON__GRANT_ACTIVE) {
        return;
    }
    baton_connector *connector = grant->operation->connector;
    baton_loop_timer_stop(connector->loop, &grant->timer);
    if (grant->peer != NULL && grant->peer->dead) {
        baton__hold_end(grant);
    }
    baton__stage_drop(grant->operation, grant);
    grant->state = BATON__GRANT_CLOSING;
    grant->reason = reason;
    grant->native = native;
    baton__exposure_end(grant);
    if (reason != BATON_ERR_PEER_CANCELLED && reason != BATON_ERR_PEER_FAILED) {
        baton__frame frame = {.type = BATON__FRAME_CANCEL, .c = baton__reason_pack(reason)};
        baton__grant_send(grant, &frame);
    }
    if (grant->inflight == 0) {
        baton__grant_quiet(grant);
        return;
    }
    /* The end of a connector does not wait longer for a hold. */
    uint32_t wait_ms = connector->options.drain_ms;
    if (grant->hold != NULL && wait_ms > BATON__HOLD_MS) {
        wait_ms = BATON__HOLD_MS;
    }
    if (baton_loop_timer_start(connector->loop, &grant->timer, baton__after_ms(connector, wait_ms)) != BATON_OK) {
        baton__peer_reset(grant->peer);
    }
}

static bool has_everything(const baton__grant *grant)
{
    const baton_operation *op = grant->operation;
    if (op->kind == BATON_OPERATION_WRITABLE && grant->received < grant->plan.chunks) {
        return false;
    }
    if (op->completion == BATON_COMPLETION_ACK) {
        return grant->acked || grant->nacked;
    }
    return grant->moved;
}

void baton__grant_try_finish(baton__grant *grant)
{
    baton_operation *op = grant->operation;
    if (grant->state != BATON__GRANT_ACTIVE || grant->inflight != 0 || !has_everything(grant)) {
        return;
    }
    baton__exposure_end(grant);
    if (grant->state != BATON__GRANT_ACTIVE) {
        return; /* the device is not sure */
    }
    baton_loop_timer_stop(op->connector->loop, &grant->timer);
    bool nacked = grant->nacked;
    grant->state = nacked ? BATON__GRANT_NACKED : BATON__GRANT_COMPLETE;
    grant->reason = nacked ? BATON_ERR_NACKED : BATON_OK;
    /* A read that ends with its bytes waits for no answer. */
    if (op->completion != BATON_COMPLETION_BYTES || op->kind == BATON_OPERATION_WRITABLE) {
        baton__frame frame = {.type = nacked ? BATON__FRAME_NACKED : BATON__FRAME_COMMIT};
        baton__grant_send(grant, &frame);
    }
    baton__tombstone_add(grant);
    baton__peer_remove_grant(grant);
    if (nacked) {
        op->p.failed++;
    } else {
        op->p.complete++;
        __atomic_store_n(&op->readers_done, op->p.complete, __ATOMIC_RELAXED);
    }
    if (op->result == NULL && grant->result != NULL) {
        op->result = grant->result;
        op->result_size = grant->result_size;
        grant->result = NULL;
    }
    baton__passive_account(op);
}

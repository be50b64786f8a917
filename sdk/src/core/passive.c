/* SPDX-License-Identifier: Apache-2.0 */
/* The passive side: what an operation does on its own, and its account over all readers. */
#include "core/engine.h"

#include "base/error.h"
#include <string.h>

void baton__passive_begin(baton_operation *op)
{
    baton__table_add(&op->connector->by_id, &op->node, &op->id);
}

void baton__passive_expect(const baton_connector *connector, const baton_uuid *id)
{
    baton__table_expect(&connector->by_id, id);
}

void baton__passive_fetch(const baton_connector *connector, const baton_uuid *id)
{
    const baton_operation *op = BATON__NODE_OWNER(baton__table_first(&connector->by_id, id), baton_operation, node);
    if (op != NULL) {
        baton__operation_fetch(op, 0, BATON__PASSIVE_SIZE / BATON__LINE);
    }
}

baton_operation *baton__passive_find(const baton_connector *connector, const baton_uuid *id)
{
    return BATON__NODE_OWNER(baton__table_find(&connector->by_id, id), baton_operation, node);
}

void baton__passive_fini(baton_operation *op)
{
    while (op->p.grants != NULL) {
        baton__grant *grant = op->p.grants;
        op->p.grants = grant->next;
        baton__grant_destroy(grant);
    }
}

/* Or the one whose reader may still reach the memory: that is what the application has to know. */
static const baton__grant *first_failed(const baton_operation *op)
{
    const baton__grant *found = NULL;
    for (const baton__grant *grant = op->p.grants; grant != NULL; grant = grant->next) {
        if (grant->reason == BATON_ERR_QUARANTINED) {
            return grant;
        }
        if (grant->state == BATON__GRANT_FAILED || grant->state == BATON__GRANT_NACKED) {
            found = grant; /* the list has the newest first */
        }
    }
    return found;
}

static bool all_quiet(const baton_operation *op)
{
    for (const baton__grant *grant = op->p.grants; grant != NULL; grant = grant->next) {
        if (grant->state == BATON__GRANT_ACTIVE || grant->state == BATON__GRANT_CLOSING) {
            return false;
        }
    }
    return op->inflight == 0;
}

void baton__passive_account(baton_operation *op)
{
    if (baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS || !all_quiet(op)) {
        return;
    }
    if (!op->ending && op->p.complete + op->p.failed < op->readers) {
        return;
    }
    const baton__grant *failed = first_failed(op);
    if (op->ending) {
        bool held = failed != NULL && failed->reason == BATON_ERR_QUARANTINED;
        baton__operation_end(op, held ? BATON_ERR_QUARANTINED : op->reason, op->native);
        return;
    }
    if (failed == NULL) {
        __atomic_store_n(&op->bytes_moved, op->bytes_total * op->readers, __ATOMIC_RELAXED);
    }
    baton__operation_end(op, failed == NULL ? BATON_OK : failed->reason,
                         failed == NULL ? 0 : failed->native);
}

void baton__passive_stop(baton_operation *op, baton_status reason, int native)
{
    if (op->ending || baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS) {
        return;
    }
    op->ending = true;
    op->reason = reason;
    op->native = native;
    for (baton__grant *grant = op->p.grants; grant != NULL; grant = grant->next) {
        baton__grant_close(grant, reason, native);
    }
    baton__passive_account(op);
}

void baton__passive_drained(baton__peer *peer)
{
    baton__grant *grant;
    baton__grant *next;
    DL_FOREACH_SAFE2(peer->grants, grant, next, peer_next)
    {
        baton__grant_quiet(grant);
        baton__grant_try_finish(grant);
    }
}

void baton__passive_chunk_over(baton__grant *grant, const baton__chunk *chunk, baton_status status,
                               int native)
{
    baton_operation *op = grant->operation;
    if (status != BATON_OK) {
        if (chunk->incoming) {
            baton__bits_clear(&grant->claimed, chunk->index);
        }
        if (status == BATON_ERR_CANCELLED) { /* dropped, since it ends */
            baton__grant_quiet(grant);
            return;
        }
        if (baton__is_local(status)) {
            baton__grant_close(grant, status, native);
        } else {
            baton__peer_failed(chunk->peer, native);
        }
    } else {
        grant->bytes += chunk->size;
        __atomic_add_fetch(&op->bytes_moved, chunk->size, __ATOMIC_RELAXED);
        if (chunk->incoming) {
            grant->received++;
            baton__frame frame = {.type = BATON__FRAME_WROTE, .d = chunk->index};
            if (!grant->opening) {
                baton__grant_send(grant, &frame);
            }
        }
    }
    baton__grant_quiet(grant);
    baton__grant_try_finish(grant);
}

static baton__grant *grant_of_key(baton_operation *op, const baton_key *key)
{
    for (baton__grant *grant = op->p.grants; grant != NULL; grant = grant->next) {
        if (baton_key_equal(&grant->ack_key, key)) {
            return grant;
        }
    }
    return NULL;
}

static baton_status settle_answer(baton__grant *grant, bool nack, const void *result, size_t size)
{
    baton__hold_end(grant); /* it has read what it wanted */
    baton__exposure_filled(grant);
    baton__exposure_end(grant);
    if (grant->operation->completion == BATON_COMPLETION_ACK) {
        if (!grant->acked && !grant->nacked) {
            baton_status status =
                baton__result_copy(&grant->result, &grant->result_size, result, size);
            if (status != BATON_OK) {
                return status;
            }
            grant->acked = !nack;
            grant->nacked = nack;
        }
    } else if (!nack) {
        grant->moved = true;
    }
    baton__grant_try_finish(grant);
    return BATON_OK;
}

baton_status baton__passive_settle(baton_operation *op, baton_settlement settlement, const baton_key *key,
                                   baton_status reason, const void *result, size_t size)
{
    if (op->p.grants == NULL) {
        return baton__fail(BATON_ERR_WRONG_STATE, "settlement before the grant");
    }
    baton__grant *grant = grant_of_key(op, key);
    if (grant == NULL) {
        BATON__COUNT(op->connector, refused_token);
        return baton__fail(BATON_ERR_FORBIDDEN, "settlement with a wrong key");
    }
    if (grant->state != BATON__GRANT_ACTIVE) {
        return BATON_OK;
    }
    switch (settlement) {
    case BATON_SETTLE_DONE:
    case BATON_SETTLE_NACK:
        return settle_answer(grant, settlement == BATON_SETTLE_NACK, result, size);
    case BATON_SETTLE_FAIL:
        baton__grant_close(grant, baton__reason_of_peer(reason), 0);
        return BATON_OK;
    case BATON_SETTLE_RENEW:
        baton__grant_renew(grant);
        return BATON_OK;
    default:
        return baton__fail(BATON_ERR_WRONG_STATE, "this settlement is for an active operation");
    }
}

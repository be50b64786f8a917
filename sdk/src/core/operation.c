/* SPDX-License-Identifier: Apache-2.0 */
/* States, end and telling of an operation: owner thread. operation_api.c has what other threads call. */
#include "core/connector.h"

#include "base/copy_text.h"
#include "base/error.h"
#include "base/log.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* allowed[from] has a bit for each state that may follow. */
static const uint8_t allowed[] = {
    [BATON_OPERATION_UNINITIALIZED] = 1U << BATON_OPERATION_INITIALIZED,
    [BATON_OPERATION_INITIALIZED] = 1U << BATON_OPERATION_IN_PROGRESS |
                                    1U << BATON_OPERATION_COMPLETE |
                                    1U << BATON_OPERATION_CANCELLED | 1U << BATON_OPERATION_ERRORED,
    [BATON_OPERATION_IN_PROGRESS] = 1U << BATON_OPERATION_COMPLETE |
                                    1U << BATON_OPERATION_CANCELLED | 1U << BATON_OPERATION_ERRORED,
    [BATON_OPERATION_COMPLETE] = 0,
    [BATON_OPERATION_CANCELLED] = 0,
    [BATON_OPERATION_ERRORED] = 0,
};

baton_operation_status baton__operation_status(const baton_operation *op)
{
    return (baton_operation_status)__atomic_load_n(&op->status, __ATOMIC_ACQUIRE);
}

void baton__operation_set_status(baton_operation *op, baton_operation_status status)
{
    baton_operation_status before = baton__operation_status(op);
    if ((allowed[before] >> status & 1U) == 0) {
        BATON__ERROR("operation: %s -> %s is no transition", baton_operation_status_name(before),
                     baton_operation_status_name(status));
        assert(false);
        return;
    }
    if (baton__log_enabled(BATON_LOG_TRACE)) {
        char id[BATON_UUID_TEXT_SIZE];
        baton_uuid_print(&op->id, id);
        baton__log_write(BATON_LOG_TRACE, "operation %s: %s -> %s", id,
                         baton_operation_status_name(before), baton_operation_status_name(status));
    }
    __atomic_store_n(&op->status, (uint32_t)status, __ATOMIC_RELEASE);
}

baton_operation_status baton__status_for(baton_status reason)
{
    if (reason == BATON_OK) {
        return BATON_OPERATION_COMPLETE;
    }
    return reason == BATON_ERR_CANCELLED || reason == BATON_ERR_PEER_CANCELLED
               ? BATON_OPERATION_CANCELLED
               : BATON_OPERATION_ERRORED;
}

baton_status baton__reason_of_peer(baton_status told)
{
    switch (told) {
    case BATON_ERR_CANCELLED:
        return BATON_ERR_PEER_CANCELLED;
    case BATON_ERR_DEADLINE:
    case BATON_ERR_EXPIRED:
        return BATON_ERR_EXPIRED;
    case BATON_ERR_SHUT_DOWN:
    case BATON_ERR_PEER_LOST:
        return BATON_ERR_PEER_LOST;
    default:
        return BATON_ERR_PEER_FAILED;
    }
}

baton_status baton__result_copy(void **to, size_t *to_size, const void *result, size_t size)
{
    void *copy = malloc(size + 1); /* and a zero, for those who print it */
    if (copy == NULL) {
        return baton__fail_memory("a result");
    }
    if (size != 0) {
        memcpy(copy, result, size);
    }
    ((char *)copy)[size] = '\0';
    *to = copy;
    *to_size = size;
    return BATON_OK;
}

static void count_end(baton_connector *connector, baton_operation_status status)
{
    if (status == BATON_OPERATION_COMPLETE) {
        BATON__COUNT(connector, operations_complete);
    } else if (status == BATON_OPERATION_CANCELLED) {
        BATON__COUNT(connector, operations_cancelled);
    } else {
        BATON__COUNT(connector, operations_errored);
    }
}

static void publish_registrations(baton_connector *connector)
{
    __atomic_store_n(&connector->stats.registrations, baton__registrations_made(connector->registrations), __ATOMIC_RELAXED);
    __atomic_store_n(&connector->stats.registrations_live, baton__registrations_live(connector->registrations),
                     __ATOMIC_RELAXED);
}

static void undo_registrations(baton_task *task)
{
    baton_connector *connector = (baton_connector *)((char *)task - offsetof(baton_connector, registrations_task));
    if (connector->registrations != NULL) { /* else it has ended since */
        baton__registrations_work(connector->registrations);
        publish_registrations(connector);
    }
}

static void wake_for_registrations(void *context)
{
    baton_connector *connector = context;
    (void)baton_loop_post(connector->loop, &connector->registrations_task);
}

baton_status baton__operations_init(baton_connector *connector)
{
    connector->registrations_task.run = undo_registrations;
    return baton__registrations_create(connector->table, connector->transport, wake_for_registrations, connector,
                                       &connector->registrations);
}

void baton__operations_fini(baton_connector *connector)
{
    baton__registrations_end(connector->registrations);
    connector->registrations = NULL;
    __atomic_store_n(&connector->stats.registrations_live, 0, __ATOMIC_RELAXED);
}

static void leave_tables(baton_operation *op)
{
    baton_connector *connector = op->connector;
    baton_loop_timer_stop(connector->loop, &op->deadline_timer);
    if (baton__is_active(op)) {
        baton_loop_timer_stop(connector->loop, &op->timer);
        baton__map_leave(op, baton__is_verdict(op->reason));
        baton__reach_leave(op);
        baton__peer_remove_active(op);
        baton__table_remove(&connector->by_nonce, &op->node);
    } else {
        baton__table_remove(&connector->by_id, &op->node);
    }
}

void baton__operation_end(baton_operation *op, baton_status reason, int native)
{
    if (baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS) {
        return;
    }
    assert(op->inflight == 0);
    op->ending = true;
    if (reason != BATON_OK && (op->staged & BATON__STAGED_LEFT) != 0) {
        reason = BATON_ERR_QUARANTINED;
    }
    op->reason = reason;
    op->native = native;
    if (baton__is_active(op)) {
        op->reason = reason = baton__direct_end(op, reason);
    }
    leave_tables(op);
    baton__gates_leave(op);
    baton_operation_status status = baton__status_for(reason);
    count_end(op->connector, status);
    BATON__UNCOUNT(op->connector, operations_live);
    baton__operation_set_status(op, status);
    baton__operation_ready(op, BATON__READY_OVER);
}

void baton__operation_note_transport(baton_operation *op, baton__peer *peer)
{
    if (op->transport[0] == '\0' && peer != NULL) {
        (void)baton__copy_text(op->transport, sizeof(op->transport), baton__peer_transport(peer));
    }
}

void baton__operation_ready(baton_operation *op, uint8_t flags)
{
    baton_connector *connector = op->connector;
    op->ready_flags |= flags;
    if (op->ready_listed) {
        return;
    }
    op->ready_listed = true;
    op->ready_next = NULL;
    if (connector->ready_tail != NULL) {
        connector->ready_tail->ready_next = op;
    } else {
        connector->ready_head = op;
    }
    connector->ready_tail = op;
}

static void tell_event(baton_operation *op, uint8_t flags, uint8_t bit, baton_operation_event event)
{
    if ((flags & bit) != 0 && op->on_event != NULL) {
        op->on_event(op, event, op->context);
    }
}

static void tell_over(baton_operation *op)
{
    if (op->on_complete != NULL) {
        op->on_complete(op, op->context);
    }
    if (!baton__is_active(op)) { /* an active one keeps its results for its handle */
        baton__operation_let_go(op);
    }
    baton__event_set(&op->over);
    baton__pollable_wake(&op->fd);
    baton__view_tell(op);
    baton__operation_unref(op);
}

int baton__ready_work(baton_connector *connector)
{
    baton_operation *op = connector->ready_head;
    connector->ready_head = NULL;
    connector->ready_tail = NULL;
    int done = 0;
    while (op != NULL) {
        baton_operation *next = op->ready_next;
        if (next != NULL) {
            baton__operation_fetch(next, 0, 2);
        }
        uint8_t flags = op->ready_flags;
        op->ready_flags = 0;
        op->ready_listed = false;
        tell_event(op, flags, BATON__READY_GRANTED, BATON_EVENT_GRANTED);
        tell_event(op, flags, BATON__READY_MOVED, BATON_EVENT_MOVED);
        if ((flags & BATON__READY_MOVED) != 0) {
            baton__view_tell(op);
        }
        tell_event(op, flags, BATON__READY_SILENT, BATON_EVENT_SILENT);
        if ((flags & BATON__READY_OVER) != 0) {
            tell_over(op);
        }
        op = next;
        done++;
    }
    return done;
}

void baton__operation_stop(baton_operation *op, baton_status reason, int native)
{
    if (baton__is_active(op)) {
        baton__active_stop(op, reason, native);
    } else {
        baton__passive_stop(op, reason, native);
    }
}

static void on_deadline(baton_timer *timer)
{
    baton_operation *op = (baton_operation *)((char *)timer - offsetof(baton_operation, deadline_timer));
    baton__operation_stop(op, BATON_ERR_DEADLINE, 0);
}

/* For this operation and for later ones, until the descriptor is released. */
static baton_status register_memory(baton_operation *op)
{
    baton_status status = BATON_OK;
    for (uint32_t i = 0; status == BATON_OK && op->descriptors != NULL && op->staged == 0 && i < op->count; i++) {
        status = baton__registration_need(op->connector->registrations, op->descriptors[i]);
    }
    publish_registrations(op->connector);
    return status;
}

void baton__operation_begin(baton_operation *op)
{
    baton_connector *connector = op->connector;
    BATON__COUNT(connector, operations_created);
    BATON__COUNT(connector, operations_live);
    if (__atomic_load_n(&connector->shutting, __ATOMIC_ACQUIRE) != 0) {
        baton__operation_end(op, BATON_ERR_SHUT_DOWN, 0);
        return;
    }
    op->deadline_timer.fire = on_deadline;
    baton_status status =
        baton_loop_timer_start(connector->loop, &op->deadline_timer, op->deadline_ns);
    if (status == BATON_OK) {
        status = register_memory(op);
    }
    if (status != BATON_OK) {
        baton__operation_end(op, status, 0);
        return;
    }
    if (baton__is_active(op)) {
        baton__active_begin(op);
    } else {
        baton__passive_begin(op);
    }
    baton__gates_begin(op);
}

void baton__operation_requested(baton_task *task)
{
    baton_operation *op = (baton_operation *)((char *)task - offsetof(baton_operation, task));
    baton__operation_fetch(op, 1, 2);
    uint32_t bits = __atomic_exchange_n(&op->requests, 0, __ATOMIC_ACQ_REL);
    if ((bits & BATON__REQUEST_BEGIN) != 0) {
        baton__operation_begin(op);
    }
    if ((bits & BATON__REQUEST_ANSWER) != 0 && baton__operation_status(op) == BATON_OPERATION_IN_PROGRESS) {
        baton__active_answer(op);
    }
    if ((bits & BATON__REQUEST_RELEASE) != 0) {
        baton__view_end(op);
    }
    if ((bits & BATON__REQUEST_CANCEL) != 0) {
        baton__operation_stop(op, (baton_status)(int32_t)__atomic_load_n(&op->cancel_reason, __ATOMIC_ACQUIRE), 0);
    }
    baton__operation_unref(op);
}

void baton__operation_request(baton_operation *op, uint32_t bits)
{
    baton_connector *connector = op->connector; /* after the post the operation may be over, and its memory another's */
    (void)__atomic_fetch_or(&op->requests, bits, __ATOMIC_ACQ_REL);
    (void)__atomic_add_fetch(&op->references, 1, __ATOMIC_RELAXED);
    if (!baton_loop_post(connector->loop, &op->task)) {
        baton__operation_unref(op); /* it is posted already and will see the bits */
    }
    baton__connector_run_late(connector);
}

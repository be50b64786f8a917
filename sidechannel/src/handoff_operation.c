/* SPDX-License-Identifier: Apache-2.0 */
/* The owner thread's part of a handoff: carries out what was decided, and follows the operation. */
#include "handoff.h"

#include "base/log.h"
#include "service.h"
#include <stddef.h>
#include <string.h>

static uint32_t left_ms(const baton_handoff *handoff)
{
    uint32_t left = baton_handoff_remaining_ms(handoff);
    return left == 0 ? 1 : left;
}

static void on_granted(baton_handoff *handoff, baton_operation *operation)
{
    if (baton_operation_settle_keys(operation, &handoff->keys) != BATON_OK) {
        BATON__ERROR("worker %s: a granted operation has no keys", handoff->session->name);
        return;
    }
    handoff->granted = true;
    baton_loop_timer_stop(handoff->session->loop, &handoff->repeat_timer);
    baton__record_grant(&handoff->record, handoff->message.origin, handoff->key.attempt,
                        handoff->operation);
    baton__session_event(handoff->session, "handoff", &handoff->key.id, handoff->key.attempt,
                         "GRANTED", BATON_OK);
}

/* Delivered before it is counted off: the threads of a service that stops end when nothing is fetched and nothing waits. */
static void show(baton_handoff *handoff)
{
    handoff->is_shown = true;
    baton__service_deliver(handoff->service, handoff);
    baton__service_count_fetching(handoff->service, false);
}

/* All bytes are there, and the application is to say what it made of them. */
static void ask_application(baton_handoff *handoff)
{
    baton__handoff_tell_moved(handoff, BATON_OK);
    (void)pthread_mutex_lock(&handoff->record.lock);
    bool is_left = handoff->answer_due && handoff->answer == BATON__ANSWER_NONE;
    if (is_left) {
        handoff->answer = BATON__ANSWER_NACK;
    }
    (void)pthread_mutex_unlock(&handoff->record.lock);
    if (is_left) {
        (void)baton__handoff_post(handoff, &handoff->answer_task);
    }
}

static void on_moved(baton_handoff *handoff, baton_operation *operation)
{
    baton__handoff_enter(handoff, BATON__HANDOFF_MOVED);
    if (handoff->views) {
        baton__handoff_begin_view(handoff, operation);
    }
    (void)pthread_mutex_lock(&handoff->record.lock);
    handoff->moved = true;
    bool ends_place = baton__handoff_ends_place(handoff);
    (void)pthread_mutex_unlock(&handoff->record.lock);
    if (ends_place) {
        baton__service_free_place(handoff->service);
    }
    if (handoff->message.acknowledge != BATON_ACKNOWLEDGE_APPLICATION && handoff->views) {
        baton__handoff_tell_moved(handoff, BATON_OK); /* and it is reported when the view is released */
        baton__event_set(&handoff->moved_or_over);
        return;
    }
    if (handoff->message.acknowledge != BATON_ACKNOWLEDGE_APPLICATION) {
        baton__handoff_report(handoff, handoff->silent);
        return;
    }
    ask_application(handoff);
    baton__event_set(&handoff->moved_or_over);
    if (handoff->prefetch && !handoff->is_shown) {
        show(handoff);
    }
}

static void on_event(baton_operation *operation, baton_operation_event event, void *context)
{
    baton_handoff *handoff = context;
    if (handoff->state >= BATON__HANDOFF_COMPLETE) {
        return; /* abandoned */
    }
    switch (event) {
    case BATON_EVENT_GRANTED:
        on_granted(handoff, operation);
        break;
    case BATON_EVENT_MOVED:
        on_moved(handoff, operation);
        break;
    case BATON_EVENT_SILENT:
        handoff->silent = true;
        baton__handoff_begin_repeat(handoff);
        break;
    default:
        break;
    }
}

static baton_status begin(baton_handoff *handoff)
{
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.deadline_ms = left_ms(handoff);
    options.attempt = handoff->key.attempt;
    options.on_event = on_event;
    options.on_complete = baton__handoff_over;
    options.context = handoff;
    baton_connector *connector = handoff->session->connector;
    if (handoff->views) {
        return baton_connector_begin_view(connector, handoff->message.metadata, &options, &handoff->operation);
    }
    return baton_handoff_kind(handoff) == BATON_OPERATION_READ
               ? baton_connector_begin_read(connector, handoff->message.metadata, handoff->locals,
                                            handoff->count, &options, &handoff->operation)
               : baton_connector_begin_write(connector, handoff->message.metadata, handoff->locals,
                                             handoff->count, &options, &handoff->operation);
}

void baton__handoff_stop_operation(baton_handoff *handoff, baton_status reason)
{
    baton_status status = reason == BATON_ERR_CANCELLED
                              ? baton_operation_cancel(handoff->operation)
                              : baton_operation_fail(handoff->operation, reason);
    if (status != BATON_OK) {
        BATON__ERROR("worker %s: an operation cannot be ended: %s", handoff->session->name,
                     baton_status_name(status));
    }
}

void baton__handoff_begin(baton_handoff *handoff)
{
    baton__handoff_enter(handoff, BATON__HANDOFF_OPENING);
    baton__handoff_begin_opening(handoff);
    (void)baton__handoff_acquire(handoff); /* the operation's */
    baton_status status = begin(handoff);
    if (status != BATON_OK) {
        /* Another worker may be luckier. */
        baton__handoff_refuse(handoff->session, &handoff->message, BATON__MESSAGE_BUSY, status,
                              NULL);
        baton__handoff_finish_now(handoff, BATON_OPERATION_ERRORED, status);
        baton__handoff_release(handoff);
    }
}

void baton__handoff_run_decision(baton_task *task)
{
    baton_handoff *handoff = (baton_handoff *)((char *)task - offsetof(baton_handoff, decide_task));
    baton__session *session = handoff->session;
    (void)pthread_mutex_lock(&handoff->record.lock);
    baton__decision decision = handoff->decision;
    (void)pthread_mutex_unlock(&handoff->record.lock);
    if (handoff->state == BATON__HANDOFF_WAITING) {
        switch (decision) {
        case BATON__DECISION_ACCEPT:
            baton__handoff_begin(handoff);
            break;
        case BATON__DECISION_REJECT:
            baton__handoff_refuse(session, &handoff->message, BATON__MESSAGE_REJECT,
                                  handoff->reject_reason, handoff->reject_text);
            baton__handoff_finish_now(handoff, BATON_OPERATION_ERRORED, handoff->reject_reason);
            break;
        case BATON__DECISION_RETURN:
            baton__handoff_refuse(session, &handoff->message, BATON__MESSAGE_BUSY, BATON_ERR_BUSY,
                                  NULL);
            baton__handoff_finish_now(handoff, BATON_OPERATION_CANCELLED, BATON_ERR_CANCELLED);
            break;
        default:
            baton__handoff_finish_now(handoff, BATON_OPERATION_ERRORED, BATON_ERR_EXPIRED);
            break;
        }
    }
    baton__handoff_release(handoff);
}

static void give_answer(baton_handoff *handoff)
{
    const char *result = handoff->result;
    size_t size = result != NULL ? strlen(result) : 0;
    baton_status status = handoff->answer == BATON__ANSWER_ACK
                              ? baton_operation_ack(handoff->operation, result, size)
                              : baton_operation_nack(handoff->operation, result, size);
    if (status != BATON_OK) {
        BATON__DEBUG("worker %s: an answer came too late: %s", handoff->session->name,
                     baton_status_name(status));
        return;
    }
    handoff->given = handoff->answer;
    baton__handoff_enter(handoff, BATON__HANDOFF_ANSWERED);
    baton__handoff_report(handoff, handoff->silent);
}

void baton__handoff_run_answer(baton_task *task)
{
    baton_handoff *handoff = (baton_handoff *)((char *)task - offsetof(baton_handoff, answer_task));
    if (handoff->state == BATON__HANDOFF_MOVED) {
        give_answer(handoff);
    }
    baton__handoff_release(handoff);
}

void baton__handoff_run_cancel(baton_task *task)
{
    baton_handoff *handoff = (baton_handoff *)((char *)task - offsetof(baton_handoff, cancel_task));
    bool runs = handoff->state == BATON__HANDOFF_OPENING || handoff->state == BATON__HANDOFF_MOVED;
    if (runs) {
        baton__handoff_stop_operation(handoff, BATON_ERR_CANCELLED);
    }
    baton__handoff_release(handoff);
}

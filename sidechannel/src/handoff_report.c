/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer says to the origin over NATS. */
#include "handoff.h"

#include "base/clock.h"
#include <stddef.h>
#include <string.h>

enum { REPEAT_MIN_MS = 50, REPEAT_MAX_MS = 1000, REPEAT_NO_LEASE_MS = 500 };

/* Addressed to the origin of an offer, from us. */
static baton__message address(const baton__session *session, const baton__message *offer,
                              baton__message_type type)
{
    baton__message message = {.type = type, .id = offer->id, .attempt = offer->attempt};
    memcpy(message.origin, offer->origin, sizeof(message.origin));
    memcpy(message.worker, session->name, sizeof(message.worker));
    return message;
}

void baton__handoff_refuse(baton__session *session, const baton__message *offer,
                           baton__message_type type, baton_status reason, const char *text)
{
    baton__message message = address(session, offer, type);
    message.key = offer->key;
    if (type == BATON__MESSAGE_REJECT) {
        message.reason = reason;
        message.text = text;
    }
    baton__session_send(session, BATON__SUBJECT_DONE, offer->origin, &message, false);
}

/* True once the acknowledgement may be sent: the bytes are there and no view of them is read any more, or the application has
 * answered. */
static bool is_due(const baton_handoff *handoff)
{
    return handoff->message.acknowledge == BATON_ACKNOWLEDGE_APPLICATION
               ? handoff->given != BATON__ANSWER_NONE
               : handoff->moved && !baton__handoff_is_read(handoff);
}

void baton__handoff_report(baton_handoff *handoff, bool at_once)
{
    baton__session *session = handoff->session;
    if (handoff->was_reported || !handoff->granted || session->link == NULL) {
        return;
    }
    if (at_once) {
        baton__handoff_send_record(handoff);
        return;
    }
    baton__handoff_record(handoff);
}

void baton__handoff_report_failure(baton_handoff *handoff, baton_status reason)
{
    baton__session *session = handoff->session;
    bool is_cancel = reason == BATON_ERR_CANCELLED || reason == BATON_ERR_SHUT_DOWN;
    baton__message message = address(session, &handoff->message,
                                     is_cancel ? BATON__MESSAGE_CANCEL : BATON__MESSAGE_FAIL);
    message.key = handoff->keys.ack_key;
    message.reason = is_cancel ? BATON_ERR_CANCELLED : reason;
    message.text = is_cancel ? NULL : baton_status_text(reason);
    baton__session_send(session, BATON__SUBJECT_DONE, handoff->message.origin, &message, true);
}

static void start_repeat(baton_handoff *handoff)
{
    uint64_t due = baton__session_now_ns(handoff->session) + handoff->repeat_ms * BATON__NS_PER_MS;
    baton__session_start_timer(handoff->session, &handoff->repeat_timer, due);
}

/* What was sent while disconnected is held, so only signs of life are repeated then, and they are
 * lost. */
static void repeat(baton_handoff *handoff)
{
    baton__session *session = handoff->session;
    if (is_due(handoff)) {
        if (!handoff->was_reported || baton__session_is_connected(session)) {
            baton__handoff_send_record(handoff);
        }
        return;
    }
    baton__message message = address(session, &handoff->message, BATON__MESSAGE_PROGRESS);
    message.key = handoff->keys.ack_key;
    baton__session_send(session, BATON__SUBJECT_DONE, handoff->message.origin, &message, false);
}

static void on_repeat(baton_timer *timer)
{
    baton_handoff *handoff =
        (baton_handoff *)((char *)timer - offsetof(baton_handoff, repeat_timer));
    if (handoff->state == BATON__HANDOFF_WAITING) {
        baton__handoff_finish_now(handoff, BATON_OPERATION_ERRORED, BATON_ERR_DEADLINE);
    } else if (!handoff->granted && handoff->operation != NULL) {
        baton__handoff_stop_operation(handoff, BATON_ERR_EXPIRED);
    } else if (handoff->silent && handoff->state < BATON__HANDOFF_COMPLETE) {
        repeat(handoff);
        start_repeat(handoff);
    }
}

void baton__handoff_begin_waiting(baton_handoff *handoff)
{
    handoff->repeat_timer.fire = on_repeat;
    baton__session_start_timer(handoff->session, &handoff->repeat_timer, handoff->deadline_ns);
}

void baton__handoff_begin_opening(baton_handoff *handoff)
{
    uint32_t lease_ms = handoff->message.lease_ms;
    if (lease_ms == 0) {
        baton_loop_timer_stop(handoff->session->loop, &handoff->repeat_timer);
        return;
    }
    uint64_t due = baton__session_now_ns(handoff->session) + lease_ms * BATON__NS_PER_MS;
    baton__session_start_timer(handoff->session, &handoff->repeat_timer, due);
}

void baton__handoff_begin_repeat(baton_handoff *handoff)
{
    uint32_t lease_ms = handoff->message.lease_ms;
    uint32_t time_ms = lease_ms == 0 ? REPEAT_NO_LEASE_MS : lease_ms / 3;
    time_ms = time_ms < REPEAT_MIN_MS ? REPEAT_MIN_MS : time_ms;
    handoff->repeat_ms = time_ms > REPEAT_MAX_MS ? REPEAT_MAX_MS : time_ms;
    handoff->repeat_timer.fire = on_repeat;
    if (handoff->granted) {
        repeat(handoff);
        start_repeat(handoff);
    }
}

static baton_settlement settlement_of(baton__message_type type)
{
    switch (type) {
    case BATON__MESSAGE_COMMIT:
        return BATON_SETTLE_COMMIT;
    case BATON__MESSAGE_NACKED:
        return BATON_SETTLE_NACKED;
    default:
        return BATON_SETTLE_CANCEL;
    }
}

/* What the origin says of itself; the sdk turns it round. */
static baton_status reason_of(const baton__message *message)
{
    if (message->type != BATON__MESSAGE_CANCEL) {
        return BATON_OK;
    }
    return message->reason != BATON_OK ? message->reason : BATON_ERR_CANCELLED;
}

static void settle(baton_handoff *handoff, const baton__message *message)
{
    baton__session *session = handoff->session;
    baton_status status = BATON_ERR_FORBIDDEN;
    if (handoff->operation == NULL) {
        status = BATON_ERR_WRONG_STATE;
    } else if (strcmp(handoff->message.origin, message->origin) == 0) {
        status = baton_operation_settle(handoff->operation, settlement_of(message->type),
                                        &message->key, reason_of(message), NULL, 0);
    }
    if (status == BATON_ERR_FORBIDDEN) {
        baton__session_refuse(session, &session->counters.refused_key, message->origin,
                              "a wrong key, or not the worker that offered it");
    } else if (status != BATON_OK) {
        baton__session_refuse(session, &session->counters.refused_attempt, message->origin,
                              "does not fit the state of the attempt");
    }
}

void baton__handoffs_message(baton__session *session, const baton__message *message)
{
    baton_handoff *handoff = baton__session_find_handoff(session, &message->id, message->attempt);
    if (handoff != NULL) {
        settle(handoff, message);
    } else if (baton__recent_find(&session->served, &message->id, message->attempt) == NULL) {
        baton__session_refuse(session, &session->counters.refused_unknown, message->origin,
                              "for a handoff that is not known");
    }
}

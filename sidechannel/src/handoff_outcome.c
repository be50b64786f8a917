/* SPDX-License-Identifier: Apache-2.0 */
/* How a handoff ends, who is told, and what is remembered of it. Owner thread. */
#include "handoff.h"

#include "service.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void baton__handoff_tell_moved(baton_handoff *handoff, baton_status status)
{
    (void)pthread_mutex_lock(&handoff->record.lock);
    bool is_accepted = handoff->decision == BATON__DECISION_ACCEPT;
    (void)pthread_mutex_unlock(&handoff->record.lock);
    if (!is_accepted || handoff->on_moved == NULL || handoff->on_moved_ran) {
        return;
    }
    handoff->on_moved_ran = true;
    const baton__session *previous = baton__session_enter_callback(handoff->session);
    handoff->on_moved(handoff, status, handoff->moved_context);
    baton__session_leave_callback(previous);
}

static baton__handoff_state state_of(baton_operation_status status)
{
    switch (status) {
    case BATON_OPERATION_COMPLETE:
        return BATON__HANDOFF_COMPLETE;
    case BATON_OPERATION_CANCELLED:
        return BATON__HANDOFF_CANCELLED;
    default:
        return BATON__HANDOFF_ERRORED;
    }
}

/* A granted attempt is not served twice, and a rejected one is rejected again; all else may come
 * back. */
static void remember(const baton_handoff *handoff, const baton_outcome *outcome)
{
    bool is_rejected = handoff->decision == BATON__DECISION_REJECT;
    if (!handoff->granted && !is_rejected) {
        return;
    }
    baton__recent_entry *entry =
        baton__recent_add(&handoff->session->served, &handoff->key.id, handoff->key.attempt);
    if (entry != NULL) {
        entry->granted = handoff->granted;
        entry->status = outcome->status;
        entry->reason = is_rejected ? BATON_ERR_REJECTED : outcome->reason;
        memcpy(entry->peer, handoff->message.origin, sizeof(entry->peer));
    }
}

/* Nobody will be shown what was moved beforehand and failed. */
static void end_fetching(baton_handoff *handoff, bool is_complete)
{
    if (!handoff->prefetch || handoff->is_shown) {
        return;
    }
    handoff->is_shown = true;
    if (is_complete) {
        baton__service_deliver(handoff->service, handoff);
    }
    /* After that, as in show() of handoff_operation.c. */
    baton__service_count_fetching(handoff->service, false);
    if (is_complete) {
        return;
    }
    (void)pthread_mutex_lock(&handoff->record.lock);
    handoff->released = true;
    (void)pthread_mutex_unlock(&handoff->record.lock);
}

static void leave_tables(baton_handoff *handoff)
{
    baton__session *session = handoff->session;
    baton__session_remove_handoff(session, handoff);
    (void)baton__counter_subtract(&session->counters.handoffs_live);
    (void)pthread_mutex_lock(&handoff->record.lock);
    bool ends_place = baton__handoff_ends_place(handoff);
    (void)pthread_mutex_unlock(&handoff->record.lock);
    if (ends_place) {
        baton__service_free_place(handoff->service);
    }
}

void baton__handoff_finish(baton_handoff *handoff, const baton_outcome *outcome)
{
    baton__session *session = handoff->session;
    bool is_complete = outcome->status == BATON_OPERATION_COMPLETE;
    baton__handoff_leave_record(handoff);
    baton__handoff_enter(handoff, state_of(outcome->status));
    baton__record_end(&handoff->record, outcome);
    (void)baton__counter_add(is_complete ? &session->counters.handoffs_complete
                                         : &session->counters.handoffs_failed);
    baton__session_event(session, "handoff", &handoff->key.id, handoff->key.attempt,
                         baton__handoff_state_name(handoff->state), outcome->reason);
    remember(handoff, outcome);
    end_fetching(handoff, is_complete);
    leave_tables(handoff);
    baton__handoff_tell_moved(handoff, outcome->reason);
    baton__event_set(&handoff->moved_or_over);
    baton__event_set(&handoff->record.ended);
    baton__session_check_drained(session);
    baton__handoff_release(handoff); /* the table's */
}

static void explain(const baton_handoff *handoff, baton_status reason, char *text, size_t size)
{
    (void)snprintf(text, size, "%s (offered by \"%s\", attempt %u)", baton_status_text(reason),
                   handoff->message.origin, handoff->key.attempt);
}

void baton__handoff_finish_now(baton_handoff *handoff, baton_operation_status status,
                               baton_status reason)
{
    char text[256];
    baton_outcome outcome = BATON_OUTCOME_INIT;
    explain(handoff, reason, text, sizeof(text));
    outcome.status = status;
    outcome.reason = reason;
    outcome.peer = handoff->message.origin;
    outcome.text = text;
    baton__handoff_finish(handoff, &outcome);
}

/* The trouble is on this side: another worker may be luckier, and nobody has to wait for claim_ms.
 */
static bool is_trouble_of_ours(baton_status reason)
{
    switch (reason) {
    case BATON_ERR_TAKEN:
    case BATON_ERR_EXPIRED:
    case BATON_ERR_DEADLINE:
    case BATON_ERR_UNKNOWN_OPERATION:
    case BATON_ERR_STALE_PEER:
    case BATON_ERR_PEER_CANCELLED:
    case BATON_ERR_FORBIDDEN:
        return false;
    default:
        return true;
    }
}

/* What the origin is told over NATS besides what went in-band. */
static void tell_origin(baton_handoff *handoff, const baton_operation_report *report)
{
    bool is_confirmed =
        report->status == BATON_OPERATION_COMPLETE || report->reason == BATON_ERR_NACKED;
    /* Whatever else it ended with, it had not given its word: a DONE now could be a false success at the origin. */
    bool has_answered = report->reason == BATON_ERR_UNCONFIRMED;
    if (is_confirmed || (handoff->granted && has_answered)) {
        baton__handoff_report(handoff, !is_confirmed);
    } else if (handoff->granted) {
        baton__handoff_withdraw_record(handoff);
        if (report->reason != BATON_ERR_PEER_CANCELLED) {
            baton__handoff_report_failure(handoff, report->reason);
        }
    } else if (is_trouble_of_ours(report->reason)) {
        baton__handoff_refuse(handoff->session, &handoff->message, BATON__MESSAGE_BUSY,
                              report->reason, NULL);
    }
}

static void conclude(baton_handoff *handoff, const baton_operation_report *report)
{
    char text[256] = "";
    baton_outcome outcome = BATON_OUTCOME_INIT;
    outcome.status = report->status;
    outcome.reason = report->reason;
    outcome.native_code = report->native_code;
    outcome.bytes = report->bytes_moved;
    outcome.attempts = handoff->key.attempt;
    outcome.peer = handoff->message.origin;
    outcome.path = report->path;
    outcome.transport = report->transport;
    outcome.result_json = handoff->given != BATON__ANSWER_NONE ? handoff->result : NULL;
    if (report->status != BATON_OPERATION_COMPLETE) {
        explain(handoff, report->reason, text, sizeof(text));
    }
    outcome.text = text;
    baton__handoff_finish(handoff, &outcome);
}

void baton__handoff_over(baton_operation *operation, void *context)
{
    baton_handoff *handoff = context;
    baton_operation_report report = {.struct_size = sizeof(report)};
    if (baton_operation_get_report(operation, &report) != BATON_OK) {
        report.status = BATON_OPERATION_ERRORED;
        report.reason = baton_operation_reason(operation);
    }
    baton__record_rest(&handoff->record);
    handoff->operation = NULL;
    bool is_kept = baton__handoff_keeps_view(handoff);
    if (!handoff->abandoned) {
        tell_origin(handoff, &report);
        conclude(handoff, &report);
    }
    if (!is_kept) {
        baton_operation_destroy(operation);
    }
    baton__handoff_release(handoff); /* the operation's */
}

/* Not accepted, or accepted and not yet begun. */
static void end_waiting(baton_handoff *handoff)
{
    (void)pthread_mutex_lock(&handoff->record.lock);
    if (handoff->decision == BATON__DECISION_NONE) {
        handoff->decision = BATON__DECISION_RETURN;
    }
    (void)pthread_mutex_unlock(&handoff->record.lock);
    baton__handoff_refuse(handoff->session, &handoff->message, BATON__MESSAGE_BUSY,
                          BATON_ERR_SHUT_DOWN, NULL);
    baton__handoff_finish_now(handoff, BATON_OPERATION_CANCELLED, BATON_ERR_SHUT_DOWN);
}

/* The bytes are here and so is our memory; only the origin's word is missing. */
static void abandon(baton_handoff *handoff)
{
    handoff->abandoned = true;
    baton__handoff_report(handoff, true);
    baton__handoff_finish_now(handoff, BATON_OPERATION_ERRORED, BATON_ERR_UNCONFIRMED);
}

static void shut_down(baton_handoff *handoff, bool force)
{
    bool is_application = handoff->message.acknowledge == BATON_ACKNOWLEDGE_APPLICATION;
    bool is_answered = handoff->state == BATON__HANDOFF_ANSWERED ||
                       (handoff->state == BATON__HANDOFF_MOVED && !is_application && !baton__handoff_is_read(handoff));
    if (handoff->state == BATON__HANDOFF_WAITING) {
        end_waiting(handoff);
    } else if (is_answered && force) {
        abandon(handoff);
    } else if (!is_answered) {
        baton__handoff_stop_operation(handoff, BATON_ERR_CANCELLED);
    }
}

void baton__handoffs_shut_down(baton__session *session, bool force)
{
    baton_handoff *handoff;
    baton_handoff *next;
    HASH_ITER(hh, session->handoffs, handoff, next)
    {
        shut_down(handoff, force);
    }
}

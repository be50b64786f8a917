/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an attempt ends, and what that means for its offer: complete, once more, or the end. The sdk
 * ends an operation only when its memory is quiet, so the next attempt may begin right there, for a
 * writable too.
 */
#include "offer.h"

#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void baton__offer_end(baton_offer *offer, baton_operation_status status, baton_status reason,
                      const char *text)
{
    if (offer->state >= BATON__OFFER_ENDING) {
        return;
    }
    if (offer->operation == NULL) {
        baton__offer_end_now(offer, status, reason);
        return;
    }
    offer->end_status = status;
    offer->end_reason = reason;
    offer->end_text = text != NULL ? strdup(text) : NULL;
    baton__offer_enter(offer, BATON__OFFER_ENDING);
    baton_status asked = status == BATON_OPERATION_CANCELLED
                             ? baton_operation_cancel(offer->operation)
                             : baton_operation_fail(offer->operation, reason);
    if (asked != BATON_OK) {
        BATON__ERROR("worker %s: an operation cannot be ended: %s", offer->session->name,
                     baton_status_name(asked));
    }
}

static void run_on_complete(baton_offer *offer)
{
    if (offer->options.on_complete != NULL) {
        const baton__session *previous = baton__session_enter_callback(offer->session);
        offer->options.on_complete(offer, offer->options.context);
        baton__session_leave_callback(previous);
    }
    baton__event_set(&offer->record.ended);
}

static baton__offer_state state_of(baton_operation_status status)
{
    switch (status) {
    case BATON_OPERATION_COMPLETE:
        return BATON__OFFER_COMPLETE;
    case BATON_OPERATION_CANCELLED:
        return BATON__OFFER_CANCELLED;
    default:
        return BATON__OFFER_ERRORED;
    }
}

static void release_contents(baton_offer *offer)
{
    for (size_t i = 0; i < offer->count; i++) {
        baton_descriptor_release(offer->descriptors[i]);
    }
    free(offer->descriptors);
    offer->descriptors = NULL;
    baton_metadata_destroy(offer->metadata);
    offer->metadata = NULL;
}

/* The one place where an offer becomes over. */
static void finish(baton_offer *offer, baton_outcome *outcome)
{
    baton__session *session = offer->session;
    char text[640] = "";
    if (outcome->status != BATON_OPERATION_COMPLETE) {
        baton__offer_explain(offer, outcome->reason, text, sizeof(text));
    }
    outcome->text = text;
    outcome->attempts = offer->grants;
    outcome->peer = offer->consumer[0] != '\0' ? offer->consumer : NULL;
    baton__offer_enter(offer, state_of(outcome->status));
    baton__record_end(&offer->record, outcome);
    outcome->text = NULL; /* it is on this function's stack */
    (void)baton__counter_add(outcome->status == BATON_OPERATION_COMPLETE
                                 ? &session->counters.offers_complete
                                 : &session->counters.offers_failed);
    baton__session_event(session, "offer", &offer->id, offer->attempt,
                         baton__offer_state_name(offer->state), outcome->reason);
    bool in_table = offer->hh.tbl != NULL;
    if (in_table) {
        baton__session_remove_offer(session, offer);
        (void)baton__counter_subtract(&session->counters.offers_live);
    }
    release_contents(offer);
    run_on_complete(offer);
    baton__session_check_drained(session);
    if (in_table) {
        baton__offer_release(offer);
    }
}

void baton__offer_end_now(baton_offer *offer, baton_operation_status status, baton_status reason)
{
    baton_outcome outcome = BATON_OUTCOME_INIT;
    outcome.status = status;
    outcome.reason = reason;
    finish(offer, &outcome);
}

/* What the consumer of an attempt that did not come to a good end is told; the sdk turns it round.
 */
static baton_status consumer_reason(baton_status reason)
{
    switch (reason) {
    case BATON_ERR_CANCELLED:
    case BATON_ERR_SHUT_DOWN:
        return reason;
    default:
        return BATON_ERR_EXPIRED; /* fenced */
    }
}

void baton__offer_answer(baton__session *session, const baton__recent_entry *entry)
{
    baton__message message = {
        .id = entry->key.id, .attempt = entry->key.attempt, .key = entry->keys.cancel_key};
    if (entry->status == BATON_OPERATION_COMPLETE) {
        message.type = BATON__MESSAGE_COMMIT;
    } else if (entry->reason == BATON_ERR_NACKED) {
        message.type = BATON__MESSAGE_NACKED;
    } else {
        message.type = BATON__MESSAGE_CANCEL;
        message.reason = entry->reason;
    }
    memcpy(message.origin, session->name, sizeof(message.origin));
    memcpy(message.worker, entry->peer, sizeof(message.worker));
    baton__session_send(session, BATON__SUBJECT_TO, entry->peer, &message, true);
}

/* Remembers a granted attempt, and tells its consumer where the answer in-band may not arrive. */
static void remember(baton_offer *offer, const baton_operation_report *report)
{
    if (offer->grants != offer->attempt) {
        return;
    }
    baton__session *session = offer->session;
    baton__recent_entry *entry = baton__recent_add(&session->ended, &offer->id, offer->attempt);
    if (entry == NULL) {
        return;
    }
    bool is_good = report->status == BATON_OPERATION_COMPLETE || report->reason == BATON_ERR_NACKED;
    entry->keys = offer->keys;
    entry->granted = true;
    entry->recorded = offer->settled_by_nats;
    entry->status = report->status;
    entry->reason = is_good ? report->reason : consumer_reason(report->reason);
    memcpy(entry->peer, offer->consumer, sizeof(entry->peer));
    bool peer_knows =
        report->reason == BATON_ERR_PEER_CANCELLED || report->reason == BATON_ERR_PEER_FAILED;
    if (is_good ? offer->settled_by_nats : !peer_knows) {
        baton__offer_answer(session, entry);
    }
}

/* Whether this end of an attempt leaves room for the next one. */
static bool has_another_attempt(const baton_offer *offer, baton_status reason)
{
    switch (reason) {
    case BATON_ERR_NACKED:
    case BATON_ERR_DEADLINE:
    case BATON_ERR_SHUT_DOWN:
    case BATON_ERR_CANCELLED:
        return false;
    case BATON_ERR_QUARANTINED: /* two may read, but where one writes nobody else may */
        if (offer->kind != BATON_OPERATION_READABLE) {
            return false;
        }
        break;
    default:
        break;
    }
    return offer->grants == offer->attempt && offer->grants < offer->options.attempts &&
           baton__session_now_ns(offer->session) < offer->deadline_ns;
}

/* The consumer's result as a string, NULL if there is none. */
static char *copy_result(baton_offer *offer, const baton_operation *operation)
{
    size_t size = 0;
    const void *result = baton_operation_peer_result(operation, &size);
    char *text = result != NULL && size != 0 ? malloc(size + 1) : NULL;
    if (text == NULL) {
        return NULL;
    }
    memcpy(text, result, size);
    text[size] = '\0';
    if (size > offer->session->json_max || strlen(text) != size || !baton__json_is_valid(text)) {
        baton__session_refuse(offer->session, &offer->session->counters.refused_malformed,
                              offer->consumer, "a result that is not JSON, or too long");
        free(text);
        return NULL;
    }
    return text;
}

static void fail_attempt(baton_offer *offer, const baton_operation_report *report)
{
    char id[BATON_UUID_TEXT_SIZE];
    baton_uuid_print(&offer->id, id);
    (void)baton__counter_add(&offer->session->counters.attempts_failed);
    BATON__INFO("offer %s: attempt %u with \"%s\" failed: %s", id, offer->attempt, offer->consumer,
                baton_status_name(report->reason));
}

static void conclude(baton_offer *offer, baton_operation *operation,
                     const baton_operation_report *report)
{
    char *result = copy_result(offer, operation);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    outcome.status = report->status;
    outcome.reason = report->reason;
    outcome.native_code = report->native_code;
    outcome.bytes = report->bytes_moved;
    outcome.path = report->path;
    outcome.transport = report->transport;
    outcome.result_json = result;
    bool is_decided = report->status == BATON_OPERATION_COMPLETE ||
                      report->reason == BATON_ERR_NACKED || report->reason == BATON_ERR_QUARANTINED;
    if (offer->state == BATON__OFFER_ENDING && !is_decided) {
        outcome.status = offer->end_status;
        outcome.reason = offer->end_reason;
    } else if (report->reason == BATON_ERR_PEER_CANCELLED) {
        outcome.status =
            BATON_OPERATION_ERRORED; /* a consumer gave up; nobody cancelled the offer */
    }
    finish(offer, &outcome);
    free(result);
}

void baton__offer_attempt_over(baton_operation *operation, void *context)
{
    baton_offer *offer = context;
    baton_operation_report report = {.struct_size = sizeof(report)};
    if (baton_operation_get_report(operation, &report) != BATON_OK) {
        report.status = BATON_OPERATION_ERRORED;
        report.reason = baton_operation_reason(operation);
    }
    if (report.status != BATON_OPERATION_COMPLETE && offer->grants == offer->attempt) {
        fail_attempt(offer, &report);
    }
    if (report.reason == BATON_ERR_QUARANTINED) {
        __atomic_store_n(&offer->quarantined, true, __ATOMIC_RELAXED);
    }
    remember(offer, &report);
    baton_offer *held = baton__offer_acquire(offer);
    baton__record_rest(&offer->record);
    offer->operation = NULL;
    baton_metadata_destroy(offer->metadata);
    offer->metadata = NULL;
    bool goes_on = offer->state != BATON__OFFER_ENDING &&
                   report.status != BATON_OPERATION_COMPLETE &&
                   has_another_attempt(offer, report.reason);
    if (goes_on && !baton__session_is_closing(offer->session)) {
        baton__offer_begin_attempt(offer);
    } else if (goes_on) {
        baton__offer_end_now(offer, BATON_OPERATION_CANCELLED, BATON_ERR_SHUT_DOWN);
    } else {
        conclude(offer, operation, &report);
    }
    baton_operation_destroy(operation);
    baton__offer_release(held);
}

/* What to do about it, for those reasons where there is something. */
static const char *remedy(const baton_offer *offer, baton_status reason)
{
    bool to_pool = offer->options.target == BATON_TARGET_POOL;
    switch (reason) {
    case BATON_ERR_NO_CONSUMER:
        return to_pool ? "start a worker that serves this pool, or set .nobody = BATON_ABSENCE_WAIT"
                       : "start that worker with a service for its own name, or set .nobody = "
                         "BATON_ABSENCE_WAIT";
    case BATON_ERR_NATS_DISCONNECTED:
        return "see if the NATS server runs, or set .offline = BATON_ABSENCE_WAIT";
    case BATON_ERR_NATS_DENIED:
        return "let this worker publish there in the NATS server's permissions";
    case BATON_ERR_QUEUE_FULL:
        return "raise queue_max of the worker, or offer less at a time";
    case BATON_ERR_TOO_LARGE:
        return "raise the server's max_payload or the service's size_max, or offer less at a time";
    case BATON_ERR_DEADLINE:
        return "raise deadline_ms, or serve with more workers";
    case BATON_ERR_EXPIRED:
        return offer->grants == 0
                   ? "raise ttl_ms, or serve with more workers"
                   : "see why the consumer stopped; lease_ms is how long it may be silent";
    case BATON_ERR_PEER_LOST:
    case BATON_ERR_PEER_FAILED:
    case BATON_ERR_PEER_CANCELLED:
        return "see the consumer's log; .attempts allows more of them";
    case BATON_ERR_NACKED:
        return "the result of the outcome says why";
    default:
        return NULL;
    }
}

void baton__offer_explain(const baton_offer *offer, baton_status reason, char *text, size_t size)
{
    const char *advice = remedy(offer, reason);
    const char *what = offer->options.target == BATON_TARGET_POOL ? "pool" : "worker";
    int used = snprintf(text, size, "%s (%s \"%s\"", baton_status_text(reason), what, offer->to);
    if (used < 0 || (size_t)used >= size) {
        return;
    }
    size_t at = (size_t)used;
    used = offer->grants == 0
               ? snprintf(text + at, size - at, ", nobody took it)")
               : snprintf(text + at, size - at, ", attempt %u of at most %u, last with \"%s\")",
                          offer->grants, offer->options.attempts, offer->consumer);
    if (used < 0 || (size_t)used >= size - at) {
        return;
    }
    at += (size_t)used;
    if (offer->end_text != NULL || advice != NULL) {
        (void)snprintf(text + at, size - at, ": %s",
                       offer->end_text != NULL ? offer->end_text : advice);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts. Each is one passive operation of the sdk with keys of its own over the same
 * descriptors. The operation carries the deadline, so an offer ends even if every timer here is
 * lost. Publishing an attempt again is not a new attempt: the operation stays the same, and only
 * its grant counts.
 */
#include "offer.h"

#include "base/copy_text.h"

#include "base/clock.h"
#include "base/log.h"
#include <string.h>

enum { CLAIM_MAX_MS = 2000, BACKOFF_MAX_MS = 500 };

void baton__offer_free_place(baton_offer *offer)
{
    if (offer->has_place) {
        offer->has_place = false;
        baton__session_free_place(offer->session);
    }
}

uint64_t baton__offer_due_ns(const baton_offer *offer, uint64_t due_ns)
{
    return offer->grants == 0 && offer->ttl_ns < due_ns ? offer->ttl_ns : due_ns;
}

/* Milliseconds until then, rounded up, at least 1. */
static uint32_t left_ms(uint64_t now_ns, uint64_t then_ns)
{
    if (then_ns <= now_ns) {
        return 1;
    }
    uint64_t left = (then_ns - now_ns + BATON__NS_PER_MS - 1) / BATON__NS_PER_MS;
    return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

static void start_timer(baton_offer *offer, uint64_t due_ns)
{
    uint64_t due = baton__offer_due_ns(offer, due_ns);
    if (due == UINT64_MAX) {
        baton_loop_timer_stop(offer->session->loop, &offer->timer);
    } else {
        baton__session_start_timer(offer->session, &offer->timer, due);
    }
}

/*
 * Anything up to ms, as "full jitter" has it (Brooker, Exponential Backoff And Jitter, 2015): offers that were refused
 * together must not come back together, or a consumer takes as many as it has places, and is idle until the
 * rest comes.
 */
static uint64_t jitter_ns(uint32_t ms)
{
    baton_uuid random = baton_uuid_random();
    uint32_t word;
    memcpy(&word, random.bytes, sizeof(word));
    return (ms * BATON__NS_PER_MS >> 16) * (word >> 16);
}

static void on_timer(baton_timer *timer)
{
    baton_offer *offer = (baton_offer *)((char *)timer - offsetof(baton_offer, timer));
    if (offer->state >= BATON__OFFER_GRANTED) {
        return;
    }
    if (offer->grants == 0 && baton__session_now_ns(offer->session) >= offer->ttl_ns) {
        baton__offer_end(offer, BATON_OPERATION_ERRORED, BATON_ERR_EXPIRED, NULL);
        return;
    }
    if (offer->state == BATON__OFFER_OFFERED) {
        baton__offer_free_place(offer); /* somebody listens: no 503 came */
    }
    baton__offer_publish(offer);
}

static void on_granted(baton_offer *offer)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    if (baton_operation_get_report(offer->operation, &report) != BATON_OK ||
        baton_operation_settle_keys(offer->operation, &offer->keys) != BATON_OK) {
        BATON__ERROR("worker %s: a granted operation has no keys", offer->session->name);
        return;
    }
    offer->grants = offer->attempt;
    (void)baton__copy_text(offer->consumer, sizeof(offer->consumer), report.peer);
    baton__record_grant(&offer->record, offer->consumer, offer->grants, offer->operation);
    if (offer->state != BATON__OFFER_ENDING) {
        baton__offer_enter(offer, BATON__OFFER_GRANTED);
        baton__session_event(offer->session, "offer", &offer->id, offer->attempt, "GRANTED",
                             BATON_OK);
    }
}

static void on_event(baton_operation *operation, baton_operation_event event, void *context)
{
    baton_offer *offer = context;
    if (operation == offer->operation && event == BATON_EVENT_GRANTED) {
        on_granted(offer);
    }
}

static baton_status create_operation(baton_offer *offer, uint64_t now)
{
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.deadline_ms = left_ms(now, offer->deadline_ns);
    options.lease_ms = offer->options.lease_ms;
    options.completion = offer->options.acknowledge == BATON_ACKNOWLEDGE_APPLICATION
                             ? BATON_COMPLETION_ACK
                             : BATON_COMPLETION_COMMIT;
    options.attempt = offer->attempt;
    options.on_event = on_event;
    options.on_complete = baton__offer_attempt_over;
    options.context = offer;
    baton_connector *connector = offer->session->connector;
    return offer->kind == BATON_OPERATION_READABLE
               ? baton_connector_create_readable(connector, offer->descriptors, offer->count,
                                                 &options, &offer->operation)
               : baton_connector_create_writable(connector, offer->descriptors, offer->count,
                                                 &options, &offer->operation);
}

void baton__offer_begin_attempt(baton_offer *offer)
{
    uint64_t now = baton__session_now_ns(offer->session);
    offer->attempt = offer->grants + 1;
    offer->offer_key = baton_key_random();
    offer->consumer[0] = '\0';
    offer->settled_by_nats = false;
    offer->renewed_by_nats = false;
    offer->backoff_ms = 0;
    offer->claim_ms = offer->options.claim_ms;
    baton_status status = create_operation(offer, now);
    if (status != BATON_OK) {
        baton__offer_end_now(offer, BATON_OPERATION_ERRORED, status);
        return;
    }
    baton__offer_publish(offer);
}

void baton__offer_start(baton_offer *offer)
{
    baton__session *session = offer->session;
    offer->timer.fire = on_timer;
    if (!baton__session_add_offer(session, offer)) {
        baton__offer_end_now(offer, BATON_OPERATION_ERRORED, BATON_ERR_OUT_OF_MEMORY);
        return;
    }
    (void)baton__offer_acquire(offer); /* the table's */
    (void)baton__counter_add(&session->counters.offers_live);
    if (baton__session_is_closing(session)) {
        baton__offer_end_now(offer, BATON_OPERATION_CANCELLED, BATON_ERR_SHUT_DOWN);
        return;
    }
    baton__offer_begin_attempt(offer);
}

static void fill_message(const baton_offer *offer, uint64_t now, baton__message *message)
{
    *message =
        (baton__message){.type = BATON__MESSAGE_OFFER,
                         .id = offer->id,
                         .attempt = offer->attempt,
                         .key = offer->offer_key,
                         .epoch = baton_connector_epoch(offer->session->connector),
                         .ttl_ms = left_ms(now, baton__offer_due_ns(offer, offer->deadline_ns)),
                         .deadline_ms = left_ms(now, offer->deadline_ns),
                         .lease_ms = offer->options.lease_ms,
                         .acknowledge = offer->options.acknowledge,
                         .metadata = offer->metadata,
                         .tensors = offer->tensors,
                         .user = offer->options.user_json};
    memcpy(message->origin, offer->session->name, sizeof(message->origin));
}

/* For each time that it goes out: the address of the connector may have changed since (core/renewal.h). */
static baton_status make_metadata(baton_offer *offer)
{
    baton_metadata *metadata = NULL;
    baton_status status = baton_operation_metadata(offer->operation, &metadata);
    if (status == BATON_OK) {
        baton_metadata_destroy(offer->metadata);
        offer->metadata = metadata;
    }
    return status;
}

void baton__offer_publish(baton_offer *offer)
{
    baton__session *session = offer->session;
    uint64_t now = baton__session_now_ns(session);
    baton__message message;
    baton_status made = make_metadata(offer);
    if (made == BATON_ERR_WRONG_STATE) {
        return; /* the operation is over, and its end is on the way here */
    }
    if (made != BATON_OK) {
        baton__offer_end(offer, BATON_OPERATION_ERRORED, made, NULL);
        return;
    }
    if (!baton__session_is_connected(session)) {
        baton__offer_absent(offer, offer->options.offline, BATON_ERR_NATS_DISCONNECTED);
        return;
    }
    fill_message(offer, now, &message);
    baton__subject_kind kind =
        offer->options.target == BATON_TARGET_WORKER ? BATON__SUBJECT_TO : BATON__SUBJECT_OFFER;
    baton_status status = baton__session_publish_offer(session, kind, offer->to, &message,
                                                       offer->options.traceparent);
    if (status == BATON_ERR_NATS_DISCONNECTED) {
        baton__offer_absent(offer, offer->options.offline, status);
    } else if (status != BATON_OK) {
        baton__offer_end(offer, BATON_OPERATION_ERRORED, status, NULL);
    } else {
        baton__offer_enter(offer, BATON__OFFER_OFFERED);
        start_timer(offer, now + offer->claim_ms * BATON__NS_PER_MS + jitter_ns(offer->claim_ms / 4));
        uint32_t most =
            offer->options.claim_ms > CLAIM_MAX_MS ? offer->options.claim_ms : CLAIM_MAX_MS;
        offer->claim_ms = offer->claim_ms > most / 2 ? most : offer->claim_ms * 2;
    }
}

void baton__offer_back_off(baton_offer *offer, baton__offer_state state, uint32_t first_ms)
{
    uint32_t most = first_ms > BACKOFF_MAX_MS ? first_ms : BACKOFF_MAX_MS;
    if (offer->backed != state) {
        offer->backed = state;
        offer->backoff_ms = 0;
    }
    uint32_t next = offer->backoff_ms > most / 2 ? most : offer->backoff_ms * 2;
    offer->backoff_ms = next < first_ms ? first_ms : next;
    baton__offer_enter(offer, state);
    start_timer(offer, baton__session_now_ns(offer->session) + jitter_ns(offer->backoff_ms));
}

void baton__offer_absent(baton_offer *offer, baton_absence policy, baton_status reason)
{
    if (policy == BATON_ABSENCE_FAIL) {
        baton__offer_end(offer, BATON_OPERATION_ERRORED, reason, NULL);
        return;
    }
    if (!offer->has_place) {
        offer->has_place = baton__session_take_place(offer->session);
    }
    if (!offer->has_place) {
        baton__offer_end(offer, BATON_OPERATION_ERRORED, BATON_ERR_QUEUE_FULL, NULL);
    } else if (reason == BATON_ERR_NATS_DISCONNECTED) {
        baton__offer_enter(offer, BATON__OFFER_QUEUED);
        start_timer(offer, UINT64_MAX); /* the reconnect goes on with it */
    } else {
        baton__offer_back_off(offer, BATON__OFFER_QUEUED, 20);
    }
}

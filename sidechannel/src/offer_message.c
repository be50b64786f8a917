/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reaches an offer from outside its operation: messages of consumers, the server's answers,
 * and the connection coming and going.
 */
#include "offer.h"

#include "base/log.h"
#include <string.h>

enum { BUSY_FIRST_MS = 5, UNHEARD_FIRST_MS = 20 };

static void refuse_key(baton__session *session, const baton__message *message)
{
    baton__session_refuse(session, &session->counters.refused_key, message->worker,
                          "a wrong key, or not the worker that has it");
}

static void refuse_attempt(baton__session *session, const baton__message *message)
{
    baton__session_refuse(session, &session->counters.refused_attempt, message->worker,
                          "of an attempt that is over or never was");
}

static void on_reject(baton_offer *offer, const baton__message *message)
{
    switch (message->reason) {
    case BATON_ERR_NO_CONSUMER:
        baton__offer_absent(offer, offer->options.nobody, BATON_ERR_NO_CONSUMER);
        break;
    case BATON_ERR_TOO_LARGE:
        baton__offer_end(offer, BATON_OPERATION_ERRORED, BATON_ERR_TOO_LARGE, message->text);
        break;
    default:
        baton__offer_end(offer, BATON_OPERATION_ERRORED, BATON_ERR_REJECTED, message->text);
        break;
    }
}

/* BUSY and REJECT: before the grant, with the offer key. */
static void on_refusal(baton_offer *offer, const baton__message *message)
{
    baton__session *session = offer->session;
    if (!baton_key_equal(&message->key, &offer->offer_key)) {
        refuse_key(session, message);
        return;
    }
    if (offer->options.target == BATON_TARGET_WORKER && strcmp(message->worker, offer->to) != 0) {
        refuse_key(session, message);
        return;
    }
    if (offer->state >= BATON__OFFER_GRANTED) {
        return; /* another one was faster */
    }
    baton__session_event(session, "offer", &offer->id, offer->attempt,
                         baton__message_type_name(message->type), message->reason);
    if (message->type == BATON__MESSAGE_REJECT) {
        on_reject(offer, message);
    } else if (offer->state == BATON__OFFER_OFFERED) {
        baton__offer_free_place(offer);
        baton__offer_back_off(offer, BATON__OFFER_BACKOFF, BUSY_FIRST_MS);
    }
}

static baton_settlement settlement_of(baton__message_type type)
{
    switch (type) {
    case BATON__MESSAGE_PROGRESS:
        return BATON_SETTLE_RENEW;
    case BATON__MESSAGE_DONE:
        return BATON_SETTLE_DONE;
    case BATON__MESSAGE_NACK:
        return BATON_SETTLE_NACK;
    default:
        return BATON_SETTLE_FAIL; /* FAIL, CANCEL */
    }
}

/* What the consumer says of itself; the sdk turns it round. */
static baton_status reason_of(const baton__message *message)
{
    switch (message->type) {
    case BATON__MESSAGE_CANCEL:
        return BATON_ERR_CANCELLED;
    case BATON__MESSAGE_FAIL:
        return message->reason != BATON_OK ? message->reason : BATON_ERR_TRANSPORT;
    default:
        return BATON_OK;
    }
}

/* PROGRESS, DONE, NACK, FAIL, CANCEL for the attempt that a consumer has. */
static void on_settlement(baton_offer *offer, const baton__message *message)
{
    baton__session *session = offer->session;
    if (strcmp(message->worker, offer->consumer) != 0 ||
        !baton_key_equal(&message->key, &offer->keys.ack_key)) {
        refuse_key(session, message);
        return;
    }
    baton_settlement settlement = settlement_of(message->type);
    if (settlement == BATON_SETTLE_DONE || settlement == BATON_SETTLE_NACK) {
        offer->settled_by_nats = true;
    } else if (settlement == BATON_SETTLE_RENEW) {
        offer->renewed_by_nats = true;
    }
    size_t size = message->result != NULL ? strlen(message->result) : 0;
    baton_status status = baton_operation_settle(offer->operation, settlement, &message->key,
                                                 reason_of(message), message->result, size);
    if (status == BATON_ERR_FORBIDDEN) {
        refuse_key(session, message);
    } else if (status != BATON_OK) {
        refuse_attempt(session, message);
    }
}

/* For an attempt that is over. The first acknowledgement after an end in-band is the one of record:
 * the consumer has its answer. One that comes again asks for it. */
static void on_late(baton__session *session, baton__recent_entry *entry,
                    const baton__message *message)
{
    if (strcmp(message->worker, entry->peer) != 0 ||
        !baton_key_equal(&message->key, &entry->keys.ack_key)) {
        refuse_key(session, message);
        return;
    }
    bool is_good = entry->status == BATON_OPERATION_COMPLETE || entry->reason == BATON_ERR_NACKED;
    if (message->type != BATON__MESSAGE_DONE && message->type != BATON__MESSAGE_NACK &&
        !(message->type == BATON__MESSAGE_PROGRESS && !is_good)) {
        return;
    }
    if (!is_good || entry->recorded) {
        baton__offer_answer(session, entry);
    }
    entry->recorded = true;
}

void baton__offers_message(baton__session *session, const baton__message *message)
{
    bool is_refusal =
        message->type == BATON__MESSAGE_BUSY || message->type == BATON__MESSAGE_REJECT;
    baton_offer *offer = baton__session_find_offer(session, &message->id);
    bool is_live = offer != NULL && offer->attempt == message->attempt && offer->operation != NULL;
    if (is_live && is_refusal) {
        on_refusal(offer, message);
        return;
    }
    if (is_live && offer->grants == offer->attempt) {
        on_settlement(offer, message);
        return;
    }
    baton__recent_entry *entry =
        baton__recent_find(&session->ended, &message->id, message->attempt);
    if (entry != NULL && !is_refusal) {
        on_late(session, entry, message);
    } else if (offer != NULL) {
        refuse_attempt(session, message);
    } else if (entry == NULL && !is_refusal) {
        baton__session_refuse(session, &session->counters.refused_unknown, message->worker,
                              "of an offer that is not known");
    }
}

void baton__offers_unheard(baton__session *session, const char *token)
{
    baton_uuid id;
    if (baton_uuid_parse(token, &id) != BATON_OK) {
        return;
    }
    baton_offer *offer = baton__session_find_offer(session, &id);
    if (offer == NULL || offer->state != BATON__OFFER_OFFERED) {
        return;
    }
    if (baton__session_now_ns(session) < session->grace_until_ns) {
        /* Not a wait that the application chose: it takes no place of the bounded queue. */
        baton__offer_back_off(offer, BATON__OFFER_QUEUED, UNHEARD_FIRST_MS);
        return;
    }
    baton__offer_absent(offer, offer->options.nobody, BATON_ERR_NO_CONSUMER);
}

void baton__offers_denied(baton__session *session, const baton__subject *subject)
{
    baton_offer *offer;
    baton_offer *next;
    baton_target target =
        subject->kind == BATON__SUBJECT_OFFER ? BATON_TARGET_POOL : BATON_TARGET_WORKER;
    if (subject->kind == BATON__SUBJECT_DONE) {
        return;
    }
    HASH_ITER(hh, session->offers, offer, next)
    {
        if (offer->state == BATON__OFFER_OFFERED && offer->options.target == target &&
            strcmp(offer->to, subject->target) == 0) {
            baton__offer_end(offer, BATON_OPERATION_ERRORED, BATON_ERR_NATS_DENIED, NULL);
        }
    }
}

void baton__offers_connected(baton__session *session)
{
    baton_offer *offer;
    baton_offer *next;
    HASH_ITER(hh, session->offers, offer, next)
    {
        if (offer->state == BATON__OFFER_QUEUED || offer->state == BATON__OFFER_OFFERED ||
            offer->state == BATON__OFFER_BACKOFF) {
            offer->claim_ms = offer->options.claim_ms;
            baton__offer_publish(offer);
        }
    }
}

static void renew(baton_offer *offer)
{
    baton_status status = baton_operation_settle(offer->operation, BATON_SETTLE_RENEW,
                                                 &offer->keys.ack_key, BATON_OK, NULL, 0);
    if (status != BATON_OK) {
        BATON__DEBUG("worker %s: a lease was not renewed: %s", offer->session->name,
                     baton_status_name(status));
    }
}

bool baton__offers_renew(baton__session *session)
{
    bool any = false;
    baton_offer *offer;
    baton_offer *next;
    HASH_ITER(hh, session->offers, offer, next)
    {
        if (offer->state == BATON__OFFER_GRANTED && offer->renewed_by_nats) {
            any = true;
            renew(offer);
        }
    }
    return any;
}

void baton__offers_shut_down(baton__session *session)
{
    baton_offer *offer;
    baton_offer *next;
    HASH_ITER(hh, session->offers, offer, next)
    {
        baton__offer_end(offer, BATON_OPERATION_CANCELLED, BATON_ERR_SHUT_DOWN, NULL);
    }
}

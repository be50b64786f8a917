/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from NATS. A message is believed in this order: its subject, its encoding, that its
 * sender is the one of its subject, that it is meant for us. Offers, handoffs and services then
 * check state and keys.
 */
#include "session.h"

#include "base/log.h"
#include "handoff.h"
#include "offer.h"
#include "ping.h"
#include "service.h"
#include <string.h>

/* What a restart or a repetition brings is not worth a warning. */
static bool is_ordinary(const baton__counters *counters, const uint64_t *counter)
{
    return counter == &counters->refused_duplicate || counter == &counters->refused_late ||
           counter == &counters->refused_attempt || counter == &counters->refused_unknown;
}

void baton__session_refuse(baton__session *session, uint64_t *counter, const char *sender,
                           const char *what)
{
    uint64_t count = baton__counter_add(counter);
    if (baton__counter_is_news(count)) {
        BATON__LOG(is_ordinary(&session->counters, counter) ? BATON_LOG_INFO : BATON_LOG_WARN,
                   "worker %s: refused from %s: %s (%llu so far)", session->name,
                   sender[0] != '\0' ? sender : "?", what, (unsigned long long)count);
    }
}

static void refuse_encoding(baton__session *session, const char *sender, baton_status status)
{
    baton__counters *counters = &session->counters;
    uint64_t *counter = &counters->refused_malformed;
    switch (status) {
    case BATON_ERR_VERSION:
        counter = &counters->refused_version;
        break;
    case BATON_ERR_NOT_SUPPORTED:
        counter = &counters->refused_type;
        break;
    case BATON_ERR_TOO_LARGE:
        counter = &counters->refused_oversize;
        break;
    case BATON_ERR_OUT_OF_MEMORY:
        BATON__ERROR("worker %s: no memory for a message", session->name);
        return;
    default:
        break;
    }
    baton__session_refuse(session, counter, sender, baton_status_text(status));
}

static bool is_from_origin(baton__message_type type)
{
    return type == BATON__MESSAGE_OFFER || type == BATON__MESSAGE_CANCEL ||
           type == BATON__MESSAGE_COMMIT || type == BATON__MESSAGE_NACKED ||
           type == BATON__MESSAGE_PING;
}

static bool is_from_consumer(baton__message_type type)
{
    return type != BATON__MESSAGE_OFFER && type != BATON__MESSAGE_COMMIT &&
           type != BATON__MESSAGE_NACKED && type != BATON__MESSAGE_PING;
}

/* True if type and names are those that belong on the subject; counts and logs what is not. */
static bool fits_subject(baton__session *session, const baton__subject *subject,
                         const baton__message *message)
{
    bool is_done = subject->kind == BATON__SUBJECT_DONE;
    bool is_offer = message->type == BATON__MESSAGE_OFFER;
    if (!(is_done ? is_from_consumer(message->type) : is_from_origin(message->type)) ||
        (subject->kind == BATON__SUBJECT_OFFER && !is_offer)) {
        baton__session_refuse(session, &session->counters.refused_type, subject->sender,
                              "a message that does not belong on its subject");
        return false;
    }
    const char *sender = is_done ? message->worker : message->origin;
    const char *receiver = is_done ? message->origin : message->worker;
    if (strcmp(sender, subject->sender) != 0) {
        baton__session_refuse(session, &session->counters.refused_sender, subject->sender,
                              "the sender in the message is not the one of its subject");
        return false;
    }
    if (!is_offer && strcmp(receiver, session->name) != 0) {
        baton__session_refuse(session, &session->counters.refused_sender, subject->sender,
                              "the message is for another worker than its subject");
        return false;
    }
    return true;
}

/* A DONE may acknowledge more than one hand-off. Each is judged as if it had come alone. */
static void deliver_done(baton__session *session, const baton__message *message)
{
    baton__offers_message(session, message);
    baton__message each = *message;
    each.result = NULL;
    for (uint32_t i = 0; i < message->more_count; i++) {
        each.id = message->more[i].id;
        each.attempt = message->more[i].attempt;
        each.key = message->more[i].key;
        baton__offers_message(session, &each);
    }
}

static void deliver(baton__session *session, const baton__subject *subject, baton__message *message,
                    const char *traceparent)
{
    if (message->type == BATON__MESSAGE_PING) {
        baton__ping_answer(session, message);
    } else if (message->type == BATON__MESSAGE_PONG) {
        baton__pings_answered(session, message);
    } else if (subject->kind == BATON__SUBJECT_DONE) {
        deliver_done(session, message);
    } else if (message->type == BATON__MESSAGE_OFFER) {
        const char *pool = subject->kind == BATON__SUBJECT_OFFER ? subject->target : "";
        baton__services_offer(session, pool, message, traceparent);
    } else {
        baton__handoffs_message(session, message);
    }
}

void baton__session_dispatch(baton__session *session, const baton__nats_incoming *incoming)
{
    baton__counters *counters = &session->counters;
    baton__subject subject;
    baton__message message;
    (void)baton__counter_add(&counters->messages_received);
    if (!baton__subject_parse(incoming->subject, session->prefix, &subject) ||
        (subject.kind != BATON__SUBJECT_OFFER && strcmp(subject.target, session->name) != 0)) {
        baton__session_refuse(session, &counters->refused_malformed, "",
                              "not a subject of baton's");
        return;
    }
    if (incoming->size > BATON__MESSAGE_MAX) {
        baton__session_refuse(session, &counters->refused_oversize, subject.sender, "too large");
        return;
    }
    baton_status status =
        baton__message_decode(incoming->data, incoming->size, session->json_max, &message);
    if (status != BATON_OK) {
        refuse_encoding(session, subject.sender, status);
        return;
    }
    if (fits_subject(session, &subject, &message)) {
        deliver(session, &subject, &message, incoming->traceparent);
    }
    baton__message_fini(&message);
}

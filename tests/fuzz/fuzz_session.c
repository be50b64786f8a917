/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what a worker does with messages from NATS: no crash, no offer that changes by a message
 * that does not prove itself, every such message counted as refused, and every offer and handoff
 * can end afterwards. There is no server: messages are handed to the session as if one had brought
 * them.
 *
 * The input is a script. A step is a message that is made of what a consumer or an origin knows,
 * with some of it spoiled; or raw bytes on a subject; or progress, or a call of the application's.
 */
#include "core/loop.h"
#include "handoff.h"
#include "offer.h"
#include "service.h"
#include "worker.h"

#include <baton/baton.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OFFERS = 3, STEPS_MAX = 40, SIZE = 500, PLACES = 4, TURNS = 20, END_MS = 10000 };

/* What a step spoils of a message. */
enum {
    SPOIL_KEY = 1,
    SPOIL_ID = 2,
    SPOIL_ATTEMPT = 4,
    SPOIL_WORKER = 8,
    SPOIL_ORIGIN = 16,
    SPOIL_SUBJECT = 32,
    SPOIL_TEXT = 64
};

typedef struct script {
    const uint8_t *data;
    size_t size;
    size_t used;
} script;

static baton_worker *worker; /* "a", for the life of the process */
static baton_connector *consumer;
static baton_service *service;
static baton_offer *offers[OFFERS];
static baton_operation *taken; /* the consumer's, of offers[0] */
static baton_descriptor *memory;
static uint8_t bytes[SIZE];

/* The names are libFuzzer's and LeakSanitizer's.
 * NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);
/* NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier) */

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static uint8_t next(script *s)
{
    return s->used < s->size ? s->data[s->used++] : 0;
}

/* UCX keeps what it reads of the machine's devices and what it learns of peers. */
const char *__lsan_default_suppressions(void) /* NOLINT(bugprone-reserved-identifier) */
{
    return "leak:ucs_malloc\nleak:ucs_calloc\nleak:ucs_realloc\n";
}

static void open_once(void)
{
    if (worker != NULL) {
        return;
    }
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_connector_options driven = BATON_CONNECTOR_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    baton_serve_options serve = BATON_SERVE_OPTIONS_INIT;
    check(setenv("BATON_LOG_LEVEL", "off", 0) == 0);
    nats.url = "nats://127.0.0.1:1"; /* nobody listens there */
    nats.reconnect_wait_ms = 60000;
    driven.progress = BATON_PROGRESS_APPLICATION;
    driven.spin_us = 0;
    options.name = "a";
    options.nats = &nats;
    options.connector = &driven;
    options.connect_wait_ms = 0;
    serve.concurrency = PLACES;
    check(baton_worker_create(&options, &worker) == BATON_OK);
    check(baton_connector_create(&driven, &consumer) == BATON_OK);
    check(baton_worker_serve(worker, "pool", &serve, NULL, NULL, &service) == BATON_OK);
    check(baton_descriptor_from_pointer(bytes, SIZE, BATON_DEVICE_HOST, NULL, NULL, &memory) ==
          BATON_OK);
}

static void turn(void)
{
    for (int i = 0; i < TURNS; i++) {
        (void)baton_worker_progress(worker);
        (void)baton_connector_progress(consumer);
    }
}

/* Waits for a condition while both make progress; the process ends if it does not come. */
#define AWAIT(condition)                                                                          \
    do {                                                                                          \
        uint64_t until = baton_loop_now_ns(baton_connector_loop(consumer)) + END_MS * 1000000ULL; \
        while (!(condition)) {                                                                    \
            turn();                                                                               \
            check(baton_loop_now_ns(baton_connector_loop(consumer)) < until);                     \
        }                                                                                         \
    } while (0)

static void begin_offers(void)
{
    for (int i = 0; i < OFFERS; i++) {
        baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
        options.offline = BATON_ABSENCE_WAIT;
        options.acknowledge = i % 2 == 0 ? BATON_ACKNOWLEDGE_APPLICATION : BATON_ACKNOWLEDGE_MOVED;
        options.target = i == 2 ? BATON_TARGET_WORKER : BATON_TARGET_POOL;
        check(baton_offer_readable(worker, i == 2 ? "b" : "elsewhere", &memory, 1, &options,
                                   &offers[i]) == BATON_OK);
    }
    AWAIT(offers[OFFERS - 1]->metadata != NULL && offers[0]->metadata != NULL);
    check(baton_connector_begin_read(consumer, offers[0]->metadata, &memory, 1, NULL, &taken) ==
          BATON_OK);
    AWAIT(offers[0]->state == BATON__OFFER_GRANTED);
}

/* Everything ends, whatever was said before. */
static void end_all(void)
{
    baton_handoff *handoff = NULL;
    while (baton_service_next(service, 0, &handoff) == BATON_OK) {
        baton_handoff_destroy(handoff);
    }
    for (int i = 0; i < OFFERS; i++) {
        baton_offer_destroy(offers[i]);
    }
    check(baton_operation_cancel(taken) == BATON_OK);
    AWAIT(baton_operation_is_over(taken));
    baton_operation_destroy(taken);
    baton__session *session = baton__worker_session(worker);
    AWAIT(session->offers == NULL && session->handoffs == NULL &&
          session->counters.offers_live == 0 && session->counters.handoffs_live == 0 &&
          service->places == 0);
}

static uint64_t refused(void)
{
    const baton__counters *c = &baton__worker_session(worker)->counters;
    return c->refused_malformed + c->refused_oversize + c->refused_version + c->refused_type +
           c->refused_sender + c->refused_key + c->refused_attempt + c->refused_duplicate +
           c->refused_late + c->refused_unknown;
}

/* As its owner, which is the thread inside. */
static void dispatch(const char *subject, const void *data, size_t size)
{
    baton__nats_incoming incoming = {.subject = subject, .size = size};
    char *copy = malloc(size + (size == 0)); /* of its exact size, for AddressSanitizer */
    check(copy != NULL);
    memcpy(copy, data, size);
    incoming.data = copy;
    baton_loop *loop = baton_connector_loop(baton_worker_connector(worker));
    check(baton__loop_enter(loop));
    baton__session_dispatch(baton__worker_session(worker), &incoming);
    baton__loop_leave(loop);
    free(copy);
}

static void spoil(baton__message *message, unsigned spoiled)
{
    message->key.bytes[3] ^= (spoiled & SPOIL_KEY) != 0 ? 1 : 0;
    message->id.bytes[0] ^= (spoiled & SPOIL_ID) != 0 ? 1 : 0;
    message->attempt += (spoiled & SPOIL_ATTEMPT) != 0 ? 5 : 0;
    if ((spoiled & SPOIL_WORKER) != 0) {
        (void)snprintf(message->worker, sizeof(message->worker), "x");
    }
    if ((spoiled & SPOIL_ORIGIN) != 0) {
        (void)snprintf(message->origin, sizeof(message->origin), "x");
    }
}

/* What a consumer says to "a" of an offer of its, or an origin "o" of a handoff. */
static baton__message make_message(script *s, baton__message_type type)
{
    const baton_offer *offer = offers[next(s) % OFFERS];
    bool granted = offer->state == BATON__OFFER_GRANTED;
    bool refusal = type == BATON__MESSAGE_BUSY || type == BATON__MESSAGE_REJECT;
    baton__message message = {.type = type, .id = offer->id, .attempt = offer->attempt};
    message.key = refusal ? offer->offer_key : offer->keys.ack_key;
    if (type == BATON__MESSAGE_REJECT || type == BATON__MESSAGE_FAIL ||
        type == BATON__MESSAGE_CANCEL) {
        message.reason = BATON_ERR_REJECTED;
    }
    if (type == BATON__MESSAGE_DONE || type == BATON__MESSAGE_NACK) {
        message.result = next(s) % 2 == 0 ? NULL : "{\"a\":[1,2]}";
    }
    (void)snprintf(message.worker, sizeof(message.worker), "%s", granted ? offer->consumer : "b");
    (void)snprintf(message.origin, sizeof(message.origin), "a");
    return message;
}

static void say(script *s)
{
    static const baton__message_type types[] = {
        BATON__MESSAGE_BUSY, BATON__MESSAGE_REJECT, BATON__MESSAGE_PROGRESS, BATON__MESSAGE_DONE,
        BATON__MESSAGE_NACK, BATON__MESSAGE_FAIL,   BATON__MESSAGE_CANCEL,   BATON__MESSAGE_PONG};
    baton__message message = make_message(s, types[next(s) % 8]);
    char subject[BATON__SUBJECT_MAX];
    char *text = NULL;
    size_t size = 0;
    unsigned spoiled = next(s);
    (void)snprintf(subject, sizeof(subject), "baton.v1.%s.a.%s",
                   (spoiled & SPOIL_SUBJECT) != 0 ? "to" : "done", message.worker);
    spoil(&message, spoiled);
    check(baton__message_encode(&message, &text, &size) == BATON_OK);
    if ((spoiled & SPOIL_TEXT) != 0) {
        size = size * next(s) / 256;
    }
    baton__offer_state before[OFFERS];
    uint64_t count = refused();
    for (int i = 0; i < OFFERS; i++) {
        before[i] = offers[i]->state;
    }
    dispatch(subject, text, size);
    for (int i = 0; i < OFFERS && (spoiled & 127) != 0; i++) {
        check(offers[i]->state == before[i]);
    }
    bool silent = message.type == BATON__MESSAGE_BUSY || message.type == BATON__MESSAGE_REJECT ||
                  baton__recent_find(&baton__worker_session(worker)->ended, &message.id,
                                     message.attempt) != NULL;
    check(silent || (spoiled & 127) == 0 || refused() == count + 1);
    free(text);
}

/* An offer of a connector's that is really there, from "o". */
static void offer(script *s)
{
    baton_operation *passive = NULL;
    baton_metadata *metadata = NULL;
    char *text = NULL;
    size_t size = 0;
    uint8_t choice = next(s);
    check((choice % 2 == 0 ? baton_connector_create_readable : baton_connector_create_writable)(
              consumer, &memory, 1, NULL, &passive) == BATON_OK);
    check(baton_operation_metadata(passive, &metadata) == BATON_OK);
    baton__message message = {.type = BATON__MESSAGE_OFFER,
                              .id = offers[0]->id,
                              .attempt = 1U + choice / 2 % 8,
                              .origin = "o",
                              .ttl_ms = choice / 16 % 4 * 1000,
                              .deadline_ms = 5000,
                              .lease_ms = choice / 64 * 100U,
                              .metadata = metadata};
    check(baton__message_encode(&message, &text, &size) == BATON_OK);
    dispatch(next(s) % 4 == 0 ? "baton.v1.to.a.o" : "baton.v1.offer.pool.o", text, size);
    free(text);
    baton_metadata_destroy(metadata);
    if (choice % 4 < 2) {
        baton_operation_destroy(passive); /* it is gone when it is asked for */
    } else {
        check(baton_operation_fail(passive, BATON_ERR_EXPIRED) == BATON_OK);
        baton_operation_destroy(passive);
    }
}

static void say_raw(script *s)
{
    static const char *const subjects[] = {"baton.v1.done.a.b",
                                           "baton.v1.to.a.o",
                                           "baton.v1.offer.pool.o",
                                           "baton.v1.done.b.a",
                                           "x",
                                           ""};
    const char *subject = subjects[next(s) % 6];
    size_t size = s->size - s->used < 200 ? s->size - s->used : 200;
    dispatch(subject, s->data + s->used, size);
    s->used += size;
}

static void decide(script *s)
{
    baton_handoff *handoff = NULL;
    if (baton_service_next(service, 0, &handoff) != BATON_OK) {
        return;
    }
    baton_status status = BATON_OK;
    switch (next(s) % 4) {
    case 0:
        status = baton_handoff_reject(handoff, "no");
        break;
    case 1:
        status = baton_handoff_return(handoff);
        break;
    default:
        status = baton_handoff_accept(handoff, NULL, 0, NULL, NULL);
        break;
    }
    check(status != BATON_ERR_OUT_OF_MEMORY);
    turn();
    baton_handoff_destroy(handoff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    script s = {.data = data, .size = size};
    open_once();
    begin_offers();
    for (int i = 0; i < STEPS_MAX && s.used < s.size; i++) {
        uint8_t choice = next(&s);
        if (choice < 150) {
            say(&s);
        } else if (choice < 180) {
            offer(&s);
        } else if (choice < 200) {
            decide(&s);
        } else if (choice < 240) {
            say_raw(&s);
        } else {
            turn();
        }
    }
    end_all();
    return 0;
}

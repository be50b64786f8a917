/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public face of an offer: checks and copies what the caller gives, and posts. Everything that
 * happens to it happens on the owner thread: offer_attempt.c, offer_message.c, offer_outcome.c.
 */
#include "offer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/log.h"
#include "base/name.h"
#include "worker.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MAX_MS 86400000
#define TRACEPARENT_MAX 128

static const char *const state_names[] = {
#define STATE_NAME(name, value, text) [value] = (text),
    BATON__OFFER_STATE_LIST(STATE_NAME)
#undef STATE_NAME
};

#define BIT(name) (1U << BATON__OFFER_##name)
#define OVER      (BIT(COMPLETE) | BIT(CANCELLED) | BIT(ERRORED))

static const uint32_t allowed[] = {
    [BATON__OFFER_NEW] = BIT(QUEUED) | BIT(OFFERED) | BIT(ENDING) | OVER,
    [BATON__OFFER_QUEUED] = BIT(OFFERED) | BIT(GRANTED) | BIT(ENDING) | OVER,
    [BATON__OFFER_OFFERED] = BIT(QUEUED) | BIT(BACKOFF) | BIT(GRANTED) | BIT(ENDING) | OVER,
    [BATON__OFFER_BACKOFF] = BIT(QUEUED) | BIT(OFFERED) | BIT(GRANTED) | BIT(ENDING) | OVER,
    [BATON__OFFER_GRANTED] = BIT(QUEUED) | BIT(OFFERED) | BIT(ENDING) | OVER,
    [BATON__OFFER_ENDING] = OVER,
    [BATON__OFFER_COMPLETE] = 0,
    [BATON__OFFER_CANCELLED] = 0,
    [BATON__OFFER_ERRORED] = 0,
};

const char *baton__offer_state_name(baton__offer_state state)
{
    return state_names[state];
}

void baton__offer_enter(baton_offer *offer, baton__offer_state next)
{
    char id[BATON_UUID_TEXT_SIZE];
    baton__offer_state old = offer->state;
    if (next == old) {
        return;
    }
    if ((allowed[old] & (1U << next)) == 0) {
        baton_uuid_print(&offer->id, id);
        BATON__ERROR("offer %s: %s does not follow %s", id, state_names[next], state_names[old]);
        return;
    }
    if (baton__log_enabled(BATON_LOG_TRACE)) {
        baton_uuid_print(&offer->id, id);
        baton__log_write(BATON_LOG_TRACE, "offer %s: %s -> %s", id, state_names[old], state_names[next]);
    }
    offer->state = next;
    if (next >= BATON__OFFER_GRANTED) {
        baton_loop_timer_stop(offer->session->loop, &offer->timer);
        baton__offer_free_place(offer);
    }
}

baton_offer *baton__offer_acquire(baton_offer *offer)
{
    (void)__atomic_add_fetch(&offer->references, 1, __ATOMIC_RELAXED);
    return offer;
}

static void release_descriptors(baton_offer *offer)
{
    for (size_t i = 0; offer->descriptors != NULL && i < offer->count; i++) {
        baton_descriptor_release(offer->descriptors[i]);
    }
    free(offer->descriptors);
    offer->descriptors = NULL;
}

void baton__offer_release(baton_offer *offer)
{
    if (__atomic_sub_fetch(&offer->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    release_descriptors(offer);
    free(offer->tensors);
    free(offer->end_text);
    free((char *)offer->options.user_json);
    free((char *)offer->options.traceparent);
    baton__record_fini(&offer->record);
    baton__session_release(offer->session);
    free(offer);
}

static bool is_header_value(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return length >= 1 && length <= TRACEPARENT_MAX;
}

static baton_status check_options(const baton_offer_options *options, uint32_t json_max)
{
    const char *wrong = NULL;
    if (options->target != BATON_TARGET_POOL && options->target != BATON_TARGET_WORKER) {
        wrong = "target";
    } else if (options->acknowledge != BATON_ACKNOWLEDGE_MOVED &&
               options->acknowledge != BATON_ACKNOWLEDGE_APPLICATION) {
        wrong = "acknowledge";
    } else if (options->deadline_ms < 1 || options->deadline_ms > DEADLINE_MAX_MS) {
        wrong = "deadline_ms (1 .. 86400000)";
    } else if (options->lease_ms > DEADLINE_MAX_MS) {
        wrong = "lease_ms (0 .. 86400000)";
    } else if (options->attempts < 1) {
        wrong = "attempts (at least 1)";
    } else if (options->claim_ms < 1) {
        wrong = "claim_ms (at least 1)";
    } else if ((unsigned)options->nobody > 1 || (unsigned)options->offline > 1) {
        wrong = "nobody or offline";
    } else if (options->traceparent != NULL && !is_header_value(options->traceparent)) {
        wrong = "traceparent (1 .. 128 printable characters)";
    }
    if (wrong != NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "offer: %s is not valid", wrong);
    }
    if (options->user_json != NULL && strlen(options->user_json) > json_max) {
        return baton__fail(BATON_ERR_TOO_LARGE, "offer: user_json has %zu bytes, json_max is %u",
                           strlen(options->user_json), json_max);
    }
    if (options->user_json != NULL && !baton__json_is_valid(options->user_json)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "offer: user_json is not JSON");
    }
    return BATON_OK;
}

static baton_status check_descriptors(const char *to, baton_descriptor *const *descriptors,
                                      size_t count)
{
    if (!baton__name_is_valid(to)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "offer: the name of a pool or worker is 1 .. 63 of A-Z a-z 0-9 _ -");
    }
    if (descriptors == NULL || count < 1 || count > BATON_DESCRIPTORS_MAX) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "offer: 1 .. %d descriptors, not %zu",
                           BATON_DESCRIPTORS_MAX, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (descriptors[i] == NULL) {
            return baton__fail(BATON_ERR_INVALID_ARGUMENT, "offer: descriptor %zu is NULL", i);
        }
    }
    return BATON_OK;
}

/* What can be known before anything is made. */
static baton_status check_session(baton__session *session)
{
    baton_status status = baton__session_check(session);
    if (status != BATON_OK) {
        return status;
    }
    if (baton__session_is_closing(session)) {
        return baton__fail(BATON_ERR_SHUT_DOWN, "the worker \"%s\" is shutting down",
                           session->name);
    }
    return BATON_OK;
}

/* Without a connection: fails at once, or takes a place of the bounded queue. */
static baton_status check_connection(baton__session *session, baton_offer *offer)
{
    if (baton__session_is_connected(session)) {
        return BATON_OK;
    }
    if (offer->options.offline == BATON_ABSENCE_FAIL) {
        return baton__fail(
            BATON_ERR_NATS_DISCONNECTED,
            "offer: the worker \"%s\" is not connected to a NATS server; to wait for one set "
            ".offline = BATON_ABSENCE_WAIT",
            session->name);
    }
    offer->has_place = baton__session_take_place(session);
    if (!offer->has_place) {
        return baton__fail(BATON_ERR_QUEUE_FULL,
                           "offer: %u offers wait already (queue_max of the worker)",
                           session->queue_max);
    }
    return BATON_OK;
}

static bool copy_text(const char **text)
{
    if (*text == NULL) {
        return true;
    }
    *text = strdup(*text);
    return *text != NULL;
}

static bool copy_tensors(baton_offer *offer)
{
    bool any = false;
    for (size_t i = 0; i < offer->count; i++) {
        any = any || baton_descriptor_tensor(offer->descriptors[i]) != NULL;
    }
    if (!any) {
        return true;
    }
    offer->tensors = calloc(offer->count, sizeof(*offer->tensors));
    for (size_t i = 0; offer->tensors != NULL && i < offer->count; i++) {
        const baton_tensor *tensor = baton_descriptor_tensor(offer->descriptors[i]);
        if (tensor != NULL) {
            offer->tensors[i] = *tensor;
        }
    }
    return offer->tensors != NULL;
}

static bool copy_contents(baton_offer *offer, baton_descriptor *const *descriptors, size_t count)
{
    const char *traceparent = offer->options.traceparent;
    offer->options.traceparent = NULL;
    if (!copy_text(&offer->options.user_json)) {
        return false;
    }
    offer->options.traceparent = traceparent;
    if (!copy_text(&offer->options.traceparent)) {
        return false;
    }
    offer->descriptors = calloc(count, sizeof(baton_descriptor *));
    if (offer->descriptors == NULL) {
        return false;
    }
    offer->count = count;
    for (size_t i = 0; i < count; i++) {
        offer->descriptors[i] = baton_descriptor_acquire(descriptors[i]);
    }
    return copy_tensors(offer);
}

static void run_start(baton_task *task)
{
    baton_offer *offer = (baton_offer *)((char *)task - offsetof(baton_offer, start_task));
    baton__offer_start(offer);
    baton__offer_release(offer);
}

static void run_cancel(baton_task *task)
{
    baton_offer *offer = (baton_offer *)((char *)task - offsetof(baton_offer, cancel_task));
    baton__offer_end(offer, BATON_OPERATION_CANCELLED, BATON_ERR_CANCELLED, NULL);
    baton__offer_release(offer);
}

static baton_status make(baton__session *session, baton_operation_kind kind, const char *to,
                         baton_descriptor *const *descriptors, size_t count,
                         const baton_offer_options *options, baton_offer **offer_out)
{
    baton_offer *offer = calloc(1, sizeof(*offer));
    if (offer == NULL) {
        return baton__fail_memory("an offer");
    }
    baton_status status = baton__record_init(&offer->record);
    if (status != BATON_OK) {
        free(offer);
        return status;
    }
    offer->references = 1;
    offer->session = baton__session_acquire(session);
    offer->id = baton_uuid_random();
    offer->kind = kind;
    memcpy(offer->to, to, strlen(to) + 1);
    offer->options = *options;
    offer->claim_ms = options->claim_ms;
    offer->start_task.run = run_start;
    offer->cancel_task.run = run_cancel;
    if (!copy_contents(offer, descriptors, count)) {
        baton__offer_release(offer);
        return baton__fail_memory("an offer");
    }
    *offer_out = offer;
    return BATON_OK;
}

/* Hands a new offer to the owner thread. */
static baton_status submit(baton__session *session, baton_offer *offer)
{
    uint64_t now = baton__session_now_ns(session);
    offer->deadline_ns = now + offer->options.deadline_ms * BATON__NS_PER_MS;
    offer->ttl_ns =
        offer->options.ttl_ms == 0 ? UINT64_MAX : now + offer->options.ttl_ms * BATON__NS_PER_MS;
    baton_status status = check_connection(session, offer);
    if (status != BATON_OK) {
        return status;
    }
    if (!baton__session_post(session, &baton__offer_acquire(offer)->start_task)) {
        baton__offer_free_place(offer);
        offer->references = 1; /* nobody else has seen it */
        return baton__fail(BATON_ERR_SHUT_DOWN, "the worker \"%s\" is shutting down",
                           session->name);
    }
    (void)baton__counter_add(&session->counters.offers_created);
    return BATON_OK;
}

static baton_status create(baton_worker *worker, baton_operation_kind kind, const char *to,
                           baton_descriptor *const *descriptors, size_t count,
                           const baton_offer_options *options, baton_offer **offer_out)
{
    baton_offer_options mine = BATON_OFFER_OPTIONS_INIT;
    if (worker == NULL || offer_out == NULL ||
        (options != NULL && !baton__options_copy(&mine, sizeof(mine), options))) {
        return baton__fail(
            BATON_ERR_INVALID_ARGUMENT,
            "offer: worker or offer_out is NULL, or the options have no struct_size");
    }
    baton__session *session = baton__worker_session(worker);
    baton_offer *offer = NULL;
    baton_status status = check_descriptors(to, descriptors, count);
    if (status == BATON_OK) {
        status = check_options(&mine, session->json_max);
    }
    if (status == BATON_OK) {
        status = check_session(session);
    }
    if (status == BATON_OK) {
        status = make(session, kind, to, descriptors, count, &mine, &offer);
    }
    if (status != BATON_OK || offer == NULL) {
        return status;
    }
    status = submit(session, offer);
    if (status != BATON_OK) {
        baton__offer_release(offer);
        return status;
    }
    *offer_out = offer;
    return BATON_OK;
}

baton_status baton_offer_readable(baton_worker *worker, const char *to,
                                  baton_descriptor *const *descriptors, size_t count,
                                  const baton_offer_options *options, baton_offer **offer_out)
{
    return create(worker, BATON_OPERATION_READABLE, to, descriptors, count, options, offer_out);
}

baton_status baton_offer_writable(baton_worker *worker, const char *to,
                                  baton_descriptor *const *descriptors, size_t count,
                                  const baton_offer_options *options, baton_offer **offer_out)
{
    return create(worker, BATON_OPERATION_WRITABLE, to, descriptors, count, options, offer_out);
}

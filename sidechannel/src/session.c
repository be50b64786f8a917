/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session's life, and the way to its owner thread.
 *
 * Objects embed their tasks and take a reference for each post, so posting allocates nothing. Where
 * the application drives progress, a thread that waits drives it too, in slices, since nobody else
 * may be doing so.
 */
#include "session.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "handoff.h"
#include "offer.h"
#include "service.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLICE_MS = 10, FLUSH_MS = 500 };

baton__session *baton__session_acquire(baton__session *session)
{
    (void)__atomic_add_fetch(&session->references, 1, __ATOMIC_RELAXED);
    return session;
}

void baton__session_release(baton__session *session)
{
    if (session == NULL || __atomic_sub_fetch(&session->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    baton__recent_fini(&session->ended);
    baton__recent_fini(&session->served);
    baton__backlog_fini(&session->backlog);
    (void)pthread_mutex_destroy(&session->gate);
    free(session);
}

/* The session whose callback runs on this thread. */
static _Thread_local const baton__session *in_callback;

const baton__session *baton__session_enter_callback(const baton__session *session)
{
    const baton__session *previous = in_callback;
    in_callback = session;
    return previous;
}

void baton__session_leave_callback(const baton__session *previous)
{
    in_callback = previous;
}

bool baton__session_is_owner(const baton__session *session)
{
    if (in_callback == session) {
        return true;
    }
    return __atomic_load_n(&session->open, __ATOMIC_ACQUIRE) && baton_loop_is_owner(session->loop);
}

bool baton__session_is_connected(const baton__session *session)
{
    return __atomic_load_n(&session->connected, __ATOMIC_ACQUIRE);
}

bool baton__session_is_closing(const baton__session *session)
{
    return __atomic_load_n(&session->closing, __ATOMIC_ACQUIRE);
}

uint64_t baton__session_now_ns(const baton__session *session)
{
    return baton_loop_now_ns(session->loop);
}

bool baton__session_post(baton__session *session, baton_task *task)
{
    (void)pthread_mutex_lock(&session->gate);
    bool posted = session->open && baton_loop_post(session->loop, task);
    (void)pthread_mutex_unlock(&session->gate);
    return posted;
}

/* True if progress was driven, or there was a reason not to wait long. */
static bool drive(baton__session *session, uint32_t slice_ms)
{
    (void)pthread_mutex_lock(&session->gate);
    bool open = session->open;
    session->drivers += open ? 1 : 0;
    (void)pthread_mutex_unlock(&session->gate);
    if (!open) {
        return false;
    }
    baton_status status = baton_connector_progress_wait(session->connector, slice_ms);
    (void)pthread_mutex_lock(&session->gate);
    session->drivers--;
    (void)pthread_mutex_unlock(&session->gate);
    return status == BATON_OK || status == BATON_ERR_TIMED_OUT;
}

static void sleep_ms(uint32_t time_ms)
{
    struct timespec time = {.tv_sec = (time_t)(time_ms / 1000),
                            .tv_nsec = (long)(time_ms % 1000) * (long)BATON__NS_PER_MS};
    (void)nanosleep(&time, NULL);
}

void baton__session_pass_time(baton__session *session, uint32_t slice_ms)
{
    if (!session->application || !drive(session, slice_ms)) {
        sleep_ms(slice_ms);
    }
}

bool baton__session_wait(baton__session *session, baton__event *event, uint32_t timeout_ms)
{
    if (!session->application) {
        return baton__event_wait(event, timeout_ms);
    }
    uint64_t begin = baton__clock_now(&baton__clock_boottime);
    while (!baton__event_is_set(event)) {
        uint64_t passed = (baton__clock_now(&baton__clock_boottime) - begin) / BATON__NS_PER_MS;
        if (timeout_ms != BATON_FOREVER && passed >= timeout_ms) {
            return false;
        }
        uint32_t left = timeout_ms == BATON_FOREVER ? SLICE_MS : timeout_ms - (uint32_t)passed;
        baton__session_pass_time(session, left < SLICE_MS ? left : SLICE_MS);
    }
    return true;
}

/* On the caller's stack until it has run. */
typedef struct call {
    baton_task task;
    void (*run)(void *context);
    void *context;
    baton__event done;
} call;

static void run_call(baton_task *task)
{
    call *self = (call *)task;
    self->run(self->context);
    baton__event_set(&self->done);
}

baton_status baton__session_call(baton__session *session, void (*run)(void *context), void *context)
{
    if (baton__session_is_owner(session)) {
        run(context);
        return BATON_OK;
    }
    call self = {.task = {.run = run_call}, .run = run, .context = context};
    if (!baton__session_post(session, &self.task)) {
        return baton__fail(BATON_ERR_SHUT_DOWN, "the worker \"%s\" is shutting down",
                           session->name);
    }
    (void)baton__session_wait(session, &self.done, BATON_FOREVER);
    return BATON_OK;
}

bool baton__session_take_place(baton__session *session)
{
    uint32_t taken = __atomic_add_fetch(&session->queued, 1, __ATOMIC_ACQ_REL);
    if (taken <= session->queue_max) {
        return true;
    }
    baton__session_free_place(session);
    return false;
}

void baton__session_free_place(baton__session *session)
{
    (void)__atomic_sub_fetch(&session->queued, 1, __ATOMIC_ACQ_REL);
}

void baton__session_start_timer(baton__session *session, baton_timer *timer, uint64_t due_ns)
{
    if (baton_loop_timer_start(session->loop, timer, due_ns) != BATON_OK) {
        BATON__ERROR("worker %s: no memory for a timer", session->name);
    }
}

void baton__session_check_drained(baton__session *session)
{
    if (baton__session_is_closing(session) && session->offers == NULL &&
        session->handoffs == NULL) {
        baton__event_set(&session->drained);
    }
}

static void on_connected(void *context)
{
    baton__session *session = context;
    __atomic_store_n(&session->max_payload, baton__nats_link_max_payload(session->link),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&session->connected, true, __ATOMIC_RELEASE);
    baton__event_set(&session->first_connected);
    (void)baton__counter_add(&session->counters.nats_connects);
    BATON__INFO("worker %s: connected to NATS", session->name);
    baton_loop_timer_stop(session->loop, &session->pause_timer);
    if (session->was_connected) {
        session->grace_until_ns =
            baton__session_now_ns(session) + BATON__OFFER_GRACE_MS * BATON__NS_PER_MS;
        baton__offers_renew(session);
    }
    session->was_connected = true;
    baton__session_send_held(session);
    baton__offers_connected(session);
}

static void on_disconnected(void *context, baton_status reason, const char *text)
{
    baton__session *session = context;
    if (__atomic_exchange_n(&session->connected, false, __ATOMIC_ACQ_REL)) {
        (void)baton__counter_add(&session->counters.nats_disconnects);
        baton__session_start_timer(session, &session->pause_timer, baton__session_now_ns(session));
    }
    __atomic_store_n(&session->link_reason, reason, __ATOMIC_RELEASE);
    BATON__DEBUG("worker %s: not connected to NATS: %s", session->name, text != NULL ? text : "");
}

/* Leases that only NATS could renew do not run while nobody could. */
static void on_pause(baton_timer *timer)
{
    baton__session *session =
        (baton__session *)((char *)timer - offsetof(baton__session, pause_timer));
    if (baton__offers_renew(session)) {
        uint64_t due = baton__session_now_ns(session) + BATON__OFFER_PAUSE_MS * BATON__NS_PER_MS;
        baton__session_start_timer(session, &session->pause_timer, due);
    }
}

static void on_message(void *context, const baton__nats_incoming *incoming)
{
    baton__session_dispatch(context, incoming);
}

static void on_no_responders(void *context, const char *reply_token)
{
    baton__session *session = context;
    (void)baton__counter_add(&session->counters.no_responders);
    baton__offers_unheard(session, reply_token);
}

static void on_denied(void *context, const char *subject, bool publish)
{
    baton__session *session = context;
    const char *verb = publish ? "publish" : "subscribe";
    BATON__ERROR("worker %s: the NATS server's permissions deny to %s on %s", session->name, verb,
                 subject != NULL ? subject : "?");
    baton__subject parsed;
    if (publish && subject != NULL && baton__subject_parse(subject, session->prefix, &parsed)) {
        baton__offers_denied(session, &parsed);
    }
}

static baton_status subscribe(baton__session *session, baton__subject_kind kind, size_t *out)
{
    char subject[BATON__SUBJECT_MAX];
    baton__subject_print(subject, session->prefix, kind, session->name, "*");
    return baton__nats_link_subscribe(session->link, subject, NULL, out);
}

/* Creating the link on the owner thread: no callback runs before it is stored and subscribed. */
typedef struct opening {
    baton__session *session;
    const baton_nats_options *nats;
    baton_status status;
    char text[512];
} opening;

static void open_link(void *context)
{
    static const baton__nats_callbacks callbacks = {.connected = on_connected,
                                                    .disconnected = on_disconnected,
                                                    .message = on_message,
                                                    .no_responders = on_no_responders,
                                                    .denied = on_denied};
    opening *self = context;
    baton__session *session = self->session;
    self->status = baton__nats_link_create(session->loop, session->name, self->nats, &callbacks,
                                           session, &session->link);
    if (self->status == BATON_OK) {
        self->status = subscribe(session, BATON__SUBJECT_TO, &session->subscriptions[0]);
    }
    if (self->status == BATON_OK) {
        self->status = subscribe(session, BATON__SUBJECT_DONE, &session->subscriptions[1]);
    }
    (void)snprintf(self->text, sizeof(self->text), "%s", baton_error_text());
}

static baton__session *make(const baton__session_options *options)
{
    baton__session *session = calloc(1, sizeof(*session));
    if (session == NULL || pthread_mutex_init(&session->gate, NULL) != 0) {
        free(session);
        return NULL;
    }
    session->references = 1;
    session->open = true;
    session->connector = options->connector;
    session->loop = baton_connector_loop(options->connector);
    session->application = options->application;
    session->events = options->events;
    (void)snprintf(session->name, sizeof(session->name), "%s",
                   baton_connector_name(options->connector));
    (void)snprintf(session->prefix, sizeof(session->prefix), "%s", options->prefix);
    session->queue_max = options->queue_max;
    session->json_max = options->json_max;
    session->link_reason = BATON_ERR_NATS_DISCONNECTED;
    baton__recent_init(&session->ended, BATON__RECENT_MAX);
    baton__recent_init(&session->served, BATON__RECENT_MAX);
    session->report_timer.fire = baton__handoffs_report;
    session->pause_timer.fire = on_pause;
    return session;
}

baton_status baton__session_create(const baton__session_options *options,
                                   baton__session **session_out)
{
    baton__session *session = make(options);
    if (session == NULL) {
        return baton__fail_memory("a session");
    }
    opening self = {.session = session, .nats = options->nats};
    (void)baton__session_call(session, open_link, &self);
    *session_out = session;
    return self.status == BATON_OK ? BATON_OK : baton__fail(self.status, "%s", self.text);
}

baton_status baton__session_wait_connected(baton__session *session, uint32_t timeout_ms)
{
    if (!session->application) {
        baton_status status = baton__nats_link_wait_connected(session->link, timeout_ms);
        /* The link says so a moment before its callback has run. */
        if (status == BATON_OK && !baton__event_wait(&session->first_connected, timeout_ms)) {
            return baton__fail(BATON_ERR_NATS_DISCONNECTED, "worker \"%s\": not connected to NATS",
                               session->name);
        }
        return status;
    }
    uint64_t end = baton__session_now_ns(session) + timeout_ms * BATON__NS_PER_MS;
    while (!baton__session_is_connected(session)) {
        baton_status reason = __atomic_load_n(&session->link_reason, __ATOMIC_ACQUIRE);
        if (reason == BATON_ERR_NATS_AUTHENTICATION || baton__session_now_ns(session) >= end) {
            return baton__fail(
                reason, "worker \"%s\": %s; is the URL right, and does a server listen there?",
                session->name, baton_status_text(reason));
        }
        baton__session_pass_time(session, SLICE_MS);
    }
    return BATON_OK;
}

baton__nats_link *baton__session_close_link(baton__session *session)
{
    baton__nats_link *link = session->link;
    if (link == NULL) {
        return NULL;
    }
    baton__handoffs_report(&session->report_timer);
    baton_loop_timer_stop(session->loop, &session->report_timer);
    baton_loop_timer_stop(session->loop, &session->pause_timer);
    baton__nats_link_close(link, FLUSH_MS);
    session->link = NULL;
    __atomic_store_n(&session->connected, false, __ATOMIC_RELEASE);
    return link;
}

static void nothing(void *context)
{
    (void)context;
}

void baton__session_close_gate(baton__session *session)
{
    call last = {.task = {.run = run_call}, .run = nothing};
    (void)pthread_mutex_lock(&session->gate);
    bool posted = session->open && baton_loop_post(session->loop, &last.task);
    __atomic_store_n(&session->open, false, __ATOMIC_RELEASE);
    (void)pthread_mutex_unlock(&session->gate);
    while (posted && !baton__event_wait(&last.done, session->application ? 0 : SLICE_MS)) {
        if (session->application &&
            baton_connector_progress_wait(session->connector, SLICE_MS) < 0) {
            continue; /* nothing was there to do; once more */
        }
    }
    (void)pthread_mutex_lock(&session->gate);
    while (session->drivers != 0) {
        (void)pthread_mutex_unlock(&session->gate);
        sleep_ms(1);
        (void)pthread_mutex_lock(&session->gate);
    }
    (void)pthread_mutex_unlock(&session->gate);
}

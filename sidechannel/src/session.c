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
#include "base/fork.h"
#include "base/log.h"
#include "handoff.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 10 };

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
    (void)pthread_mutex_destroy(&session->draining);
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

bool baton__session_is_foreign(const baton__session *session)
{
    return session->fork_generation != baton__fork_generation();
}

baton_status baton__session_check(const baton__session *session)
{
    return baton__session_is_foreign(session)
               ? baton__fail(BATON_ERR_WRONG_PROCESS, "the worker \"%s\" was made before fork()",
                             session->name)
               : BATON_OK;
}

bool baton__session_post(baton__session *session, baton_task *task)
{
    if (baton__session_is_foreign(session)) {
        return false;
    }
    (void)pthread_mutex_lock(&session->gate);
    bool posted = session->open && baton_loop_post(session->loop, task);
    (void)pthread_mutex_unlock(&session->gate);
    return posted;
}

baton_status baton__session_check_view(baton__session *session, const baton_metadata *metadata)
{
    baton_status status = baton__session_check(session);
    if (status != BATON_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&session->gate);
    status = session->open ? baton_connector_check_view(session->connector, metadata)
                           : baton__fail(BATON_ERR_SHUT_DOWN, "worker %s is gone", session->name);
    (void)pthread_mutex_unlock(&session->gate);
    return status;
}

/* True if progress was driven, or there was a reason not to wait long. how: baton_connector_progress_wait or _flush. */
static bool drive(baton__session *session, baton_status (*how)(baton_connector *, uint32_t), uint32_t slice_ms)
{
    (void)pthread_mutex_lock(&session->gate);
    bool open = session->open;
    session->drivers += open ? 1 : 0;
    (void)pthread_mutex_unlock(&session->gate);
    if (!open) {
        return false;
    }
    baton_status status = how(session->connector, slice_ms);
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
    if (!session->application || !drive(session, baton_connector_progress_wait, slice_ms)) {
        sleep_ms(slice_ms);
    }
}

void baton__session_say_last_words(baton__session *session, uint32_t timeout_ms)
{
    if (timeout_ms != 0 && session->application && !baton__session_is_foreign(session) && !baton__session_is_owner(session)) {
        (void)drive(session, baton_connector_flush, 0);
    }
}

bool baton__session_wait(baton__session *session, baton__event *event, uint32_t timeout_ms)
{
    if (baton__session_is_foreign(session)) {
        return baton__event_is_set(event);
    }
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
    baton__session_say_last_words(session, timeout_ms);
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

static baton__session *make(const baton__session_options *options)
{
    baton__session *session = calloc(1, sizeof(*session));
    if (session == NULL || pthread_mutex_init(&session->gate, NULL) != 0) {
        free(session);
        return NULL;
    }
    if (pthread_mutex_init(&session->draining, NULL) != 0) {
        (void)pthread_mutex_destroy(&session->gate);
        free(session);
        return NULL;
    }
    session->references = 1;
    session->fork_generation = baton__fork_generation();
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
    session->held_timer.fire = baton__session_held_fire;
    session->pause_timer.fire = baton__session_pause_fire;
    return session;
}

baton_status baton__session_create(const baton__session_options *options,
                                   baton__session **session_out)
{
    baton__session *session = make(options);
    if (session == NULL) {
        return baton__fail_memory("a session");
    }
    *session_out = session;
    return baton__session_open_link(session, options->nats);
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

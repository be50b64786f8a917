/* SPDX-License-Identifier: Apache-2.0 */
/* A service: what a worker takes, with what it serves it. Its life and its public face. */
#include "service.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/log.h"
#include "base/name.h"
#include "worker.h"
#include <stdlib.h>
#include <string.h>

enum { SLICE_MS = 10 };

baton_service *baton__service_acquire(baton_service *service)
{
    (void)__atomic_add_fetch(&service->references, 1, __ATOMIC_RELAXED);
    return service;
}

void baton__service_release(baton_service *service)
{
    if (__atomic_sub_fetch(&service->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    free(service->threads);
    (void)pthread_cond_destroy(&service->idle);
    (void)pthread_cond_destroy(&service->ready);
    (void)pthread_mutex_destroy(&service->lock);
    baton__session_release(service->session);
    free(service);
}

static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error == 0) {
        error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        error = error == 0 ? pthread_cond_init(condition, &attributes) : error;
        (void)pthread_condattr_destroy(&attributes);
    }
    return error;
}

static baton_service *make(baton__session *session, const char *pool,
                           const baton_serve_options *options, baton_handoff_fn callback,
                           void *context)
{
    baton_service *service = calloc(1, sizeof(*service));
    if (service == NULL || pthread_mutex_init(&service->lock, NULL) != 0) {
        free(service);
        return NULL;
    }
    if (init_condition(&service->ready) != 0) {
        (void)pthread_mutex_destroy(&service->lock);
        free(service);
        return NULL;
    }
    if (init_condition(&service->idle) != 0) {
        (void)pthread_cond_destroy(&service->ready);
        (void)pthread_mutex_destroy(&service->lock);
        free(service);
        return NULL;
    }
    service->references = 1;
    service->session = baton__session_acquire(session);
    if (pool != NULL) {
        memcpy(service->pool, pool, strlen(pool) + 1);
    }
    service->options = *options;
    service->callback = callback;
    service->context = context;
    return service;
}

/* Where callbacks run on threads of the service's. */
static bool has_threads(const baton_service *service)
{
    return service->callback != NULL && !service->session->application;
}

static baton_status start_threads(baton_service *service)
{
    uint32_t count = has_threads(service) ? service->options.concurrency : 0;
    if (count == 0) {
        return BATON_OK;
    }
    service->threads = calloc(count, sizeof(*service->threads));
    if (service->threads == NULL) {
        return baton__fail_memory("the threads of a service");
    }
    for (uint32_t i = 0; i < count; i++) {
        int error = pthread_create(&service->threads[i], NULL, baton__service_thread, service);
        if (error != 0) {
            return baton__fail_errno(error, "service: thread %u of %u", i + 1, count);
        }
        service->thread_count = i + 1;
    }
    return BATON_OK;
}

static void join_threads(baton_service *service)
{
    for (uint32_t i = 0; i < service->thread_count; i++) {
        (void)pthread_join(service->threads[i], NULL);
    }
    service->thread_count = 0;
}

/* For the owner thread; the answer comes back in it. */
typedef struct request {
    baton_service *service;
    baton_status status;
} request;

static void join_session(void *context)
{
    request *self = context;
    baton_service *service = self->service;
    baton__session *session = service->session;
    baton_service *other;
    DL_FOREACH(session->services, other)
    {
        if (strcmp(other->pool, service->pool) == 0) {
            self->status = BATON_ERR_WRONG_STATE;
            return;
        }
    }
    if (baton__session_is_closing(session) || session->link == NULL) {
        self->status = BATON_ERR_SHUT_DOWN;
        return;
    }
    if (service->pool[0] != '\0') {
        char subject[BATON__SUBJECT_MAX];
        baton__subject_print(subject, session->prefix, BATON__SUBJECT_OFFER, service->pool, "*");
        self->status = baton__nats_link_subscribe(session->link, subject,
                                                  service->options.broadcast ? NULL : service->pool,
                                                  &service->subscription);
        service->is_subscribed = self->status == BATON_OK;
    }
    if (self->status == BATON_OK) {
        baton__session_add_service(session, service);
        service->in_session = true;
        (void)baton__service_acquire(service); /* the session's */
    }
}

static void stop_taking(baton_service *service)
{
    baton__session *session = service->session;
    if (service->is_subscribed && session->link != NULL) {
        baton__nats_link_unsubscribe(session->link, service->subscription);
    }
    service->is_subscribed = false;
    (void)pthread_mutex_lock(&service->lock);
    service->stopping = true;
    (void)pthread_cond_broadcast(&service->ready);
    (void)pthread_mutex_unlock(&service->lock);
    baton_handoff *handoff;
    baton_handoff *next;
    HASH_ITER(hh, session->handoffs, handoff, next)
    {
        bool is_fetched = handoff->service == service && handoff->prefetch && !handoff->is_shown;
        if (is_fetched) {
            baton__handoff_stop_operation(handoff, BATON_ERR_CANCELLED);
        }
    }
}

static void begin_stop(void *context)
{
    stop_taking(context);
}

void baton__service_leave(baton_service *service)
{
    if (service->in_session) {
        service->in_session = false;
        baton__session_remove_service(service->session, service);
        baton__service_release(service);
    }
}

static void leave_session(void *context)
{
    baton__service_leave(context);
}

void baton__services_stop_taking(baton__session *session)
{
    baton_service *service;
    DL_FOREACH(session->services, service)
    {
        stop_taking(service);
    }
}

bool baton__service_is_busy(const baton_service *service)
{
    return service->queue != NULL || service->running != 0 || service->fetching != 0;
}

bool baton__service_drain(baton_service *service, uint32_t timeout_ms)
{
    uint64_t begin = baton__clock_now(&baton__clock_boottime);
    bool busy = true;
    for (;;) {
        baton__service_empty_queue(service);
        (void)pthread_mutex_lock(&service->lock);
        busy = baton__service_is_busy(service);
        (void)pthread_mutex_unlock(&service->lock);
        uint64_t passed = (baton__clock_now(&baton__clock_boottime) - begin) / BATON__NS_PER_MS;
        if (!busy || (timeout_ms != BATON_FOREVER && passed >= timeout_ms)) {
            break;
        }
        baton__service_wait_idle(service, SLICE_MS);
    }
    if (!busy) {
        join_threads(service);
    }
    return !busy;
}

static baton_status check_serve(const char *pool, const baton_serve_options *options)
{
    if (pool != NULL && !baton__name_is_valid(pool)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "service: the name of a pool is 1 .. 63 of A-Z a-z 0-9 _ -");
    }
    if (options->concurrency < 1 || options->concurrency > BATON__CONCURRENCY_MAX) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "service: concurrency is 1 .. %d, not %u",
                           BATON__CONCURRENCY_MAX, options->concurrency);
    }
    return BATON_OK;
}

static baton_status explain(const baton_service *service, baton_status status)
{
    const char *pool = service->pool[0] != '\0' ? service->pool : "(by name)";
    switch (status) {
    case BATON_OK:
        return BATON_OK;
    case BATON_ERR_WRONG_STATE:
        return baton__fail(status, "service: worker \"%s\" serves \"%s\" already",
                           service->session->name, pool);
    case BATON_ERR_SHUT_DOWN:
        return baton__fail(status, "service: worker \"%s\" is shutting down",
                           service->session->name);
    default:
        return baton__fail(status, "service: cannot subscribe for \"%s\": %s", pool,
                           baton_status_text(status));
    }
}

/* Starts what make has made. */
static baton_status start(baton_service *service)
{
    request self = {.service = service, .status = BATON_OK};
    baton_status status = start_threads(service);
    if (status == BATON_OK) {
        status = baton__session_call(service->session, join_session, &self);
        status = status == BATON_OK ? explain(service, self.status) : status;
    }
    if (status != BATON_OK) {
        (void)pthread_mutex_lock(&service->lock);
        service->stopping = true;
        (void)pthread_cond_broadcast(&service->ready);
        (void)pthread_mutex_unlock(&service->lock);
        join_threads(service);
    }
    return status;
}

baton_status baton_worker_serve(baton_worker *worker, const char *pool,
                                const baton_serve_options *options, baton_handoff_fn callback,
                                void *context, baton_service **service_out)
{
    baton_serve_options mine = BATON_SERVE_OPTIONS_INIT;
    if (worker == NULL || (options != NULL && !baton__options_copy(&mine, sizeof(mine), options))) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "service: worker is NULL, or the options have no struct_size");
    }
    baton_status status = check_serve(pool, &mine);
    if (status == BATON_OK) {
        status = baton__session_check(baton__worker_session(worker));
    }
    if (status != BATON_OK) {
        return status;
    }
    baton_service *service = make(baton__worker_session(worker), pool, &mine, callback, context);
    if (service == NULL) {
        return baton__fail_memory("a service");
    }
    status = start(service);
    if (status != BATON_OK) {
        baton__service_release(service);
        return status;
    }
    if (service_out != NULL) {
        *service_out = service;
    }
    baton__service_release(service); /* the session holds it */
    return BATON_OK;
}

void baton_service_stop(baton_service *service)
{
    if (service == NULL) {
        return;
    }
    if (baton__session_is_owner(service->session) ||
        baton__service_is_in_callback(service->session)) {
        BATON__ERROR("service \"%s\": baton_service_stop waits for callbacks, so it cannot be "
                     "called on this "
                     "thread; nothing was done",
                     service->pool);
        return;
    }
    baton__session *session = service->session;
    (void)baton__service_acquire(service);
    (void)baton__session_call(session, begin_stop, service);
    (void)pthread_mutex_lock(&session->draining);
    (void)baton__service_drain(service, BATON_FOREVER);
    (void)baton__session_call(session, leave_session, service);
    (void)pthread_mutex_unlock(&session->draining);
    baton__service_release(service);
}

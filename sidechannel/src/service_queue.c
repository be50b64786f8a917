/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the owner thread to the application: the queue of a service, its threads, and
 * baton_service_next. The lock is held for a few instructions only, since the owner thread takes it
 * too.
 */
#include "service.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include <stddef.h>
#include <time.h>

enum { SLICE_MS = 10 };

/* The session whose callback runs on this thread. */
static _Thread_local const baton__session *in_callback;

bool baton__service_is_in_callback(const baton__session *session)
{
    return in_callback == session;
}

void baton__service_free_place(baton_service *service)
{
    (void)__atomic_sub_fetch(&service->places, 1, __ATOMIC_ACQ_REL);
}

static void lock(baton_service *service)
{
    (void)pthread_mutex_lock(&service->lock);
}

static void unlock(baton_service *service)
{
    (void)pthread_mutex_unlock(&service->lock);
}

static void tell_idle(baton_service *service)
{
    (void)pthread_cond_broadcast(&service->idle);
}

void baton__service_count_fetching(baton_service *service, bool begins)
{
    lock(service);
    service->fetching += begins ? 1 : UINT32_MAX; /* one less */
    if (service->fetching == 0 && service->stopping) {
        (void)pthread_cond_broadcast(&service->ready);
        tell_idle(service);
    }
    unlock(service);
}

/* Moved beforehand, and the origin believes that it is served: it has to be. */
static bool must_be_served(const baton_handoff *handoff)
{
    return handoff->prefetch && handoff->message.acknowledge == BATON_ACKNOWLEDGE_MOVED &&
           baton__record_is_over(&handoff->record);
}

/* False if it is no use to anybody any more; it is let go then. */
static bool is_worth_serving(baton_service *service, baton_handoff *handoff, bool stopping)
{
    if (must_be_served(handoff)) {
        return true;
    }
    if (baton__record_is_over(&handoff->record)) {
        baton__handoff_let_go(handoff, NULL);
        return false;
    }
    uint64_t ttl_ns = __atomic_load_n(&handoff->ttl_ns, __ATOMIC_RELAXED);
    if (!stopping && !handoff->prefetch && baton__clock_now(&baton__clock_boottime) >= ttl_ns) {
        baton__session_refuse(service->session, &service->session->counters.refused_late,
                              handoff->message.origin, "an offer whose time to live is over");
        (void)baton__handoff_decide(handoff, BATON__DECISION_DROP, BATON_OK, NULL);
        baton__handoff_let_go(handoff, NULL);
        return false;
    }
    if (stopping) {
        baton__handoff_give_back(handoff);
    }
    return !stopping;
}

/* Runs the callback; ends the queue's reference. */
static void serve(baton_service *service, baton_handoff *handoff, bool stopping)
{
    if (!is_worth_serving(service, handoff, stopping)) {
        return;
    }
    (void)baton__handoff_acquire(handoff); /* it may be kept, and destroyed by another thread */
    const baton__session *outer = in_callback;
    in_callback = service->session;
    service->callback(handoff, service->context);
    in_callback = outer;
    if (!__atomic_load_n(&handoff->kept, __ATOMIC_ACQUIRE)) {
        baton__handoff_let_go(handoff, "the callback returned without accepting");
    }
    baton__handoff_release(handoff);
}

/* NOLINTNEXTLINE(readability-function-size): utlist's macro */
static baton_handoff *pop(baton_service *service)
{
    baton_handoff *handoff = service->queue;
    if (handoff != NULL) {
        DL_DELETE(service->queue, handoff);
    }
    return handoff;
}

/* The next one; NULL when the service is stopped and nothing can come any more. */
static baton_handoff *take(baton_service *service, bool *stopping)
{
    lock(service);
    while (service->queue == NULL && !(service->stopping && service->fetching == 0)) {
        (void)pthread_cond_wait(&service->ready, &service->lock);
    }
    baton_handoff *handoff = pop(service);
    service->running += handoff != NULL ? 1 : 0;
    *stopping = service->stopping;
    unlock(service);
    return handoff;
}

static void end_running(baton_service *service)
{
    lock(service);
    service->running--;
    if (service->running == 0) {
        tell_idle(service);
    }
    unlock(service);
}

void *baton__service_thread(void *argument)
{
    baton_service *service = argument;
    bool stopping = false;
    baton_handoff *handoff;
    while ((handoff = take(service, &stopping)) != NULL) {
        serve(service, handoff, stopping);
        end_running(service);
    }
    return NULL;
}

/* The callback where the application drives progress: on the owner thread, from a task. */
void baton__service_run_deliver(baton_task *task)
{
    baton_handoff *handoff =
        (baton_handoff *)((char *)task - offsetof(baton_handoff, deliver_task));
    baton_service *service = handoff->service;
    lock(service);
    bool stopping = service->stopping;
    unlock(service);
    serve(service, baton__handoff_acquire(handoff), stopping);
    end_running(service);
    baton__handoff_release(handoff); /* the post's */
}

void baton__service_deliver(baton_service *service, baton_handoff *handoff)
{
    bool by_task = service->callback != NULL && service->session->application;
    lock(service);
    if (by_task) {
        service->running++;
    } else {
        (void)baton__handoff_acquire(handoff); /* the queue's, then the application's */
        DL_APPEND(service->queue, handoff);
        (void)pthread_cond_signal(&service->ready);
    }
    unlock(service);
    if (by_task && !baton__handoff_post(handoff, &handoff->deliver_task)) {
        end_running(service);
    }
}

static baton_handoff *pop_stopped(baton_service *service)
{
    lock(service);
    baton_handoff *handoff = service->stopping ? pop(service) : NULL;
    unlock(service);
    return handoff;
}

static void give_back(const baton_service *service, baton_handoff *handoff)
{
    if (must_be_served(handoff)) {
        BATON__WARN("service \"%s\": stopped with a handoff in the queue that its origin takes "
                    "for served",
                    service->pool);
    }
    baton__handoff_give_back(handoff);
}

void baton__service_empty_queue(baton_service *service)
{
    if (service->callback != NULL) {
        return; /* its threads do, or the tasks that are posted */
    }
    baton_handoff *handoff;
    while ((handoff = pop_stopped(service)) != NULL) {
        give_back(service, handoff);
    }
}

static void wait_on(baton_service *service, pthread_cond_t *condition, uint32_t time_ms)
{
    struct timespec due;
    (void)clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += (time_t)(time_ms / 1000);
    due.tv_nsec += (long)(time_ms % 1000) * (long)BATON__NS_PER_MS;
    if (due.tv_nsec >= 1000000000L) {
        due.tv_sec++;
        due.tv_nsec -= 1000000000L;
    }
    (void)pthread_cond_timedwait(condition, &service->lock, &due);
}

void baton__service_wait_idle(baton_service *service, uint32_t slice_ms)
{
    if (service->session->application) {
        baton__session_pass_time(service->session, slice_ms);
        return;
    }
    lock(service);
    if (baton__service_is_busy(service)) {
        wait_on(service, &service->idle, slice_ms);
    }
    unlock(service);
}

/* With the lock held and given back: the next one, or NULL. */
static baton_handoff *wait_next(baton_service *service, uint32_t slice_ms)
{
    if (service->queue == NULL && !service->stopping && slice_ms != 0) {
        if (service->session->application) {
            unlock(service);
            baton__session_pass_time(service->session, slice_ms < SLICE_MS ? slice_ms : SLICE_MS);
            lock(service);
        } else {
            wait_on(service, &service->ready, slice_ms);
        }
    }
    return service->stopping ? NULL : pop(service);
}

static uint32_t slice_of(uint64_t begin_ns, uint32_t timeout_ms)
{
    enum { LONGEST_MS = 60000 };
    if (timeout_ms == BATON_FOREVER) {
        return LONGEST_MS;
    }
    uint64_t passed = (baton__clock_now(&baton__clock_boottime) - begin_ns) / BATON__NS_PER_MS;
    uint32_t left = passed >= timeout_ms ? 0 : timeout_ms - (uint32_t)passed;
    return left < LONGEST_MS ? left : LONGEST_MS;
}

static baton_status next(baton_service *service, uint32_t timeout_ms, baton_handoff **handoff_out)
{
    uint64_t begin = baton__clock_now(&baton__clock_boottime);
    for (;;) {
        uint32_t slice_ms = slice_of(begin, timeout_ms);
        lock(service);
        baton_handoff *handoff = wait_next(service, slice_ms);
        bool stopping = service->stopping;
        unlock(service);
        if (handoff != NULL && is_worth_serving(service, handoff, false)) {
            *handoff_out = handoff;
            return BATON_OK;
        }
        if (stopping) {
            return baton__fail(BATON_ERR_SHUT_DOWN, "service \"%s\": it was stopped",
                               service->pool);
        }
        if (handoff == NULL && slice_ms == 0) {
            return baton__fail(BATON_ERR_TIMED_OUT, "service \"%s\": nothing came within %u ms",
                               service->pool, timeout_ms);
        }
    }
}

baton_status baton_service_next(baton_service *service, uint32_t timeout_ms,
                                baton_handoff **handoff_out)
{
    if (service == NULL || handoff_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "service or handoff_out is NULL");
    }
    if (service->callback != NULL) {
        return baton__fail(BATON_ERR_WRONG_STATE, "service \"%s\": it has a callback",
                           service->pool);
    }
    if (baton__session_is_owner(service->session)) {
        return baton__fail(BATON_ERR_WRONG_THREAD, "service \"%s\": the owner thread cannot wait",
                           service->pool);
    }
    baton_status status = baton__session_check(service->session);
    if (status != BATON_OK) {
        return status;
    }
    lock(service);
    service->running++;
    unlock(service);
    (void)baton__service_acquire(service);
    status = next(service, timeout_ms, handoff_out);
    end_running(service);
    baton__service_release(service);
    return status;
}

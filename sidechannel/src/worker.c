/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facade: a connector and a session under one name.
 *
 * The end comes in this order: services take nothing new, callbacks drain, handoffs and offers are
 * cancelled and become quiet, the link sends what it has and closes, the gate closes, the connector
 * goes.
 */
#include "worker.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/options.h"
#include "base/log.h"
#include "base/name.h"
#include "handoff.h"
#include "offer.h"
#include "ping.h"
#include "service.h"
#include <stdlib.h>
#include <string.h>

enum { DRAIN_MS = 500, FORCED_MS = 5000, SLICE_MS = 10 };

struct baton_worker {
    baton__session *session;
    baton_connector *connector;
    baton__nats_link *closed_link; /* closed, to be destroyed */
    pthread_mutex_t shutting;      /* one thread shuts down at a time */
    bool is_shut;
};

baton__session *baton__worker_session(baton_worker *worker)
{
    return worker->session;
}

static baton_status check_options(const baton_worker_options *options)
{
    if (options->name != NULL && !baton__name_is_valid(options->name)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "worker: the name is 1 .. 63 of A-Z a-z 0-9 _ -");
    }
    if (options->prefix == NULL || !baton__prefix_is_valid(options->prefix)) {
        return baton__fail(
            BATON_ERR_INVALID_ARGUMENT,
            "worker: the prefix is 1 .. 128 bytes of tokens of A-Z a-z 0-9 _ - joined by dots");
    }
    if (options->json_max < 1 || options->json_max > BATON_RESULT_MAX) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "worker: json_max is 1 .. %d, not %u",
                           BATON_RESULT_MAX, options->json_max);
    }
    return BATON_OK;
}

static baton_status open_connector(const baton_worker_options *options, baton_worker *worker,
                                   bool *application_out)
{
    char name[64];
    baton_connector_options mine = BATON_CONNECTOR_OPTIONS_INIT;
    if (options->connector != NULL &&
        !baton__options_copy(&mine, sizeof(mine), options->connector)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "worker: the options of the connector have no struct_size");
    }
    mine.name = options->name;
    if (mine.name == NULL) {
        baton__name_default(name);
        mine.name = name;
    }
    *application_out = mine.progress == BATON_PROGRESS_APPLICATION;
    return baton_connector_create(&mine, &worker->connector);
}

static baton_status open_session(const baton_worker_options *options, baton_worker *worker,
                                 bool application)
{
    baton__session_options session = {.connector = worker->connector,
                                      .application = application,
                                      .events = options->events,
                                      .prefix = options->prefix,
                                      .nats = options->nats,
                                      .queue_max = options->queue_max,
                                      .json_max = options->json_max};
    baton_status status = baton__session_create(&session, &worker->session);
    if (status == BATON_OK && options->connect_wait_ms != 0) {
        status = baton__session_wait_connected(worker->session, options->connect_wait_ms);
    }
    return status;
}

/* The error text survives what the clean-up does. */
static baton_status give_up(baton_worker *worker, baton_status status)
{
    char *text = strdup(baton_error_text());
    baton_worker_destroy(worker);
    if (text != NULL) {
        (void)baton__fail(status, "%s", text);
    }
    free(text);
    return status;
}

baton_status baton_worker_create(const baton_worker_options *options, baton_worker **worker_out)
{
    baton_worker_options mine = BATON_WORKER_OPTIONS_INIT;
    bool application = false;
    if (worker_out == NULL ||
        (options != NULL && !baton__options_copy(&mine, sizeof(mine), options))) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "worker: worker_out is NULL, or the options have no struct_size");
    }
    baton_status status = check_options(&mine);
    if (status != BATON_OK) {
        return status;
    }
    baton_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL || pthread_mutex_init(&worker->shutting, NULL) != 0) {
        free(worker);
        return baton__fail_memory("a worker");
    }
    status = open_connector(&mine, worker, &application);
    if (status == BATON_OK) {
        status = open_session(&mine, worker, application);
    }
    if (status != BATON_OK) {
        return give_up(worker, status);
    }
    *worker_out = worker;
    return BATON_OK;
}

static void begin_closing(void *context)
{
    baton__session *session = context;
    __atomic_store_n(&session->closing, true, __ATOMIC_RELEASE);
    baton__services_stop_taking(session);
}

static void end_all(void *context)
{
    baton__session *session = context;
    baton__handoffs_shut_down(session, false);
    baton__offers_shut_down(session);
    baton__pings_shut_down(session);
    baton__session_check_drained(session);
}

static void end_all_by_force(void *context)
{
    baton__session *session = context;
    baton__handoffs_shut_down(session, true);
    baton__session_check_drained(session);
}

static void close_link(void *context)
{
    baton_worker *worker = context;
    baton__nats_link *link = baton__session_close_link(worker->session);
    worker->closed_link = link != NULL ? link : worker->closed_link;
}

static uint32_t left_ms(uint64_t begin_ns, uint32_t timeout_ms)
{
    if (timeout_ms == BATON_FOREVER) {
        return BATON_FOREVER;
    }
    uint64_t passed = (baton__clock_now(&baton__clock_boottime) - begin_ns) / BATON__NS_PER_MS;
    return passed >= timeout_ms ? 0 : timeout_ms - (uint32_t)passed;
}

/* Callbacks of every service. No service comes or goes: the session is closing, and stop is not for
 * now. */
static bool drain_services(baton__session *session, uint32_t timeout_ms)
{
    uint64_t begin = baton__clock_now(&baton__clock_boottime);
    bool drained = true;
    baton_service *service;
    DL_FOREACH(session->services, service)
    {
        drained = baton__service_drain(service, left_ms(begin, timeout_ms)) && drained;
    }
    return drained;
}

/* Where another thread is stopping a service, it is waited for. */
static bool drain_services_alone(baton__session *session, uint32_t timeout_ms)
{
    uint64_t begin = baton__clock_now(&baton__clock_boottime);
    while (pthread_mutex_trylock(&session->draining) != 0) {
        if (left_ms(begin, timeout_ms) == 0) {
            return false;
        }
        baton__session_pass_time(session, 1);
    }
    bool drained = drain_services(session, left_ms(begin, timeout_ms));
    (void)pthread_mutex_unlock(&session->draining);
    return drained;
}

/* Everything ends: first what can be cancelled, then what waits for an origin's word. */
static bool drain_all(baton__session *session)
{
    (void)baton__session_call(session, end_all, session);
    if (baton__session_wait(session, &session->drained, DRAIN_MS)) {
        return true;
    }
    (void)baton__session_call(session, end_all_by_force, session);
    return baton__session_wait(session, &session->drained, FORCED_MS);
}

static baton_status shut_down(baton_worker *worker, uint32_t timeout_ms)
{
    baton__session *session = worker->session;
    if (worker->is_shut) {
        return BATON_OK;
    }
    (void)baton__session_call(session, begin_closing, session);
    if (!drain_services_alone(session, timeout_ms)) {
        return baton__fail(BATON_ERR_TIMED_OUT,
                           "worker \"%s\": a callback still runs after %u ms; call again",
                           session->name, timeout_ms);
    }
    if (!drain_all(session)) {
        return baton__fail(BATON_ERR_TIMED_OUT,
                           "worker \"%s\": an operation is not quiet yet; call again",
                           session->name);
    }
    (void)baton__session_call(session, close_link, worker);
    worker->is_shut = true;
    return BATON_OK;
}

/* True on threads that the end has to wait for. */
static bool must_not_wait(const baton_worker *worker)
{
    return worker->session != NULL && (baton__session_is_owner(worker->session) ||
                                       baton__service_is_in_callback(worker->session));
}

baton_status baton_worker_shut_down(baton_worker *worker, uint32_t timeout_ms)
{
    if (worker == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "worker is NULL");
    }
    baton_status status = baton__session_check(worker->session);
    if (status != BATON_OK) {
        return status;
    }
    if (must_not_wait(worker)) {
        return baton__fail(BATON_ERR_WRONG_THREAD,
                           "worker \"%s\": shutting down waits for this very thread",
                           worker->session->name);
    }
    (void)pthread_mutex_lock(&worker->shutting);
    status = shut_down(worker, timeout_ms);
    (void)pthread_mutex_unlock(&worker->shutting);
    return status;
}

static void free_services(void *context)
{
    baton__session *session = context;
    while (session->services != NULL) {
        baton__service_leave(session->services);
    }
}

static void destroy_session(baton_worker *worker)
{
    baton__session *session = worker->session;
    if (session == NULL) {
        return;
    }
    if (shut_down(worker, BATON_FOREVER) != BATON_OK) {
        BATON__WARN("worker %s: operations are ended with the connector", session->name);
        (void)baton__session_call(session, close_link, worker);
    }
    if (worker->closed_link != NULL) {
        baton__nats_link_destroy(worker->closed_link);
    }
    (void)baton__session_call(session, free_services, session);
    baton__session_close_gate(session);
}

void baton_worker_destroy(baton_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->session != NULL && baton__session_is_foreign(worker->session)) {
        return; /* the parent's; nothing of it works here */
    }
    if (must_not_wait(worker)) {
        BATON__ERROR(
            "worker \"%s\": baton_worker_destroy waits for this very thread; nothing was done",
            worker->session->name);
        return;
    }
    destroy_session(worker);
    baton_connector_destroy(worker->connector);
    baton__session_release(worker->session);
    (void)pthread_mutex_destroy(&worker->shutting);
    free(worker);
}

const char *baton_worker_name(const baton_worker *worker)
{
    return worker->session->name;
}

baton_connector *baton_worker_connector(baton_worker *worker)
{
    return worker->connector;
}

bool baton_worker_is_connected(const baton_worker *worker)
{
    return baton__session_is_connected(worker->session);
}

baton_status baton_worker_fd(baton_worker *worker, int *fd_out)
{
    if (worker == NULL || fd_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "worker or fd_out is NULL");
    }
    return baton_connector_fd(worker->connector, fd_out);
}

int baton_worker_progress(baton_worker *worker)
{
    return worker != NULL ? baton_connector_progress(worker->connector) : 0;
}

baton_status baton_worker_progress_wait(baton_worker *worker, uint32_t timeout_ms)
{
    if (worker == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "worker is NULL");
    }
    return baton_connector_progress_wait(worker->connector, timeout_ms);
}

baton_status baton_worker_get_stats(const baton_worker *worker, baton_worker_stats *stats_out)
{
    if (worker == NULL || stats_out == NULL || !baton__output_is_sized(stats_out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "worker or stats_out is NULL, or struct_size is not set");
    }
    baton_worker_stats stats = {0};
    baton__counters_read(&worker->session->counters, &stats);
    baton__output_copy(stats_out, &stats, sizeof(stats));
    return BATON_OK;
}

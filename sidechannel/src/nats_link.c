/* SPDX-License-Identifier: Apache-2.0 */
#include "nats_link.h"

#include "base/error.h"
#include "base/log.h"
#include "base/name.h"
#include "nats_link_state.h"
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* Seconds above the connect timeout that the helper may take to end: name resolution has bounds of
 * its own. */
#define HELPER_WAIT_S 5

static void link_free(baton__nats_link *link)
{
    baton__nats_link_drop_notices(link);
    baton__nats_link_free_subscriptions(link);
    baton__nats_settings_fini(&link->settings);
    (void)pthread_cond_destroy(&link->changed);
    (void)pthread_mutex_destroy(&link->mutex);
    free(link);
}

baton__nats_link *baton__nats_link_acquire(baton__nats_link *link)
{
    (void)__atomic_add_fetch(&link->references, 1, __ATOMIC_RELAXED);
    return link;
}

void baton__nats_link_release(baton__nats_link *link)
{
    if (__atomic_sub_fetch(&link->references, 1, __ATOMIC_ACQ_REL) == 0) {
        link_free(link);
    }
}

void baton__nats_link_post(baton__nats_link *link, baton__nats_task *task)
{
    (void)pthread_mutex_lock(&link->mutex);
    if (!link->closed) {
        (void)baton__nats_link_acquire(link);
        if (!baton_loop_post(link->loop, &task->task)) {
            baton__nats_link_release(link); /* never the last: the caller has one */
        }
    }
    (void)pthread_mutex_unlock(&link->mutex);
}

static void run_task(baton_task *task)
{
    baton__nats_task *self = (baton__nats_task *)((char *)task - offsetof(baton__nats_task, task));
    baton__nats_link *link = self->link;
    if (!link->ended) {
        self->work(link);
    }
    baton__nats_link_release(link);
}

static void retire(baton__nats_link *link, baton__nats_connection *connection)
{
    (void)pthread_mutex_lock(&link->mutex);
    link->retired = connection;
    __atomic_store_n(&link->connected, 0, __ATOMIC_RELEASE);
    (void)pthread_cond_broadcast(&link->changed);
    (void)pthread_mutex_unlock(&link->mutex);
}

static void tell_disconnected(baton__nats_link *link, baton_status reason, const char *text)
{
    if (link->told != reason) {
        link->told = reason;
        link->callbacks.disconnected(link->context, reason, text);
    }
}

static void on_failure(baton__nats_link *link)
{
    char text[sizeof(link->failure_text)];
    (void)pthread_mutex_lock(&link->mutex);
    baton_status failure = link->failure;
    memcpy(text, link->failure_text, sizeof(text));
    (void)pthread_mutex_unlock(&link->mutex);
    if (link->connection == NULL && failure != BATON_OK) {
        tell_disconnected(link, failure, text);
    }
}

/* Owner: lets go of a connection; the helper frees it and makes the next one. */
static void drop_connection(baton__nats_link *link)
{
    baton__nats_connection *connection = link->connection;
    baton__nats_connection_stop(connection);
    baton__nats_link_unsubscribe_all(link);
    link->connection = NULL;
    retire(link, connection);
}

static void on_loss(baton__nats_link *link)
{
    baton__nats_connection *connection = link->connection;
    if (connection == NULL || baton__nats_connection_is_attached(connection)) {
        return;
    }
    const char *last = NULL;
    natsStatus error = natsConnection_GetLastError(connection->nats, &last);
    /* Refused credentials end a connection from the server's side: that nats.c calls a connection
     * closed, and only the server's last words tell. */
    char text[512];
    (void)snprintf(text, sizeof(text), "%s: %s", natsStatus_GetText(error), last);
    baton_status reason = baton__nats_reason(error, text);
    drop_connection(link);
    tell_disconnected(link, reason, text);
}

static baton__nats_connection *take_arrived(baton__nats_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
    baton__nats_connection *connection = link->arrived;
    link->arrived = NULL;
    (void)pthread_mutex_unlock(&link->mutex);
    return connection;
}

static void on_arrival(baton__nats_link *link)
{
    link->connection = take_arrived(link);
    if (link->connection == NULL) {
        return;
    }
    baton_status status = baton__nats_connection_start(link->connection);
    if (status == BATON_OK) {
        status = baton__nats_link_subscribe_all(link);
    }
    if (status != BATON_OK) {
        BATON__ERROR("%s", baton_error_text());
        drop_connection(link);
        tell_disconnected(link, status, baton_error_text());
        return;
    }
    baton__nats_connection_flush(link->connection);
    link->told = BATON_OK;
    (void)pthread_mutex_lock(&link->mutex);
    __atomic_store_n(&link->connected, baton__nats_connection_is_attached(link->connection) ? 1 : 0,
                     __ATOMIC_RELEASE);
    (void)pthread_mutex_unlock(&link->mutex);
    link->callbacks.connected(link->context);
}

static void on_flush(baton__nats_link *link)
{
    if (link->connection != NULL) {
        baton__nats_connection_flush(link->connection);
    }
}

/* A PING went unanswered. Bytes that wait here to be read mean that it is us who are late. */
static void on_silence(baton__nats_link *link)
{
    if (link->connection == NULL) {
        return;
    }
    if (baton__nats_connection_has_bytes(link->connection)) {
        link->connection->silences = 0;
        return;
    }
    if (++link->connection->silences >= 2) {
        BATON__WARN("NATS: the server does not answer; giving it up");
        baton__nats_connection_abort(link->connection);
    }
}

void baton__nats_link_on_ready(baton_source *source, uint32_t events)
{
    baton__nats_connection *connection =
        (baton__nats_connection *)((char *)source - offsetof(baton__nats_connection, source));
    baton__nats_link *link = connection->link;
    if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        connection->silences = 0;
        baton__nats_connection_read(connection);
    }
    baton__nats_connection_flush(connection);
    baton__nats_link_deliver(link);
}

static void task_init(baton__nats_task *task, baton__nats_link *link,
                      void (*work)(baton__nats_link *))
{
    *task = (baton__nats_task){.task = {.run = run_task}, .link = link, .work = work};
}

static bool init_mutex(baton__nats_link *link)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int error = pthread_cond_init(&link->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (error == 0 && pthread_mutex_init(&link->mutex, NULL) != 0) {
        (void)pthread_cond_destroy(&link->changed);
        error = 1;
    }
    return error == 0;
}

/* The name comes first, so that the permissions of a worker can be limited to inboxes of its own.
 */
static void make_inbox(baton__nats_link *link, const char *name)
{
    char random[BATON_UUID_TEXT_SIZE];
    baton_uuid id = baton_uuid_random();
    baton_uuid_print(&id, random);
    bool token = baton__name_is_valid(name);
    (void)snprintf(link->inbox, sizeof(link->inbox), "_INBOX%s%s.%s", token ? "_" : "",
                   token ? name : "", random);
}

/* With a reference for its creator and one for the helper. NULL where memory has run out. */
static baton__nats_link *link_new(baton_loop *loop, const baton__nats_callbacks *callbacks,
                                  void *context)
{
    baton__nats_link *link = calloc(1, sizeof(*link));
    if (link == NULL || !init_mutex(link)) {
        free(link);
        return NULL;
    }
    link->references = 2;
    link->loop = loop;
    link->callbacks = *callbacks;
    link->context = context;
    task_init(&link->arrival_task, link, on_arrival);
    task_init(&link->failure_task, link, on_failure);
    task_init(&link->loss_task, link, on_loss);
    task_init(&link->flush_task, link, on_flush);
    task_init(&link->silence_task, link, on_silence);
    task_init(&link->notice_task, link, baton__nats_link_run_notices);
    return link;
}

static baton_status start_helper(baton__nats_link *link)
{
    int error = pthread_create(&link->helper, NULL, baton__nats_helper_main, link);
    if (error != 0) {
        return baton__fail_errno(error, "NATS: cannot start a thread");
    }
    (void)pthread_setname_np(link->helper, "baton-nats");
    return BATON_OK;
}

baton_status baton__nats_link_create(baton_loop *loop, const char *name,
                                     const baton_nats_options *options,
                                     const baton__nats_callbacks *callbacks, void *context,
                                     baton__nats_link **link_out)
{
    baton__nats_link *link = link_new(loop, callbacks, context);
    if (link == NULL) {
        return baton__fail_memory("NATS link");
    }
    /* The threads that begin here, ours and nats.c's, leave the signals to the application. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    baton_status status = baton__nats_settings_init(&link->settings, name, options);
    if (status == BATON_OK) {
        make_inbox(link, name);
        status = start_helper(link);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != BATON_OK) {
        link_free(link);
        return status;
    }
    *link_out = link;
    return BATON_OK;
}

/* Nothing is posted after it. Returns a connection that nobody has taken, NULL if there is none. */
static baton__nats_connection *close_posts(baton__nats_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
    link->closed = true;
    link->stopping = true;
    __atomic_store_n(&link->connected, 0, __ATOMIC_RELEASE);
    baton__nats_connection *arrived = link->arrived;
    link->arrived = NULL;
    (void)pthread_cond_broadcast(&link->changed);
    (void)pthread_mutex_unlock(&link->mutex);
    return arrived;
}

void baton__nats_link_close(baton__nats_link *link, uint32_t flush_ms)
{
    if (link->ended) {
        return;
    }
    link->ended = true;
    baton__nats_connection *arrived = close_posts(link);
    if (arrived != NULL) {
        retire(link, arrived);
    }
    if (link->connection != NULL) {
        baton__nats_connection_stop(link->connection);
        baton__nats_connection_finish(link->connection, flush_ms);
        drop_connection(link);
    }
    baton__nats_link_drop_notices(link);
    nats_ReleaseThreadMemory();
}

static void join_helper(baton__nats_link *link)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += HELPER_WAIT_S + (time_t)(link->settings.connect_timeout_ms / 1000);
    if (pthread_clockjoin_np(link->helper, NULL, CLOCK_MONOTONIC, &end) != 0) {
        /* It has references of its own, and goes when it can. */
        BATON__WARN("NATS: the thread that connects does not end; leaving it behind");
        (void)pthread_detach(link->helper);
    }
}

void baton__nats_link_destroy(baton__nats_link *link)
{
    if (link == NULL) {
        return;
    }
    if (!link->ended) {
        /* Never closed: legal only where the loop has never run, or never will again. */
        link->ended = true;
        baton__nats_connection *arrived = close_posts(link);
        baton__nats_connection *left = link->connection != NULL ? link->connection : arrived;
        if (left != NULL) {
            retire(link, left);
        }
    }
    join_helper(link);
    baton__nats_link_release(link);
}

baton_status baton__nats_link_wait_connected(baton__nats_link *link, uint32_t timeout_ms)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)(timeout_ms / 1000);
    end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    int error = 0;
    (void)pthread_mutex_lock(&link->mutex);
    while (!link->ever_connected && !link->stopping && error == 0 &&
           link->failure != BATON_ERR_NATS_AUTHENTICATION) {
        error = pthread_cond_timedwait(&link->changed, &link->mutex, &end);
    }
    bool connected = link->ever_connected;
    bool refused = link->failure == BATON_ERR_NATS_AUTHENTICATION;
    char text[sizeof(link->failure_text)];
    memcpy(text, link->failure_text, sizeof(text));
    (void)pthread_mutex_unlock(&link->mutex);
    if (connected) {
        return BATON_OK;
    }
    return baton__fail(refused ? BATON_ERR_NATS_AUTHENTICATION : BATON_ERR_NATS_DISCONNECTED, "%s",
                       text[0] != '\0' ? text : "NATS: no server has answered yet");
}

bool baton__nats_link_is_connected(const baton__nats_link *link)
{
    return __atomic_load_n(&link->connected, __ATOMIC_ACQUIRE) != 0;
}

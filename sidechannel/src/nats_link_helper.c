/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/log.h"
#include "nats_link_state.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * The helper thread: connects, watches over the connection, and connects anew when it is lost.
 *
 * nats.c can reconnect by itself, but holds the lock of the connection while it dials: a publish,
 * or even a question for its status, would then wait on the owner thread for up to the connect
 * timeout. It also keeps what is published meanwhile and sends it late, and gives up for good after
 * two refusals in a row. So each of its connections serves until its first error and the helper
 * makes the next one; there is one way to connect, for the first time and for all others.
 *
 * Its PINGs are replaced too: they come from nats.c's timer thread, which closes the socket of a
 * silent server under the hands of the owner (and frees its SSL). Here the helper sends them and
 * the owner ends the connection.
 */

#define BACK_OFF_MAX_MS 5000u
/* Attempts at the first pace, before the pauses grow; a server that restarts is back within them.
 */
#define QUICK_ATTEMPTS 10u
/* A connection that lived less counts as a failure: a server may accept and close at once. */
#define SHORT_LIFE_MS 1000

static struct timespec clock_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now;
}

static int64_t ms_since(const struct timespec *then)
{
    struct timespec now = clock_now();
    return (int64_t)(now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

static struct timespec after_ms(uint32_t ms)
{
    struct timespec end = clock_now();
    end.tv_sec += (time_t)(ms / 1000);
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return end;
}

/* Waits until the helper is to end, or the time is over. Returns true to end. */
static bool pause_for(baton__nats_link *link, uint32_t ms)
{
    struct timespec end = after_ms(ms);
    int error = 0;
    (void)pthread_mutex_lock(&link->mutex);
    while (!link->stopping && error == 0) {
        error = pthread_cond_timedwait(&link->changed, &link->mutex, &end);
    }
    bool stopping = link->stopping;
    (void)pthread_mutex_unlock(&link->mutex);
    return stopping;
}

/* Waits until the owner has given the connection back, or the time is over. Returns true if it has.
 */
static bool wait_retired(baton__nats_link *link, const baton__nats_connection *connection,
                         uint32_t ms)
{
    struct timespec end = after_ms(ms);
    int error = 0;
    (void)pthread_mutex_lock(&link->mutex);
    while (link->retired != connection && error == 0) {
        error = pthread_cond_timedwait(&link->changed, &link->mutex, &end);
    }
    bool retired = link->retired == connection;
    if (retired) {
        link->retired = NULL;
    }
    (void)pthread_mutex_unlock(&link->mutex);
    return retired;
}

/* The task is posted before anybody learns of the connection: what they post then comes after it.
 */
static void hand_over(baton__nats_link *link, baton__nats_connection *connection)
{
    (void)pthread_mutex_lock(&link->mutex);
    bool closed = link->closed;
    if (closed) {
        link->retired = connection;
    } else {
        link->arrived = connection;
        link->failure = BATON_OK;
    }
    (void)pthread_mutex_unlock(&link->mutex);
    if (closed) {
        return;
    }
    baton__nats_link_post(link, &link->arrival_task);
    (void)pthread_mutex_lock(&link->mutex);
    link->ever_connected = true;
    bool lost = link->closed || link->retired == connection ||
                !baton__nats_connection_is_attached(connection);
    __atomic_store_n(&link->connected, lost ? 0 : 1, __ATOMIC_RELEASE);
    (void)pthread_cond_broadcast(&link->changed);
    (void)pthread_mutex_unlock(&link->mutex);
}

/* A PING each interval. The owner counts the silences: if it is the one that does not run, the
 * server is not to blame. */
static void watch(baton__nats_link *link, const baton__nats_connection *connection)
{
    uint32_t interval = link->settings.ping_interval_ms;
    while (!wait_retired(link, connection, interval)) {
        if (natsConnection_FlushTimeout(connection->nats, interval) == NATS_TIMEOUT) {
            baton__nats_link_post(link, &link->silence_task);
        }
    }
}

static void learn_servers(baton__nats_link *link, const baton__nats_connection *connection)
{
    char **urls = NULL;
    int count = 0;
    if (natsConnection_GetDiscoveredServers(connection->nats, &urls, &count) != NATS_OK) {
        return;
    }
    baton__nats_servers_discover(&link->settings.servers, connection->server, urls, (size_t)count);
    for (int i = 0; i < count; i++) {
        free(urls[i]);
    }
    free(urls);
}

/* A round is over without a connection. Credentials that one server refused count more than another
 * one's absence. */
static void set_failure(baton__nats_link *link, baton_status failure, const char *text)
{
    (void)pthread_mutex_lock(&link->mutex);
    bool news = link->failure != failure;
    link->failure = failure;
    (void)snprintf(link->failure_text, sizeof(link->failure_text), "%s", text);
    (void)pthread_cond_broadcast(&link->changed);
    (void)pthread_mutex_unlock(&link->mutex);
    if (news) {
        BATON__WARN("%s; trying again", text);
        baton__nats_link_post(link, &link->failure_task);
    }
}

static bool is_stopping(baton__nats_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
    bool stopping = link->stopping;
    (void)pthread_mutex_unlock(&link->mutex);
    return stopping;
}

static baton__nats_connection *connect_any(baton__nats_link *link)
{
    baton_status failure = BATON_OK;
    char text[sizeof(link->failure_text)] = "";
    for (size_t i = 0; i < link->settings.servers.count && !is_stopping(link); i++) {
        baton__nats_connection *connection;
        baton_status status = baton__nats_connection_open(link, i, &connection);
        if (status == BATON_OK) {
            return connection;
        }
        if (failure != BATON_ERR_NATS_AUTHENTICATION) {
            failure = status;
            (void)snprintf(text, sizeof(text), "%s", baton_error_text());
        }
    }
    if (failure != BATON_OK) {
        set_failure(link, failure, text);
    }
    return NULL;
}

/* Serves one connection from its making to its end. Returns false if there was none, or not for
 * long. */
static bool run_once(baton__nats_link *link)
{
    baton__nats_connection *connection = connect_any(link);
    if (connection == NULL) {
        return false;
    }
    struct timespec start = clock_now();
    BATON__DEBUG("NATS server %s: connected",
                 link->settings.servers.items[connection->server].address);
    hand_over(link, connection);
    watch(link, connection);
    bool served = ms_since(&start) >= SHORT_LIFE_MS;
    learn_servers(link, connection);
    baton__nats_connection_dispose(connection);
    return served;
}

static uint32_t back_off_ms(const baton__nats_link *link, unsigned failures)
{
    uint32_t wait = link->settings.reconnect_wait_ms;
    bool refused = link->failure == BATON_ERR_NATS_AUTHENTICATION;
    unsigned doublings = refused                     ? failures
                         : failures > QUICK_ATTEMPTS ? failures - QUICK_ATTEMPTS
                                                     : 0;
    for (unsigned i = 0; i < doublings && wait < BACK_OFF_MAX_MS; i++) {
        wait = wait == 0 ? 1 : wait * 2;
    }
    if (doublings != 0 && wait > BACK_OFF_MAX_MS) {
        wait = BACK_OFF_MAX_MS;
    }
    /* Up to a quarter more, so that workers that lost the same server do not come back as one. */
    baton_uuid random = baton_uuid_random();
    return wait + wait / 4 * random.bytes[0] / 256;
}

void *baton__nats_helper_main(void *argument)
{
    baton__nats_link *link = argument;
    unsigned failures = 0;
    do {
        failures = run_once(link) ? 0 : failures + 1;
    } while (!pause_for(link, back_off_ms(link, failures)));
    nats_ReleaseThreadMemory();
    baton__nats_link_release(link);
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "nats_link_connection.h"

#include "base/error.h"
#include "base/log.h"
#include "nats_link_adapter.h"
#include "nats_link_state.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* nats.c's callback thread belongs to the process; who blocks it must not block us. */
#define CLOSED_WAIT_MS 5000

static void connection_free(baton__nats_connection *connection)
{
    if (connection->source.fd >= 0) {
        (void)close(connection->source.fd);
    }
    baton__nats_link_release(connection->link);
    free(connection);
}

void baton__nats_connection_release(baton__nats_connection *connection)
{
    if (__atomic_sub_fetch(&connection->references, 1, __ATOMIC_ACQ_REL) == 0) {
        connection_free(connection);
    }
}

bool baton__nats_connection_is_attached(const baton__nats_connection *connection)
{
    return __atomic_load_n(&connection->attached, __ATOMIC_ACQUIRE) != 0;
}

static baton__nats_connection *connection_new(baton__nats_link *link, size_t server)
{
    baton__nats_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        return NULL;
    }
    connection->references = 2; /* ours, and ClosedCB's */
    connection->link = baton__nats_link_acquire(link);
    connection->server = server;
    connection->source.fd = -1;
    connection->source.events = EPOLLIN;
    connection->source.ready = baton__nats_link_on_ready;
    return connection;
}

baton_status baton__nats_reason(natsStatus status, const char *text)
{
    if (status == NATS_CONNECTION_AUTH_FAILED || strcasestr(text, "authorization") != NULL ||
        strcasestr(text, "authentication") != NULL) {
        return BATON_ERR_NATS_AUTHENTICATION;
    }
    if (status == NATS_NO_MEMORY) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    bool unreachable = status == NATS_NO_SERVER || status == NATS_TIMEOUT ||
                       status == NATS_IO_ERROR || status == NATS_SYS_ERROR ||
                       status == NATS_CONNECTION_CLOSED || status == NATS_STALE_CONNECTION;
    return unreachable ? BATON_ERR_NATS_DISCONNECTED : BATON_ERR_NATS;
}

baton_status baton__nats_connection_open(baton__nats_link *link, size_t server,
                                         baton__nats_connection **connection_out)
{
    const baton__nats_server *target = &link->settings.servers.items[server];
    natsOptions *options;
    baton_status status = baton__nats_settings_options(&link->settings, target, &options);
    if (status != BATON_OK) {
        return status;
    }
    baton__nats_connection *connection = connection_new(link, server);
    if (connection == NULL) {
        natsOptions_Destroy(options);
        return baton__fail_memory("NATS connection");
    }
    natsStatus got = baton__nats_adapter_install(connection, options);
    if (got == NATS_OK) {
        got = natsConnection_Connect(&connection->nats, options);
    }
    natsOptions_Destroy(options);
    if (got != NATS_OK) {
        const char *text = baton__nats_error_text(got);
        status =
            baton__fail(baton__nats_reason(got, text), "NATS server %s: %s", target->address, text);
        /* A connect that failed calls nothing back. */
        connection_free(connection);
        return status;
    }
    *connection_out = connection;
    return BATON_OK;
}

void baton__nats_connection_dispose(baton__nats_connection *connection)
{
    natsConnection_Close(connection->nats);
    if (!baton__event_wait(&connection->closed, CLOSED_WAIT_MS)) {
        BATON__WARN("NATS: the callbacks of nats.c are stuck in this process");
    }
    natsSubscription_Destroy(connection->inbox);
    natsConnection_Destroy(connection->nats);
    baton__nats_connection_release(connection);
}

/*
 * In event-loop mode nats.c (all versions to 3.14) waits inside of SSL_read for the rest of a TLS
 * record that has come in part, without a bound and on the owner thread. So it gets to read when a
 * whole record is there, and the socket is told to wake us no sooner. Nothing stays behind inside
 * of SSL: a record has at most 16 KiB and nats.c reads 32.
 *
 * The kernel may wake us sooner all the same, when what we have not read keeps the window so small
 * that the rest cannot be sent. Then reading is the cure, and the rest is on its way; should the
 * other machine be gone, keepalive ends the wait.
 */
enum { RECORD_HEADER = 5 };

static void set_low_water(baton__nats_connection *connection, int bytes)
{
    if (connection->low_water != bytes &&
        setsockopt(connection->source.fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)) == 0) {
        connection->low_water = bytes;
    }
}

static bool has_ended(const baton__nats_connection *connection)
{
    struct pollfd poller = {.fd = connection->source.fd, .events = POLLRDHUP};
    return poll(&poller, 1, 0) > 0;
}

/* Bytes that the next record takes, as far as one can see. */
static int record_size(const baton__nats_connection *connection)
{
    uint8_t header[RECORD_HEADER];
    ssize_t got = recv(connection->source.fd, header, sizeof(header), MSG_PEEK | MSG_DONTWAIT);
    return got < (ssize_t)sizeof(header) ? RECORD_HEADER
                                         : RECORD_HEADER + (header[3] << 8 | header[4]);
}

static bool may_read_record(baton__nats_connection *connection)
{
    int there = 0;
    int size = record_size(connection);
    if (ioctl(connection->source.fd, FIONREAD, &there) == 0 && there >= size) {
        set_low_water(connection, RECORD_HEADER);
        return true;
    }
    if (connection->low_water == size || has_ended(connection)) {
        /* The wait inside of SSL_read must see each byte. */
        set_low_water(connection, 1);
        return true;
    }
    set_low_water(connection, size);
    return false;
}

bool baton__nats_connection_has_bytes(const baton__nats_connection *connection)
{
    int there = 0;
    return ioctl(connection->source.fd, FIONREAD, &there) == 0 && there > 0;
}

/*
 * The server decides if a connection is encrypted, and nats.c does not tell. But the first byte
 * that arrives here shows it: in connecting, nats.c has read to the end of a line or of a record; a
 * line begins with a letter, '+' or '-'. Returns false if there is nothing to be seen.
 */
static bool see_stream(baton__nats_connection *connection)
{
    uint8_t first;
    ssize_t got = recv(connection->source.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 1) {
        connection->stream = first >= 20 && first <= 24 ? BATON__NATS_TLS : BATON__NATS_PLAIN;
    }
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void baton__nats_connection_read(baton__nats_connection *connection)
{
    if (connection->stream == BATON__NATS_UNSEEN && !see_stream(connection)) {
        return;
    }
    if (connection->stream == BATON__NATS_TLS && !may_read_record(connection)) {
        return;
    }
    natsConnection_ProcessReadEvent(connection->nats);
}

static void wait_for_room(baton__nats_connection *connection, bool wait)
{
    uint32_t events = wait ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (connection->source.events == events) {
        return;
    }
    connection->source.events = events;
    if (connection->source.added_ &&
        baton_loop_source_update(connection->link->loop, &connection->source) != BATON_OK) {
        BATON__ERROR("NATS: %s", baton_error_text());
    }
}

static bool wants_to_write(const baton__nats_connection *connection)
{
    /* nats.c takes a write of nothing for the end of the connection. */
    return __atomic_load_n(&connection->wanted, __ATOMIC_ACQUIRE) != 0 &&
           baton__nats_connection_is_attached(connection);
}

void baton__nats_connection_flush(baton__nats_connection *connection)
{
    if (wants_to_write(connection)) {
        natsConnection_ProcessWriteEvent(connection->nats);
    }
    wait_for_room(connection, wants_to_write(connection));
}

static void on_inbox(natsConnection *nats, natsSubscription *subscription, natsMsg *message,
                     void *closure)
{
    baton__nats_connection *connection = closure;
    const char *subject = natsMsg_GetSubject(message);
    size_t prefix = strlen(connection->link->inbox) + 1;
    (void)nats;
    (void)subscription;
    if (natsMsg_IsNoResponders(message) && strlen(subject) > prefix) {
        baton__nats_link_notify(connection->link, BATON__NOTICE_UNHEARD, subject + prefix,
                                strlen(subject + prefix));
    }
    natsMsg_Destroy(message);
}

static void on_inbox_end(void *closure)
{
    baton__nats_connection_release(closure);
}

/* A synchronous subscription would swallow the subject of a 503, and with it what was not heard. */
static natsStatus subscribe_inbox(baton__nats_connection *connection)
{
    char subject[sizeof(connection->link->inbox) + 2];
    (void)snprintf(subject, sizeof(subject), "%s.>", connection->link->inbox);
    natsStatus status = natsConnection_Subscribe(&connection->inbox, connection->nats, subject,
                                                 on_inbox, connection);
    if (status != NATS_OK) {
        return status;
    }
    (void)__atomic_add_fetch(&connection->references, 1, __ATOMIC_RELAXED);
    status = natsSubscription_SetOnCompleteCB(connection->inbox, on_inbox_end, connection);
    if (status != NATS_OK) {
        baton__nats_connection_release(connection);
    }
    return status;
}

static void keep_alive(const baton__nats_connection *connection)
{
    int on = 1;
    int count = 3;
    int seconds = (int)(connection->link->settings.ping_interval_ms / 1000) + 1;
    int fd = connection->source.fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

baton_status baton__nats_connection_start(baton__nats_connection *connection)
{
    natsStatus got = subscribe_inbox(connection);
    if (got != NATS_OK) {
        return baton__fail(BATON_ERR_NATS, "NATS: subscribing to the inbox: %s",
                           natsStatus_GetText(got));
    }
    keep_alive(connection);
    return baton_loop_source_add(connection->link->loop, &connection->source);
}

void baton__nats_connection_stop(baton__nats_connection *connection)
{
    baton_loop_source_remove(connection->link->loop, &connection->source);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for one of these events; false when the time is over. */
static bool wait_until(const baton__nats_connection *connection, short events, int64_t end_ms)
{
    int64_t left = end_ms - now_ms();
    struct pollfd poller = {.fd = connection->source.fd, .events = events};
    if (left <= 0) {
        return false;
    }
    int got = poll(&poller, 1, (int)left);
    return got > 0 || (got < 0 && errno == EINTR);
}

void baton__nats_connection_abort(baton__nats_connection *connection)
{
    (void)shutdown(connection->source.fd, SHUT_RDWR);
    /* What had arrived comes first, then the end. The bound is for a library that does not see it.
     */
    for (int i = 0; i < 4096 && baton__nats_connection_is_attached(connection); i++) {
        natsConnection_ProcessReadEvent(connection->nats);
    }
}

void baton__nats_connection_finish(baton__nats_connection *connection, uint32_t flush_ms)
{
    int64_t end = now_ms() + flush_ms;
    while (wants_to_write(connection) && wait_until(connection, POLLOUT, end)) {
        natsConnection_ProcessWriteEvent(connection->nats);
    }
    if (!wants_to_write(connection) && baton__nats_connection_is_attached(connection)) {
        /* The server reads to our end and closes. A close with something unread here would reset
         * the connection, and could take from the server what it has not read yet. */
        (void)shutdown(connection->source.fd, SHUT_WR);
        while (baton__nats_connection_is_attached(connection) &&
               wait_until(connection, POLLIN, end)) {
            baton__nats_connection_read(connection);
        }
    }
    if (baton__nats_connection_is_attached(connection)) {
        baton__nats_connection_abort(connection);
    }
}

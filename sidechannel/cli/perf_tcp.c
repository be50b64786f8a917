/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_tcp.h"

#include "perf_failure.h"
#include "perf_meter.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_MAX = 256, SLICE_MS = 50, BACKLOG = 8 };

/* "HOST:PORT" or "[HOST]:PORT" into its parts. */
static bool split(const char *where, char host[HOST_MAX], const char **port_out)
{
    const char *colon = strrchr(where, ':');
    size_t length = colon != NULL ? (size_t)(colon - where) : 0;
    if (length >= 2 && where[0] == '[' && where[length - 1] == ']') {
        where++;
        length -= 2;
    }
    if (length == 0 || length >= HOST_MAX || colon[1] == '\0') {
        return false;
    }
    memcpy(host, where, length);
    host[length] = '\0';
    *port_out = colon + 1;
    return true;
}

/* NULL: a failure is recorded. */
static struct addrinfo *resolve(const char *where, int flags)
{
    char host[HOST_MAX];
    const char *port = NULL;
    struct addrinfo *list = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    if (!split(where, host, &port)) {
        (void)perf_fail(BATON_ERR_INVALID_ARGUMENT, "\"%.200s\" is not HOST:PORT", where);
        return NULL;
    }
    int code = getaddrinfo(host, port, &hints, &list);
    if (code != 0) {
        (void)perf_fail(BATON_ERR_UNREACHABLE, "%s: %s", where, gai_strerror(code));
        return NULL;
    }
    return list;
}

static void send_at_once(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* 0, or an errno. */
static int await_connection(int fd, uint64_t deadline_ns)
{
    while (perf_now_ns() < deadline_ns && !perf_is_interrupted()) {
        struct pollfd wanted = {.fd = fd, .events = POLLOUT};
        int error = 0;
        socklen_t size = sizeof(error);
        if (poll(&wanted, 1, SLICE_MS) <= 0) {
            continue;
        }
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
    }
    return ETIMEDOUT;
}

/* 0 and a socket, or an errno. */
static int try_address(const struct addrinfo *address, uint64_t deadline_ns, int *socket_out)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
        error = await_connection(fd, deadline_ns);
    }
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    *socket_out = fd;
    return 0;
}

baton_status perf_tcp_connect(const char *where, uint32_t timeout_ms, int *socket_out)
{
    struct addrinfo *list = resolve(where, 0);
    uint64_t deadline = perf_now_ns() + (uint64_t)timeout_ms * 1000000U;
    int error = EADDRNOTAVAIL;
    if (list == NULL) {
        return perf_failure_status();
    }
    for (const struct addrinfo *at = list; at != NULL && error != 0; at = at->ai_next) {
        error = try_address(at, deadline, socket_out);
    }
    freeaddrinfo(list);
    baton_status status = perf_check_interrupt();
    if (status == BATON_OK && error != 0) {
        status = perf_fail(BATON_ERR_UNREACHABLE, "%s: %s; does baton perf --serve run there?",
                           where, strerror(error));
    }
    if (status != BATON_OK && error == 0) {
        (void)close(*socket_out);
    } else if (status == BATON_OK) {
        send_at_once(*socket_out);
    }
    return status;
}

static void print_address(const struct sockaddr_storage *address, socklen_t length, char *name,
                          size_t size)
{
    char host[HOST_MAX];
    char port[16];
    if (getnameinfo((const struct sockaddr *)address, length, host, sizeof(host), port,
                    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        (void)snprintf(name, size, "?");
    } else if (address->ss_family == AF_INET6) {
        (void)snprintf(name, size, "[%s]:%s", host, port);
    } else {
        (void)snprintf(name, size, "%s:%s", host, port);
    }
}

baton_status perf_tcp_listen(const char *where, int *socket_out, char *name, size_t size)
{
    struct addrinfo *list = resolve(where, AI_PASSIVE);
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    int on = 1;
    if (list == NULL) {
        return perf_failure_status();
    }
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listens = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                   bind(fd, list->ai_addr, list->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
                   getsockname(fd, (struct sockaddr *)&address, &length) == 0;
    freeaddrinfo(list);
    if (!listens) {
        baton_status status = perf_fail_errno(where);
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    print_address(&address, length, name, size);
    *socket_out = fd;
    return BATON_OK;
}

void perf_tcp_peer_name(int socket, char *name, size_t size)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    if (getpeername(socket, (struct sockaddr *)&address, &length) == 0) {
        send_at_once(socket);
        print_address(&address, length, name, size);
    } else {
        (void)snprintf(name, size, "?");
    }
}

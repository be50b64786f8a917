/* SPDX-License-Identifier: Apache-2.0 */
#include "nats_link_greet.h"

#include "base/clock.h"
#include "base/error.h"
#include "json_scan.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* A cluster's INFO names all of its servers. */
enum { LINE_MAX_BYTES = 64 * 1024 };

static bool member_is_true(const char *json, size_t size, const char *name)
{
    const char *value;
    size_t length;
    return baton__json_member(json, size, name, &value, &length) && length == 4 &&
           memcmp(value, "true", 4) == 0;
}

bool baton__nats_greeting_parse(const char *line, size_t size, baton__nats_greeting *greeting_out)
{
    if (size < 5 || strncasecmp(line, "INFO ", 5) != 0) {
        return false;
    }
    const char *json = line + 5;
    size_t json_size = size - 5;
    const char *version;
    size_t length;
    if (!baton__json_scan(json, json_size, BATON__JSON_DEPTH_MAX) ||
        !baton__json_member(json, json_size, "version", &version, &length) || length < 2 ||
        version[0] != '"') {
        return false;
    }
    baton__nats_greeting greeting = {.headers = member_is_true(json, json_size, "headers"),
                                     .authentication =
                                         member_is_true(json, json_size, "auth_required"),
                                     .tls = member_is_true(json, json_size, "tls_required")};
    (void)snprintf(greeting.version, sizeof(greeting.version), "%.*s", (int)(length - 2),
                   version + 1);
    *greeting_out = greeting;
    return true;
}

static bool split(const char *address, char *host, size_t size, const char **port_out)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL) {
        return false;
    }
    bool bracketed = address[0] == '[' && colon > address + 1 && colon[-1] == ']';
    const char *begin = address + (bracketed ? 1 : 0);
    size_t length = (size_t)(colon - begin) - (bracketed ? 1 : 0);
    if (length >= size) {
        return false;
    }
    memcpy(host, begin, length);
    host[length] = '\0';
    *port_out = colon + 1;
    return true;
}

static uint64_t now_ms(void)
{
    return baton__clock_now(&baton__clock_boottime) / BATON__NS_PER_MS;
}

/* Waits for events until the deadline. 0, or an errno. */
static int wait_for(int fd, short events, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now = now_ms();
        if (now >= deadline_ms) {
            return ETIMEDOUT;
        }
        struct pollfd poller = {.fd = fd, .events = events};
        int ready = poll(&poller, 1, (int)(deadline_ms - now));
        if (ready > 0) {
            return 0;
        }
        if (ready < 0 && errno != EINTR) {
            return errno;
        }
    }
}

/* 0, or an errno. */
static int dial(const struct addrinfo *to, uint64_t deadline_ms, int *fd_out)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect(fd, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        error = wait_for(fd, POLLOUT, deadline_ms);
        socklen_t size = sizeof(error);
        if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
            error = errno;
        }
    }
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    *fd_out = fd;
    return 0;
}

static int dial_any(const struct addrinfo *list, uint32_t timeout_ms, int *fd_out)
{
    int error = EHOSTUNREACH;
    for (const struct addrinfo *to = list; to != NULL && error != 0; to = to->ai_next) {
        error = dial(to, now_ms() + timeout_ms, fd_out);
    }
    return error;
}

/* The first line, without its end. Returns its length, 0 with an errno in *error_out; 0 and 0: the end came first. */
static size_t read_line(int fd, char *line, size_t size, uint64_t deadline_ms, int *error_out)
{
    size_t length = 0;
    while (length < size && (*error_out = wait_for(fd, POLLIN, deadline_ms)) == 0) {
        ssize_t got = recv(fd, line + length, size - length, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        *error_out = got < 0 ? errno : 0;
        if (got <= 0) {
            break;
        }
        const char *end = memchr(line + length, '\n', (size_t)got);
        length += (size_t)got;
        if (end != NULL) {
            length = (size_t)(end - line);
            return length != 0 && line[length - 1] == '\r' ? length - 1 : length;
        }
    }
    return length == size ? length : 0;
}

static baton_status listen_to(int fd, const char *address, uint32_t timeout_ms,
                              baton__nats_greeting *greeting_out)
{
    static _Thread_local char line[LINE_MAX_BYTES];
    int error = 0;
    size_t length = read_line(fd, line, sizeof(line), now_ms() + timeout_ms, &error);
    if (error == ETIMEDOUT) {
        return baton__fail(BATON_ERR_NATS_DISCONNECTED,
                           "NATS server %s: it accepts connections and says nothing within %u ms: it hangs, or is none, "
                           "or wants TLS from the first byte on", address, timeout_ms);
    }
    if (length == 0) {
        return baton__fail(BATON_ERR_NATS_DISCONNECTED, "NATS server %s: it accepts connections and closes them%s%s",
                           address, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
    }
    if (!baton__nats_greeting_parse(line, length, greeting_out)) {
        return baton__fail(BATON_ERR_NATS_DISCONNECTED,
                           "NATS server %s: what listens there does not answer like a NATS server", address);
    }
    return BATON_OK;
}

static baton_status fail_to_dial(const char *address, uint32_t timeout_ms, int error)
{
    if (error == ETIMEDOUT) {
        return baton__fail(BATON_ERR_NATS_DISCONNECTED, "NATS server %s: no answer within %u ms", address, timeout_ms);
    }
    return baton__fail(BATON_ERR_NATS_DISCONNECTED, "NATS server %s: %s", address,
                       error == ECONNREFUSED ? "nobody listens there (connection refused)" : strerror(error));
}

baton_status baton__nats_greet(const char *address, uint32_t timeout_ms,
                               baton__nats_greeting *greeting_out)
{
    char host[256];
    const char *port;
    if (!split(address, host, sizeof(host), &port)) {
        return baton__fail(BATON_ERR_NATS_DISCONNECTED, "NATS server %s: no address", address);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int error = getaddrinfo(host, port, &hints, &list);
    if (error != 0) {
        return baton__fail(BATON_ERR_NATS_DISCONNECTED, "NATS server %s: its name cannot be resolved: %s", address,
                           gai_strerror(error));
    }
    int fd = -1;
    error = dial_any(list, timeout_ms, &fd);
    freeaddrinfo(list);
    if (error != 0) {
        return fail_to_dial(address, timeout_ms, error);
    }
    baton_status status = listen_to(fd, address, timeout_ms, greeting_out);
    (void)close(fd);
    return status;
}

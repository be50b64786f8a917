/* SPDX-License-Identifier: Apache-2.0 */
#include "support/raw_nats.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CAPACITY = 4 * 1024 * 1024, ANSWER_MS = 5000 };

static void fail(const char *what)
{
    (void)fprintf(stderr, "raw NATS client: %s\n", what);
    abort();
}

static long now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void send_text(test_raw *raw, const char *text, size_t size)
{
    while (size != 0) {
        ssize_t sent = send(raw->fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            fail("send");
        }
        text += sent;
        size -= (size_t)sent;
    }
}

/* Reads what there is; false after timeout_ms. */
static bool receive(test_raw *raw, long timeout_ms)
{
    struct pollfd fd = {.fd = raw->fd, .events = POLLIN};
    if (poll(&fd, 1, timeout_ms < 0 ? 0 : (int)timeout_ms) <= 0) {
        return false;
    }
    ssize_t got = recv(raw->fd, raw->buffer + raw->used, CAPACITY - 1 - raw->used, 0);
    if (got <= 0) {
        return false;
    }
    raw->used += (size_t)got;
    raw->buffer[raw->used] = '\0';
    return true;
}

static void drop(test_raw *raw, size_t size)
{
    raw->used -= size;
    memmove(raw->buffer, raw->buffer + size, raw->used + 1);
}

/* Length of the first complete line with its end, 0 if there is none. */
static size_t line_length(const test_raw *raw)
{
    const char *end = strstr(raw->buffer, "\r\n");
    return end != NULL ? (size_t)(end - raw->buffer) + 2 : 0;
}

/* Bytes of the message at the front, 0 if it is not complete. */
static size_t message_length(const test_raw *raw, size_t line, size_t *data_size_out)
{
    const char *last = raw->buffer + line - 3;
    while (*last != ' ') {
        last--;
    }
    size_t data_size = strtoul(last + 1, NULL, 10);
    *data_size_out = data_size;
    return raw->used >= line + data_size + 2 ? line + data_size + 2 : 0;
}

/* Takes lines until a PONG (true), or a message is complete at the front, or nothing is. */
static bool take_lines(test_raw *raw, bool *is_message_out)
{
    size_t line;
    *is_message_out = false;
    while ((line = line_length(raw)) != 0) {
        size_t data_size;
        if (strncmp(raw->buffer, "MSG ", 4) == 0) {
            *is_message_out = message_length(raw, line, &data_size) != 0;
            return false;
        }
        bool is_pong = strncmp(raw->buffer, "PONG", 4) == 0;
        bool is_ping = strncmp(raw->buffer, "PING", 4) == 0;
        drop(raw, line);
        if (is_ping) {
            send_text(raw, "PONG\r\n", 6);
        }
        if (is_pong) {
            return true;
        }
    }
    return false;
}

/* Messages that arrive before the PONG stay where they are: the PONG is looked for behind them. */
static void flush(test_raw *raw)
{
    long end = now_ms() + ANSWER_MS;
    send_text(raw, "PING\r\n", 6);
    for (;;) {
        char *pong = strstr(raw->buffer, "PONG\r\n");
        if (pong != NULL) {
            size_t behind = raw->used - (size_t)(pong - raw->buffer) - 6;
            memmove(pong, pong + 6, behind + 1);
            raw->used -= 6;
            return;
        }
        if (now_ms() >= end || !receive(raw, end - now_ms())) {
            fail("no PONG");
        }
    }
}

void test_raw_connect(test_raw *raw, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *raw = (test_raw){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    raw->buffer = calloc(1, CAPACITY);
    if (raw->fd < 0 || raw->buffer == NULL ||
        connect(raw->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fail("connect");
    }
    static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
    send_text(raw, hello, sizeof(hello) - 1);
    flush(raw);
}

void test_raw_close(test_raw *raw)
{
    (void)close(raw->fd);
    free(raw->buffer);
}

void test_raw_subscribe(test_raw *raw, const char *subject, const char *queue)
{
    char line[512];
    int size = snprintf(line, sizeof(line), "SUB %s %s %d\r\n", subject, queue != NULL ? queue : "",
                        ++raw->subscriptions);
    send_text(raw, line, (size_t)size);
    flush(raw);
}

void test_raw_publish(test_raw *raw, const char *subject, const char *data)
{
    char line[512];
    int size = snprintf(line, sizeof(line), "PUB %s %zu\r\n", subject, strlen(data));
    send_text(raw, line, (size_t)size);
    send_text(raw, data, strlen(data));
    send_text(raw, "\r\n", 2);
    flush(raw);
}

static void take_message(test_raw *raw, test_raw_message *message_out)
{
    size_t data_size = 0;
    size_t line = line_length(raw);
    size_t length = message_length(raw, line, &data_size);
    (void)sscanf(raw->buffer, "MSG %255s", message_out->subject);
    message_out->data = calloc(1, data_size + 1);
    if (message_out->data == NULL) {
        fail("memory");
    }
    memcpy(message_out->data, raw->buffer + line, data_size);
    drop(raw, length);
}

bool test_raw_next(test_raw *raw, int timeout_ms, test_raw_message *message_out)
{
    long end = now_ms() + timeout_ms;
    for (;;) {
        bool is_message = false;
        while (take_lines(raw, &is_message)) {
        }
        if (is_message) {
            take_message(raw, message_out);
            return true;
        }
        if (!receive(raw, end - now_ms()) && now_ms() >= end) {
            return false;
        }
    }
}

bool test_raw_find(test_raw *raw, const char *text, int timeout_ms, test_raw_message *message_out)
{
    long end = now_ms() + timeout_ms;
    while (test_raw_next(raw, (int)(end - now_ms() > 0 ? end - now_ms() : 0), message_out)) {
        if (strstr(message_out->data, text) != NULL) {
            return true;
        }
        test_raw_free(message_out);
    }
    return false;
}

void test_raw_free(test_raw_message *message)
{
    free(message->data);
    message->data = NULL;
}

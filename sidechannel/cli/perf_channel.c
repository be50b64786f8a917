/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_channel.h"

#include "perf_failure.h"
#include "perf_meter.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER_SIZE = 8 };

static const char hello[] = "baton perf 2";

void perf_channel_init(perf_channel *channel, int fd)
{
    int flags = fcntl(fd, F_GETFL);
    *channel = (perf_channel){.fd = fd};
    if (flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
}

void perf_channel_fini(perf_channel *channel)
{
    (void)close(channel->fd);
    free(channel->data);
    *channel = (perf_channel){.fd = -1};
}

static void on_readable(baton_source *source, uint32_t events)
{
    perf_channel *channel = (perf_channel *)((char *)source - offsetof(perf_channel, source));
    (void)events;
    channel->is_ready = true;
}

static void watch(baton_task *task)
{
    perf_channel *channel = (perf_channel *)((char *)task - offsetof(perf_channel, task));
    if (baton_loop_source_add(baton_connector_loop(channel->driven), &channel->source) !=
        BATON_OK) {
        channel->is_ready = true; /* then it is asked in every turn */
    }
}

void perf_channel_drive(perf_channel *channel, baton_connector *connector)
{
    channel->driven = connector;
    channel->source = (baton_source){.fd = channel->fd, .events = EPOLLIN, .ready = on_readable, .patient = true};
    channel->task = (baton_task){.run = watch};
    (void)baton_loop_post(baton_connector_loop(connector), &channel->task);
}

/* True if it is ready for what is asked, or broken, which the call that follows will tell. */
static bool is_ready(const perf_channel *channel, short events, int wait_ms)
{
    struct pollfd wanted = {.fd = channel->fd, .events = events};
    return poll(&wanted, 1, wait_ms) > 0;
}

/* A slice of waiting for input. */
static bool drive(perf_channel *channel, uint32_t slice_ms)
{
    if (!channel->is_ready) {
        baton_status status = baton_connector_progress_wait(channel->driven, slice_ms);
        if (status != BATON_OK && status != BATON_ERR_TIMED_OUT) {
            perf_sleep_ms(1);
        }
    }
    channel->is_ready = false;
    return is_ready(channel, POLLIN, 0);
}

/* Waits for POLLIN or POLLOUT. */
static baton_status wait_ready(perf_channel *channel, short events, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = perf_now_ns();
        if (perf_check_interrupt() != BATON_OK) {
            return BATON_ERR_CANCELLED;
        }
        bool drives = channel->driven != NULL && events == POLLIN;
        if (drives ? drive(channel, PERF_SLICE_MS) : is_ready(channel, events, PERF_SLICE_MS)) {
            return BATON_OK;
        }
        if (now >= deadline_ns) {
            return perf_fail(BATON_ERR_TIMED_OUT, "the other side did not %s in time",
                             events == POLLIN ? "answer" : "take what was sent");
        }
    }
}

static baton_status fail_gone(void)
{
    return perf_fail(BATON_ERR_PEER_LOST, "the other side has ended, or its connection was lost");
}

static bool is_transient(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

static baton_status write_all(perf_channel *channel, const void *data, size_t size,
                              uint64_t deadline_ns)
{
    const unsigned char *at = data;
    while (size > 0) {
        ssize_t sent = send(channel->fd, at, size, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && !is_transient(errno)) {
            return perf_channel_check(channel) == BATON_OK ? fail_gone() : perf_failure_status();
        } else {
            baton_status status = wait_ready(channel, POLLOUT, deadline_ns);
            if (status != BATON_OK) {
                return status;
            }
        }
    }
    return BATON_OK;
}

static baton_status read_all(perf_channel *channel, void *data, size_t size, uint64_t deadline_ns)
{
    unsigned char *at = data;
    while (size > 0) {
        ssize_t got = recv(channel->fd, at, size, 0);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        } else if (got == 0 || !is_transient(errno)) {
            return fail_gone();
        } else {
            baton_status status = wait_ready(channel, POLLIN, deadline_ns);
            if (status != BATON_OK) {
                return status;
            }
        }
    }
    return BATON_OK;
}

static void put32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

static uint32_t get32(const unsigned char *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static uint64_t deadline_after(uint32_t timeout_ms)
{
    return perf_now_ns() + (uint64_t)timeout_ms * 1000000U;
}

baton_status perf_channel_send(perf_channel *channel, perf_frame type, const void *data,
                               size_t size)
{
    unsigned char header[HEADER_SIZE];
    uint64_t deadline = deadline_after(PERF_ANSWER_MS);
    if (size > PERF_FRAME_MAX) {
        return perf_fail(BATON_ERR_TOO_LARGE, "a frame of %zu bytes: fewer segments would fit",
                         size);
    }
    put32(header, (uint32_t)type);
    put32(header + 4, (uint32_t)size);
    baton_status status = write_all(channel, header, sizeof(header), deadline);
    return status == BATON_OK ? write_all(channel, data, size, deadline) : status;
}

baton_status perf_channel_say(perf_channel *channel, perf_frame type, const char *text)
{
    return perf_channel_send(channel, type, text, strlen(text));
}

void perf_channel_send_failure(perf_channel *channel)
{
    char text[1024];
    (void)snprintf(text, sizeof(text), "%s %s", baton_status_name(perf_failure_status()),
                   perf_failure_text());
    (void)perf_channel_say(channel, PERF_FRAME_ERROR, text);
}

static bool is_known(uint32_t type)
{
    switch (type) {
#define PERF_FRAME_CASE(name, number) case number:
        PERF_FRAME_LIST(PERF_FRAME_CASE)
#undef PERF_FRAME_CASE
        return true;
    default:
        return false;
    }
}

/* What the other side says of itself: "ERR_DEADLINE words". */
static baton_status fail_as_told(const char *text)
{
    static const baton_status statuses[] = {
#define STATUS_ENTRY(name, value, words) BATON_##name,
        BATON_STATUS_LIST(STATUS_ENTRY)
#undef STATUS_ENTRY
    };
    size_t length = strcspn(text, " ");
    const char *words = text[length] == '\0' ? text : text + length + 1;
    for (size_t i = 1; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const char *name = baton_status_name(statuses[i]);
        if (strlen(name) == length && strncmp(name, text, length) == 0) {
            return perf_fail(statuses[i], "the other side: %.500s", words);
        }
    }
    return perf_fail(BATON_ERR_PEER_FAILED, "the other side: %.500s", text);
}

static baton_status read_frame(perf_channel *channel, uint64_t deadline_ns, uint32_t *type_out)
{
    unsigned char header[HEADER_SIZE];
    baton_status status = read_all(channel, header, sizeof(header), deadline_ns);
    if (status != BATON_OK) {
        return status;
    }
    uint32_t type = get32(header);
    uint32_t size = get32(header + 4);
    if (!is_known(type) || size > PERF_FRAME_MAX) {
        return perf_fail(BATON_ERR_MALFORMED, "what came is not from a baton perf");
    }
    unsigned char *data = realloc(channel->data, (size_t)size + 1);
    if (data == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for a frame of %u bytes", size);
    }
    channel->data = data;
    channel->size = size;
    data[size] = '\0';
    *type_out = type;
    return read_all(channel, data, size, deadline_ns);
}

baton_status perf_channel_receive(perf_channel *channel, uint32_t timeout_ms, perf_frame *type_out)
{
    uint32_t type = 0;
    baton_status status = read_frame(channel, deadline_after(timeout_ms), &type);
    if (status != BATON_OK) {
        return status;
    }
    if (type == PERF_FRAME_ERROR) {
        return fail_as_told((const char *)channel->data);
    }
    *type_out = (perf_frame)type;
    return BATON_OK;
}

baton_status perf_channel_expect(perf_channel *channel, perf_frame type, uint32_t timeout_ms)
{
    perf_frame came = PERF_FRAME_ERROR;
    baton_status status = perf_channel_receive(channel, timeout_ms, &came);
    if (status == BATON_OK && came != type) {
        return perf_fail(BATON_ERR_MALFORMED, "the other side said %d where %d was due", (int)came,
                         (int)type);
    }
    return status;
}

baton_status perf_channel_greet(perf_channel *channel, uint32_t timeout_ms)
{
    baton_status status = perf_channel_say(channel, PERF_FRAME_HELLO, hello);
    if (status == BATON_OK) {
        status = perf_channel_expect(channel, PERF_FRAME_HELLO, timeout_ms);
    }
    if (status == BATON_OK && strcmp((const char *)channel->data, hello) != 0) {
        return perf_fail(BATON_ERR_VERSION,
                         "the other side is another version of baton perf: \"%.60s\"",
                         (const char *)channel->data);
    }
    return status;
}

baton_status perf_channel_check(perf_channel *channel)
{
    perf_frame type = PERF_FRAME_ERROR;
    if (perf_check_interrupt() != BATON_OK) {
        return BATON_ERR_CANCELLED;
    }
    if (!is_ready(channel, POLLIN, 0)) {
        return BATON_OK;
    }
    baton_status status = perf_channel_receive(channel, PERF_SLICE_MS, &type);
    return status == BATON_OK
               ? perf_fail(BATON_ERR_MALFORMED, "the other side speaks where nothing was asked")
               : status;
}

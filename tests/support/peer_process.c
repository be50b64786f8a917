/* SPDX-License-Identifier: Apache-2.0 */
#include "support/peer_process.h"

#include "support/hex.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void path_beside_test(char *path, size_t size, const char *program)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    cr_assert_gt(length, 0);
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    (void)snprintf(slash + 1, size - (size_t)(slash + 1 - path), "%s", program);
}

void peer_start(peer_process *peer, const char *program, const char *argument)
{
    int to[2];
    int from[2];
    char path[4096];
    path_beside_test(path, sizeof(path), program);
    cr_assert_eq(pipe(to), 0);
    cr_assert_eq(pipe(from), 0);
    (void)signal(SIGPIPE, SIG_IGN);
    peer->pid = fork();
    cr_assert_geq(peer->pid, 0);
    if (peer->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(to[0], 0);
        (void)dup2(from[1], 1);
        for (int fd = 3; fd < 1024; fd++) {
            (void)close(fd);
        }
        (void)execl(path, program, argument, (char *)NULL);
        _exit(127);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    peer->to = to[1];
    peer->from = from[0];
    peer->used = 0;
}

static void write_all(int fd, const char *text, size_t size)
{
    while (size != 0) {
        ssize_t written = write(fd, text, size);
        cr_assert(written > 0 || errno == EINTR, "the peer takes no line");
        text += written;
        size -= (size_t)written;
    }
}

void peer_say(peer_process *peer, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text) - 1, format, arguments);
    va_end(arguments);
    text[length] = '\n';
    write_all(peer->to, text, (size_t)length + 1);
}

static bool cut_line(peer_process *peer)
{
    char *end = memchr(peer->buffer, '\n', peer->used);
    if (end == NULL) {
        return false;
    }
    unsigned length = (unsigned)(end - peer->buffer);
    memcpy(peer->line, peer->buffer, length);
    peer->line[length] = '\0';
    peer->used -= length + 1;
    memmove(peer->buffer, end + 1, peer->used);
    return true;
}

const char *peer_line(peer_process *peer, const char *prefix, int timeout_ms)
{
    uint64_t end =
        baton__clock_now(&baton__clock_boottime) + (uint64_t)timeout_ms * BATON__NS_PER_MS;
    for (;;) {
        while (cut_line(peer)) {
            if (strncmp(peer->line, prefix, strlen(prefix)) == 0) {
                return peer->line;
            }
        }
        struct pollfd ready = {.fd = peer->from, .events = POLLIN};
        cr_assert_lt(baton__clock_now(&baton__clock_boottime), end, "the peer never says \"%s\"",
                     prefix);
        if (poll(&ready, 1, 100) == 1) {
            ssize_t got =
                read(peer->from, peer->buffer + peer->used, sizeof(peer->buffer) - peer->used);
            cr_assert_gt(got, 0, "the peer is gone before it says \"%s\"", prefix);
            peer->used += (unsigned)got;
        }
    }
}

const char *peer_end(peer_process *peer, int number, int timeout_ms)
{
    char prefix[32];
    int length = snprintf(prefix, sizeof(prefix), "end %d ", number);
    return peer_line(peer, prefix, timeout_ms) + length;
}

void peer_signal(peer_process *peer, int signal)
{
    cr_assert_eq(kill(peer->pid, signal), 0);
    int status = 0;
    if (signal == SIGSTOP) { /* it has stopped when this returns */
        cr_assert_eq(waitpid(peer->pid, &status, WUNTRACED), peer->pid);
    }
}

void peer_await_stop(peer_process *peer, uint32_t timeout_ms)
{
    enum { LOOK_MS = 2 };
    int status = 0;
    pid_t got = 0;
    for (uint32_t passed = 0; got == 0 && passed < timeout_ms; passed += LOOK_MS) {
        got = waitpid(peer->pid, &status, WUNTRACED | WNOHANG);
        if (got == 0) {
            (void)poll(NULL, 0, LOOK_MS);
        }
    }
    cr_assert_eq(got, peer->pid, "it did not stop in %u ms", timeout_ms);
    cr_assert(WIFSTOPPED(status));
}

static int reap(peer_process *peer)
{
    int status = 0;
    cr_assert_eq(waitpid(peer->pid, &status, 0), peer->pid);
    (void)close(peer->to);
    (void)close(peer->from);
    return status;
}

void peer_quit(peer_process *peer)
{
    peer_say(peer, "quit");
    int status = reap(peer);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the peer ended with status %x",
              (unsigned)status);
}

void peer_kill(peer_process *peer)
{
    cr_assert_eq(kill(peer->pid, SIGKILL), 0);
    (void)reap(peer);
}

void peer_take(peer_process *peer, const char *command, const baton_metadata *metadata,
               unsigned seed, unsigned deadline_ms)
{
    static uint8_t bytes[131072];
    static char hex[2 * sizeof(bytes) + 1];
    size_t size = 0;
    cr_assert_eq(baton_metadata_encode(metadata, bytes, sizeof(bytes), &size), BATON_OK);
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    write_all(peer->to, command, strlen(command));
    write_all(peer->to, " ", 1);
    write_all(peer->to, hex, 2 * size);
    peer_say(peer, " %u %u", seed, deadline_ms);
}

baton_metadata *peer_metadata(const char *line)
{
    static uint8_t bytes[131072];
    const char *end;
    size_t size = hex_read(strrchr(line, ' ') + 1, bytes, sizeof(bytes), &end);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_metadata_decode(bytes, size, &metadata), BATON_OK, "%s", baton_error_text());
    return metadata;
}

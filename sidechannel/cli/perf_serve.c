/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_serve.h"

#include "json_line.h"
#include "perf_channel.h"
#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_process.h"
#include "perf_tcp.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void say_where(const perf_options *options, const char *name)
{
    if (options->json) {
        json_line *line = json_line_begin("perf_serve");
        json_line_text(line, "address", name);
        json_line_end(line);
    } else {
        (void)printf("baton perf serves at %s; Ctrl-C ends it\n", name);
    }
    (void)fflush(stdout);
}

/* A frame, as perf_channel.h has it, and what does not fit into the socket is lost. Not recorded:
 * this is no failure of ours. */
static void turn_away(int socket)
{
    static const char text[] = "ERR_BUSY another run is under way";
    unsigned char frame[8 + sizeof(text) - 1] = {PERF_FRAME_ERROR, 0, 0, 0, sizeof(text) - 1};
    memcpy(frame + 8, text, sizeof(text) - 1);
    (void)send(socket, frame, sizeof(frame), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Takes whoever comes. session: process of the one that runs, or 0. */
static baton_status take(int listener, pid_t *session)
{
    char name[300];
    baton_status status = BATON_OK;
    int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (socket < 0) {
        return BATON_OK; /* gone again */
    }
    perf_tcp_peer_name(socket, name, sizeof(name));
    if (*session != 0) {
        turn_away(socket);
        (void)fprintf(stderr, "baton perf: %s was turned away: a run is under way\n", name);
    } else {
        (void)fprintf(stderr, "baton perf: a session for %s\n", name);
        status = perf_process_start_role_on("session", socket, session);
    }
    (void)close(socket);
    return status;
}

static void reap(pid_t *session)
{
    int status = 0;
    if (*session == 0 || !perf_process_has_ended(*session, &status)) {
        return;
    }
    if (WIFSIGNALED(status)) {
        (void)fprintf(stderr, "baton perf: the session was ended by signal %d\n", WTERMSIG(status));
    } else {
        (void)fprintf(stderr, "baton perf: the session is over%s\n",
                      WEXITSTATUS(status) == 0 ? "" : ", by an error");
    }
    *session = 0;
}

baton_status perf_serve(const perf_options *options)
{
    char name[300];
    int listener = -1;
    pid_t session = 0;
    baton_status status = perf_tcp_listen(options->serve, &listener, name, sizeof(name));
    if (status != BATON_OK) {
        return status;
    }
    say_where(options, name);
    while (status == BATON_OK) {
        struct pollfd wanted = {.fd = listener, .events = POLLIN};
        int ready = poll(&wanted, 1, PERF_SLICE_MS);
        reap(&session);
        status = perf_check_interrupt();
        if (status == BATON_OK && ready > 0) {
            status = take(listener, &session);
        }
    }
    (void)close(listener);
    perf_process_end(session, 0);
    return status;
}

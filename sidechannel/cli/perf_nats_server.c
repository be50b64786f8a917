/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_nats_server.h"

#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_process.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 512, LOG_SIZE = 8192, START_MS = 10000, SLICE_MS = 50, END_MS = 3000 };

static bool find_program(char program[PATH_SIZE])
{
    char places[4096];
    char *rest = NULL;
    const char *path = getenv("PATH");
    (void)snprintf(places, sizeof(places), "%s:/usr/local/bin:/usr/sbin", path == NULL ? "" : path);
    for (char *place = strtok_r(places, ":", &rest); place != NULL;
         place = strtok_r(NULL, ":", &rest)) {
        int length = snprintf(program, PATH_SIZE, "%s/nats-server", place);
        if (length > 0 && length < PATH_SIZE && access(program, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* It says where it listens, and then that it is ready. */
static bool find_port(const char *log, unsigned *port_out)
{
    static const char listening[] = "Listening for client connections on 127.0.0.1:";
    const char *at = strstr(log, listening);
    unsigned long port = at != NULL ? strtoul(at + sizeof(listening) - 1, NULL, 10) : 0;
    if (port == 0 || port > 65535 || strstr(at, "Server is ready") == NULL) {
        return false;
    }
    *port_out = (unsigned)port;
    return true;
}

static baton_status await_port(const perf_nats_server *server, unsigned *port_out)
{
    char log[LOG_SIZE] = "";
    size_t size = 0;
    uint64_t deadline = perf_now_ns() + START_MS * UINT64_C(1000000);
    while (!find_port(log, port_out)) {
        struct pollfd wanted = {.fd = server->log, .events = POLLIN};
        ssize_t got = -1;
        if (perf_check_interrupt() != BATON_OK) {
            return BATON_ERR_CANCELLED;
        }
        if (poll(&wanted, 1, SLICE_MS) > 0 && size < sizeof(log) - 1) {
            got = read(server->log, log + size, sizeof(log) - 1 - size);
            size += got > 0 ? (size_t)got : 0;
            log[size] = '\0';
        }
        if (got == 0 || perf_now_ns() >= deadline) {
            return perf_fail(BATON_ERR_NATS, "the nats-server does not start: %.400s", log);
        }
    }
    return BATON_OK;
}

baton_status perf_nats_server_start(perf_nats_server *server_out)
{
    char program[PATH_SIZE];
    int ends[2];
    unsigned port = 0;
    perf_nats_server server = {0};
    if (!find_program(program)) {
        return perf_fail(BATON_ERR_NATS,
                         "no --nats URL, and no nats-server in PATH, /usr/local/bin or /usr/sbin");
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return perf_fail_errno("a pipe");
    }
    char *arguments[] = {program, "--addr", "127.0.0.1", "--port", "-1", NULL};
    baton_status status = perf_process_start(arguments, -1, ends[1], &server.pid);
    (void)close(ends[1]);
    server.log = ends[0];
    if (status == BATON_OK) {
        status = await_port(&server, &port);
    }
    if (status != BATON_OK) {
        perf_nats_server_end(&server);
        return status;
    }
    (void)snprintf(server.url, sizeof(server.url), "nats://127.0.0.1:%u", port);
    *server_out = server;
    return BATON_OK;
}

void perf_nats_server_end(perf_nats_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGTERM);
        perf_process_end(server->pid, END_MS);
    }
    if (server->log > 0) {
        (void)close(server->log);
    }
    *server = (perf_nats_server){0};
}

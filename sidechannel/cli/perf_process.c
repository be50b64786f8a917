/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_process.h"

#include "perf_failure.h"
#include "perf_meter.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAP_MS = 2, CANNOT_RUN = 127 };

/* In the child: only what is safe in a signal handler. */
static void become(char *const arguments[], int in, int error, pid_t parent)
{
    sigset_t none;
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    int input = in >= 0 ? in : open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* dup2 of a descriptor onto itself would leave it to be closed. */
    if (getppid() == parent && input > STDERR_FILENO && dup2(input, STDIN_FILENO) >= 0 &&
        dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 &&
        (error < 0 || (error > STDERR_FILENO && dup2(error, STDOUT_FILENO) >= 0 &&
                       dup2(error, STDERR_FILENO) >= 0))) {
        (void)execvp(arguments[0], arguments);
    }
    _exit(CANNOT_RUN);
}

baton_status perf_process_start(char *const arguments[], int in, int error, pid_t *pid_out)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return perf_fail_errno("fork");
    }
    if (pid == 0) {
        become(arguments, in, error, parent);
    }
    *pid_out = pid;
    return BATON_OK;
}

baton_status perf_process_start_role_on(const char *role, int socket, pid_t *pid_out)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "%s", role);
    char *arguments[] = {"/proc/self/exe", "perf", "--role", name, NULL};
    return perf_process_start(arguments, socket, -1, pid_out);
}

baton_status perf_process_start_role(const char *role, pid_t *pid_out, int *socket_out)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return perf_fail_errno("a socket for the peer process");
    }
    baton_status status = perf_process_start_role_on(role, ends[1], pid_out);
    (void)close(ends[1]);
    if (status != BATON_OK) {
        (void)close(ends[0]);
        return status;
    }
    *socket_out = ends[0];
    return BATON_OK;
}

bool perf_process_has_ended(pid_t pid, int *status_out)
{
    int status = 0;
    pid_t got = waitpid(pid, &status, WNOHANG);
    if (got != pid && !(got < 0 && errno == ECHILD)) {
        return false;
    }
    *status_out = status;
    return true;
}

void perf_process_end(pid_t pid, uint32_t wait_ms)
{
    int status;
    if (pid <= 0) {
        return;
    }
    for (uint32_t waited = 0; waited < wait_ms; waited += NAP_MS) {
        if (perf_process_has_ended(pid, &status)) {
            return;
        }
        perf_sleep_ms(NAP_MS);
    }
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
}

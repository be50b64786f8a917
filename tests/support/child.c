/* SPDX-License-Identifier: Apache-2.0 */
#include "support/child.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int to_parent = -1;

void test_child_say(char what)
{
    ssize_t written = write(to_parent, &what, 1);
    (void)written;
}

test_child test_child_start(void (*run)(const char *url), const char *url)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    test_child child = {.pid = fork(), .pipe = ends[0]};
    if (child.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(ends[0]);
        to_parent = ends[1];
        run(url);
        _exit(0);
    }
    cr_assert_gt(child.pid, 0);
    (void)close(ends[1]);
    return child;
}

char test_child_hear(const test_child *child)
{
    char what = '\0';
    cr_assert_eq(read(child->pipe, &what, 1), 1, "the other process has ended");
    return what;
}

void test_child_signal(const test_child *child, int number)
{
    siginfo_t what;
    (void)kill(child->pid, number);
    /* Its threads stop one after another: until the last one has, it may still answer. */
    while (number == SIGSTOP && waitid(P_PID, (id_t)child->pid, &what, WSTOPPED | WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
}

void test_child_end(test_child *child)
{
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, NULL, 0);
    (void)close(child->pipe);
}

baton_worker *test_child_worker(const char *name, const char *url)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    baton_worker *worker = NULL;
    nats.url = url;
    options.name = name;
    options.nats = &nats;
    options.connect_wait_ms = 10000;
    if (baton_worker_create(&options, &worker) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        abort();
    }
    return worker;
}

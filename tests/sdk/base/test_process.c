/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOON_MS = 10000 };

/* A child that waits to be killed, and what it says of itself. */
static pid_t start_child(baton__process *process_out)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        baton__process self;
        baton__process_self(&self);
        if (write(ends[1], &self, sizeof(self)) != (ssize_t)sizeof(self)) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], process_out, sizeof(*process_out)), (ssize_t)sizeof(*process_out));
    (void)close(ends[0]);
    cr_assert_eq(process_out->pid, (uint32_t)pid);
    return pid;
}

static bool becomes_readable(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, timeout_ms) == 1;
}

static void reap(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(process, says_who_it_is)
{
    static const uint8_t nothing[16];
    baton__process one;
    baton__process two;
    baton__process_self(&one);
    baton__process_self(&two);
    cr_assert_eq(one.pid, (uint32_t)getpid());
    cr_assert_neq(one.pid_namespace, 0);
    cr_assert_neq(one.start_ticks, 0);
    cr_assert_neq(memcmp(one.boot_id, nothing, sizeof(nothing)), 0);
    cr_assert_arr_eq(one.boot_id, two.boot_id, sizeof(one.boot_id));
    cr_assert_eq(one.start_ticks, two.start_ticks);
}

Test(process, a_death_is_told_at_once_also_before_it_is_reaped)
{
    baton__process child;
    pid_t pid = start_child(&child);
    int fd = -1;
    cr_assert_eq(baton__process_watch(&child, &fd), BATON__PROCESS_ALIVE);
    cr_assert_not(becomes_readable(fd, 0));
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert(becomes_readable(fd, SOON_MS));
    int second = -1;
    cr_assert_eq(baton__process_watch(&child, &second), BATON__PROCESS_DEAD, "a zombie");
    reap(pid);
    cr_assert_eq(baton__process_watch(&child, &second), BATON__PROCESS_DEAD);
    cr_assert_eq(second, -1, "the output is untouched");
    (void)close(fd);
}

Test(process, a_stopped_one_lives)
{
    baton__process child;
    pid_t pid = start_child(&child);
    cr_assert_eq(kill(pid, SIGSTOP), 0);
    cr_assert_eq(waitpid(pid, NULL, WUNTRACED), pid);
    int fd = -1;
    cr_assert_eq(baton__process_watch(&child, &fd), BATON__PROCESS_ALIVE);
    cr_assert_not(becomes_readable(fd, 0));
    (void)close(fd);
    reap(pid);
}

/* Its pid was given to another process. */
Test(process, another_start_time_is_another_process)
{
    baton__process child;
    pid_t pid = start_child(&child);
    child.start_ticks--;
    int fd = -1;
    cr_assert_eq(baton__process_watch(&child, &fd), BATON__PROCESS_DEAD);
    cr_assert_eq(fd, -1);
    reap(pid);
}

Test(process, what_is_elsewhere_or_unnamed_is_unknown)
{
    baton__process child;
    pid_t pid = start_child(&child);
    baton__process others[5];
    for (size_t i = 0; i < 5; i++) {
        others[i] = child;
    }
    others[0].boot_id[3] ^= 1;
    others[1].pid_namespace++;
    others[2].pid = 0;
    others[3].pid = UINT32_MAX;
    memset(&others[4], 0, sizeof(others[4]));
    for (size_t i = 0; i < 5; i++) {
        int fd = -1;
        cr_assert_eq(baton__process_watch(&others[i], &fd), BATON__PROCESS_UNKNOWN, "%zu", i);
        cr_assert_eq(fd, -1);
    }
    baton__process self;
    baton__process_self(&self);
    int fd = -1;
    cr_assert_eq(baton__process_watch(&self, &fd), BATON__PROCESS_UNKNOWN, "itself");
    reap(pid);
}

static void *live_on(void *argument)
{
    int *end = argument;
    baton__process self;
    baton__process_self(&self);
    (void)poll(NULL, 0, 50); /* the first thread is gone by then */
    if (write(*end, &self, sizeof(self)) != (ssize_t)sizeof(self)) {
        _exit(1);
    }
    for (;;) {
        (void)pause();
    }
    return NULL;
}

/* /proc calls it a zombie from then on, and its other threads use its memory. */
Test(process, one_whose_first_thread_has_ended_is_alive)
{
    static int ends[2];
    baton__process other;
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, live_on, &ends[1]) != 0) {
            _exit(1);
        }
        pthread_exit(NULL);
    }
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], &other, sizeof(other)), (ssize_t)sizeof(other));
    (void)close(ends[0]);
    int fd = -1;
    baton__process_life life = baton__process_watch(&other, &fd);
    bool ended = becomes_readable(fd, 0);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(life, BATON__PROCESS_ALIVE);
    cr_assert_not(ended);
    cr_assert(becomes_readable(fd, SOON_MS));
    (void)close(fd);
    cr_assert_eq(baton__process_watch(&other, &fd), BATON__PROCESS_DEAD);
    reap(pid);
}

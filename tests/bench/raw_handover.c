/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to have another thread do something: a request to it and its answer back, with
 * nothing done in between. It is what a connector with an owner thread pays on top of one whose
 * application drives progress.
 *
 *   --op spin    the other thread looks for requests and yields; who asked sleeps on a futex
 *   --op sleep   the other thread sleeps on an eventfd; who asked sleeps on a futex
 *
 * The same ways of waiting as baton's. --spinners N: so many processes spin and yield meanwhile, as
 * the owner thread of the other side of a transfer does.
 */
#include "measure.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t asked;  /* requests so far */
static uint32_t answer; /* answers so far: a futex */
static int wake_fd;
static bool is_sleeping;

static void await_request(uint32_t number)
{
    if (is_sleeping) {
        uint64_t times;
        while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) != number) {
            (void)!read(wake_fd, &times, sizeof(times));
        }
        return;
    }
    while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) != number) {
        (void)sched_yield();
    }
}

static void *serve(void *argument)
{
    uint64_t total = *(const uint64_t *)argument;
    for (uint32_t number = 1; number <= total; number++) {
        await_request(number);
        __atomic_store_n(&answer, number, __ATOMIC_RELEASE);
        (void)syscall(SYS_futex, &answer, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    return NULL;
}

static double ask(uint32_t number)
{
    uint64_t begin_ns = measure_now_ns();
    __atomic_store_n(&asked, number, __ATOMIC_RELEASE);
    if (is_sleeping) {
        uint64_t one = 1;
        (void)!write(wake_fd, &one, sizeof(one));
    }
    for (uint32_t seen; (seen = __atomic_load_n(&answer, __ATOMIC_ACQUIRE)) != number;) {
        (void)syscall(SYS_futex, &answer, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    return (double)(measure_now_ns() - begin_ns) / 1e3;
}

static pid_t start_spinner(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent) {
            (void)sched_yield();
        }
        _Exit(0);
    }
    if (pid < 0) {
        measure_fail("a process");
    }
    return pid;
}

int main(int count, char **arguments)
{
    enum { SPINNERS_MAX = 64 };
    measure_options options = measure_parse(count, arguments, "spin");
    uint64_t total = options.count + options.warmup;
    double *samples = calloc(options.count, sizeof(double));
    pid_t spinners[SPINNERS_MAX];
    pthread_t thread;
    is_sleeping = strcmp(options.op, "sleep") == 0;
    wake_fd = eventfd(0, EFD_CLOEXEC);
    if (samples == NULL || wake_fd < 0 || total > UINT32_MAX || options.spinners > SPINNERS_MAX ||
        (!is_sleeping && strcmp(options.op, "spin") != 0)) {
        measure_fail("--op is spin or sleep, --spinners at most %d", SPINNERS_MAX);
    }
    for (uint64_t i = 0; i < options.spinners; i++) {
        spinners[i] = start_spinner();
    }
    if (pthread_create(&thread, NULL, serve, &total) != 0) {
        measure_fail("a thread");
    }
    for (uint32_t number = 1; number <= total; number++) {
        double time_us = ask(number);
        if (number > options.warmup) {
            samples[number - options.warmup - 1] = time_us;
        }
    }
    (void)pthread_join(thread, NULL);
    for (uint64_t i = 0; i < options.spinners; i++) {
        (void)kill(spinners[i], SIGKILL);
        (void)waitpid(spinners[i], NULL, 0);
    }
    measure_statistics latency = measure_summarize(samples, options.count);
    (void)printf(
        "{\"type\":\"raw_handover\",\"op\":\"%s\",\"spinners\":%llu,\"count\":%llu,\"p50_us\":%.3f,"
        "\"p99_us\":%.3f,\"best_us\":%.3f}\n",
        options.op, (unsigned long long)options.spinners, (unsigned long long)options.count,
        latency.p50, latency.p99, latency.best);
    free(samples);
    return 0;
}

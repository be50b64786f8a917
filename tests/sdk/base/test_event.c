/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event.h"

#include <baton/export.h>
#include <criterion/criterion.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WAITERS = 8 };

Test(event, is_not_set_at_first)
{
    baton__event event = BATON__EVENT_INIT;
    cr_assert_not(baton__event_is_set(&event));
    cr_assert_not(baton__event_wait(&event, 0));
}

Test(event, stays_set)
{
    baton__event event = BATON__EVENT_INIT;
    baton__event_set(&event);
    for (int i = 0; i < 2; i++) {
        cr_assert(baton__event_is_set(&event));
        cr_assert(baton__event_wait(&event, 0));
        cr_assert(baton__event_wait(&event, 1));
        cr_assert(baton__event_wait(&event, BATON_FOREVER));
        baton__event_set(&event);
    }
}

static uint64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

Test(event, a_wait_ends_after_its_time_and_not_before, .timeout = 30)
{
    baton__event event = BATON__EVENT_INIT;
    uint64_t before = now_ms();
    cr_assert_not(baton__event_wait(&event, 20));
    cr_assert_geq(now_ms() - before, 19);
    cr_assert_not(baton__event_is_set(&event));
}

Test(event, can_be_set_and_waited_for_after_a_wait_timed_out, .timeout = 30)
{
    baton__event event = BATON__EVENT_INIT;
    cr_assert_not(baton__event_wait(&event, 1));
    cr_assert_not(baton__event_wait(&event, 1));
    baton__event_set(&event);
    cr_assert(baton__event_wait(&event, BATON_FOREVER));
}

typedef struct waiter {
    pthread_t thread;
    baton__event *event;
    const int *data;
    uint32_t timeout_ms;
    bool was_set;
    int seen;
    uint32_t done; /* __atomic */
} waiter;

static void *wait_for_event(void *argument)
{
    waiter *self = argument;
    self->was_set = baton__event_wait(self->event, self->timeout_ms);
    self->seen = *self->data;
    __atomic_store_n(&self->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void start(waiter *self, baton__event *event, const int *data, uint32_t timeout_ms)
{
    *self = (waiter){.event = event, .data = data, .timeout_ms = timeout_ms};
    cr_assert_eq(pthread_create(&self->thread, NULL, wait_for_event, self), 0);
}

/* 2: somebody is about to sleep, or sleeps. */
static void await_sleeper(const baton__event *event)
{
    while (__atomic_load_n(&event->state, __ATOMIC_ACQUIRE) != 2) {
        (void)sched_yield();
    }
}

Test(event, wakes_every_waiting_thread_and_shows_what_was_written_before, .timeout = 60)
{
    baton__event event = BATON__EVENT_INIT;
    waiter waiters[WAITERS];
    int data = 0;
    for (int i = 0; i < WAITERS; i++) {
        start(&waiters[i], &event, &data, i % 2 == 0 ? BATON_FOREVER : 50000);
    }
    await_sleeper(&event);
    data = 42;
    baton__event_set(&event);
    for (int i = 0; i < WAITERS; i++) {
        cr_assert_eq(pthread_join(waiters[i].thread, NULL), 0);
        cr_assert(waiters[i].was_set);
        cr_assert_eq(waiters[i].seen, 42);
    }
}

Test(event, a_waiter_whose_time_ends_leaves_the_others_waiting, .timeout = 60)
{
    baton__event event = BATON__EVENT_INIT;
    waiter patient;
    int data = 1;
    start(&patient, &event, &data, BATON_FOREVER);
    await_sleeper(&event);
    cr_assert_not(baton__event_wait(&event, 1));
    cr_assert_eq(__atomic_load_n(&patient.done, __ATOMIC_ACQUIRE), 0);
    baton__event_set(&event);
    cr_assert_eq(pthread_join(patient.thread, NULL), 0);
    cr_assert(patient.was_set);
}

/* Wakes a waiter without reason until it was asleep to be woken. */
static void wake_for_nothing(baton__event *event)
{
    while (syscall(SYS_futex, &event->state, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 0) {
        (void)sched_yield();
    }
}

Test(event, a_spurious_wake_up_does_not_end_a_wait, .timeout = 60)
{
    baton__event event = BATON__EVENT_INIT;
    waiter waiting;
    int data = 0;
    start(&waiting, &event, &data, BATON_FOREVER);
    await_sleeper(&event);
    for (int i = 0; i < 100; i++) {
        wake_for_nothing(&event);
        cr_assert_eq(__atomic_load_n(&waiting.done, __ATOMIC_ACQUIRE), 0);
    }
    baton__event_set(&event);
    cr_assert_eq(pthread_join(waiting.thread, NULL), 0);
    cr_assert(waiting.was_set);
}

static uint32_t signals; /* __atomic */

static void count_signal(int number)
{
    (void)number;
    (void)__atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

Test(event, a_signal_does_not_end_a_wait, .timeout = 60)
{
    baton__event event = BATON__EVENT_INIT;
    waiter waiting;
    int data = 0;
    struct sigaction action = {.sa_handler = count_signal}; /* without SA_RESTART: EINTR */
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    start(&waiting, &event, &data, BATON_FOREVER);
    await_sleeper(&event);
    for (uint32_t i = 1; i <= 20; i++) {
        cr_assert_eq(pthread_kill(waiting.thread, SIGUSR1), 0);
        while (__atomic_load_n(&signals, __ATOMIC_RELAXED) < i) {
            (void)sched_yield();
        }
        cr_assert_eq(__atomic_load_n(&waiting.done, __ATOMIC_ACQUIRE), 0);
    }
    baton__event_set(&event);
    cr_assert_eq(pthread_join(waiting.thread, NULL), 0);
    cr_assert(waiting.was_set);
}

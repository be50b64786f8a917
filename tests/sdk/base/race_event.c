/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events under ThreadSanitizer: threads that wait with and without a bound against one that sets,
 * twice, with plain data that only the event protects, and memory that the first who sees the event
 * set frees.
 */
#include "base/event.h"

#include <baton/export.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 2000, WAITERS = 4 };

typedef struct round_of {
    baton__event event;
    int data;
} round_of;

static int failures; /* __atomic */

static void *wait_for_it(void *argument)
{
    round_of *it = argument;
    bool set = false;
    for (uint32_t timeout_ms = 0; !set;
         timeout_ms = timeout_ms < 2 ? timeout_ms + 1 : BATON_FOREVER) {
        set = baton__event_wait(&it->event, timeout_ms);
    }
    if (it->data != 42 || !baton__event_is_set(&it->event)) {
        (void)__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void many_wait(void)
{
    round_of it = {.data = 0};
    pthread_t threads[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        if (pthread_create(&threads[i], NULL, wait_for_it, &it) != 0) {
            abort();
        }
    }
    (void)sched_yield();
    it.data = 42;
    baton__event_set(&it.event);
    baton__event_set(&it.event);
    for (int i = 0; i < WAITERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static void *set_it(void *argument)
{
    round_of *it = argument;
    it->data = 42;
    baton__event_set(&it->event);
    return NULL;
}

/* The waiter frees the memory as soon as it sees the event set: the setter may not read it after
 * that. */
static void waiter_frees(void)
{
    pthread_t thread;
    round_of *it = calloc(1, sizeof(*it));
    if (it == NULL || pthread_create(&thread, NULL, set_it, it) != 0) {
        abort();
    }
    if (!baton__event_wait(&it->event, BATON_FOREVER) || it->data != 42) {
        (void)__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    }
    free(it);
    (void)pthread_join(thread, NULL);
}

int main(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        many_wait();
        waiter_frees();
    }
    if (failures != 0) {
        (void)fprintf(stderr, "%d waits went wrong\n", failures);
        return 1;
    }
    return 0;
}

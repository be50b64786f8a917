/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop under ThreadSanitizer: many threads post against an owner that sleeps at once, one that
 * spins a little and one that never sleeps. Every post that was taken runs once; data that is
 * written before a post is seen by the run; a task that has run may be freed.
 */
#include "core/loop.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, POSTS = 20000, SHARED = 3, DEADLINE_MS = 60000 };

typedef struct counted {
    baton_task task;
    int written;      /* before the post, plain */
    uint32_t taken;   /* atomic: posts that said true */
    uint32_t running; /* the owner's alone, plain */
    uint32_t runs;    /* atomic */
} counted;

static baton_loop *loop;
static counted shared[SHARED];
static uint32_t once_runs; /* atomic */
static int failures;       /* atomic */
static bool stop;          /* atomic */

static void fail(const char *what)
{
    if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) < 10) {
        (void)fprintf(stderr, "%s\n", what);
    }
}

static void run_shared(baton_task *task)
{
    counted *it = (counted *)task;
    if (it->running++ != 0 || !baton_loop_is_owner(loop)) {
        fail("a task runs twice at a time, or not on the owner's thread");
    }
    it->running--;
    (void)__atomic_add_fetch(&it->runs, 1, __ATOMIC_RELEASE);
}

static void run_once(baton_task *task)
{
    counted *it = (counted *)task;
    if (it->written != 42) {
        fail("what was written before the post is not seen");
    }
    free(it);
    (void)__atomic_add_fetch(&once_runs, 1, __ATOMIC_RELEASE);
}

static void *own(void *argument)
{
    (void)argument;
    if (!baton__loop_enter(loop)) {
        fail("nobody is inside, and yet it cannot be entered");
        return NULL;
    }
    baton__loop_run(loop, &stop);
    baton__loop_leave(loop);
    return NULL;
}

static uint64_t now_ms(void)
{
    return baton__clock_now(&baton__clock_boottime) / BATON__NS_PER_MS;
}

/* False after the deadline: a post was lost. */
static bool await_at_least(const uint32_t *counter, uint32_t wanted)
{
    uint64_t until = now_ms() + DEADLINE_MS;
    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < wanted) {
        if (now_ms() > until) {
            return false;
        }
        (void)sched_yield();
    }
    return true;
}

static void *post_many(void *argument)
{
    (void)argument;
    for (int i = 0; i < POSTS; i++) {
        counted *once = calloc(1, sizeof(*once));
        if (once == NULL) {
            abort();
        }
        once->task.run = run_once;
        once->written = 42;
        if (!baton_loop_post(loop, &once->task)) {
            fail("a task that was never posted is said to be");
        }
        counted *it = &shared[i % SHARED];
        if (baton_loop_post(loop, &it->task)) {
            (void)__atomic_add_fetch(&it->taken, 1, __ATOMIC_RELAXED);
        }
        if (i % 16 == 0) {
            (void)sched_yield();
        }
    }
    return NULL;
}

/* One post at a time against a loop that has nothing else to do: it goes to sleep in between. */
static void post_one_by_one(void)
{
    for (int i = 0; i < 100; i++) {
        uint32_t before = __atomic_load_n(&shared[0].runs, __ATOMIC_ACQUIRE);
        uint64_t sleeps = baton__loop_sleeps(loop);
        (void)__atomic_add_fetch(&shared[0].taken, 1, __ATOMIC_RELAXED);
        if (!baton_loop_post(loop, &shared[0].task) ||
            !await_at_least(&shared[0].runs, before + 1)) {
            fail("a post to a sleeping loop was lost");
            return;
        }
        for (int k = 0; i % 2 == 0 && k < 1000 && baton__loop_sleeps(loop) == sleeps; k++) {
            (void)sched_yield(); /* a chance to fall asleep */
        }
    }
}

static void expect_counts(void)
{
    if (!await_at_least(&once_runs, THREADS * POSTS)) {
        fail("posts were lost");
    }
    for (int i = 0; i < SHARED; i++) {
        uint32_t taken = __atomic_load_n(&shared[i].taken, __ATOMIC_ACQUIRE);
        if (!await_at_least(&shared[i].runs, taken)) {
            fail("posts of a shared task were lost");
        }
    }
}

static void race(uint32_t spin_us)
{
    pthread_t owner;
    pthread_t threads[THREADS];
    stop = false;
    once_runs = 0;
    for (int i = 0; i < SHARED; i++) {
        shared[i] = (counted){.task = {.run = run_shared}};
    }
    if (baton__loop_create(&baton__clock_boottime, spin_us, &loop) != BATON_OK ||
        pthread_create(&owner, NULL, own, NULL) != 0) {
        abort();
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, post_many, NULL) != 0) {
            abort();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    expect_counts();
    post_one_by_one();
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    baton__loop_wake(loop);
    (void)pthread_join(owner, NULL);
    if (once_runs != THREADS * POSTS) {
        fail("a task ran twice");
    }
    for (int i = 0; i < SHARED; i++) {
        if (shared[i].runs != shared[i].taken) {
            fail("a shared task ran more often than it was posted");
        }
    }
    baton__loop_destroy(loop);
}

int main(void)
{
    static const uint32_t spins[] = {0, 20, 200, UINT32_MAX};
    for (size_t i = 0; i < sizeof(spins) / sizeof(spins[0]); i++) {
        race(spins[i]);
    }
    if (failures != 0) {
        (void)fprintf(stderr, "%d failures\n", failures);
        return 1;
    }
    return 0;
}

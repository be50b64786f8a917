/* SPDX-License-Identifier: Apache-2.0 */
/* A loop whose clock the test moves, and numbered tasks and timers that note the order in which
 * they run. */
#ifndef BATON_TEST_NUMBERED_LOOP_H
#define BATON_TEST_NUMBERED_LOOP_H

#include "core/loop.h"

#include <criterion/criterion.h>

enum { MANY = 5000 };

static baton_loop *loop;
static uint64_t now_ns;

static inline uint64_t read_clock(void *context)
{
    return *(const uint64_t *)context;
}

static const baton__clock test_clock = {.now_ns = read_clock, .context = &now_ns};

static inline void loop_open(uint32_t spin_us)
{
    now_ns = 1000;
    cr_assert_eq(baton__loop_create(&test_clock, spin_us, &loop), BATON_OK);
    cr_assert(baton__loop_enter(loop));
}

static inline void loop_open_sleepy(void)
{
    loop_open(0);
}

static inline void loop_close(void)
{
    baton__loop_destroy(loop);
    loop = NULL;
}

/* What ran, in order. */
static int order[2 * MANY];
static int ran;

typedef struct numbered {
    baton_task task;
    baton_timer timer;
    int number;
    int left; /* how often it posts or starts itself again */
    struct numbered *other;
    uint64_t again_ns;
} numbered;

static inline void numbered_note(numbered *it)
{
    order[ran++] = it->number;
}

static inline void numbered_run(baton_task *task)
{
    numbered_note((numbered *)task);
}

static inline numbered *numbered_of(baton_timer *timer)
{
    return (numbered *)((char *)timer - offsetof(numbered, timer));
}

static inline void numbered_fire(baton_timer *timer)
{
    cr_assert_eq(timer->slot_, 0, "a timer is stopped when it fires");
    numbered_note(numbered_of(timer));
}

static inline void numbered_expect(const int *expected, int count)
{
    cr_assert_eq(ran, count);
    cr_assert_arr_eq(order, expected, (size_t)count * sizeof(*expected));
}

static inline void loop_start_timer(baton_timer *timer, uint64_t due_ns)
{
    cr_assert_eq(baton_loop_timer_start(loop, timer, due_ns), BATON_OK);
}

#endif

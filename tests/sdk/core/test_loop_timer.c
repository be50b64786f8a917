/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: when they fire and in which order, and what they may do to each other. */
#include "support/numbered_loop.h"

TestSuite(loop_timer, .init = loop_open_sleepy, .fini = loop_close, .timeout = 60);

Test(loop_timer, timers_fire_when_due_earliest_first)
{
    static const uint64_t due[] = {3000, 1001, 2000, 1001};
    numbered timers[4];
    for (int i = 0; i < 4; i++) {
        timers[i] = (numbered){.timer = {.fire = numbered_fire}, .number = (int)due[i]};
        loop_start_timer(&timers[i].timer, due[i]);
    }
    cr_assert_eq(baton__loop_turn(loop), 0);
    now_ns = 1001;
    cr_assert_eq(baton__loop_turn(loop), 2);
    now_ns = 1999;
    cr_assert_eq(baton__loop_turn(loop), 0);
    now_ns = 5000;
    cr_assert_eq(baton__loop_turn(loop), 2);
    numbered_expect((const int[]){1001, 1001, 2000, 3000}, 4);
}

Test(loop_timer, timers_fire_before_tasks_run)
{
    numbered timer = {.timer = {.fire = numbered_fire}, .number = 1};
    numbered task = {.task = {.run = numbered_run}, .number = 2};
    cr_assert(baton_loop_post(loop, &task.task));
    loop_start_timer(&timer.timer, now_ns);
    cr_assert_eq(baton__loop_turn(loop), 2);
    numbered_expect((const int[]){1, 2}, 2);
}

static int fired;

static void count_fire(baton_timer *timer)
{
    (void)timer;
    fired++;
}

static void expect_few_fired(baton_task *task)
{
    cr_expect_leq(fired, 128);
    numbered_run(task);
}

/* A task is not behind all of those that are due, and none is forgotten. */
Test(loop_timer, of_very_many_that_are_due_some_fire_in_each_turn)
{
    enum { VERY_MANY = 1000 };
    static baton_timer timers[VERY_MANY];
    numbered task = {.task = {.run = expect_few_fired}, .number = 1};
    fired = 0;
    for (int i = 0; i < VERY_MANY; i++) {
        timers[i].fire = count_fire;
        loop_start_timer(&timers[i], now_ns + (uint64_t)(i % 7));
    }
    now_ns += 7;
    cr_assert(baton_loop_post(loop, &task.task));
    for (int before = -1; fired > before;) {
        before = fired;
        int done = baton__loop_turn(loop);
        cr_assert_eq(done != 0, fired != before);
        cr_assert_leq(fired - before, 128);
    }
    cr_assert_eq(fired, VERY_MANY);
    numbered_expect((const int[]){1}, 1);
}

static void fire_and_stop_other(baton_timer *timer)
{
    numbered *it = numbered_of(timer);
    numbered_note(it);
    baton_loop_timer_stop(loop, timer);
    baton_loop_timer_stop(loop, &it->other->timer);
}

Test(loop_timer, a_timer_that_is_stopped_by_another_of_the_same_turn_does_not_fire)
{
    numbered second = {.timer = {.fire = numbered_fire}, .number = 2};
    numbered third = {.timer = {.fire = numbered_fire}, .number = 3};
    numbered first = {.timer = {.fire = fire_and_stop_other}, .number = 1, .other = &second};
    loop_start_timer(&third.timer, 1003);
    loop_start_timer(&second.timer, 1002);
    loop_start_timer(&first.timer, 1001);
    now_ns = 2000;
    cr_assert_eq(baton__loop_turn(loop), 2);
    numbered_expect((const int[]){1, 3}, 2);
    cr_assert_eq(second.timer.slot_, 0);
}

static void fire_and_move_other(baton_timer *timer)
{
    numbered *it = numbered_of(timer);
    numbered_note(it);
    loop_start_timer(&it->other->timer, it->again_ns);
}

Test(loop_timer, a_timer_that_is_moved_by_another_of_the_same_turn_fires_at_its_new_time)
{
    numbered second = {.timer = {.fire = numbered_fire}, .number = 2};
    numbered first = {
        .timer = {.fire = fire_and_move_other}, .number = 1, .other = &second, .again_ns = 3000};
    loop_start_timer(&second.timer, 1002);
    loop_start_timer(&first.timer, 1001);
    now_ns = 2000;
    cr_assert_eq(baton__loop_turn(loop), 1);
    now_ns = 3000;
    cr_assert_eq(baton__loop_turn(loop), 1);
    numbered_expect((const int[]){1, 2}, 2);
}

static void fire_again(baton_timer *timer)
{
    numbered *it = numbered_of(timer);
    numbered_note(it);
    if (it->left-- > 0) {
        loop_start_timer(timer, it->again_ns);
    }
}

Test(loop_timer, a_timer_that_starts_itself_again_fires_again)
{
    numbered it = {.timer = {.fire = fire_again}, .number = 1, .left = 1, .again_ns = 1100};
    loop_start_timer(&it.timer, 1001);
    now_ns = 1001;
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(baton__loop_turn(loop), 0);
    now_ns = 1100;
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(ran, 2);
}

/* Or it would keep everything else from running. */
Test(loop_timer, a_timer_that_starts_itself_for_a_time_that_is_over_does_not_hold_up_the_turn)
{
    numbered timer = {.timer = {.fire = fire_again}, .number = 1, .left = MANY, .again_ns = 0};
    numbered later = {.timer = {.fire = numbered_fire}, .number = 2};
    numbered task = {.task = {.run = numbered_run}, .number = 3};
    loop_start_timer(&timer.timer, now_ns - 1);
    loop_start_timer(&later.timer, now_ns);
    cr_assert(baton_loop_post(loop, &task.task));
    cr_assert_eq(baton__loop_turn(loop), 3);
    numbered_expect((const int[]){1, 2, 3}, 3);
    now_ns++;
    cr_assert_eq(baton__loop_turn(loop), 1);
    baton_loop_timer_stop(loop, &timer.timer);
    now_ns++;
    cr_assert_eq(baton__loop_turn(loop), 0);
}

Test(loop_timer, thousands_of_timers_fire_once_each_in_order)
{
    static numbered timers[MANY];
    for (int i = 0; i < MANY; i++) {
        int number = (int)((unsigned)i * 7919U % MANY); /* coprime: every number once */
        timers[i] = (numbered){.timer = {.fire = numbered_fire}, .number = number};
        loop_start_timer(&timers[i].timer, 2000 + (uint64_t)number);
    }
    for (int i = 0; i < MANY; i += 100) {
        now_ns = 2000 + (uint64_t)i + 99;
        cr_assert_eq(baton__loop_turn(loop), 100);
    }
    cr_assert_eq(ran, MANY);
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(order[i], i);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/loop.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

enum { PATIENCE_MS = 20000, HOUR_MS = 3600000, MANY = 5000 };

static baton_loop *loop;
static uint64_t now_ns;

static uint64_t read_clock(void *context)
{
    return *(const uint64_t *)context;
}

static const baton__clock test_clock = {.now_ns = read_clock, .context = &now_ns};

static void open_loop(uint32_t spin_us)
{
    now_ns = 1000;
    cr_assert_eq(baton__loop_create(&test_clock, spin_us, &loop), BATON_OK);
    cr_assert(baton__loop_enter(loop));
}

static void open_sleepy(void)
{
    open_loop(0);
}

static void close_loop(void)
{
    baton__loop_destroy(loop);
    loop = NULL;
}

TestSuite(loop, .init = open_sleepy, .fini = close_loop, .timeout = 60);
TestSuite(loop_spin, .fini = close_loop, .timeout = 60);

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

static void note(numbered *it)
{
    order[ran++] = it->number;
}

static void run_noted(baton_task *task)
{
    note((numbered *)task);
}

static numbered *of_timer(baton_timer *timer)
{
    return (numbered *)((char *)timer - offsetof(numbered, timer));
}

static void fire_noted(baton_timer *timer)
{
    cr_assert_eq(timer->slot_, 0, "a timer is stopped when it fires");
    note(of_timer(timer));
}

static void expect_order(const int *expected, int count)
{
    cr_assert_eq(ran, count);
    cr_assert_arr_eq(order, expected, (size_t)count * sizeof(*expected));
}

static void start(baton_timer *timer, uint64_t due_ns)
{
    cr_assert_eq(baton_loop_timer_start(loop, timer, due_ns), BATON_OK);
}

Test(loop, tasks_run_in_the_order_of_their_posts_and_not_inside_the_post)
{
    numbered tasks[5];
    for (int i = 0; i < 5; i++) {
        tasks[i] = (numbered){.task = {.run = run_noted}, .number = i};
        cr_assert(baton_loop_post(loop, &tasks[i].task));
        cr_assert(baton__loop_has_posted(loop));
    }
    cr_assert_eq(ran, 0);
    cr_assert_eq(baton__loop_turn(loop), 5);
    expect_order((const int[]){0, 1, 2, 3, 4}, 5);
    cr_assert_not(baton__loop_has_posted(loop));
    cr_assert_eq(baton__loop_turn(loop), 0);
}

Test(loop, a_posted_task_is_not_posted_again_until_it_runs)
{
    numbered it = {.task = {.run = run_noted}, .number = 7};
    cr_assert(baton_loop_post(loop, &it.task));
    cr_assert_not(baton_loop_post(loop, &it.task));
    cr_assert_not(baton_loop_post(loop, &it.task));
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert(baton_loop_post(loop, &it.task));
    cr_assert_eq(baton__loop_turn(loop), 1);
    expect_order((const int[]){7, 7}, 2);
}

static void run_again(baton_task *task)
{
    numbered *it = (numbered *)task;
    note(it);
    if (it->left-- > 0) {
        cr_assert(baton_loop_post(loop, task));
    }
}

Test(loop, a_task_that_posts_itself_waits_for_the_next_turn)
{
    numbered again = {.task = {.run = run_again}, .number = 1, .left = 2};
    numbered plain = {.task = {.run = run_noted}, .number = 2};
    cr_assert(baton_loop_post(loop, &again.task));
    cr_assert(baton_loop_post(loop, &plain.task));
    cr_assert_eq(baton__loop_turn(loop), 2);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(baton__loop_turn(loop), 0);
    expect_order((const int[]){1, 2, 1, 1}, 4);
}

static void run_and_free(baton_task *task)
{
    note((numbered *)task);
    free(task);
}

Test(loop, a_task_may_free_itself)
{
    for (int i = 0; i < 3; i++) {
        numbered *it = calloc(1, sizeof(*it));
        cr_assert_not_null(it);
        *it = (numbered){.task = {.run = run_and_free}, .number = i};
        cr_assert(baton_loop_post(loop, &it->task));
    }
    cr_assert_eq(baton__loop_turn(loop), 3);
    expect_order((const int[]){0, 1, 2}, 3);
}

Test(loop, timers_fire_when_due_earliest_first)
{
    static const uint64_t due[] = {3000, 1001, 2000, 1001};
    numbered timers[4];
    for (int i = 0; i < 4; i++) {
        timers[i] = (numbered){.timer = {.fire = fire_noted}, .number = (int)due[i]};
        start(&timers[i].timer, due[i]);
    }
    cr_assert_eq(baton__loop_turn(loop), 0);
    now_ns = 1001;
    cr_assert_eq(baton__loop_turn(loop), 2);
    now_ns = 1999;
    cr_assert_eq(baton__loop_turn(loop), 0);
    now_ns = 5000;
    cr_assert_eq(baton__loop_turn(loop), 2);
    expect_order((const int[]){1001, 1001, 2000, 3000}, 4);
}

Test(loop, timers_fire_before_tasks_run)
{
    numbered timer = {.timer = {.fire = fire_noted}, .number = 1};
    numbered task = {.task = {.run = run_noted}, .number = 2};
    cr_assert(baton_loop_post(loop, &task.task));
    start(&timer.timer, now_ns);
    cr_assert_eq(baton__loop_turn(loop), 2);
    expect_order((const int[]){1, 2}, 2);
}

static void fire_and_stop_other(baton_timer *timer)
{
    numbered *it = of_timer(timer);
    note(it);
    baton_loop_timer_stop(loop, timer);
    baton_loop_timer_stop(loop, &it->other->timer);
}

Test(loop, a_timer_that_is_stopped_by_another_of_the_same_turn_does_not_fire)
{
    numbered second = {.timer = {.fire = fire_noted}, .number = 2};
    numbered third = {.timer = {.fire = fire_noted}, .number = 3};
    numbered first = {.timer = {.fire = fire_and_stop_other}, .number = 1, .other = &second};
    start(&third.timer, 1003);
    start(&second.timer, 1002);
    start(&first.timer, 1001);
    now_ns = 2000;
    cr_assert_eq(baton__loop_turn(loop), 2);
    expect_order((const int[]){1, 3}, 2);
    cr_assert_eq(second.timer.slot_, 0);
}

static void fire_and_move_other(baton_timer *timer)
{
    numbered *it = of_timer(timer);
    note(it);
    start(&it->other->timer, it->again_ns);
}

Test(loop, a_timer_that_is_moved_by_another_of_the_same_turn_fires_at_its_new_time)
{
    numbered second = {.timer = {.fire = fire_noted}, .number = 2};
    numbered first = {
        .timer = {.fire = fire_and_move_other}, .number = 1, .other = &second, .again_ns = 3000};
    start(&second.timer, 1002);
    start(&first.timer, 1001);
    now_ns = 2000;
    cr_assert_eq(baton__loop_turn(loop), 1);
    now_ns = 3000;
    cr_assert_eq(baton__loop_turn(loop), 1);
    expect_order((const int[]){1, 2}, 2);
}

static void fire_again(baton_timer *timer)
{
    numbered *it = of_timer(timer);
    note(it);
    if (it->left-- > 0) {
        start(timer, it->again_ns);
    }
}

Test(loop, a_timer_that_starts_itself_again_fires_again)
{
    numbered it = {.timer = {.fire = fire_again}, .number = 1, .left = 1, .again_ns = 1100};
    start(&it.timer, 1001);
    now_ns = 1001;
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(baton__loop_turn(loop), 0);
    now_ns = 1100;
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(ran, 2);
}

/* Or it would keep everything else from running. */
Test(loop, a_timer_that_starts_itself_for_a_time_that_is_over_does_not_hold_up_the_turn)
{
    numbered timer = {.timer = {.fire = fire_again}, .number = 1, .left = MANY, .again_ns = 0};
    numbered later = {.timer = {.fire = fire_noted}, .number = 2};
    numbered task = {.task = {.run = run_noted}, .number = 3};
    start(&timer.timer, now_ns - 1);
    start(&later.timer, now_ns);
    cr_assert(baton_loop_post(loop, &task.task));
    cr_assert_eq(baton__loop_turn(loop), 3);
    expect_order((const int[]){1, 2, 3}, 3);
    now_ns++;
    cr_assert_eq(baton__loop_turn(loop), 1);
    baton_loop_timer_stop(loop, &timer.timer);
    now_ns++;
    cr_assert_eq(baton__loop_turn(loop), 0);
}

Test(loop, thousands_of_timers_fire_once_each_in_order)
{
    static numbered timers[MANY];
    for (int i = 0; i < MANY; i++) {
        int number = (int)((unsigned)i * 7919U % MANY); /* coprime: every number once */
        timers[i] = (numbered){.timer = {.fire = fire_noted}, .number = number};
        start(&timers[i].timer, 2000 + (uint64_t)number);
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

Test(loop, has_one_owner_until_it_leaves)
{
    cr_assert(baton_loop_is_owner(loop));
    cr_assert_not(baton__loop_enter(loop));
    baton__loop_leave(loop);
    cr_assert_not(baton_loop_is_owner(loop));
    cr_assert(baton__loop_enter(loop));
}

static void *ask_for_owner(void *argument)
{
    bool *answers = argument;
    answers[0] = baton_loop_is_owner(loop);
    answers[1] = baton__loop_enter(loop);
    return NULL;
}

Test(loop, another_thread_is_not_the_owner)
{
    bool answers[2] = {true, true};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, ask_for_owner, answers), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_not(answers[0]);
    cr_assert_not(answers[1]);
    cr_assert(baton_loop_is_owner(loop));
}

static bool is_readable(int timeout_ms)
{
    struct pollfd fd = {.fd = baton__loop_fd(loop), .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

Test(loop, does_not_arm_while_something_is_posted)
{
    numbered it = {.task = {.run = run_noted}};
    cr_assert(baton_loop_post(loop, &it.task));
    cr_assert_not(baton__loop_arm(loop));
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert(baton__loop_arm(loop));
    cr_assert_not(is_readable(0), "the post came before the arming: nobody had to be woken");
}

static void *post_it(void *argument)
{
    (void)baton_loop_post(loop, argument);
    return NULL;
}

Test(loop, an_armed_one_is_woken_by_a_post_of_another_thread)
{
    numbered it = {.task = {.run = run_noted}};
    pthread_t thread;
    for (int i = 1; i <= 100; i++) {
        cr_assert(baton__loop_arm(loop));
        cr_assert_eq(pthread_create(&thread, NULL, post_it, &it.task), 0);
        cr_assert(is_readable(PATIENCE_MS));
        cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(baton__loop_turn(loop), 1);
        cr_assert_eq(ran, i);
        cr_assert_eq(baton__loop_turn(loop), 0);
        cr_assert_not(is_readable(0));
    }
}

Test(loop, a_sleep_ends_after_its_time_and_is_counted)
{
    cr_assert(baton__loop_arm(loop));
    cr_assert_eq(baton__loop_sleeps(loop), 0);
    baton__loop_sleep(loop, 0);
    baton__loop_sleep(loop, 1);
    baton__loop_sleep(loop, UINT64_MAX); /* 100 ms at most */
    cr_assert_eq(baton__loop_sleeps(loop), 3);
}

Test(loop, an_armed_one_is_readable_when_a_timer_is_due)
{
    baton_loop *first = loop;
    cr_assert_eq(baton__loop_create(&baton__clock_boottime, 0, &loop), BATON_OK);
    numbered far = {.timer = {.fire = fire_noted}, .number = 1};
    numbered near = {.timer = {.fire = fire_noted}, .number = 2};
    start(&far.timer, baton_loop_now_ns(loop) + HOUR_MS * BATON__NS_PER_MS);
    cr_assert(baton__loop_arm(loop));
    cr_assert_not(is_readable(0));
    start(&near.timer, baton_loop_now_ns(loop) + BATON__NS_PER_MS);
    cr_assert(baton__loop_arm(loop));
    cr_assert(is_readable(PATIENCE_MS));
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert(baton__loop_arm(loop));
    cr_assert_not(is_readable(0), "what has fired does not wake it again");
    start(&near.timer, 0); /* over since long ago */
    cr_assert(baton__loop_arm(loop));
    cr_assert(is_readable(PATIENCE_MS));
    cr_assert_eq(baton__loop_turn(loop), 1);
    expect_order((const int[]){2, 2}, 2);
    baton__loop_destroy(loop);
    loop = first;
}

Test(loop_spin, begins_after_work_and_ends_after_its_time)
{
    numbered it = {.task = {.run = run_noted}};
    open_loop(200);
    cr_assert_not(baton__loop_spins(loop));
    cr_assert(baton_loop_post(loop, &it.task));
    cr_assert_eq(baton__loop_turn(loop), 1);
    now_ns += 200 * BATON__NS_PER_US - 1;
    cr_assert(baton__loop_spins(loop));
    now_ns += 1;
    cr_assert_not(baton__loop_spins(loop));
    baton_loop_expect(loop);
    cr_assert(baton__loop_spins(loop));
    cr_assert_eq(baton__loop_turn(loop), 0);
    now_ns += 200 * BATON__NS_PER_US;
    cr_assert_not(baton__loop_spins(loop), "a turn without work begins no spinning");
}

Test(loop_spin, never_begins_or_never_ends_if_told_so)
{
    open_loop(0);
    baton_loop_expect(loop);
    cr_assert_not(baton__loop_spins(loop));
    close_loop();
    open_loop(UINT32_MAX);
    now_ns = UINT64_MAX - 1;
    baton_loop_expect(loop);
    cr_assert(baton__loop_spins(loop));
}

static void stop_it(baton_task *task)
{
    numbered *it = (numbered *)task;
    note(it);
    __atomic_store_n((bool *)it->other, true, __ATOMIC_RELEASE);
}

Test(loop, a_run_ends_at_the_flag_after_what_was_posted)
{
    bool stop = false;
    numbered again = {.task = {.run = run_again}, .number = 2, .left = 3};
    numbered last = {.task = {.run = stop_it}, .number = 1, .other = (numbered *)(void *)&stop};
    cr_assert(baton_loop_post(loop, &last.task));
    cr_assert(baton_loop_post(loop, &again.task));
    baton__loop_run(loop, &stop);
    expect_order((const int[]){1, 2, 2, 2, 2}, 5);
}

Test(loop, what_is_posted_and_has_not_run_is_dropped_with_the_loop)
{
    numbered it = {.task = {.run = run_noted}};
    numbered timer = {.timer = {.fire = fire_noted}};
    cr_assert(baton_loop_post(loop, &it.task));
    start(&timer.timer, 0);
    close_loop();
    cr_assert_eq(ran, 0);
    cr_assert_eq(timer.timer.slot_, 0);
    baton__loop_destroy(NULL);
}

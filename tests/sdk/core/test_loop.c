/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks, the owner, and how the loop waits: arming, sleeping, spinning. */
#include "support/numbered_loop.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

enum { PATIENCE_MS = 20000, HOUR_MS = 3600000 };

TestSuite(loop, .init = loop_open_sleepy, .fini = loop_close, .timeout = 60);
TestSuite(loop_spin, .fini = loop_close, .timeout = 60);

Test(loop, tasks_run_in_the_order_of_their_posts_and_not_inside_the_post)
{
    numbered tasks[5];
    for (int i = 0; i < 5; i++) {
        tasks[i] = (numbered){.task = {.run = numbered_run}, .number = i};
        cr_assert(baton_loop_post(loop, &tasks[i].task));
        cr_assert(baton__loop_has_posted(loop));
    }
    cr_assert_eq(ran, 0);
    cr_assert_eq(baton__loop_turn(loop), 5);
    numbered_expect((const int[]){0, 1, 2, 3, 4}, 5);
    cr_assert_not(baton__loop_has_posted(loop));
    cr_assert_eq(baton__loop_turn(loop), 0);
}

Test(loop, a_posted_task_is_not_posted_again_until_it_runs)
{
    numbered it = {.task = {.run = numbered_run}, .number = 7};
    cr_assert(baton_loop_post(loop, &it.task));
    cr_assert_not(baton_loop_post(loop, &it.task));
    cr_assert_not(baton_loop_post(loop, &it.task));
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert(baton_loop_post(loop, &it.task));
    cr_assert_eq(baton__loop_turn(loop), 1);
    numbered_expect((const int[]){7, 7}, 2);
}

static void run_again(baton_task *task)
{
    numbered *it = (numbered *)task;
    numbered_note(it);
    if (it->left-- > 0) {
        cr_assert(baton_loop_post(loop, task));
    }
}

Test(loop, a_task_that_posts_itself_waits_for_the_next_turn)
{
    numbered again = {.task = {.run = run_again}, .number = 1, .left = 2};
    numbered plain = {.task = {.run = numbered_run}, .number = 2};
    cr_assert(baton_loop_post(loop, &again.task));
    cr_assert(baton_loop_post(loop, &plain.task));
    cr_assert_eq(baton__loop_turn(loop), 2);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert_eq(baton__loop_turn(loop), 0);
    numbered_expect((const int[]){1, 2, 1, 1}, 4);
}

static void run_and_free(baton_task *task)
{
    numbered_note((numbered *)task);
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
    numbered_expect((const int[]){0, 1, 2}, 3);
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
    numbered it = {.task = {.run = numbered_run}};
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
    numbered it = {.task = {.run = numbered_run}};
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
    numbered far = {.timer = {.fire = numbered_fire}, .number = 1};
    numbered near = {.timer = {.fire = numbered_fire}, .number = 2};
    loop_start_timer(&far.timer, baton_loop_now_ns(loop) + HOUR_MS * BATON__NS_PER_MS);
    cr_assert(baton__loop_arm(loop));
    cr_assert_not(is_readable(0));
    loop_start_timer(&near.timer, baton_loop_now_ns(loop) + BATON__NS_PER_MS);
    cr_assert(baton__loop_arm(loop));
    cr_assert(is_readable(PATIENCE_MS));
    cr_assert_eq(baton__loop_turn(loop), 1);
    cr_assert(baton__loop_arm(loop));
    cr_assert_not(is_readable(0), "what has fired does not wake it again");
    loop_start_timer(&near.timer, 0); /* over since long ago */
    cr_assert(baton__loop_arm(loop));
    cr_assert(is_readable(PATIENCE_MS));
    cr_assert_eq(baton__loop_turn(loop), 1);
    numbered_expect((const int[]){2, 2}, 2);
    baton__loop_destroy(loop);
    loop = first;
}

Test(loop_spin, begins_after_work_and_ends_after_its_time)
{
    numbered it = {.task = {.run = numbered_run}};
    loop_open(200);
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
    loop_open(0);
    baton_loop_expect(loop);
    cr_assert_not(baton__loop_spins(loop));
    loop_close();
    loop_open(UINT32_MAX);
    now_ns = UINT64_MAX - 1;
    baton_loop_expect(loop);
    cr_assert(baton__loop_spins(loop));
}

static void stop_it(baton_task *task)
{
    numbered *it = (numbered *)task;
    numbered_note(it);
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
    numbered_expect((const int[]){1, 2, 2, 2, 2}, 5);
}

Test(loop, what_is_posted_and_has_not_run_is_dropped_with_the_loop)
{
    numbered it = {.task = {.run = numbered_run}};
    numbered timer = {.timer = {.fire = numbered_fire}};
    cr_assert(baton_loop_post(loop, &it.task));
    loop_start_timer(&timer.timer, 0);
    loop_close();
    cr_assert_eq(ran, 0);
    cr_assert_eq(timer.timer.slot_, 0);
    baton__loop_destroy(NULL);
}

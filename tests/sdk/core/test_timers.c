/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timers.h"

#include "support/no_memory.h"

#include <criterion/criterion.h>
#include <string.h>

enum { MANY = 20000 /* less than 2^15, the capacity for them */, FIRST_CAPACITY = 64 };

static baton__timers all;
static baton_timer timers[MANY];

static void clear(void)
{
    all = (baton__timers){0};
    memset(timers, 0, sizeof(timers));
}

static void fini(void)
{
    baton__timers_fini(&all);
}

TestSuite(timers, .init = clear, .fini = fini);

static void start(size_t index, uint64_t due_ns)
{
    cr_assert_eq(baton__timers_start(&all, &timers[index], due_ns), BATON_OK);
}

/* Random numbers that are the same in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static size_t running(void)
{
    return all.used - all.stopped;
}

static bool seen[2 * MANY]; /* tickets */
static size_t stopped_seen;

static void expect_item(const baton__timer_item *item)
{
    cr_assert_lt(item->ticket, all.capacity);
    cr_assert_not(seen[item->ticket]);
    seen[item->ticket] = true;
    const baton_timer *timer = all.tickets[item->ticket].timer;
    stopped_seen += timer == NULL;
    cr_assert(timer == NULL || (timer->slot_ == item->ticket + 1 && timer->due_ns_ == item->due_ns));
}

/* Every ticket is there once, every timer that runs has one, no item is due before its parent or the one that it follows. */
static void expect_sound(void)
{
    memset(seen, 0, sizeof(seen));
    stopped_seen = 0;
    size_t items = all.heap.used;
    for (size_t i = 0; i < all.heap.used; i++) {
        cr_assert_leq(all.heap.items[i == 0 ? 0 : (i - 1) / 4].due_ns, all.heap.items[i].due_ns);
        expect_item(&all.heap.items[i]);
    }
    for (size_t at = 0; at < BATON__TIMER_RUNS; at++) {
        const baton__timer_run *run = &all.runs[at];
        items += run->end - run->first;
        for (size_t i = run->first; i < run->end; i++) {
            cr_assert(i == run->first || run->items[i - 1].due_ns <= run->items[i].due_ns);
            expect_item(&run->items[i]);
        }
    }
    size_t free_tickets = 0;
    for (size_t ticket = all.free; free_tickets < all.capacity - items; ticket = all.tickets[ticket].next_free) {
        cr_assert_lt(ticket, all.capacity);
        cr_assert_not(seen[ticket]);
        seen[ticket] = true;
        free_tickets++;
    }
    cr_assert_eq(items, all.used);
    cr_assert_eq(stopped_seen, all.stopped);
}

Test(timers, an_empty_one_has_nothing_due)
{
    cr_assert_eq(baton__timers_next(&all), UINT64_MAX);
    cr_assert_null(baton__timers_pop(&all, UINT64_MAX));
    baton__timers_stop(&all, &timers[0]);
    cr_assert_eq(all.used, 0);
}

Test(timers, gives_the_earliest_first)
{
    static const uint64_t due[] = {50, 10, 40, 20, 30, 0, UINT64_MAX};
    for (size_t i = 0; i < 7; i++) {
        start(i, due[i]);
    }
    static const size_t order[] = {5, 1, 3, 4, 2, 0, 6};
    for (size_t i = 0; i < 7; i++) {
        cr_assert_eq(baton__timers_next(&all), due[order[i]]);
        cr_assert_eq(baton__timers_pop(&all, UINT64_MAX), &timers[order[i]]);
        cr_assert_eq(timers[order[i]].slot_, 0);
        expect_sound();
    }
    cr_assert_eq(baton__timers_next(&all), UINT64_MAX);
}

Test(timers, gives_a_timer_at_its_time_and_not_before)
{
    start(0, 1000);
    cr_assert_null(baton__timers_pop(&all, 999));
    cr_assert_neq(timers[0].slot_, 0);
    cr_assert_eq(baton__timers_pop(&all, 1000), &timers[0]);
    cr_assert_null(baton__timers_pop(&all, UINT64_MAX));
}

Test(timers, those_of_one_time_all_come_once)
{
    for (size_t i = 0; i < 1000; i++) {
        start(i, 7);
    }
    start(1000, 8);
    start(1001, 6);
    cr_assert_eq(baton__timers_pop(&all, 8), &timers[1001]);
    for (size_t i = 0; i < 1000; i++) {
        baton_timer *timer = baton__timers_pop(&all, 8);
        cr_assert_not_null(timer);
        cr_assert_eq(timer->due_ns_, 7);
        cr_assert_eq(timer->slot_, 0);
        timer->due_ns_ = 0; /* a second time it would not be 7 */
    }
    cr_assert_eq(baton__timers_pop(&all, 8), &timers[1000]);
}

Test(timers, any_of_them_can_be_stopped)
{
    for (size_t stopped = 0; stopped < 31; stopped++) {
        for (size_t i = 0; i < 31; i++) {
            start(i, 100 + i * 17 % 31);
        }
        baton__timers_stop(&all, &timers[stopped]);
        baton__timers_stop(&all, &timers[stopped]);
        cr_assert_eq(timers[stopped].slot_, 0);
        cr_assert_eq(running(), 30);
        expect_sound();
        uint64_t last = 0;
        for (baton_timer *timer; (timer = baton__timers_pop(&all, UINT64_MAX)) != NULL;) {
            cr_assert_neq(timer, &timers[stopped]);
            cr_assert_gt(timer->due_ns_, last);
            last = timer->due_ns_;
        }
    }
}

Test(timers, a_started_one_moves_both_ways_and_is_there_once)
{
    for (size_t i = 0; i < 100; i++) {
        start(i, 1000 + i);
    }
    start(99, 1);
    cr_assert_eq(baton__timers_next(&all), 1);
    start(99, 5000);
    cr_assert_eq(baton__timers_next(&all), 1000);
    start(0, 4000);
    start(50, 1050); /* where it is */
    cr_assert_eq(running(), 100);
    expect_sound();
    for (size_t i = 1; i < 99; i++) {
        cr_assert_eq(baton__timers_pop(&all, UINT64_MAX), &timers[i]);
    }
    cr_assert_eq(baton__timers_pop(&all, UINT64_MAX), &timers[0]);
    cr_assert_eq(baton__timers_pop(&all, UINT64_MAX), &timers[99]);
    cr_assert_null(baton__timers_pop(&all, UINT64_MAX));
}

Test(timers, thousands_in_random_order_come_sorted)
{
    uint64_t state = 1;
    for (size_t i = 0; i < MANY; i++) {
        start(i, next_random(&state) % 5000);
    }
    expect_sound();
    uint64_t last = 0;
    for (size_t i = 0; i < MANY; i++) {
        uint64_t next = baton__timers_next(&all);
        baton_timer *timer = baton__timers_pop(&all, next);
        cr_assert_not_null(timer);
        cr_assert_eq(timer->due_ns_, next);
        cr_assert_geq(next, last);
        last = next;
    }
    cr_assert_eq(all.used, 0);
}

/* Against a table that says for each timer when it is due, 0 when it is not running. */
Test(timers, thousands_of_random_starts_moves_stops_and_pops_agree_with_a_table)
{
    enum { TIMERS = 300, STEPS = 30000 };
    static uint64_t due[TIMERS];
    uint64_t state = 2;
    uint64_t now = 1;
    for (size_t step = 0; step < STEPS; step++) {
        size_t i = (size_t)(next_random(&state) % TIMERS);
        uint64_t what = next_random(&state) % 4;
        if (what < 2) {
            due[i] = now + next_random(&state) % 1000;
            start(i, due[i]);
        } else if (what == 2) {
            due[i] = 0;
            baton__timers_stop(&all, &timers[i]);
        } else {
            now += next_random(&state) % 20;
        }
        uint64_t earliest = UINT64_MAX;
        for (size_t k = 0; k < TIMERS; k++) {
            cr_assert_eq(due[k] != 0, timers[k].slot_ != 0);
            earliest = due[k] != 0 && due[k] < earliest ? due[k] : earliest;
        }
        cr_assert_eq(baton__timers_next(&all), earliest);
        baton_timer *timer = baton__timers_pop(&all, now);
        cr_assert_eq(timer != NULL, earliest <= now);
        if (timer != NULL) {
            cr_assert_eq(due[timer - timers], earliest);
            due[timer - timers] = 0;
        }
    }
    expect_sound();
}

Test(timers, what_was_stopped_does_not_pile_up)
{
    for (size_t i = 0; i < 100; i++) {
        start(i, 1000 + i);
    }
    for (size_t i = 0; i < MANY; i++) {
        start(100 + i % 50, 5000 + i);
        baton__timers_stop(&all, &timers[100 + i % 50]);
        cr_assert_leq(all.stopped, all.used / 2 + FIRST_CAPACITY);
    }
    expect_sound();
    cr_assert_leq(all.capacity, (size_t)4 * FIRST_CAPACITY);
    for (size_t i = 0; i < 100; i++) {
        cr_assert_eq(baton__timers_pop(&all, UINT64_MAX), &timers[i]);
    }
    cr_assert_null(baton__timers_pop(&all, UINT64_MAX));
}

Test(timers, most_of_many_are_stopped_in_any_order_and_the_rest_comes_sorted)
{
    uint64_t state = 3;
    size_t left = MANY;
    for (size_t i = 0; i < MANY; i++) {
        start(i, next_random(&state));
    }
    while (left > 100) {
        baton_timer *timer = &timers[next_random(&state) % MANY];
        left -= timer->slot_ != 0;
        baton__timers_stop(&all, timer);
    }
    expect_sound();
    cr_assert_eq(running(), 100);
    for (uint64_t last = 0; left-- > 0;) {
        const baton_timer *timer = baton__timers_pop(&all, UINT64_MAX);
        cr_assert_not_null(timer);
        cr_assert_geq(timer->due_ns_, last);
        last = timer->due_ns_;
    }
    cr_assert_eq(baton__timers_next(&all), UINT64_MAX);
}

Test(timers, with_the_last_that_runs_all_items_go)
{
    for (size_t i = 0; i < 20; i++) {
        start(i, i);
    }
    for (size_t i = 0; i < 20; i++) {
        baton__timers_stop(&all, &timers[i]);
    }
    cr_assert_eq(all.used, 0);
    expect_sound();
}

Test(timers, its_end_stops_what_is_running)
{
    for (size_t i = 0; i < 100; i++) {
        start(i, i);
    }
    baton__timers_fini(&all);
    for (size_t i = 0; i < 100; i++) {
        cr_assert_eq(timers[i].slot_, 0);
    }
    cr_assert_eq(baton__timers_next(&all), UINT64_MAX);
    start(0, 5); /* and it can be used again */
    cr_assert_eq(baton__timers_pop(&all, 5), &timers[0]);
}

Test(timers, without_memory_a_start_fails_and_the_others_stay)
{
    struct rlimit before;
    for (size_t i = 0; i < FIRST_CAPACITY; i++) {
        start(i, 10 + i);
    }
    if (!no_memory_begin((size_t)2 * FIRST_CAPACITY * sizeof(baton__timer_item), &before)) {
        cr_skip_test("memory cannot be made to fail here");
    }
    baton_status status = baton__timers_start(&all, &timers[FIRST_CAPACITY], 1);
    baton_status moved = baton__timers_start(&all, &timers[63], 5);
    no_memory_end(&before);
    cr_assert_eq(status, BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(moved, BATON_OK, "moving needs no memory");
    cr_assert_eq(timers[FIRST_CAPACITY].slot_, 0);
    cr_assert_eq(all.used, FIRST_CAPACITY);
    cr_assert_eq(baton__timers_next(&all), 5);
    expect_sound();
}

Test(timers, with_a_few_different_times_none_is_in_the_heap)
{
    static const uint64_t times[BATON__TIMER_RUNS] = {30000, 5000, 1000, 20};
    for (size_t i = 0; i < MANY; i++) {
        start(i, i + times[i * 7 % BATON__TIMER_RUNS]);
    }
    cr_assert_eq(all.heap.used, 0);
    expect_sound();
    uint64_t last = 0;
    for (size_t i = 0; i < MANY; i++) {
        const baton_timer *timer = baton__timers_pop(&all, UINT64_MAX);
        cr_assert_not_null(timer);
        cr_assert_geq(timer->due_ns_, last);
        last = timer->due_ns_;
    }
}

Test(timers, what_can_follow_no_run_is_in_the_heap_and_comes_in_its_turn)
{
    for (size_t i = 0; i < 1000; i++) {
        start(i, 5000 - i);
    }
    cr_assert_eq(all.heap.used, 1000 - BATON__TIMER_RUNS);
    expect_sound();
    for (size_t i = 1000; i-- > 0;) {
        cr_assert_eq(baton__timers_pop(&all, UINT64_MAX), &timers[i]);
    }
}

Test(timers, a_run_that_is_never_empty_takes_no_more_memory_than_what_is_in_it)
{
    for (size_t i = 0; i < 20; i++) {
        start(i, i);
    }
    for (size_t i = 20; i < MANY; i++) {
        start(i, i);
        cr_assert_eq(baton__timers_pop(&all, UINT64_MAX), &timers[i - 20]);
    }
    expect_sound();
    cr_assert_leq(all.capacity, (size_t)FIRST_CAPACITY);
    for (size_t at = 0; at < BATON__TIMER_RUNS; at++) {
        cr_assert_leq(all.runs[at].capacity, (size_t)FIRST_CAPACITY);
    }
}

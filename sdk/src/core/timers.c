/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timers.h"

#include "base/error.h"
#include <stdlib.h>

enum { FIRST_CAPACITY = 64, LINE = 64, LINES_BEFORE = 3 };

/* A place: a run, or BATON__TIMER_RUNS for the heap. */
static const baton__timer_item *first_at(const baton__timers *timers, size_t place)
{
    return place == BATON__TIMER_RUNS ? baton__timer_heap_top(&timers->heap) : baton__timer_run_first(&timers->runs[place]);
}

static void give_ticket(baton__timers *timers, size_t ticket)
{
    timers->tickets[ticket].next_free = timers->free;
    timers->free = ticket;
    timers->used--;
}

static void pop_at(baton__timers *timers, size_t place)
{
    size_t ticket = first_at(timers, place)->ticket;
    if (place == BATON__TIMER_RUNS) {
        baton__timer_heap_pop(&timers->heap);
    } else {
        baton__timer_run_pop(&timers->runs[place]);
    }
    give_ticket(timers, ticket);
}

/* The first that was not stopped; NULL: none. */
static const baton__timer_item *first_running_at(baton__timers *timers, size_t place)
{
    const baton__timer_item *item;
    while ((item = first_at(timers, place)) != NULL && timers->tickets[item->ticket].timer == NULL) {
        pop_at(timers, place);
        timers->stopped--;
    }
    return item;
}

static const baton__timer_item *earliest(baton__timers *timers, size_t *place_out)
{
    const baton__timer_item *found = NULL;
    for (size_t place = 0; place <= BATON__TIMER_RUNS; place++) {
        const baton__timer_item *item = first_running_at(timers, place);
        if (item != NULL && (found == NULL || item->due_ns < found->due_ns)) {
            found = item;
            *place_out = place;
        }
    }
    return found;
}

static bool stays(void *context, const baton__timer_item *item)
{
    baton__timers *timers = context;
    if (timers->tickets[item->ticket].timer != NULL) {
        return true;
    }
    give_ticket(timers, item->ticket);
    return false;
}

static void drop_stopped(baton__timers *timers)
{
    for (size_t i = 0; i < BATON__TIMER_RUNS; i++) {
        baton__timer_run_filter(&timers->runs[i], stays, timers);
    }
    baton__timer_heap_filter(&timers->heap, stays, timers);
    timers->stopped = 0;
}

static baton_status grow(baton__timers *timers)
{
    size_t capacity = timers->capacity == 0 ? FIRST_CAPACITY : timers->capacity * 2;
    if (!baton__timer_heap_reserve(&timers->heap, capacity)) {
        return baton__fail_memory("the table of timers");
    }
    baton__timer_ticket *tickets = realloc(timers->tickets, capacity * sizeof(*tickets));
    if (tickets == NULL) {
        return baton__fail_memory("the table of timers");
    }
    timers->tickets = tickets;
    for (size_t i = capacity; i-- > timers->capacity;) {
        tickets[i].next_free = timers->free;
        timers->free = i;
    }
    timers->capacity = capacity;
    return BATON_OK;
}

static baton_status make_room(baton__timers *timers)
{
    if (timers->used < timers->capacity) {
        return BATON_OK;
    }
    if (timers->stopped <= timers->used / 4) { /* going through all for a few would have to be done again soon */
        baton_status status = grow(timers);
        if (status == BATON_OK || timers->stopped == 0) {
            return status;
        }
    }
    drop_stopped(timers);
    return BATON_OK;
}

/* Of those that the item can follow the one that ends latest; an empty one after all others. NULL: none. */
static baton__timer_run *run_for(baton__timers *timers, uint64_t due_ns)
{
    baton__timer_run *found = NULL;
    const baton__timer_item *best = NULL;
    for (size_t i = 0; i < BATON__TIMER_RUNS; i++) {
        baton__timer_run *run = &timers->runs[i];
        const baton__timer_item *last = baton__timer_run_last(run);
        if (last == NULL) {
            found = found == NULL ? run : found;
        } else if (last->due_ns <= due_ns && (best == NULL || last->due_ns > best->due_ns)) {
            found = run;
            best = last;
        }
    }
    return found;
}

/* Has the processor fetch the timer that is next there, and what stands before it: most likely the object that it is a part of. */
static void fetch_first_at(const baton__timers *timers, size_t place)
{
    const baton__timer_item *item = first_at(timers, place);
    const char *timer = item == NULL ? NULL : (const char *)timers->tickets[item->ticket].timer;
    for (size_t back = 0; timer != NULL && back < LINES_BEFORE; back++) {
        __builtin_prefetch(timer - back * LINE, 1);
    }
}

void baton__timers_fini(baton__timers *timers)
{
    while (baton__timers_pop(timers, UINT64_MAX) != NULL) {
    }
    for (size_t i = 0; i < BATON__TIMER_RUNS; i++) {
        baton__timer_run_fini(&timers->runs[i]);
    }
    baton__timer_heap_fini(&timers->heap);
    free(timers->tickets);
    *timers = (baton__timers){0};
}

baton_status baton__timers_start(baton__timers *timers, baton_timer *timer, uint64_t due_ns)
{
    baton__timers_stop(timers, timer);
    baton_status status = make_room(timers);
    if (status != BATON_OK) {
        return status;
    }
    size_t ticket = timers->free;
    timers->free = timers->tickets[ticket].next_free;
    timers->tickets[ticket].timer = timer;
    timers->used++;
    timer->due_ns_ = due_ns;
    timer->slot_ = ticket + 1;
    baton__timer_item item = {.due_ns = due_ns, .ticket = ticket};
    baton__timer_run *run = run_for(timers, due_ns);
    if (run == NULL || !baton__timer_run_append(run, item)) {
        baton__timer_heap_push(&timers->heap, item);
    }
    if (due_ns < timers->not_before_ns) {
        timers->not_before_ns = due_ns;
    }
    return BATON_OK;
}

void baton__timers_stop(baton__timers *timers, baton_timer *timer)
{
    if (timer->slot_ == 0) {
        return;
    }
    timers->tickets[timer->slot_ - 1].timer = NULL;
    timer->slot_ = 0;
    timers->stopped++;
    if (timers->stopped == timers->used || (timers->stopped > FIRST_CAPACITY / 2 && timers->stopped > timers->used / 2)) {
        drop_stopped(timers);
    }
}

uint64_t baton__timers_next(baton__timers *timers)
{
    size_t place = 0;
    const baton__timer_item *item = earliest(timers, &place);
    return item == NULL ? UINT64_MAX : item->due_ns;
}

baton_timer *baton__timers_pop(baton__timers *timers, uint64_t now_ns)
{
    size_t place = 0;
    if (now_ns < timers->not_before_ns) {
        return NULL;
    }
    const baton__timer_item *item = earliest(timers, &place);
    if (item == NULL || item->due_ns > now_ns) {
        timers->not_before_ns = item == NULL ? UINT64_MAX : item->due_ns;
        return NULL;
    }
    baton_timer *timer = timers->tickets[item->ticket].timer;
    pop_at(timers, place);
    timer->slot_ = 0;
    fetch_first_at(timers, place);
    return timer;
}

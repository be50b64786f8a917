/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_TIMERS_H
#define BATON_CORE_TIMERS_H

#include "core/timer_run.h"
#include <baton/loop.h>

/*
 * Timers by due time, for 100,000 of them that are nearly all stopped before they are due. What a service starts it starts with few
 * different times (a deadline, a lease, a renewal), and with one of them later is due later: so an item goes to the end of a run
 * that it can follow, of several to the one that ends latest, as in patience sorting (Aldous and Diaconis, "Longest increasing
 * subsequences", 1999), and what can follow none goes into a heap. So starting, stopping and popping cost constant time, whatever
 * runs beside; in the heap the logarithm of what is in it.
 *
 * Items carry the due time, so that nothing but them is read and written to find a place: the timers lie all over memory. An item
 * names its timer by a ticket, which the timer keeps while it runs. A stopped timer only leaves its item behind; such items go when
 * they come to the front, or all at once when they are more than the others and than a handful. Owner thread only. Zeroed memory is
 * an empty one.
 */
enum { BATON__TIMER_RUNS = 4 };

/* Of a ticket that an item has: NULL when it was stopped. Of a free one: the next that is free, SIZE_MAX at the end. */
typedef union baton__timer_ticket {
    baton_timer *timer;
    size_t next_free;
} baton__timer_ticket;

typedef struct baton__timers {
    baton__timer_run runs[BATON__TIMER_RUNS];
    baton__timer_heap heap;
    baton__timer_ticket *tickets;
    uint64_t not_before_ns; /* none is due before: what most looks find out without looking */
    size_t free;     /* a free ticket; only if there is one */
    size_t used;     /* items, those of stopped timers included */
    size_t stopped;
    size_t capacity; /* tickets, and places in the heap: an item has one there in any case */
} baton__timers;

/* Stops all. */
void baton__timers_fini(baton__timers *timers);
/* Starts or moves; moving needs no memory. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__timers_start(baton__timers *timers, baton_timer *timer, uint64_t due_ns);
void baton__timers_stop(baton__timers *timers, baton_timer *timer);
/* The earliest due time, UINT64_MAX if there is none. */
uint64_t baton__timers_next(baton__timers *timers);
/* Stops and returns the earliest timer that is due, NULL if none is. */
baton_timer *baton__timers_pop(baton__timers *timers, uint64_t now_ns);

#endif

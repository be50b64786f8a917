/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_TIMER_HEAP_H
#define BATON_CORE_TIMER_HEAP_H

#include <baton/loop.h>

/*
 * Timers by due time, for 100,000 of them that are nearly all stopped before they are due. A heap of four children (LaMarca and
 * Ladner, "The Influence of Caches on the Performance of Heaps", 1996) whose items carry the due time, so that finding an item's
 * place reads and writes nothing but the heap: the timers themselves lie all over memory. A stopped timer only leaves its item
 * behind; such items go when they come to the top, or all at once when they are more than the others and than a handful. So stopping
 * costs constant time, amortised; starting and popping cost the logarithm of the number that run.
 *
 * An item names its timer by a ticket, which the timer keeps while it runs. `items` is always a permutation of all tickets: those
 * from `used` on are free. Owner thread only.
 */
typedef struct baton__timer_item {
    uint64_t due_ns;
    size_t ticket;
} baton__timer_item;

typedef struct baton__timer_heap {
    baton__timer_item *items;
    baton_timer **timers; /* by ticket; NULL: stopped */
    size_t used;          /* items, those of stopped timers included */
    size_t stopped;
    size_t capacity; /* of both */
} baton__timer_heap;

void baton__timer_heap_fini(baton__timer_heap *heap);
/* Starts or moves; moving needs no memory. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__timer_heap_start(baton__timer_heap *heap, baton_timer *timer, uint64_t due_ns);
void baton__timer_heap_stop(baton__timer_heap *heap, baton_timer *timer);
/* The earliest due time, UINT64_MAX if there is none. */
uint64_t baton__timer_heap_next(baton__timer_heap *heap);
/* Stops and returns the earliest timer that is due, NULL if none is. */
baton_timer *baton__timer_heap_pop(baton__timer_heap *heap, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_TIMER_HEAP_H
#define BATON_CORE_TIMER_HEAP_H

#include <baton/loop.h>

/* Timers by due time: a binary heap of pointers in which every timer knows its place, so that stopping
 * one of 100,000 costs a sift and no search. Owner thread only. */
typedef struct baton__timer_heap {
    baton_timer **items;
    size_t used;
    size_t capacity;
} baton__timer_heap;

void baton__timer_heap_fini(baton__timer_heap *heap);
/* Starts or moves. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__timer_heap_start(baton__timer_heap *heap, baton_timer *timer, uint64_t due_ns);
void baton__timer_heap_stop(baton__timer_heap *heap, baton_timer *timer);
/* The earliest due time, UINT64_MAX if there is none. */
uint64_t baton__timer_heap_next(const baton__timer_heap *heap);
/* Stops and returns the earliest timer that is due, NULL if none is. */
baton_timer *baton__timer_heap_pop(baton__timer_heap *heap, uint64_t now_ns);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_TIMER_HEAP_H
#define BATON_CORE_TIMER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When the timer with that ticket is due; timers.h. */
typedef struct baton__timer_item {
    uint64_t due_ns;
    size_t ticket;
} baton__timer_item;

/* Says if an item is to stay; called once for each. */
typedef bool (*baton__timer_item_stays_fn)(void *context, const baton__timer_item *item);

/*
 * Items by due time, in a heap of four children (LaMarca and Ladner, "The Influence of Caches on the Performance of Heaps", 1996).
 * Zeroed memory is an empty one.
 */
typedef struct baton__timer_heap {
    baton__timer_item *items;
    size_t used;
    size_t capacity;
} baton__timer_heap;

void baton__timer_heap_fini(baton__timer_heap *heap);
/* Room for so many items in all. False: no memory. */
bool baton__timer_heap_reserve(baton__timer_heap *heap, size_t capacity);
/* There is room. */
void baton__timer_heap_push(baton__timer_heap *heap, baton__timer_item item);
/* The earliest; NULL: there is none. */
const baton__timer_item *baton__timer_heap_top(const baton__timer_heap *heap);
/* There is one. */
void baton__timer_heap_pop(baton__timer_heap *heap);
void baton__timer_heap_filter(baton__timer_heap *heap, baton__timer_item_stays_fn stays, void *context);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer_heap.h"

#include "base/error.h"
#include <stdlib.h>

enum { CHILDREN = 4, FIRST_CAPACITY = 64 };

static bool is_stopped(const baton__timer_heap *heap, size_t index)
{
    return heap->timers[heap->items[index].ticket] == NULL;
}

static void sift_up(baton__timer_heap *heap, size_t index)
{
    baton__timer_item item = heap->items[index];
    while (index > 0) {
        size_t parent = (index - 1) / CHILDREN;
        if (heap->items[parent].due_ns <= item.due_ns) {
            break;
        }
        heap->items[index] = heap->items[parent];
        index = parent;
    }
    heap->items[index] = item;
}

static size_t earliest_child(const baton__timer_heap *heap, size_t first)
{
    size_t end = first + CHILDREN < heap->used ? first + CHILDREN : heap->used;
    size_t found = first;
    for (size_t child = first + 1; child < end; child++) {
        if (heap->items[child].due_ns < heap->items[found].due_ns) {
            found = child;
        }
    }
    return found;
}

static void sift_down(baton__timer_heap *heap, size_t index)
{
    baton__timer_item item = heap->items[index];
    for (size_t first; (first = CHILDREN * index + 1) < heap->used;) {
        size_t child = earliest_child(heap, first);
        if (item.due_ns <= heap->items[child].due_ns) {
            break;
        }
        heap->items[index] = heap->items[child];
        index = child;
    }
    heap->items[index] = item;
}

static void swap(baton__timer_heap *heap, size_t left, size_t right)
{
    baton__timer_item item = heap->items[left];
    heap->items[left] = heap->items[right];
    heap->items[right] = item;
}

static void remove_top(baton__timer_heap *heap)
{
    swap(heap, 0, --heap->used);
    if (heap->used > 1) {
        sift_down(heap, 0);
    }
}

static void drop_stopped_at_top(baton__timer_heap *heap)
{
    while (heap->used != 0 && is_stopped(heap, 0)) {
        remove_top(heap);
        heap->stopped--;
    }
}

/* There is one that runs. */
static void drop_stopped(baton__timer_heap *heap)
{
    size_t kept = 0;
    for (size_t i = 0; i < heap->used; i++) {
        if (!is_stopped(heap, i)) {
            swap(heap, kept++, i);
        }
    }
    heap->used = kept;
    heap->stopped = 0;
    for (size_t i = kept / CHILDREN + 1; i-- > 0;) {
        sift_down(heap, i);
    }
}

static baton_status grow(baton__timer_heap *heap)
{
    size_t capacity = heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity * 2;
    baton__timer_item *items = realloc(heap->items, capacity * sizeof(*items));
    if (items == NULL) {
        return baton__fail_memory("the table of timers");
    }
    heap->items = items;
    baton_timer **timers = realloc(heap->timers, capacity * sizeof(baton_timer *));
    if (timers == NULL) {
        return baton__fail_memory("the table of timers");
    }
    heap->timers = timers;
    for (size_t i = heap->capacity; i < capacity; i++) {
        items[i].ticket = i;
    }
    heap->capacity = capacity;
    return BATON_OK;
}

static baton_status make_room(baton__timer_heap *heap)
{
    if (heap->used < heap->capacity) {
        return BATON_OK;
    }
    if (heap->stopped <= heap->used / 4) { /* going through all for a few would have to be done again soon */
        baton_status status = grow(heap);
        if (status == BATON_OK || heap->stopped == 0) {
            return status;
        }
    }
    drop_stopped(heap);
    return BATON_OK;
}

void baton__timer_heap_fini(baton__timer_heap *heap)
{
    for (size_t i = 0; i < heap->used; i++) {
        if (!is_stopped(heap, i)) {
            heap->timers[heap->items[i].ticket]->slot_ = 0;
        }
    }
    free(heap->items);
    free(heap->timers);
    *heap = (baton__timer_heap){0};
}

baton_status baton__timer_heap_start(baton__timer_heap *heap, baton_timer *timer, uint64_t due_ns)
{
    baton__timer_heap_stop(heap, timer);
    baton_status status = make_room(heap);
    if (status != BATON_OK) {
        return status;
    }
    baton__timer_item *item = &heap->items[heap->used];
    item->due_ns = due_ns;
    heap->timers[item->ticket] = timer;
    timer->due_ns_ = due_ns;
    timer->slot_ = item->ticket + 1;
    sift_up(heap, heap->used++);
    return BATON_OK;
}

void baton__timer_heap_stop(baton__timer_heap *heap, baton_timer *timer)
{
    if (timer->slot_ == 0) {
        return;
    }
    heap->timers[timer->slot_ - 1] = NULL;
    timer->slot_ = 0;
    heap->stopped++;
    if (heap->stopped == heap->used) {
        heap->used = 0; /* nothing runs: nothing is to be put in order */
        heap->stopped = 0;
    } else if (heap->stopped > FIRST_CAPACITY / 2 && heap->stopped > heap->used / 2) {
        drop_stopped(heap);
    }
}

uint64_t baton__timer_heap_next(baton__timer_heap *heap)
{
    drop_stopped_at_top(heap);
    return heap->used == 0 ? UINT64_MAX : heap->items[0].due_ns;
}

baton_timer *baton__timer_heap_pop(baton__timer_heap *heap, uint64_t now_ns)
{
    while (heap->used != 0 && heap->items[0].due_ns <= now_ns) {
        baton_timer *timer = heap->timers[heap->items[0].ticket];
        remove_top(heap);
        if (timer != NULL) {
            timer->slot_ = 0;
            return timer;
        }
        heap->stopped--;
    }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer_heap.h"

#include "base/error.h"
#include <stdlib.h>

static void place(baton__timer_heap *heap, size_t index, baton_timer *timer)
{
    heap->items[index] = timer;
    timer->slot_ = index + 1;
}

static void sift_up(baton__timer_heap *heap, size_t index)
{
    baton_timer *timer = heap->items[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (heap->items[parent]->due_ns_ <= timer->due_ns_) {
            break;
        }
        place(heap, index, heap->items[parent]);
        index = parent;
    }
    place(heap, index, timer);
}

static void sift_down(baton__timer_heap *heap, size_t index)
{
    baton_timer *timer = heap->items[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->used) {
            break;
        }
        if (child + 1 < heap->used &&
            heap->items[child + 1]->due_ns_ < heap->items[child]->due_ns_) {
            child++;
        }
        if (timer->due_ns_ <= heap->items[child]->due_ns_) {
            break;
        }
        place(heap, index, heap->items[child]);
        index = child;
    }
    place(heap, index, timer);
}

static void remove_at(baton__timer_heap *heap, size_t index)
{
    heap->items[index]->slot_ = 0;
    baton_timer *last = heap->items[--heap->used];
    if (index == heap->used) {
        return;
    }
    place(heap, index, last);
    sift_down(heap, index);
    sift_up(heap, last->slot_ - 1);
}

static baton_status grow(baton__timer_heap *heap)
{
    if (heap->used < heap->capacity) {
        return BATON_OK;
    }
    size_t capacity = heap->capacity == 0 ? 64 : heap->capacity * 2;
    baton_timer **items = realloc(heap->items, capacity * sizeof(*items));
    if (items == NULL) {
        return baton__fail_memory("the table of timers");
    }
    heap->items = items;
    heap->capacity = capacity;
    return BATON_OK;
}

void baton__timer_heap_fini(baton__timer_heap *heap)
{
    for (size_t i = 0; i < heap->used; i++) {
        heap->items[i]->slot_ = 0;
    }
    free(heap->items);
    *heap = (baton__timer_heap){0};
}

baton_status baton__timer_heap_start(baton__timer_heap *heap, baton_timer *timer, uint64_t due_ns)
{
    if (timer->slot_ != 0) {
        timer->due_ns_ = due_ns;
        sift_down(heap, timer->slot_ - 1);
        sift_up(heap, timer->slot_ - 1);
        return BATON_OK;
    }
    baton_status status = grow(heap);
    if (status != BATON_OK) {
        return status;
    }
    timer->due_ns_ = due_ns;
    heap->used++;
    place(heap, heap->used - 1, timer);
    sift_up(heap, heap->used - 1);
    return BATON_OK;
}

void baton__timer_heap_stop(baton__timer_heap *heap, baton_timer *timer)
{
    if (timer->slot_ != 0) {
        remove_at(heap, timer->slot_ - 1);
    }
}

uint64_t baton__timer_heap_next(const baton__timer_heap *heap)
{
    return heap->used == 0 ? UINT64_MAX : heap->items[0]->due_ns_;
}

baton_timer *baton__timer_heap_pop(baton__timer_heap *heap, uint64_t now_ns)
{
    if (heap->used == 0 || heap->items[0]->due_ns_ > now_ns) {
        return NULL;
    }
    baton_timer *timer = heap->items[0];
    remove_at(heap, 0);
    return timer;
}

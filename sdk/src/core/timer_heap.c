/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer_heap.h"

#include <stdlib.h>

enum { CHILDREN = 4 };

void baton__timer_heap_fini(baton__timer_heap *heap)
{
    free(heap->items);
    *heap = (baton__timer_heap){0};
}

bool baton__timer_heap_reserve(baton__timer_heap *heap, size_t capacity)
{
    if (capacity <= heap->capacity) {
        return true;
    }
    baton__timer_item *items = realloc(heap->items, capacity * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    heap->items = items;
    heap->capacity = capacity;
    return true;
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

void baton__timer_heap_push(baton__timer_heap *heap, baton__timer_item item)
{
    size_t index = heap->used++;
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

const baton__timer_item *baton__timer_heap_top(const baton__timer_heap *heap)
{
    return heap->used == 0 ? NULL : heap->items;
}

void baton__timer_heap_pop(baton__timer_heap *heap)
{
    heap->items[0] = heap->items[--heap->used];
    if (heap->used > 1) {
        sift_down(heap, 0);
    }
}

void baton__timer_heap_filter(baton__timer_heap *heap, baton__timer_item_stays_fn stays, void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < heap->used; i++) {
        if (stays(context, &heap->items[i])) {
            heap->items[kept++] = heap->items[i];
        }
    }
    heap->used = kept;
    for (size_t i = kept / CHILDREN + 1; kept > 1 && i-- > 0;) {
        sift_down(heap, i);
    }
}

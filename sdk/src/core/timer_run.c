/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer_run.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void baton__timer_run_fini(baton__timer_run *run)
{
    free(run->items);
    *run = (baton__timer_run){0};
}

/* At least half of the places are free or made, so that an item is moved once for each that is appended. */
static bool make_room(baton__timer_run *run)
{
    size_t used = run->end - run->first;
    if (used > run->capacity / 2 || run->capacity == 0) {
        size_t capacity = run->capacity == 0 ? FIRST_CAPACITY : run->capacity * 2;
        baton__timer_item *items = realloc(run->items, capacity * sizeof(*items));
        if (items == NULL) {
            return false;
        }
        run->items = items;
        run->capacity = capacity;
    }
    memmove(run->items, run->items + run->first, used * sizeof(*run->items));
    run->first = 0;
    run->end = used;
    return true;
}

bool baton__timer_run_append(baton__timer_run *run, baton__timer_item item)
{
    if (run->end == run->capacity && !make_room(run)) {
        return false;
    }
    run->items[run->end++] = item;
    return true;
}

const baton__timer_item *baton__timer_run_first(const baton__timer_run *run)
{
    return run->first == run->end ? NULL : &run->items[run->first];
}

const baton__timer_item *baton__timer_run_last(const baton__timer_run *run)
{
    return run->first == run->end ? NULL : &run->items[run->end - 1];
}

void baton__timer_run_pop(baton__timer_run *run)
{
    if (++run->first == run->end) {
        run->first = 0;
        run->end = 0;
    }
}

void baton__timer_run_filter(baton__timer_run *run, baton__timer_item_stays_fn stays, void *context)
{
    size_t kept = 0;
    for (size_t i = run->first; i < run->end; i++) {
        if (stays(context, &run->items[i])) {
            run->items[kept++] = run->items[i];
        }
    }
    run->first = 0;
    run->end = kept;
}

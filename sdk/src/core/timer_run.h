/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_TIMER_RUN_H
#define BATON_CORE_TIMER_RUN_H

#include "core/timer_heap.h"

/* Items that came in the order in which they are due: both ends take constant time. Zeroed memory is an empty one. */
typedef struct baton__timer_run {
    baton__timer_item *items;
    size_t first;
    size_t end; /* behind the last */
    size_t capacity;
} baton__timer_run;

void baton__timer_run_fini(baton__timer_run *run);
/* The item is not due before the last one. False: no memory, and nothing changed. */
bool baton__timer_run_append(baton__timer_run *run, baton__timer_item item);
/* NULL: there is none. */
const baton__timer_item *baton__timer_run_first(const baton__timer_run *run);
const baton__timer_item *baton__timer_run_last(const baton__timer_run *run);
/* There is one. */
void baton__timer_run_pop(baton__timer_run *run);
void baton__timer_run_filter(baton__timer_run *run, baton__timer_item_stays_fn stays, void *context);

#endif

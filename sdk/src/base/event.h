/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_EVENT_H
#define BATON_BASE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A one-shot event in four bytes: set once, waited for by any number of threads (futex(2)). An
 * operation has one of its own, so that 100,000 operations cost no mutexes and ending one wakes
 * nobody else.
 */
typedef struct baton__event {
    uint32_t state; /* 0 not set, 1 set, 2 not set and somebody waits */
} baton__event;

#define BATON__EVENT_INIT \
    {                     \
        0                 \
    }

/* What was written before set is seen by who sees it set. Setting twice is legal. */
void baton__event_set(baton__event *event);
bool baton__event_is_set(const baton__event *event);
/* timeout_ms: BATON_FOREVER for no bound (UINT32_MAX). Returns true if set, false after the time.
 */
bool baton__event_wait(baton__event *event, uint32_t timeout_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_RECYCLER_H
#define BATON_BASE_RECYCLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory of one size that any thread takes and any thread gives back, without a lock: a bounded ring with a sequence
 * number in each place (Dmitry Vyukov, "Bounded MPMC queue", 1024cores). What finds the ring full or empty goes to the C library. Under
 * AddressSanitizer everything does, so that a use after free is seen.
 */
typedef struct baton__recycler_place {
    uint32_t turn; /* atomic */
    void *memory;
} baton__recycler_place;

enum { BATON__RECYCLER_PLACES = 1024 };

typedef struct baton__recycler {
    uint32_t give_at; /* atomic */
    uint32_t take_at; /* atomic */
    size_t size;      /* bytes of each piece */
    baton__recycler_place places[BATON__RECYCLER_PLACES];
} baton__recycler;

void baton__recycler_init(baton__recycler *recycler, size_t size);
/* Nobody else uses it any more. */
void baton__recycler_fini(baton__recycler *recycler);
/* Zeroed, or with undefined contents. NULL: no memory. Threads: any. */
void *baton__recycler_take(baton__recycler *recycler);
void *baton__recycler_take_raw(baton__recycler *recycler);
void baton__recycler_give(baton__recycler *recycler, void *memory);
/* The ring alone, for those who have the memory from elsewhere (base/depot.h). NULL: empty; false: full. Threads: any. */
void *baton__recycler_try_take(baton__recycler *recycler);
bool baton__recycler_try_give(baton__recycler *recycler, void *memory);

#endif

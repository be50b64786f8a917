/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_DEPOT_H
#define BATON_BASE_DEPOT_H

#include "base/recycler.h"
#include "base/slab.h"
#include <pthread.h>

/*
 * Memory of one size that any thread takes and any thread gives back, also a hundred thousand pieces at a time: a ring
 * without a lock for the few that come and go, behind it a slab under a lock (after Bonwick and Adams, "Magazines and Vmem", USENIX
 * 2001). Pieces of a slab lie side by side in large blocks, which the C library would give back to the kernel between two rushes.
 * Under AddressSanitizer everything goes to the C library, so that a use after free is seen.
 */
typedef struct baton__depot {
    baton__recycler ring;
    pthread_mutex_t lock;
    baton__slab slab;
} baton__depot;

/* size: bytes. A piece begins with a line of the cache, but for AddressSanitizer. */
void baton__depot_init(baton__depot *depot, size_t size);
/* Nobody else uses the depot any more, nor a piece of it. */
void baton__depot_fini(baton__depot *depot);
/* Zeroed. NULL: no memory. Threads: any. */
void *baton__depot_take(baton__depot *depot);
/* NULL is legal. Threads: any. */
void baton__depot_give(baton__depot *depot, void *memory);

#endif

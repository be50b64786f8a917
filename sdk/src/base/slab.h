/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_SLAB_H
#define BATON_BASE_SLAB_H

#include <stddef.h>

/*
 * Objects of one size from a free list, taken from the C library a slab at a time (Bonwick, "The Slab Allocator", USENIX
 * 1994, without its caches of constructed objects). Nothing goes back before the end: what is kept is what was once in use at a time. One
 * thread. Under AddressSanitizer what is free is poisoned.
 */
typedef struct baton__slab_object baton__slab_object;
typedef struct baton__slab {
    size_t object_size;
    baton__slab_object *free;
    struct baton__slab_block *blocks;
} baton__slab;

/* object_size: bytes. */
void baton__slab_init(baton__slab *slab, size_t object_size);
/* All objects, also those that are in use. */
void baton__slab_fini(baton__slab *slab);
/* Zeroed; aligned for any type. NULL: no memory. */
void *baton__slab_take(baton__slab *slab);
void baton__slab_give(baton__slab *slab, void *object);

#endif

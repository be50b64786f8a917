/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_SLAB_H
#define BATON_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

/*
 * Objects of one size from a free list, taken from the C library a block at a time (Bonwick, "The Slab Allocator", USENIX
 * 1994, without its caches of constructed objects). Nothing goes back before the end: what is kept is what was once in use at a time,
 * and a quarter of that. Blocks are cut as they are needed, and of large ones the kernel is asked to make huge pages: 100,000 objects
 * would miss the TLB all the time. What will be taken next is fetched into the cache meanwhile. One thread. Under AddressSanitizer
 * what is free is poisoned.
 */
typedef struct baton__slab_object baton__slab_object;
typedef struct baton__slab {
    size_t object_size;
    baton__slab_object *free;
    struct baton__slab_block *blocks;
    uint8_t *uncut;    /* of the newest block */
    size_t uncut_count; /* objects there */
    size_t bytes;      /* of all blocks */
} baton__slab;

/* object_size: bytes. */
void baton__slab_init(baton__slab *slab, size_t object_size);
/* All objects, also those that are in use. */
void baton__slab_fini(baton__slab *slab);
/* Zeroed, or with undefined contents; aligned for any type, and to a line of the cache where object_size is whole lines. NULL: no memory. */
void *baton__slab_take(baton__slab *slab);
void *baton__slab_take_raw(baton__slab *slab);
void baton__slab_give(baton__slab *slab, void *object);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MEMORY_SPACE_H
#define BATON_MEMORY_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which parts of a range are taken: two-level segregated fit (TLSF), in units, with all bookkeeping outside of the range. Taking and
 * giving back take constant time. Not thread-safe.
 *
 * A class is the position of a number's highest bit (first level) and the SPACE_SPLIT_BITS bits after it (second level). What is
 * free stands in the list of its class; a request takes the first one of the next class that is all large enough.
 */
enum { BATON__SPACE_SPLIT_BITS = 4, BATON__SPACE_SPLITS = 1 << BATON__SPACE_SPLIT_BITS, BATON__SPACE_LEVELS = 62 };

typedef struct baton__part {
    uint64_t offset; /* units */
    uint64_t units;
    bool taken;
    struct baton__part *before; /* in the range; NULL at its ends */
    struct baton__part *after;
    struct baton__part *prev; /* in the list of its class, or of unused parts */
    struct baton__part *next;
    void *owner; /* the caller's */
} baton__part;

typedef struct baton__space {
    uint64_t levels; /* a bit for each first level that has something */
    uint32_t splits[BATON__SPACE_LEVELS];
    baton__part *lists[BATON__SPACE_LEVELS][BATON__SPACE_SPLITS];
    baton__part *unused;
    baton__part *first;
} baton__space;

/* units: 1 .. 2^60. False: no memory. */
bool baton__space_init(baton__space *space, uint64_t units);
void baton__space_fini(baton__space *space);
/* units: 1 .. 2^60. NULL, and *memory_out true: no memory for a part; false: no room. */
baton__part *baton__space_take(baton__space *space, uint64_t units, bool *memory_out);
void baton__space_give(baton__space *space, baton__part *part);

#endif

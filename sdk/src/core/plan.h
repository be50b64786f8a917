/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_PLAN_H
#define BATON_CORE_PLAN_H

#include "base/layout.h"
#include <baton/status.h>
#include <stdbool.h>

/*
 * How an operation's bytes are cut into chunks: all of its descriptors are one row of bytes (base/layout.h), and a chunk is a range
 * of it, small segments together, large ones in parts. Both sides make the same plan from the total and the chunk size, so that a chunk
 * travels as a bare index: whatever a peer sends, a chunk that passes `index < chunks` lies inside of the memory.
 */
typedef struct baton__plan {
    uint64_t chunk_size;
    uint64_t total;
    uint32_t chunks;
} baton__plan;

#define BATON__CHUNK_MIN UINT64_C(4096)
#define BATON__CHUNK_MAX (UINT64_C(1) << 30)
#define BATON__CHUNKS_MAX (UINT32_C(1) << 24)

/* total: not 0. Errors: ERR_INVALID_ARGUMENT (chunk size out of range or no power of two), ERR_TOO_LARGE (too many chunks). */
baton_status baton__plan_init(baton__plan *plan, uint64_t total, uint64_t chunk_size);
/* index < plan->chunks; layout has the plan's total. */
baton__slice baton__plan_slice(const baton__plan *plan, const baton__layout *layout, uint32_t index);

/* A bit for each chunk; up to 64 without an allocation. */
typedef struct baton__bits {
    uint32_t size;
    uint32_t set;      /* how many are */
    uint64_t word;
    uint64_t *words;   /* NULL: word */
} baton__bits;

baton_status baton__bits_init(baton__bits *bits, uint32_t size);
void baton__bits_fini(baton__bits *bits);
bool baton__bits_get(const baton__bits *bits, uint32_t index);
/* False if it was set before. */
bool baton__bits_set(baton__bits *bits, uint32_t index);
void baton__bits_clear(baton__bits *bits, uint32_t index);
/* The first clear bit from index on; size if there is none. */
uint32_t baton__bits_next_clear(const baton__bits *bits, uint32_t index);
/* Sizes are equal. */
void baton__bits_copy(baton__bits *to, const baton__bits *from);
static inline bool baton__bits_full(const baton__bits *bits) { return bits->set == bits->size; }

#endif

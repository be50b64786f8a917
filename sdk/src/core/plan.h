/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_PLAN_H
#define BATON_CORE_PLAN_H

#include <baton/descriptor.h>

/*
 * How an operation's memory is cut into chunks. Both sides make the same plan from the sizes of the
 * descriptors and the chunk size, so that a chunk travels as a bare index: whatever a peer sends, a chunk
 * that passes `index < chunks` lies inside a descriptor.
 */
typedef struct baton__plan {
    uint64_t chunk_size;
    uint32_t chunks;
    uint32_t count;        /* descriptors */
    uint32_t *first_chunk; /* count + 1 entries; NULL for one descriptor */
} baton__plan;

typedef struct baton__piece {
    uint8_t *pointer;
    size_t size;
} baton__piece;

#define BATON__CHUNK_MIN UINT64_C(4096)
#define BATON__CHUNK_MAX (UINT64_C(1) << 30)
#define BATON__CHUNKS_MAX (UINT32_C(1) << 24)

/* Errors: ERR_INVALID_ARGUMENT (chunk size out of range or no power of two), ERR_TOO_LARGE (too many chunks), ERR_OUT_OF_MEMORY. */
baton_status baton__plan_init(baton__plan *plan, baton_descriptor *const *descriptors, uint32_t count,
                              uint64_t chunk_size);
void baton__plan_fini(baton__plan *plan);
/* index < plan->chunks */
baton__piece baton__plan_piece(const baton__plan *plan, baton_descriptor *const *descriptors,
                               uint32_t index);

/* The descriptor that has the chunk: its index, and itself. */
uint32_t baton__plan_which(const baton__plan *plan, uint32_t index);
baton_descriptor *baton__plan_descriptor(const baton__plan *plan, baton_descriptor *const *descriptors,
                                         uint32_t index);

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

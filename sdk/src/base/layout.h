/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_LAYOUT_H
#define BATON_BASE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory in segments, seen as one row of bytes: what an operation moves, however it is laid out. Both sides of a transfer have the
 * same row, each over a layout of its own, so a range of it is scattered and gathered by the copy that UCX makes anyway.
 */
typedef struct baton__run {
    uint8_t *base;
    uint64_t start; /* bytes of the row before it */
    size_t segment; /* bytes of one segment, not 0 */
    size_t stride;  /* from one segment to the next, >= segment */
    size_t count;   /* segments, not 0 */
} baton__run;

typedef struct baton__layout {
    const baton__run *runs;
    uint32_t count;
    uint64_t total;
} baton__layout;

/* A range of the row, inside of it. */
typedef struct baton__slice {
    const baton__layout *layout;
    uint64_t offset;
    size_t size;
} baton__slice;

/* Bytes that lie one behind the other. */
typedef struct baton__piece {
    uint8_t *pointer;
    size_t size;
} baton__piece;

/*
 * One more run at the end of runs[0 .. *count), which is merged with the last one where it goes on without a gap. The caller has room
 * for it and has checked that its bytes are in the address space and the total below 2^64.
 */
void baton__layout_add(baton__run *runs, uint32_t *count, uint64_t *total, baton__run run);

/*
 * hint: any number; better the one that the last call left, since ranges are mostly asked for in order. Then every function here takes
 * constant time for each segment that it touches.
 */
/* What lies at offset, to the end of its segment. offset < total. */
baton__piece baton__layout_at(const baton__layout *layout, uint64_t offset, uint32_t *hint);
/* offset + size <= total. */
void baton__layout_gather(const baton__layout *layout, uint64_t offset, void *to, size_t size, uint32_t *hint);
void baton__layout_scatter(const baton__layout *layout, uint64_t offset, const void *from, size_t size, uint32_t *hint);
/* In how many pieces a slice lies, counted to most at most. */
size_t baton__slice_pieces(const baton__slice *slice, size_t most);

#endif

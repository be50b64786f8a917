/* SPDX-License-Identifier: Apache-2.0 */
#include "base/layout.h"

#include <stdbool.h>
#include <string.h>

void baton__layout_add(baton__run *runs, uint32_t *count, uint64_t *total, baton__run run)
{
    if (run.count == 1 || run.stride == run.segment) {
        run.segment *= run.count;
        run.stride = run.segment;
        run.count = 1;
    }
    run.start = *total;
    *total += (uint64_t)run.segment * run.count;
    baton__run *last = *count == 0 ? NULL : &runs[*count - 1];
    if (last != NULL && last->count == 1 && run.count == 1 && last->base + last->segment == run.base) {
        last->segment += run.segment;
        last->stride = last->segment;
        return;
    }
    runs[(*count)++] = run;
}

static bool has(const baton__run *run, uint64_t offset)
{
    return offset >= run->start && offset - run->start < (uint64_t)run->segment * run->count;
}

/* The last run that does not begin behind offset. */
static uint32_t find(const baton__layout *layout, uint64_t offset, uint32_t hint)
{
    if (hint < layout->count && has(&layout->runs[hint], offset)) {
        return hint;
    }
    if (hint + 1 < layout->count && has(&layout->runs[hint + 1], offset)) {
        return hint + 1;
    }
    uint32_t low = 0;
    uint32_t high = layout->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (layout->runs[middle].start <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* A place in a run, and how to go on from there without another division. */
typedef struct place {
    const baton__run *run;
    baton__piece piece;
    size_t segments_left; /* of the run, this one included */
} place;

static place place_at(const baton__layout *layout, uint64_t offset, uint32_t *hint)
{
    uint32_t index = find(layout, offset, *hint);
    *hint = index;
    const baton__run *run = &layout->runs[index];
    size_t inside = (size_t)(offset - run->start);
    size_t segment = 0;
    if (run->count != 1) {
        segment = inside / run->segment;
        inside -= segment * run->segment;
    }
    return (place){.run = run,
                   .piece = {run->base + segment * run->stride + inside, run->segment - inside},
                   .segments_left = run->count - segment};
}

/* A whole piece further; false: the run ends. */
static bool next_segment(place *at)
{
    if (--at->segments_left == 0) {
        return false;
    }
    at->piece.pointer += at->piece.size + (at->run->stride - at->run->segment);
    at->piece.size = at->run->segment;
    return true;
}

baton__piece baton__layout_at(const baton__layout *layout, uint64_t offset, uint32_t *hint)
{
    return place_at(layout, offset, hint).piece;
}

/* One of to and from is NULL: the layout's side. */
static void copy(const baton__layout *layout, uint64_t offset, uint8_t *to, const uint8_t *from, size_t size, uint32_t *hint)
{
    while (size != 0) {
        place at = place_at(layout, offset, hint);
        do {
            size_t part = at.piece.size < size ? at.piece.size : size;
            if (to != NULL) {
                memcpy(to, at.piece.pointer, part);
                to += part;
            } else {
                memcpy(at.piece.pointer, from, part);
                from += part;
            }
            size -= part;
            offset += part;
        } while (size != 0 && next_segment(&at));
    }
}

void baton__layout_gather(const baton__layout *layout, uint64_t offset, void *to, size_t size, uint32_t *hint)
{
    copy(layout, offset, to, NULL, size, hint);
}

void baton__layout_scatter(const baton__layout *layout, uint64_t offset, const void *from, size_t size, uint32_t *hint)
{
    copy(layout, offset, NULL, from, size, hint);
}

size_t baton__slice_pieces(const baton__slice *slice, size_t most)
{
    size_t pieces = 0;
    uint32_t hint = 0;
    for (uint64_t at = slice->offset; at < slice->offset + slice->size && pieces < most; pieces++) {
        at += baton__layout_at(slice->layout, at, &hint).size;
    }
    return pieces;
}

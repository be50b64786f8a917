/* SPDX-License-Identifier: Apache-2.0 */
/* The copies of reads that map: on the owner thread, a chunk of each for a turn of the loop. */
#include "core/engine.h"

#include "base/stream_copy.h"
#include <string.h>

void baton__map_unlist(baton__map *map)
{
    if (map->listed) {
        map->listed = false;
        DL_DELETE(map->op->connector->copying, map);
    }
}

/* Copies past the caches where all of it is larger than they are. */
static void copy_part(const baton__map *map, const baton__slice *slice, uint64_t at, const uint8_t *from, size_t size, uint32_t *hint)
{
    while (size != 0) {
        baton__piece piece = baton__layout_at(slice->layout, at, hint);
        size_t part = piece.size < size ? piece.size : size;
        if (map->streams && part >= BATON__STREAM_PIECE_MIN) {
            baton__stream_copy(piece.pointer, from, part);
        } else {
            memcpy(piece.pointer, from, part);
        }
        at += part;
        from += part;
        size -= part;
    }
}

/* From one descriptor of the peer's after the other; chunks come in order, so the search goes on where it was. */
static void copy_slice(baton__map *map, const baton__slice *slice)
{
    const baton_operation *op = map->op;
    uint32_t hint = 0;
    if (slice->offset < map->which_start) {
        map->which = 0;
        map->which_start = 0;
    }
    for (uint64_t at = slice->offset, end = at + slice->size; at < end;) {
        uint64_t inside = at - map->which_start;
        uint64_t size = baton_descriptor_size(op->descriptors[map->which]);
        if (inside >= size) {
            map->which_start += size;
            map->which++;
            continue;
        }
        uint64_t part = size - inside < end - at ? size - inside : end - at;
        copy_part(map, slice, at, map->sources[map->which] + inside, (size_t)part, &hint);
        at += part;
    }
}

static void copy_chunk(baton__map *map)
{
    baton_operation *op = map->op;
    uint32_t index = baton__bits_next_clear(&op->a.done, 0);
    if (index < op->plan.chunks) {
        baton__slice slice = baton__plan_slice(&op->plan, &op->layout, index);
        copy_slice(map, &slice);
        (void)baton__bits_set(&op->a.claimed, index);
        (void)baton__bits_set(&op->a.done, index);
        __atomic_add_fetch(&op->bytes_moved, slice.size, __ATOMIC_RELAXED);
        BATON__COUNT_BY(op->connector, bytes_mapped, slice.size);
    }
    if (baton__bits_full(&op->a.done)) {
        map->state = BATON__MAP_COPIED;
        baton__operation_note_transport(op, op->peer);
        baton__map_unlist(map);
        baton__map_put_pools(op);
        baton__active_pump(op);
    }
}

int baton__map_work(baton_connector *connector)
{
    int done = 0;
    baton__map *map;
    baton__map *next;
    DL_FOREACH_SAFE(connector->copying, map, next)
    {
        copy_chunk(map); /* may end this operation, and no other */
        done++;
    }
    return done;
}

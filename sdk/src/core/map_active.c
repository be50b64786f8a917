/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's side of the path `map`. */
#include "core/engine.h"

#include "base/log.h"
#include "base/siphash.h"
#include "base/wire.h"
#include <stdlib.h>
#include <string.h>

baton_key baton__map_proof(const baton_key *group, const baton_key *nonce, char side)
{
    uint8_t text[sizeof(nonce->bytes) + 1];
    memcpy(text, nonce->bytes, sizeof(nonce->bytes));
    text[sizeof(nonce->bytes)] = (uint8_t)side;
    baton_key proof;
    baton__siphash_128(group->bytes, text, sizeof(text), proof.bytes);
    return proof;
}

static bool is_on_host_of(const baton__process *self, const baton__process *process)
{
    static const uint8_t unknown[sizeof(process->boot_id)];
    return memcmp(process->boot_id, unknown, sizeof(unknown)) != 0 &&
           memcmp(process->boot_id, self->boot_id, sizeof(self->boot_id)) == 0;
}

const char *baton__map_objection(const baton_connector *connector, const baton_metadata *metadata)
{
    const baton__block *block = baton__metadata_block(metadata);
    if ((block->flags & BATON__BLOCK_MAPPABLE) == 0) {
        return "not every descriptor is of a pool with a group";
    }
    if (!connector->has_map_group) {
        return "this connector has no map_group";
    }
    if (!is_on_host_of(&connector->process, &block->process)) {
        return "the peer is on another host";
    }
    return NULL;
}

/* NULL: nothing is against a copy from there. */
static const char *objection(const baton_operation *op)
{
    if (op->kind != BATON_OPERATION_READ) {
        return "only reads map";
    }
    const char *why = baton__map_objection(op->connector, op->a.metadata);
    if (why == NULL && op->staged != 0) {
        why = baton__why_staged(op);
    }
    if (why == NULL && op->bytes_total < BATON__MAP_MIN) {
        why = "less than 64 KiB, which a message brings sooner";
    }
    return why;
}

static void say_why_not(baton_operation *op, const char *why)
{
    __atomic_store_n(&op->why_not_map, why, __ATOMIC_RELAXED);
}

baton__map *baton__map_new(baton_operation *op)
{
    baton__map *map = calloc(1, sizeof(*map) + op->count * sizeof(map->sources[0]));
    if (map != NULL) {
        map->op = op;
    }
    return map;
}

void baton__map_want(baton_operation *op)
{
    if (op->a.view != NULL) {
        return; /* it wants nothing else, and begin_view has looked */
    }
    const char *why = objection(op);
    if (why == NULL) {
        op->a.map = baton__map_new(op);
        why = op->a.map == NULL ? "out of memory" : NULL;
    }
    if (why != NULL) {
        say_why_not(op, why);
    }
}

bool baton__map_is_on(const baton_operation *op)
{
    return op->a.map != NULL && op->a.map->state != BATON__MAP_REFUSED;
}

static baton_key proof_of(const baton_operation *op)
{
    return baton__map_proof(&op->connector->map_group, &op->a.nonce, 'C');
}

uint32_t baton__map_open(baton_operation *op, bool first, baton_key *proof_out)
{
    baton__map *map = op->a.map;
    if (!baton__map_is_on(op)) {
        return 0;
    }
    map->asked = first;
    if (!first) {
        return 0;
    }
    map->state = BATON__MAP_ASKED;
    *proof_out = proof_of(op);
    return BATON__OPEN_KEYS | (op->a.view != NULL ? BATON__OPEN_VIEW : 0);
}

void baton__map_granted(baton_operation *op)
{
    baton__map *map = op->a.map;
    if (map == NULL || map->state != BATON__MAP_ASKED) {
        return;
    }
    map->held = true; /* its keys may be lost */
    if (!map->asked) { /* again: the answer was lost with its session, or came before the grant */
        baton__frame frame = {.type = BATON__FRAME_MAP,
                              .key = op->a.token,
                              .aux = proof_of(op),
                              .d = op->a.view != NULL ? BATON__MAP_VIEW : 0};
        (void)baton__active_send(op, &frame, NULL, 0);
        baton_loop_expect(op->connector->loop);
    }
}

void baton__map_put_pools(baton_operation *op)
{
    baton__map *map = op->a.map;
    while (map->pools_count != 0) {
        baton__mapped_put(op->connector, map->pools[--map->pools_count]);
    }
}

void baton__map_release(baton_operation *op, baton__peer *peer)
{
    op->a.map->held = false;
    baton__release_tell(peer, BATON__FRAME_RELEASE, &op->id, &op->a.nonce, &op->a.token);
}

void baton__map_answer(baton__peer *peer, const baton__frame *question)
{
    baton__release_tell(peer, BATON__FRAME_RELEASE, &question->operation, &question->nonce, &question->key);
}

/* A read goes on by am; a view has no other way. */
static void refuse(baton_operation *op, baton_status reason, const char *why)
{
    BATON__DEBUG("%s: no map with %s: %s", op->connector->name, op->peer_name, why);
    say_why_not(op, why);
    op->a.map->state = BATON__MAP_REFUSED;
    baton__map_put_pools(op);
    if (op->a.map->held && op->peer != NULL) {
        baton__map_release(op, op->peer);
    }
    if (op->a.view != NULL) {
        baton__active_stop(op, reason, 0);
    } else {
        baton__active_pump(op);
    }
}

static bool read_pools(baton_operation *op, baton__reader *reader)
{
    baton__map *map = op->a.map;
    uint16_t count = baton__read_u16(reader);
    if (count == 0 || count > BATON__MAP_POOLS_MAX) {
        return false;
    }
    for (uint16_t i = 0; i < count; i++) {
        baton_uuid pool;
        baton__read_bytes(reader, pool.bytes, sizeof(pool.bytes));
        uint64_t base = baton__read_u64(reader);
        uint64_t size = baton__read_u64(reader);
        uint16_t key_size = baton__read_u16(reader);
        const uint8_t *key = baton__read_view(reader, key_size);
        if (key == NULL || reader->failed ||
            baton__mapped_get(op->connector, &pool, key, key_size, base, size, &map->pools[i]) != BATON_OK) {
            return false;
        }
        map->pools_count++;
    }
    return true;
}

static size_t size_of(const baton_operation *op, uint32_t index)
{
    return op->a.view != NULL ? baton_metadata_descriptor_at(op->a.metadata, index)->size_bytes
                              : baton_descriptor_size(op->descriptors[index]);
}

static bool read_sources(baton_operation *op, baton__reader *reader)
{
    baton__map *map = op->a.map;
    for (uint32_t i = 0; i < op->count; i++) {
        uint16_t pool = baton__read_u16(reader);
        uint64_t offset = baton__read_u64(reader);
        if (reader->failed || pool >= map->pools_count) {
            return false;
        }
        map->sources[i] = baton__mapped_at(map->pools[pool], offset, size_of(op, i));
        if (map->sources[i] == NULL) {
            return false;
        }
    }
    return baton__reader_left(reader) == 0;
}

static const char *why_refused(baton_status reason)
{
    switch (reason) {
    case BATON_ERR_FORBIDDEN:
        return "the group's secret is not that of the peer's pool";
    case BATON_ERR_TOO_LARGE:
        return "the descriptors are of too many pools";
    default:
        return "the peer gives no keys";
    }
}

/* All of it is there at once: one chunk, which is done. */
static void begin_view(baton_operation *op)
{
    op->a.map->state = BATON__MAP_VIEWING;
    __atomic_store_n(&op->viewed, true, __ATOMIC_RELAXED);
    (void)baton__bits_set(&op->a.claimed, 0);
    (void)baton__bits_set(&op->a.done, 0);
    __atomic_store_n(&op->bytes_moved, op->bytes_total, __ATOMIC_RELAXED);
    baton__operation_note_transport(op, op->peer);
    baton__active_pump(op);
}

void baton__map_keys(baton_operation *op, const baton__frame *frame, const baton__payload *payload)
{
    baton__map *map = op->a.map;
    if (map == NULL || map->state != BATON__MAP_ASKED || op->ending) {
        BATON__COUNT(op->connector, refused_state);
        return;
    }
    if (!op->a.attached) {
        BATON__COUNT(op->connector, refused_state); /* without the grant nothing may be read, nor the hold be ended */
        map->asked = false;
        return;
    }
    if (payload->size == 0) {
        baton_status reason = baton__reason_unpack(frame->c);
        map->held = false;
        refuse(op, reason, why_refused(reason));
        return;
    }
    baton_key proof = baton__map_proof(&op->connector->map_group, &op->a.nonce, 'O');
    if (!baton_key_equal(&proof, &frame->aux)) {
        BATON__COUNT(op->connector, refused_token);
        refuse(op, BATON_ERR_FORBIDDEN, "the peer does not know the group's secret");
        return;
    }
    baton__reader reader = baton__reader_make(payload->data, payload->size);
    if (!read_pools(op, &reader)) {
        refuse(op, BATON_ERR_NOT_SUPPORTED, "the peer's shared memory cannot be mapped here: another IPC namespace or user");
        return;
    }
    if (!read_sources(op, &reader)) {
        BATON__COUNT(op->connector, refused_bounds);
        refuse(op, BATON_ERR_MALFORMED, "the peer's keys do not fit");
        return;
    }
    __atomic_store_n(&op->mapped, true, __ATOMIC_RELAXED);
    if (op->a.view != NULL) {
        begin_view(op);
        return;
    }
    map->state = BATON__MAP_COPYING;
    map->streams = op->bytes_total >= op->connector->stream_copy_min;
    map->listed = true;
    DL_APPEND(op->connector->copying, map);
}

void baton__map_leave(baton_operation *op, bool known)
{
    if (op->a.map == NULL || baton__view_is_held(op)) {
        return; /* the application has the pointer: baton__view_end */
    }
    baton__map_unlist(op->a.map);
    baton__map_put_pools(op);
    if (op->a.map->held && !known && op->peer != NULL) {
        baton__map_release(op, op->peer);
    }
    op->a.map->held = false;
}

void baton__map_fini(baton_operation *op)
{
    free(op->a.map);
    op->a.map = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of the path `map`: who may read. hold.h has until when. */
#include "core/engine.h"

#include "base/wire.h"
#include "memory/pool.h"
#include <stdlib.h>
#include <string.h>

static void refuse(baton__grant *grant, baton_status reason)
{
    baton__frame frame = {.type = BATON__FRAME_KEYS, .c = baton__reason_pack(reason)};
    baton__grant_send(grant, &frame);
}

typedef struct pools {
    const baton__share *share[BATON__MAP_POOLS_MAX];
    uint16_t count;
} pools;

static baton_status collect(const baton_operation *op, pools *found)
{
    for (uint32_t i = 0; i < op->count; i++) {
        const baton__share *share = baton__pool_share(op->descriptors[i]);
        uint16_t at = 0;
        if (share == NULL) {
            return BATON_ERR_NOT_SUPPORTED;
        }
        while (at < found->count && found->share[at] != share) {
            at++;
        }
        if (at == found->count) {
            if (found->count == BATON__MAP_POOLS_MAX) {
                return BATON_ERR_TOO_LARGE;
            }
            found->share[found->count++] = share;
        }
    }
    return BATON_OK;
}

/* One proof for all: of the group of the first pool, and the others have the same. */
static baton_status check(const baton_operation *op, const baton_key *nonce, const baton_key *proven, pools *found)
{
    if (op->kind != BATON_OPERATION_READABLE) {
        return BATON_ERR_NOT_SUPPORTED;
    }
    baton_status status = collect(op, found);
    if (status != BATON_OK) {
        return status;
    }
    for (uint16_t i = 0; i < found->count; i++) {
        baton_key proof = baton__map_proof(&found->share[i]->group, nonce, 'C');
        if (!baton_key_equal(&proof, proven)) {
            return BATON_ERR_FORBIDDEN;
        }
    }
    return BATON_OK;
}

static void write_keys(const baton_operation *op, const pools *found, baton__writer *writer)
{
    baton__write_u16(writer, found->count);
    for (uint16_t i = 0; i < found->count; i++) {
        const baton__segment *segment = found->share[i]->segment;
        baton__write_bytes(writer, found->share[i]->id.bytes, sizeof(found->share[i]->id.bytes));
        baton__write_u64(writer, (uint64_t)(uintptr_t)segment->pointer);
        baton__write_u64(writer, segment->size);
        baton__write_u16(writer, (uint16_t)segment->key_size);
        baton__write_bytes(writer, segment->key, segment->key_size);
    }
    for (uint32_t i = 0; i < op->count; i++) {
        const baton__share *share = baton__pool_share(op->descriptors[i]);
        uint16_t at = 0;
        while (found->share[at] != share) {
            at++;
        }
        baton__write_u16(writer, at);
        baton__write_u64(writer, (uint64_t)((const uint8_t *)baton_descriptor_pointer(op->descriptors[i]) -
                                            (const uint8_t *)share->segment->pointer));
    }
}

static void send_keys(baton__grant *grant, const pools *found)
{
    size_t room = 2 + (size_t)found->count * BATON__KEYS_POOL_MAX + (size_t)grant->operation->count * BATON__KEYS_PLACE;
    uint8_t *bytes = malloc(room);
    if (bytes == NULL) {
        refuse(grant, BATON_ERR_OUT_OF_MEMORY); /* the reader lets go of its hold by what it does next */
        return;
    }
    baton__writer writer = baton__writer_make(bytes, room);
    write_keys(grant->operation, found, &writer);
    baton__frame frame = {.type = BATON__FRAME_KEYS,
                          .session = grant->session,
                          .operation = grant->operation->id,
                          .nonce = grant->nonce,
                          .aux = baton__map_proof(&found->share[0]->group, &grant->nonce, 'O')};
    if (grant->peer != NULL && grant->attached) {
        (void)baton__send_control(grant->peer, &frame, bytes, writer.used);
    }
    free(bytes);
}

void baton__hold_ask(baton__grant *grant, const baton_key *proof, bool view)
{
    baton_operation *op = grant->operation;
    pools found = {.count = 0};
    baton_status status = op->staged != 0 ? BATON_ERR_NOT_SUPPORTED : check(op, &grant->nonce, proof, &found);
    if (status == BATON_OK) {
        status = baton__hold_begin(grant);
    }
    if (status != BATON_OK) {
        BATON__COUNT_BY(op->connector, refused_token, status == BATON_ERR_FORBIDDEN);
        refuse(grant, status);
        return;
    }
    __atomic_store_n(&op->mapped, true, __ATOMIC_RELAXED);
    __atomic_store_n(&op->viewed, view, __ATOMIC_RELAXED);
    baton__operation_note_transport(op, grant->peer);
    send_keys(grant, &found);
}

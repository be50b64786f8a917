/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/log.h"
#include <stdlib.h>

struct baton__tombstone {
    baton_key nonce;
    baton_key token;
    baton_uuid operation;
    baton_uuid instance;
    baton_uuid session;
    baton__grant_state state;
    baton_status reason;
    UT_hash_handle hh; /* the table keeps the order of insertion: its head is the oldest */
};

void baton__tombstone_add(baton__grant *grant)
{
    baton_connector *connector = grant->operation->connector;
    baton__tombstone *stone;
    if (HASH_COUNT(connector->tombstones) >= BATON__TOMBSTONES_MAX) {
        stone = connector->tombstones;
        HASH_DEL(connector->tombstones, stone);
    } else {
        stone = malloc(sizeof(*stone));
    }
    if (stone == NULL) {
        return; /* a consumer that asks again hears "unknown" instead */
    }
    *stone = (baton__tombstone){
        .nonce = grant->nonce,
        .token = grant->token,
        .operation = grant->operation->id,
        .instance = grant->instance,
        .session = grant->session,
        .state = grant->state,
        .reason = grant->reason,
    };
    HASH_ADD(hh, connector->tombstones, nonce, sizeof(baton_key), stone);
    if (stone->hh.tbl == NULL) {
        free(stone);
    }
}

static baton__frame answer_of(const baton__tombstone *stone)
{
    if (stone->state == BATON__GRANT_COMPLETE) {
        return (baton__frame){.type = BATON__FRAME_COMMIT};
    }
    if (stone->state == BATON__GRANT_NACKED) {
        return (baton__frame){.type = BATON__FRAME_NACKED};
    }
    return (baton__frame){.type = BATON__FRAME_REFUSE, .c = baton__reason_pack(BATON_ERR_EXPIRED)};
}

bool baton__tombstone_answer(baton_connector *connector, const baton__frame *frame)
{
    baton__tombstone *stone;
    HASH_FIND(hh, connector->tombstones, &frame->nonce, sizeof(baton_key), stone);
    if (stone == NULL || !baton_uuid_equal(&stone->operation, &frame->operation)) {
        return false;
    }
    bool open = frame->type == BATON__FRAME_OPEN;
    if (!open && !baton_key_equal(&stone->token, &frame->key)) {
        return false;
    }
    bool asks = open || frame->type == BATON__FRAME_MOVED || frame->type == BATON__FRAME_ACK ||
                frame->type == BATON__FRAME_NACK;
    baton__peer *peer = baton__peer_find(connector, &stone->instance);
    if (peer == NULL || frame->type == BATON__FRAME_FAIL ||
        (!asks && stone->state != BATON__GRANT_FAILED)) {
        return true; /* a straggler */
    }
    baton__frame answer = answer_of(stone);
    answer.session = frame->session;
    answer.operation = stone->operation;
    answer.nonce = stone->nonce;
    (void)baton__send_control(peer, &answer, NULL, 0);
    return true;
}

void baton__tombstones_free(baton_connector *connector)
{
    baton__tombstone *stone;
    baton__tombstone *next;
    HASH_ITER(hh, connector->tombstones, stone, next)
    {
        HASH_DEL(connector->tombstones, stone);
        free(stone);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/log.h"

struct baton__tombstone {
    baton_key nonce;
    baton_key token;
    baton_uuid operation;
    baton_uuid instance;
    baton_uuid session;
    baton__grant_state state;
    baton_status reason;
    baton__node by_nonce;
    baton__tombstone *younger;
};

bool baton__tombstones_init(baton__tombstones *stones)
{
    baton__slab_init(&stones->slab, sizeof(baton__tombstone));
    return baton__table_init(&stones->by_nonce);
}

static void drop_oldest(baton__tombstones *stones)
{
    baton__tombstone *stone = stones->oldest;
    stones->oldest = stone->younger;
    if (stones->oldest == NULL) {
        stones->youngest = NULL;
    }
    baton__table_remove(&stones->by_nonce, &stone->by_nonce);
    baton__slab_give(&stones->slab, stone);
}

void baton__tombstone_add(baton__grant *grant)
{
    baton_connector *connector = grant->operation->connector;
    baton__tombstones *stones = &connector->tombstones;
    if (stones->by_nonce.count >= BATON__TOMBSTONES_MAX) {
        drop_oldest(stones);
    }
    baton__tombstone *stone = baton__slab_take(&stones->slab);
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
    baton__table_add(&stones->by_nonce, &stone->by_nonce, &stone->nonce);
    if (stones->youngest != NULL) {
        stones->youngest->younger = stone;
    } else {
        stones->oldest = stone;
    }
    stones->youngest = stone;
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
    baton__node *node = baton__table_find(&connector->tombstones.by_nonce, &frame->nonce);
    const baton__tombstone *stone = BATON__NODE_OWNER(node, baton__tombstone, by_nonce);
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

void baton__tombstones_fini(baton__tombstones *stones)
{
    baton__table_fini(&stones->by_nonce);
    baton__slab_fini(&stones->slab);
}

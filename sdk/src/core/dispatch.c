/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives. Order of belief: length, magic, version, type; then instance and epoch; then session,
 * operation and token, which the two sides check.
 */
#include "core/engine.h"

#include "base/error.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

struct baton__deferred {
    baton__deferred *prev;
    baton__deferred *next;
    baton__frame frame;
    bool late;    /* it came to the worker that was left */
    bool retried; /* the operation was unknown once: its creation may have been under way */
    size_t size;
    uint8_t block[];
};

void baton__dispatch_foreign(void *context)
{
    baton_connector *connector = context;
    BATON__COUNT(connector, refused_identifier);
}

void baton__dispatch_failed(void *context, void *owner, int native)
{
    (void)context;
    baton__peer_failed(owner, native);
}

static void defer(baton_connector *connector, const baton__frame *frame, const void *block, size_t size,
                  bool late, bool retried)
{
    baton__deferred *item = NULL;
    if (connector->deferred_count < BATON__DEFERRED_MAX) {
        item = malloc(sizeof(*item) + size);
    }
    if (item == NULL) {
        BATON__COUNT(connector, refused_limit);
        return; /* the consumer's deadline ends it */
    }
    item->frame = *frame;
    item->late = late;
    item->retried = retried;
    item->size = size;
    memcpy(item->block, block, size);
    DL_APPEND(connector->deferred, item);
    connector->deferred_count++;
}

static bool is_meant_for(const baton_connector *connector, const baton__frame *frame)
{
    return baton_uuid_equal(&frame->to_instance, &connector->instance) &&
           frame->to_epoch == connector->epoch;
}

static bool is_known(const baton_connector *connector, const baton__frame *frame)
{
    return baton__passive_find(connector, &frame->operation) != NULL;
}

/* What proves nothing, or is for somebody else, is answered where that costs nothing: to a peer that is connected. No
 * stranger gets a place in the table or an endpoint, whose making trusts the address (UCX aborts on a broken one). */
static void turn_away(baton_connector *connector, const baton__frame *open, const baton__block *block,
                      baton_status reason)
{
    baton__peer *peer = baton__peer_find(connector, &block->instance);
    if (peer != NULL && baton__peer_is_up(peer)) {
        baton__passive_refuse(peer, open, reason);
    }
}

/* Its session ends as soon as it hears that we have left, so nothing is begun in it: it would be served in a session of ours
 * that is newer, and from then on either side would close its new session for the other's. It may be a stranger, whom nobody
 * has told where we are. False: deferred. */
static bool answer_late(baton_connector *connector, const baton__frame *frame, const void *data, size_t size,
                        const baton__block *block)
{
    baton__peer *peer;
    baton_status status = baton__peer_get(connector, block, &peer);
    if (status == BATON_OK) {
        status = baton__peer_connect(peer);
    }
    if (status == BATON_ERR_BUSY) {
        defer(connector, frame, data, size, true, true);
        return false;
    }
    if (status == BATON_OK) {
        baton__peer_tell_reset(peer, &frame->session);
    } else {
        BATON__COUNT(connector, refused_limit);
    }
    return true;
}

/* in_callback: inside the transport, where no endpoint may be made. retried: an unknown operation is refused.
 * False: it was deferred once more, for its peer's old session to end. */
static bool open_frame(baton_connector *connector, const baton__frame *frame, const void *data,
                       size_t size, bool late, bool in_callback, bool retried)
{
    baton__block block;
    if (baton__block_decode(data, size, &block) != BATON_OK) {
        BATON__COUNT(connector, refused_address);
        return true;
    }
    if (!baton__claim_is_proven(connector, frame)) {
        BATON__COUNT(connector, refused_token);
        turn_away(connector, frame, &block, BATON_ERR_FORBIDDEN);
        return true;
    }
    baton__peer *peer = baton__peer_find(connector, &block.instance);
    if (in_callback &&
        (late || peer == NULL || !baton__peer_is_up(peer) || (!retried && !is_known(connector, frame)))) {
        defer(connector, frame, data, size, late, false);
        return true;
    }
    if (late) {
        return answer_late(connector, frame, data, size, &block);
    }
    if (baton__peer_get(connector, &block, &peer) != BATON_OK) {
        BATON__COUNT(connector, refused_limit);
        return true;
    }
    baton_status status = baton__peer_adopt(peer, &frame->session);
    bool expired = status == BATON_ERR_EXPIRED;
    if ((status == BATON_OK || expired) && !in_callback) {
        status = baton__peer_connect(peer);
    }
    if (expired && status != BATON_ERR_BUSY) {
        /* We closed our end with nothing alive on it, and the peer goes on in its own: it opens a new one. */
        baton__frame reset = {.type = BATON__FRAME_RESET, .session = frame->session};
        (void)baton__send_control(peer, &reset, NULL, 0);
        status = BATON_ERR_EXPIRED;
    }
    if (status == BATON_ERR_BUSY) {
        defer(connector, frame, data, size, false, true);
        return false;
    }
    if (status != BATON_OK) {
        BATON__COUNT(connector, refused_session);
        return true;
    }
    connector->table->endpoint_heard(peer->endpoint);
    baton__passive_open(peer, frame, &block);
    return true;
}

static baton__peer *peer_of_out_session(baton_connector *connector, const baton_uuid *session)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (baton__peer_is_up(peer) && baton_uuid_equal(&peer->out_session, session)) {
            return peer;
        }
    }
    return NULL;
}

/* A grant for an operation that ended before it came, its FAIL having been too early or lost. */
static void give_back(baton_connector *connector, const baton__frame *grant)
{
    baton__peer *peer = peer_of_out_session(connector, &grant->session);
    if (peer != NULL) {
        baton__frame fail = {.type = BATON__FRAME_FAIL,
                             .session = grant->session,
                             .operation = grant->operation,
                             .key = grant->key,
                             .nonce = grant->nonce,
                             .c = baton__reason_pack(BATON_ERR_CANCELLED),
                             .d = baton__view_is_read(connector, &grant->nonce) ? BATON__FAIL_READING : 0};
        (void)baton__send_control(peer, &fail, NULL, 0);
    }
}

static void to_active(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    baton__node *node = baton__table_find(&connector->by_nonce, &frame->nonce);
    baton_operation *op = BATON__NODE_OWNER(node, baton_operation, a.by_nonce);
    if (op == NULL) {
        BATON__COUNT(connector, refused_operation);
        if (frame->type == BATON__FRAME_GRANT) {
            give_back(connector, frame);
        }
        return;
    }
    /* A session that is being closed begins nothing any more; how the passive side ended stays true. */
    bool begins = frame->type == BATON__FRAME_GRANT || frame->type == BATON__FRAME_DATA;
    if (op->peer == NULL || !baton_uuid_equal(&op->peer->out_session, &frame->session) ||
        !baton_uuid_equal(&op->id, &frame->operation) || (begins && !baton__peer_is_up(op->peer))) {
        BATON__COUNT(connector, refused_session);
        return;
    }
    baton__peer_heard(op->peer);
    baton__active_frame(op, frame, payload);
}

/* A peer keeps memory for a reader of ours. It may have missed the last word of it: who knows nothing of the operation, and has no view
 * of it, says it again. It goes to a peer that we know by itself, and proves nothing to anybody else. */
static void on_question(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    baton__block block;
    if (baton__block_decode(payload->data, payload->size, &block) != BATON_OK) {
        BATON__COUNT(connector, refused_address);
        return;
    }
    if (baton__table_find(&connector->by_nonce, &frame->nonce) != NULL) {
        to_active(connector, frame, payload); /* it has not heard yet that it is cancelled */
        return;
    }
    BATON__COUNT(connector, refused_operation);
    baton__peer *peer = baton__peer_find(connector, &block.instance);
    if (peer != NULL && peer->epoch == block.epoch && !baton__view_is_read(connector, &frame->nonce)) {
        baton__map_answer(peer, frame);
    }
}

static baton__peer *peer_of_in_session(baton_connector *connector, const baton_uuid *session)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (peer->has_in && baton__peer_is_up(peer) && baton_uuid_equal(&peer->in_session, session)) {
            return peer;
        }
    }
    return NULL;
}

/* Also of a session that is over on both sides: an address that a peer has left must not be kept. */
static bool hear_of_address(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    baton__block block;
    if (payload->size == 0) {
        return true;
    }
    if (baton__block_decode(payload->data, payload->size, &block) != BATON_OK) {
        return false;
    }
    baton__peer *peer = baton__peer_find(connector, &block.instance);
    return peer != NULL && block.epoch == peer->epoch && baton__peer_knows_session(peer, &frame->session) &&
           baton__peer_moved(peer, &block) == BATON_OK;
}

/* The other side has closed its end of a session, that we began or that it began itself. */
static void on_reset(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    if (!hear_of_address(connector, frame, payload)) {
        BATON__COUNT(connector, refused_address);
        return;
    }
    baton__peer *peer = peer_of_out_session(connector, &frame->session);
    if (peer == NULL) {
        peer = peer_of_in_session(connector, &frame->session);
    }
    if (peer == NULL) {
        BATON__COUNT(connector, refused_session);
        return;
    }
    baton__peer_heard(peer);
    baton__peer_reset(peer);
}

static bool payload_fits(const baton__frame *frame, const baton__payload *payload)
{
    switch (frame->type) {
    case BATON__FRAME_DATA:
    case BATON__FRAME_WRITE:
        return payload->size != 0;
    case BATON__FRAME_OPEN:
        return !payload->announced && payload->size != 0 && payload->size <= BATON__BLOCK_MAX;
    case BATON__FRAME_RESET:
    case BATON__FRAME_CANCEL:
        return !payload->announced && payload->size <= BATON__BLOCK_MAX;
    case BATON__FRAME_KEYS:
        return !payload->announced && payload->size <= BATON__KEYS_MAX;
    case BATON__FRAME_REACH:
        return !payload->announced && payload->size <= BATON__RMA_ADDRESS_MAX;
    case BATON__FRAME_REACHED:
        return !payload->announced && payload->size <= BATON__KEYS_MAX;
    case BATON__FRAME_ACK:
    case BATON__FRAME_NACK:
        return !payload->announced && payload->size <= BATON_RESULT_MAX;
    case BATON__FRAME_GRANT:
        return payload->size <= BATON__INLINE_MAX;
    default:
        return payload->size == 0;
    }
}

static void route(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    switch (frame->type) {
    case BATON__FRAME_OPEN:
        (void)open_frame(connector, frame, payload->data, payload->size, payload->late, true, false);
        break;
    case BATON__FRAME_READ:
    case BATON__FRAME_WRITE:
    case BATON__FRAME_MOVED:
    case BATON__FRAME_ACK:
    case BATON__FRAME_NACK:
    case BATON__FRAME_FAIL:
    case BATON__FRAME_RENEW:
    case BATON__FRAME_MAP:
    case BATON__FRAME_RELEASE:
    case BATON__FRAME_REACH:
        baton__passive_frame(connector, frame, payload);
        break;
    case BATON__FRAME_RESET:
        on_reset(connector, frame, payload);
        break;
    case BATON__FRAME_CANCEL:
        if (payload->size != 0) {
            on_question(connector, frame, payload);
        } else {
            to_active(connector, frame, payload);
        }
        break;
    default:
        to_active(connector, frame, payload);
        break;
    }
}

void baton__dispatch_message(void *context, const void *header, size_t header_size,
                             const baton__payload *payload)
{
    baton_connector *connector = context;
    baton__frame frame;
    BATON__COUNT(connector, frames_received);
    baton_status status = baton__frame_decode(header, header_size, &frame);
    if (status == BATON_ERR_VERSION) {
        BATON__COUNT(connector, refused_version);
        return;
    }
    if (status != BATON_OK || !payload_fits(&frame, payload)) {
        BATON__COUNT(connector, refused_length);
        return;
    }
    if (!is_meant_for(connector, &frame)) {
        BATON__COUNT(connector, refused_instance);
        baton__block block;
        if (frame.type == BATON__FRAME_OPEN &&
            baton__block_decode(payload->data, payload->size, &block) == BATON_OK) {
            turn_away(connector, &frame, &block, BATON_ERR_STALE_PEER); /* an address that was recycled */
        }
        return;
    }
    BATON__TRACE("%s: %s", connector->name, baton__frame_type_name(frame.type));
    route(connector, &frame, payload);
}

int baton__deferred_work(baton_connector *connector)
{
    int done = 0;
    baton__deferred *list = connector->deferred;
    connector->deferred = NULL;
    connector->deferred_count = 0;
    while (list != NULL) {
        baton__deferred *item = list;
        DL_DELETE(list, item);
        if (!item->retried && !is_known(connector, &item->frame)) {
            /* Its creation may be posted and not run yet: once more after the next tasks. */
            defer(connector, &item->frame, item->block, item->size, item->late, true);
            done++;
        } else {
            done += open_frame(connector, &item->frame, item->block, item->size, item->late, false, true);
        }
        free(item);
    }
    return done;
}

void baton__deferred_free(baton_connector *connector)
{
    baton__deferred *item;
    baton__deferred *next;
    DL_FOREACH_SAFE(connector->deferred, item, next)
    {
        DL_DELETE(connector->deferred, item);
        free(item);
    }
    connector->deferred_count = 0;
}

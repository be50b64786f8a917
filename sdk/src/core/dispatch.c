/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives. Order of belief: length, magic, version, type; then instance and epoch; then session,
 * operation and token, which the two sides check.
 */
#include "core/engine.h"

#include "base/log.h"

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

static bool is_meant_for(const baton_connector *connector, const baton__frame *frame)
{
    return baton_uuid_equal(&frame->to_instance, &connector->instance) &&
           frame->to_epoch == connector->epoch;
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
    baton_operation *op = BATON__NODE_OWNER(node, baton_operation, node);
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
    if (peer != NULL && peer->epoch == block.epoch && !baton__view_is_read(connector, &frame->nonce) &&
        !baton__direct_is_left(peer)) {
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

static bool open_fits(const baton__frame *frame, const baton__payload *payload)
{
    size_t tail = 0;
    return !payload->announced && baton__open_tail(frame, &tail) && payload->size > tail &&
           payload->size - tail <= BATON__BLOCK_MAX;
}

static bool payload_fits(const baton__frame *frame, const baton__payload *payload)
{
    switch (frame->type) {
    case BATON__FRAME_DATA:
    case BATON__FRAME_WRITE:
        return payload->size != 0;
    case BATON__FRAME_OPEN:
        return open_fits(frame, payload);
    case BATON__FRAME_RESET:
    case BATON__FRAME_CANCEL:
    case BATON__FRAME_PROBE:
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
        baton__dispatch_open(connector, frame, payload);
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
    case BATON__FRAME_PROBE:
        baton__direct_probe(connector, frame, payload);
        break;
    case BATON__FRAME_PROBED:
        baton__hold_probed(connector, frame);
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
        if (frame.type == BATON__FRAME_OPEN) {
            baton__dispatch_stale(connector, &frame, payload);
        }
        return;
    }
    BATON__TRACE("%s: %s", connector->name, baton__frame_type_name(frame.type));
    route(connector, &frame, payload);
}

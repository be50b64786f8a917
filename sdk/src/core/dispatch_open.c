/* SPDX-License-Identifier: Apache-2.0 */
/* OPEN: who may begin something here. What a callback may not do waits until the transport has returned. */
#include "core/engine.h"

#include "base/error.h"
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

/* Of an OPEN whose length was checked. */
static baton_status block_of(const baton__frame *frame, const void *data, size_t size, baton__block *block_out)
{
    size_t tail = 0;
    return baton__open_tail(frame, &tail) && tail < size ? baton__block_decode(data, size - tail, block_out)
                                                        : BATON_ERR_MALFORMED;
}

static const uint8_t *tail_of(const baton__frame *frame, const uint8_t *data, size_t size)
{
    size_t tail = 0;
    (void)baton__open_tail(frame, &tail);
    return data + size - tail;
}

/* in_callback: inside the transport, where no endpoint may be made. retried: an unknown operation is refused.
 * False: it was deferred once more, for its peer's old session to end. */
static bool open_frame(baton_connector *connector, const baton__frame *frame, const void *data,
                       size_t size, bool late, bool in_callback, bool retried)
{
    baton__block block;
    baton__passive_expect(connector, &frame->operation); /* while the checksum and the claim are computed */
    if (block_of(frame, data, size, &block) != BATON_OK) {
        BATON__COUNT(connector, refused_address);
        return true;
    }
    baton__passive_fetch(connector, &frame->operation);
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
    baton__passive_open(peer, frame, &block, tail_of(frame, data, size));
    return true;
}

void baton__dispatch_open(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    (void)open_frame(connector, frame, payload->data, payload->size, payload->late, true, false);
}

void baton__dispatch_stale(baton_connector *connector, const baton__frame *frame, const baton__payload *payload)
{
    baton__block block;
    if (block_of(frame, payload->data, payload->size, &block) == BATON_OK) {
        turn_away(connector, frame, &block, BATON_ERR_STALE_PEER);
    }
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

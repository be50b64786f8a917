/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/error.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

#define PEER_ADD(table, peer) HASH_ADD(by_instance, table, instance, sizeof(baton_uuid), peer)

baton__peer *baton__peer_find(baton_connector *connector, const baton_uuid *instance)
{
    baton__peer *peer;
    HASH_FIND(by_instance, connector->by_instance, instance, sizeof(*instance), peer);
    return peer;
}

static bool is_idle(const baton__peer *peer)
{
    return peer->actives == NULL && peer->grants == NULL && !peer->troubled && !peer->closing &&
           !peer->to_tell && peer->releases == NULL && peer->holds == 0 && peer->left == 0 &&
           peer->transfers == 0;
}

static void free_peer(baton__peer *peer)
{
    baton_connector *connector = peer->connector;
    HASH_DELETE(by_instance, connector->by_instance, peer);
    baton_loop_timer_stop(connector->loop, &peer->resume_timer);
    baton_loop_timer_stop(connector->loop, &peer->stuck_timer);
    baton__liveness_unwatch(peer);
    BATON__UNCOUNT(connector, peers_live);
    baton__releases_forget(peer);
    baton__rma_forget(peer);
    free(peer->address);
    free(peer);
}

/* Makes room: peers without an endpoint go at once, the longest unused one with an endpoint is closed first. */
static baton_status make_room(baton_connector *connector)
{
    if (HASH_CNT(by_instance, connector->by_instance) < connector->options.peers_max) {
        return BATON_OK;
    }
    baton__peer *oldest = NULL;
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (is_idle(peer) && peer->endpoint == NULL) {
            free_peer(peer);
        } else if (is_idle(peer) && (oldest == NULL || peer->used_ns < oldest->used_ns)) {
            oldest = peer;
        }
    }
    if (HASH_CNT(by_instance, connector->by_instance) < connector->options.peers_max) {
        return BATON_OK;
    }
    if (oldest == NULL) {
        return baton__fail(BATON_ERR_LIMIT, "%s: peers_max (%u) peers are in use", connector->name,
                           connector->options.peers_max);
    }
    baton__peer_reset(oldest); /* one too many until it is closed; the next one to come frees it */
    return BATON_OK;
}

static baton_status new_peer(baton_connector *connector, const baton__block *block,
                             baton__peer **peer_out)
{
    baton_status status = make_room(connector);
    if (status != BATON_OK &&
        HASH_CNT(by_instance, connector->by_instance) >= connector->options.peers_max + BATON__PEERS_SURPLUS) {
        return status;
    }
    baton__peer *peer = calloc(1, sizeof(*peer));
    uint8_t *address = malloc(block->address_size);
    if (peer == NULL || address == NULL) {
        free(peer);
        free(address);
        return baton__fail_memory("a peer");
    }
    memcpy(address, block->address, block->address_size);
    peer->connector = connector;
    peer->surplus = status != BATON_OK;
    peer->instance = block->instance;
    peer->epoch = block->epoch;
    peer->address = address;
    peer->address_size = block->address_size;
    peer->address_version = block->address_version;
    peer->process = block->process;
    memcpy(peer->name, block->name, sizeof(peer->name));
    peer->used_ns = baton__now(connector);
    peer->resume_timer.fire = baton__peer_on_resume;
    peer->stuck_timer.fire = baton__peer_on_stuck;
    PEER_ADD(connector->by_instance, peer);
    if (peer->by_instance.tbl == NULL) {
        free(peer->address);
        free(peer);
        return baton__fail_memory("a peer");
    }
    BATON__COUNT(connector, peers_live);
    *peer_out = peer;
    return BATON_OK;
}

baton_status baton__peer_moved(baton__peer *peer, const baton__block *block)
{
    if (block->address_version <= peer->address_version) {
        return BATON_OK;
    }
    uint8_t *address = malloc(block->address_size);
    if (address == NULL) {
        return baton__fail_memory("the new address of a peer");
    }
    memcpy(address, block->address, block->address_size);
    free(peer->address);
    peer->address = address;
    peer->address_size = block->address_size;
    peer->address_version = block->address_version;
    peer->moved = peer->endpoint != NULL || peer->closing;
    if (peer->endpoint != NULL) {
        baton__peer_reset(peer);
    }
    return BATON_OK;
}

baton_status baton__peer_get(baton_connector *connector, const baton__block *block, baton__peer **peer_out)
{
    baton__peer *peer = baton__peer_find(connector, &block->instance);
    if (peer == NULL) {
        return new_peer(connector, block, peer_out);
    }
    if (peer->epoch != block->epoch) {
        return baton__fail(BATON_ERR_STALE_PEER, "%s: the epoch of the metadata is not the peer's",
                           peer->name);
    }
    peer->surplus = peer->surplus && HASH_CNT(by_instance, connector->by_instance) > connector->options.peers_max;
    peer->used_ns = baton__now(connector);
    *peer_out = peer;
    return baton__peer_moved(peer, block);
}

bool baton__peer_is_up(const baton__peer *peer)
{
    return peer->endpoint != NULL && !peer->closing && !peer->reset_wanted;
}

baton_status baton__peer_connect(baton__peer *peer)
{
    baton_connector *connector = peer->connector;
    if (peer->closing || peer->reset_wanted) {
        return BATON_ERR_BUSY;
    }
    if (peer->endpoint != NULL) {
        return BATON_OK;
    }
    peer->dead = peer->dead || !baton__liveness_watch(peer);
    if (peer->dead) {
        return baton__fail(BATON_ERR_PEER_LOST, "%s: its process has ended", peer->name);
    }
    baton_status status = connector->table->endpoint_create(
        connector->transport, peer->address, peer->address_size, peer, &peer->endpoint);
    if (status != BATON_OK) {
        return status;
    }
    peer->out_session = baton_uuid_random();
    peer->heard = false;
    peer->moved = false;
    peer->transport[0] = '\0';
    peer->shares_inbox = connector->table->endpoint_shares_inbox(peer->endpoint);
    BATON__COUNT(connector, endpoints_created);
    if (peer->actives != NULL || peer->grants != NULL) {
        baton__inbox_watch(peer);
    }
    return BATON_OK;
}

void baton__peer_trouble(baton__peer *peer)
{
    if (!peer->troubled) {
        peer->troubled = true;
        LL_PREPEND2(peer->connector->troubled, peer, troubled_next);
    }
}

void baton__peer_failed(baton__peer *peer, int native)
{
    if (peer->closing || peer->reset_wanted) {
        return;
    }
    BATON__DEBUG("%s: endpoint of %s failed: %s", peer->connector->name, peer->name,
                 peer->connector->table->native_text(native));
    peer->failures++;
    peer->native = native;
    peer->reset_wanted = true;
    BATON__COUNT(peer->connector, endpoints_failed);
    baton__peer_trouble(peer);
}

void baton__peer_died(baton__peer *peer)
{
    peer->dead = true;
    if (peer->closing || peer->reset_wanted) {
        peer->failures++; /* no second try once it is drained, and nothing to wait for */
    } else {
        baton__peer_failed(peer, 0);
    }
}

void baton__peer_reset(baton__peer *peer)
{
    if (!peer->closing && !peer->reset_wanted) {
        peer->reset_wanted = true;
        BATON__COUNT(peer->connector, endpoints_forced);
        baton__peer_trouble(peer);
    }
}

void baton__peer_heard(baton__peer *peer)
{
    if (!peer->heard && peer->endpoint != NULL) {
        peer->connector->table->endpoint_heard(peer->endpoint);
    }
    peer->heard = true;
    peer->ever_heard = true;
    peer->frames++;
    peer->failures = 0;
}

void baton__peer_transfer_done(baton__peer *peer)
{
    if (--peer->transfers == 0 && peer->closing) {
        baton__peer_trouble(peer);
    }
}

static bool is_old_session(const baton__peer *peer, const baton_uuid *session)
{
    for (size_t i = 0; i < BATON__OLD_SESSIONS; i++) {
        if (baton_uuid_equal(&peer->old_sessions[i], session)) {
            return true;
        }
    }
    return false;
}

bool baton__peer_knows_session(const baton__peer *peer, const baton_uuid *session)
{
    static const baton_uuid none; /* out_session before the first, and places of old ones that are free */
    if (baton_uuid_equal(&none, session)) {
        return false;
    }
    return baton_uuid_equal(&peer->out_session, session) ||
           (peer->has_in && baton_uuid_equal(&peer->in_session, session)) ||
           is_old_session(peer, session);
}

baton_status baton__peer_adopt(baton__peer *peer, const baton_uuid *session)
{
    if (peer->closing || peer->reset_wanted) {
        return BATON_ERR_BUSY;
    }
    if (peer->has_in && baton_uuid_equal(&peer->in_session, session)) {
        return BATON_OK;
    }
    if (is_old_session(peer, session)) {
        return BATON_ERR_EXPIRED;
    }
    if (peer->has_in) {
        /* The peer has closed its end of the old session: drain ours before the new one is served. */
        baton__peer_reset(peer);
        return BATON_ERR_BUSY;
    }
    peer->in_session = *session;
    peer->has_in = true;
    return BATON_OK;
}

const char *baton__peer_transport(baton__peer *peer)
{
    if (peer->transport[0] == '\0' && peer->endpoint != NULL && peer->heard) {
        peer->connector->table->endpoint_describe(peer->endpoint, peer->transport,
                                                  sizeof(peer->transport));
    }
    return peer->transport;
}

void baton__peer_add_active(baton__peer *peer, baton_operation *operation)
{
    operation->peer = peer;
    DL_APPEND2(peer->actives, operation, peer_prev, peer_next);
    baton__inbox_watch(peer);
}

void baton__peer_remove_active(baton_operation *operation)
{
    if (operation->peer != NULL) {
        DL_DELETE2(operation->peer->actives, operation, peer_prev, peer_next);
        operation->peer->used_ns = baton__now(operation->connector);
        operation->peer = NULL;
    }
}

void baton__peer_add_grant(baton__peer *peer, baton__grant *grant)
{
    grant->peer = peer;
    DL_APPEND2(peer->grants, grant, peer_prev, peer_next);
    baton__inbox_watch(peer);
}

void baton__peer_remove_grant(baton__grant *grant)
{
    if (grant->peer != NULL) {
        DL_DELETE2(grant->peer->grants, grant, peer_prev, peer_next);
        grant->peer->used_ns = baton__now(grant->operation->connector);
        grant->peer = NULL;
    }
}

bool baton__peers_close(baton_connector *connector)
{
    bool all = true;
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (peer->endpoint != NULL) {
            baton__peer_reset(peer);
        }
        all = all && peer->endpoint == NULL && !peer->closing && peer->transfers == 0;
    }
    return all;
}

void baton__peers_free(baton_connector *connector)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        free_peer(peer);
    }
}

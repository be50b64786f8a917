/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_PEER_H
#define BATON_CORE_PEER_H

/*
 * Peers and sessions. Losing a session takes the same way whoever lost it and why: the endpoint is closed by
 * force, everything in flight is drained, and only then what is still alive goes on in a new session:
 * active operations open again with the same nonce, and the other side is told (RESET) to do so for grants.
 *
 *   no endpoint -> up -> closing (endpoint_close called) -> drained -> up again, or no endpoint if nothing is alive
 */

baton__peer *baton__peer_find(baton_connector *connector, const baton_uuid *instance);
/* Finds or makes the peer that a block describes. Errors: ERR_LIMIT, ERR_OUT_OF_MEMORY, ERR_STALE_PEER (another epoch). */
baton_status baton__peer_get(baton_connector *connector, const baton__block *block, baton__peer **peer_out);
/* Makes the endpoint and a new out session if there is none. Not in a callback of the transport. Errors also:
 * ERR_PEER_LOST, its process has ended. */
baton_status baton__peer_connect(baton__peer *peer);
/* May be sent to now. */
bool baton__peer_is_up(const baton__peer *peer);
/* The endpoint broke. Marks; any context. */
void baton__peer_failed(baton__peer *peer, int native);
/* Its process has ended: proven. Not in a callback of the transport. */
void baton__peer_died(baton__peer *peer);
/* Wants the session closed so that memory becomes quiet. Marks; any context. */
void baton__peer_reset(baton__peer *peer);
/* A frame of the peer came. */
void baton__peer_heard(baton__peer *peer);
/* One transfer less that UCX has to call back. */
void baton__peer_transfer_done(baton__peer *peer);
/* An OPEN of this session came. OK: it is the present one. ERR_BUSY: an older one has to be drained first: defer the
 * frame. ERR_EXPIRED: a session that is over. */
baton_status baton__peer_adopt(baton__peer *peer, const baton_uuid *session);
/* Fills an operation's transport from the endpoint; asks UCX once for each endpoint. */
const char *baton__peer_transport(baton__peer *peer);

void baton__peer_add_active(baton__peer *peer, baton_operation *operation);
void baton__peer_remove_active(baton_operation *operation);
void baton__peer_add_grant(baton__peer *peer, baton__grant *grant);
void baton__peer_remove_grant(baton__grant *grant);

/* A session with it, in either direction, that is or was: who names it is the peer. */
bool baton__peer_knows_session(const baton__peer *peer, const baton_uuid *session);
/* A block of it, with its address, came: the newest address counts, and an endpoint to an older one is closed. Any context.
 * Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__peer_moved(baton__peer *peer, const baton__block *block);

/* Puts it on the list of those that baton__peers_work looks at. Any context. */
void baton__peer_trouble(baton__peer *peer);

/* peer_session.c: its timers. */
void baton__peer_on_resume(baton_timer *timer);
void baton__peer_on_stuck(baton_timer *timer);
/* Tells it that a session is over on our side, and where we are. */
void baton__peer_tell_reset(baton__peer *peer, const baton_uuid *session);
/* Outside of the transport's callbacks: closes and reopens what is marked. Returns how much was done. */
int baton__peers_work(baton_connector *connector);
/* At the end: closes all endpoints. True once all are closed. */
bool baton__peers_close(baton_connector *connector);
void baton__peers_free(baton_connector *connector);

#endif

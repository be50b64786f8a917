/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a peer's session, and what goes on in the next one. */
#include "core/engine.h"

#include "base/log.h"

static void on_closed(void *owner)
{
    baton__peer *peer = owner;
    peer->endpoint_gone = true;
    baton__peer_trouble(peer);
}

static void watch_close(baton__peer *peer)
{
    uint32_t ms = peer->lingering ? BATON__LINGER_MS : BATON__STUCK_MS;
    if (baton_loop_timer_start(peer->connector->loop, &peer->stuck_timer,
                               baton__after_ms(peer->connector, ms)) != BATON_OK) {
        peer->lingering = false;
        BATON__ERROR("%s: no timer for the close of an endpoint", peer->connector->name);
    }
}

void baton__peer_on_stuck(baton_timer *timer)
{
    baton__peer *peer = (baton__peer *)((char *)timer - offsetof(baton__peer, stuck_timer));
    if (!peer->closing) {
        return;
    }
    if (peer->lingering) {
        peer->lingering = false;
        if (!peer->endpoint_gone || peer->transfers != 0) {
            watch_close(peer);
            return;
        }
    }
    if (peer->transfers != 0) {
        baton__outbox_abandon(peer, peer->failures != 0);
    }
    if (peer->endpoint_gone && peer->transfers == 0) {
        baton__peer_trouble(peer);
        return;
    }
    watch_close(peer);
    if (peer->moved || peer->dead) {
        /* Its old queue is full and nobody will ever empty it, and UCX waits for that: uct_mm_ep_flush. */
        baton__renewal_begin(peer->connector, "a peer has left a queue that was full");
    }
}

static void begin_close(baton__peer *peer)
{
    /* Its time to come back begins when this session is drained, whatever an earlier one has left of its own. */
    baton_loop_timer_stop(peer->connector->loop, &peer->resume_timer);
    for (baton_operation *op = peer->actives; op != NULL; op = op->peer_next) {
        op->a.attached = false;
    }
    for (baton__grant *grant = peer->grants; grant != NULL; grant = grant->peer_next) {
        grant->attached = false;
    }
    baton__stage_leave(peer);
    peer->reset_wanted = false;
    peer->closing = true;
    peer->endpoint_gone = peer->endpoint == NULL;
    baton__endpoint *endpoint = peer->endpoint;
    peer->endpoint = NULL;
    if (endpoint != NULL) {
        peer->connector->table->endpoint_close(endpoint, on_closed);
    }
    baton__outbox_revoke(peer);
    if (peer->transfers != 0 || !peer->endpoint_gone || peer->lingering) {
        watch_close(peer);
    }
}

static void lose(baton__peer *peer, baton_status reason)
{
    baton_operation *op;
    baton_operation *next_op;
    DL_FOREACH_SAFE2(peer->actives, op, next_op, peer_next)
    {
        baton__active_lost(op, reason, peer->native);
    }
    baton__grant *grant;
    baton__grant *next_grant;
    DL_FOREACH_SAFE2(peer->grants, grant, next_grant, peer_next)
    {
        baton__grant_close(grant, BATON_ERR_PEER_LOST, peer->native);
    }
    peer->failures = 0;
    baton__rma_forget(peer);
}

void baton__peer_on_resume(baton_timer *timer)
{
    baton__peer *peer = (baton__peer *)((char *)timer - offsetof(baton__peer, resume_timer));
    baton__grant *grant;
    baton__grant *next;
    DL_FOREACH_SAFE2(peer->grants, grant, next, peer_next)
    {
        if (!grant->attached) {
            baton__grant_close(grant, BATON_ERR_PEER_LOST, peer->native);
        }
    }
}

void baton__peer_tell_reset(baton__peer *peer, const baton_uuid *session)
{
    const baton__identity *identity = baton__identity_get(peer->connector);
    baton__frame frame = {.type = BATON__FRAME_RESET, .session = *session};
    (void)baton__send_control(peer, &frame, identity->block, identity->size);
}

/* It need not run just now to be alive: where it was us who left, it has as long as its lease. */
static uint32_t patience_ms(const baton__peer *peer, bool left)
{
    uint32_t ms = peer->connector->options.resume_ms;
    for (const baton__grant *grant = peer->grants; left && grant != NULL; grant = grant->peer_next) {
        ms = grant->operation->lease_ms > ms ? grant->operation->lease_ms : ms;
    }
    return ms;
}

static void resume(baton__peer *peer, const baton_uuid *old_in, bool left)
{
    baton_connector *connector = peer->connector;
    baton_operation *op;
    baton_operation *next;
    DL_FOREACH_SAFE2(peer->actives, op, next, peer_next)
    {
        baton__active_resume(op);
    }
    if (peer->grants != NULL && old_in != NULL && peer->resume_timer.slot_ == 0 &&
        baton_loop_timer_start(connector->loop, &peer->resume_timer,
                               baton__after_ms(connector, patience_ms(peer, left))) != BATON_OK) {
        lose(peer, BATON_ERR_OUT_OF_MEMORY);
    }
    BATON__COUNT(connector, sessions_resumed);
}

/* What is alive goes on. old_in: the session that the peer began; NULL: it had none. */
static void go_on(baton__peer *peer, const baton_uuid *old_in, const baton_uuid *old_out)
{
    bool to_tell = peer->to_tell;
    peer->to_tell = false;
    if (peer->actives == NULL && peer->grants == NULL && !to_tell) {
        return;
    }
    bool hopeless = peer->failures >= 2 || (peer->failures >= 1 && !peer->ever_heard);
    if (hopeless || baton__peer_connect(peer) != BATON_OK) {
        baton__releases_forget(peer);
        lose(peer, peer->ever_heard || peer->dead ? BATON_ERR_PEER_LOST : BATON_ERR_UNREACHABLE);
        return;
    }
    if (to_tell || (peer->grants != NULL && old_in != NULL)) {
        baton__peer_tell_reset(peer, old_in != NULL ? old_in : old_out);
    }
    baton__releases_send(peer);
    resume(peer, old_in, to_tell);
}

/* Everything of the old session is over: what was ending ends. */
static void drained(baton__peer *peer)
{
    baton_uuid old_out = peer->out_session;
    baton_uuid old_in = peer->in_session;
    bool had_in = peer->has_in;
    peer->old_sessions[peer->old_next++ % BATON__OLD_SESSIONS] = old_out;
    if (had_in) {
        peer->old_sessions[peer->old_next++ % BATON__OLD_SESSIONS] = old_in;
        peer->has_in = false;
    }
    peer->closing = false;
    peer->retiring = false;
    baton_loop_timer_stop(peer->connector->loop, &peer->stuck_timer);
    baton__liveness_unwatch(peer); /* a new endpoint looks again */
    baton__active_drained(peer);
    baton__passive_drained(peer);
    go_on(peer, had_in ? &old_in : NULL, &old_out);
}

int baton__peers_work(baton_connector *connector)
{
    int done = 0;
    baton__peer *list = connector->troubled;
    connector->troubled = NULL;
    while (list != NULL) {
        baton__peer *peer = list;
        list = peer->troubled_next;
        peer->troubled = false;
        if (peer->reset_wanted && !peer->closing) {
            begin_close(peer);
        }
        if (peer->closing && peer->endpoint_gone && peer->transfers == 0 && !peer->lingering) {
            drained(peer);
        }
        if (peer->releases != NULL && !peer->closing && !peer->reset_wanted) {
            go_on(peer, NULL, &peer->out_session); /* it has no endpoint, but a word is due */
        }
        done++;
    }
    return done;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/log.h"

enum {
    LOOK_MS = 20,
    RETIRE_MS = 1000,        /* peers need as long to hear of the new worker */
    RETIRE_LATEST_MS = 3000, /* endpoints that are not closed by then end with their worker */
    STALL_MS = 2,            /* until the loop sleeps between its looks */
    STALL_LOOKS = 16,        /* it looks again after a sixteenth of the time that it has lasted, */
    STALL_LOOK_MAX_MS = 10,  /* at most so much */
    LEFTOVER_MS = 2000       /* nothing of ours is under way, and the transport still cannot be armed */
};

static void start(baton_connector *connector, baton_timer *timer, uint32_t ms)
{
    if (baton_loop_timer_start(connector->loop, timer, baton__after_ms(connector, ms)) != BATON_OK) {
        BATON__ERROR("%s: no timer to look after the worker with", connector->name);
    }
}

bool baton__renewal_is_possible(const baton_connector *connector)
{
    return !connector->renewal.retiring && __atomic_load_n(&connector->shutting, __ATOMIC_ACQUIRE) == 0;
}

static bool has_lasted(const baton_connector *connector, uint32_t ms)
{
    return baton__now(connector) - connector->renewal.since_ns >= ms * BATON__NS_PER_MS;
}

static bool all_have_left(baton_connector *connector)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (peer->retiring) {
            return false;
        }
    }
    return true;
}

/* What has not ended with its worker never will. */
static void end_closes(baton_connector *connector)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (peer->retiring && peer->closing) {
            baton__outbox_abandon(peer, true);
            peer->endpoint_gone = true;
            baton__peer_trouble(peer);
        }
    }
}

/* Peers go on sending to the old worker until they know: it takes what they send, or they could not close their side. */
static void on_look(baton_timer *timer)
{
    baton_connector *connector = (baton_connector *)((char *)timer - offsetof(baton_connector, renewal.look));
    baton__renewal *renewal = &connector->renewal;
    if (!renewal->published) {
        renewal->published = baton__identity_renew(connector) == BATON_OK;
    }
    if (renewal->published && has_lasted(connector, RETIRE_MS) &&
        (all_have_left(connector) || has_lasted(connector, RETIRE_LATEST_MS))) {
        connector->table->retire(connector->transport);
        end_closes(connector);
        baton__outbox_forget(&connector->retired_orphans);
        renewal->retiring = false;
        baton__inbox_reconsider(connector);
    } else {
        start(connector, &renewal->look, LOOK_MS);
    }
}

/* Through the old worker, which sends as before. Peers that have an endpoint to us are told again in the next session. */
static void leave(baton__peer *peer)
{
    peer->retiring = peer->endpoint != NULL || peer->closing;
    peer->to_tell = peer->retiring && !peer->dead;
    if (peer->endpoint != NULL) {
        baton__peer_tell_reset(peer, peer->has_in ? &peer->in_session : &peer->out_session);
        baton__peer_reset(peer);
    }
}

void baton__renewal_begin(baton_connector *connector, const char *why)
{
    if (!baton__renewal_is_possible(connector)) {
        return;
    }
    BATON__WARN("%s: %s, which UCX does not get over: changing to a new worker", connector->name, why);
    baton__inbox_changed(connector);
    baton__renewal_moves(connector);
    baton_status status = connector->table->renew(connector->transport);
    if (status != BATON_OK) {
        BATON__ERROR("%s: no new worker: %s", connector->name, baton_status_name(status));
        return; /* the old one stays, and a later look tries again */
    }
    if (baton__engine_drive(connector) != BATON_OK) {
        BATON__ERROR("%s: the new worker cannot wake the loop", connector->name);
    }
    baton__outbox_retire(connector);
    connector->address_version++;
    BATON__COUNT(connector, workers_renewed);
    connector->renewal.retiring = true;
    connector->renewal.since_ns = baton__now(connector);
    connector->renewal.published = baton__identity_renew(connector) == BATON_OK;
    start(connector, &connector->renewal.look, LOOK_MS);
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        leave(peer);
    }
}

static bool is_quiet(const baton_connector *connector)
{
    const baton__peer *peer;
    const baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (peer->transfers != 0 || peer->closing) {
            return false;
        }
    }
    return true;
}

void baton__renewal_moves(baton_connector *connector)
{
    connector->renewal.stalled_ns = 0;
    if (connector->renewal.unheeded) {
        connector->renewal.unheeded = false;
        baton__loop_heed_driver(connector->loop, true);
    }
}

bool baton__renewal_stalls(baton_connector *connector)
{
    baton__renewal *renewal = &connector->renewal;
    uint64_t now = baton__now(connector);
    if (renewal->stalled_ns == 0) {
        renewal->stalled_ns = now;
    }
    uint64_t stalled_ns = now - renewal->stalled_ns;
    if (stalled_ns < STALL_MS * BATON__NS_PER_MS) {
        return false;
    }
    if (stalled_ns >= LEFTOVER_MS * BATON__NS_PER_MS && baton__renewal_is_possible(connector) &&
        is_quiet(connector)) {
        baton__renewal_moves(connector);
        baton__renewal_begin(connector, "there is a rest to be sent that nobody will ever take");
        return false;
    }
    if (!renewal->unheeded) {
        renewal->unheeded = true;
        baton__loop_heed_driver(connector->loop, false);
    }
    uint64_t look_ms = stalled_ns / BATON__NS_PER_MS / STALL_LOOKS + 1;
    start(connector, &renewal->stall, look_ms < STALL_LOOK_MAX_MS ? (uint32_t)look_ms : STALL_LOOK_MAX_MS);
    return true;
}

/* The turn of the loop that it brings is all it is for. */
static void on_stall(baton_timer *timer)
{
    (void)timer;
}

void baton__renewal_init(baton_connector *connector)
{
    connector->renewal.look.fire = on_look;
    connector->renewal.stall.fire = on_stall;
}

void baton__renewal_fini(baton_connector *connector)
{
    baton_loop_timer_stop(connector->loop, &connector->renewal.look);
    baton_loop_timer_stop(connector->loop, &connector->renewal.stall);
}

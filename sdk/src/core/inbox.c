/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/log.h"

enum {
    TICK_MS = 1000,
    SILENT_TICKS = 2, /* then it is doubted, and again after 4, 8, ... */
    LOOK_MS = 20,
    BLOCKED_MS = 500, /* a sender may have lost its processor in the middle of a message */
    ROUNDS = 4
};

static baton_connector *of_tick(baton_timer *timer)
{
    return (baton_connector *)((char *)timer - offsetof(baton_connector, inbox.tick));
}

static baton_connector *of_look(baton_timer *timer)
{
    return (baton_connector *)((char *)timer - offsetof(baton_connector, inbox.look));
}

static void start(baton_connector *connector, baton_timer *timer, uint32_t ms)
{
    if (baton_loop_timer_start(connector->loop, timer, baton__after_ms(connector, ms)) != BATON_OK) {
        BATON__ERROR("%s: no timer to watch the inbox with", connector->name);
    }
}

static bool is_blocked(const baton_connector *connector)
{
    return baton__now(connector) - connector->inbox.since_ns >= BLOCKED_MS * BATON__NS_PER_MS;
}

static void end_probe(baton_connector *connector)
{
    if (connector->inbox.probing) {
        connector->inbox.probing = false;
        baton_loop_timer_stop(connector->loop, &connector->inbox.look);
        connector->table->loopback_end(connector->transport);
    }
}

void baton__inbox_watch(baton__peer *peer)
{
    baton_connector *connector = peer->connector;
    if (peer->shares_inbox && connector->inbox.tick.slot_ == 0) {
        start(connector, &connector->inbox.tick, TICK_MS);
    }
}

/* Its endpoint may lead to a worker that it has left, with nobody there to say so. */
static bool is_unanswered(const baton__peer *peer)
{
    const baton_operation *op;
    DL_FOREACH2(peer->actives, op, peer_next)
    {
        uint64_t patience_ms = (uint64_t)SILENT_TICKS * TICK_MS << op->a.resets;
        if (op->a.opened && !op->a.attached && !op->ending &&
            baton__now(op->connector) - op->a.opened_ns >= patience_ms * BATON__NS_PER_MS) {
            return true;
        }
    }
    return false;
}

static void on_tick(baton_timer *timer)
{
    baton_connector *connector = of_tick(timer);
    bool live = false;
    bool heard = false;
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (!peer->shares_inbox || !baton__peer_is_up(peer)) {
            continue;
        }
        live = live || peer->actives != NULL || peer->grants != NULL;
        heard = heard || peer->frames != peer->frames_seen;
        if (peer->frames == peer->frames_seen && is_unanswered(peer)) {
            peer->lingering = true;
            baton__peer_reset(peer);
        }
        peer->frames_seen = peer->frames;
    }
    uint32_t silent = live && !heard ? connector->inbox.silent + 1 : 0;
    connector->inbox.silent = silent;
    if (silent >= SILENT_TICKS && (silent & (silent - 1)) == 0) {
        baton__inbox_suspect(connector);
    }
    if (live) {
        start(connector, timer, TICK_MS);
    }
}

static void probe(baton_connector *connector)
{
    bool arrived = false;
    for (int i = 0; i < ROUNDS && !arrived; i++) {
        baton__engine_hear(connector);
        arrived = connector->table->loopback_arrived(connector->transport);
    }
    if (arrived) {
        end_probe(connector);
        baton__inbox_reconsider(connector);
    } else if (is_blocked(connector)) {
        end_probe(connector);
        baton__renewal_begin(connector, "a process of this host was killed or stopped in the middle of a message to us");
    } else {
        start(connector, &connector->inbox.look, LOOK_MS);
    }
}

void baton__inbox_suspect(baton_connector *connector)
{
    connector->inbox.doubted = connector->inbox.probing || !baton__renewal_is_possible(connector);
    if (connector->inbox.doubted) {
        return;
    }
    baton_status status = connector->table->loopback_begin(connector->transport);
    if (status == BATON_OK) {
        connector->inbox.probing = true;
        connector->inbox.since_ns = baton__now(connector);
        probe(connector);
    } else if (status != BATON_ERR_UNREACHABLE) {
        BATON__WARN("%s: no message to ourselves: %s", connector->name, baton_status_name(status));
    }
}

void baton__inbox_reconsider(baton_connector *connector)
{
    if (connector->inbox.doubted) {
        baton__inbox_suspect(connector);
    }
}

static void on_look(baton_timer *timer)
{
    probe(of_look(timer));
}

void baton__inbox_init(baton_connector *connector)
{
    connector->inbox.tick.fire = on_tick;
    connector->inbox.look.fire = on_look;
}

void baton__inbox_changed(baton_connector *connector)
{
    end_probe(connector);
    connector->inbox.silent = 0;
    connector->inbox.doubted = false;
}

void baton__inbox_fini(baton_connector *connector)
{
    end_probe(connector);
    baton_loop_timer_stop(connector->loop, &connector->inbox.tick);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a connector: operations, last words, endpoints, in this order, each with a bound. */
#include "core/connector.h"

#include "base/log.h"

/* Turns of the loop on this thread until the condition holds or the time is over. */
static bool drive_until(baton_connector *connector, bool (*holds)(baton_connector *), uint32_t timeout_ms)
{
    uint64_t end = baton__after_ms(connector, timeout_ms);
    while (!holds(connector)) {
        if (baton__loop_turn(connector->loop) != 0) {
            continue;
        }
        if (baton__now(connector) >= end) {
            return false;
        }
        if (baton__loop_arm(connector->loop)) {
            baton__loop_sleep(connector->loop, BATON__NS_PER_MS);
        }
    }
    return true;
}

static bool no_operation(baton_connector *connector)
{
    return connector->by_id.count == 0 && connector->by_nonce.count == 0 && connector->ready_head == NULL;
}

static bool nothing_to_send(baton_connector *connector)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        if (peer->transfers != 0) {
            return false;
        }
    }
    return true;
}

static void stop_operations(baton_connector *connector)
{
    baton__node *next;
    for (baton__node *node = baton__table_next(&connector->by_id, NULL); node != NULL; node = next) {
        next = baton__table_next(&connector->by_id, node);
        baton__operation_stop(BATON__NODE_OWNER(node, baton_operation, node), BATON_ERR_SHUT_DOWN, 0);
    }
    for (baton__node *node = baton__table_next(&connector->by_nonce, NULL); node != NULL; node = next) {
        next = baton__table_next(&connector->by_nonce, node);
        baton__operation_stop(BATON__NODE_OWNER(node, baton_operation, node), BATON_ERR_SHUT_DOWN, 0);
    }
}

/* So that a peer that stays closes its end too: one in this very process has no other way to know. */
static void say_goodbye(baton__peer *peer)
{
    baton__frame frame = {.type = BATON__FRAME_RESET,
                          .session = peer->has_in ? peer->in_session : peer->out_session};
    if (baton__peer_is_up(peer) && peer->heard) { /* else it knows neither */
        (void)baton__send_control(peer, &frame, NULL, 0);
    }
}

/* Last words, such as a COMMIT, leave before the endpoints are closed by force. */
static void flush_peers(baton_connector *connector)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        say_goodbye(peer);
        baton__flush(peer);
    }
}

static void abandon_all(baton_connector *connector)
{
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        baton__outbox_abandon(peer, true);
    }
    (void)drive_until(connector, no_operation, 100);
}

/* What a device does not end: its link is closed, and then it is given up. */
static void force_reaches(baton_connector *connector)
{
    baton__node *next;
    for (baton__node *node = baton__table_next(&connector->by_nonce, NULL); node != NULL; node = next) {
        next = baton__table_next(&connector->by_nonce, node);
        baton_operation *op = BATON__NODE_OWNER(node, baton_operation, node);
        baton__reach_force(op);
        baton__reach_force(op);
    }
    (void)drive_until(connector, no_operation, 100);
}

void baton__connector_shut_down(baton_connector *connector)
{
    /* What was posted before the end began is begun first, and then ends like the rest. */
    for (int turns = 0; turns < 8 && baton__loop_turn(connector->loop) != 0; turns++) {
    }
    stop_operations(connector);
    if (!drive_until(connector, no_operation, 5000)) {
        BATON__WARN("%s: operations are still draining at the end", connector->name);
        force_reaches(connector);
    }
    flush_peers(connector);
    if (!drive_until(connector, nothing_to_send, 500)) {
        BATON__DEBUG("%s: a peer does not take its last messages", connector->name);
    }
    if (!drive_until(connector, baton__peers_close, 3000)) {
        BATON__WARN("%s: UCX does not end all transfers; the rest ends with its worker", connector->name);
        abandon_all(connector);
    }
}

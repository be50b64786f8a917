/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledgements that could not be sent: they go out after the reconnect. Those that they are for
 * come back about then too, so each is sent with a reply subject of ours: where the server answers
 * that nobody listens, it is sent again, and where it says nothing for a while, it has arrived.
 */
#include "session.h"

#include "base/clock.h"
#include "base/log.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 200, SETTLED_MS = 1000, TRIES_MAX = 25 };

static const char token_prefix[] = "held-";

static void start_timer(baton__session *session)
{
    if (session->held_timer.slot_ == 0) {
        baton__session_start_timer(session, &session->held_timer,
                                   baton__session_now_ns(session) + RETRY_MS * BATON__NS_PER_MS);
    }
}

void baton__session_hold(baton__session *session, const char *subject, char *text, size_t size)
{
    (void)baton__counter_add(&session->counters.messages_held);
    size_t dropped = baton__backlog_add(&session->backlog, subject, text, size);
    if (dropped != 0) {
        BATON__WARN("worker %s: %zu acknowledgements dropped: too many wait for a connection",
                    session->name, dropped);
    }
}

/* False if there is no connection. */
static bool send_item(baton__session *session, baton__backlog_item *item)
{
    char token[32];
    (void)snprintf(token, sizeof(token), "%s%llu", token_prefix, (unsigned long long)item->number);
    baton_status status =
        baton__nats_link_publish(session->link, item->subject, token, NULL, item->text, item->size);
    if (status == BATON_ERR_NATS_DISCONNECTED) {
        return false;
    }
    if (status == BATON_OK) {
        (void)baton__counter_add(&session->counters.messages_sent);
    } else {
        BATON__WARN("worker %s: a held acknowledgement was not sent: %s", session->name,
                    baton_status_name(status));
    }
    item->sent_ns = baton__session_now_ns(session);
    item->tries++;
    return true;
}

static void work(baton__session *session)
{
    uint64_t now = baton__session_now_ns(session);
    baton__backlog_item *item;
    baton__backlog_item *next;
    DL_FOREACH_SAFE(session->backlog.first, item, next)
    {
        bool is_settled =
            item->sent_ns != 0 && now - item->sent_ns >= SETTLED_MS * BATON__NS_PER_MS;
        if (is_settled || (item->sent_ns == 0 && item->tries >= TRIES_MAX)) {
            baton__backlog_drop(&session->backlog, item);
        } else if (item->sent_ns == 0 && !send_item(session, item)) {
            return; /* the reconnect goes on with it */
        }
    }
    if (session->backlog.first != NULL) {
        start_timer(session);
    }
}

void baton__session_send_held(baton__session *session)
{
    baton__backlog_item *item;
    DL_FOREACH(session->backlog.first, item)
    {
        item->sent_ns = 0; /* what was sent on the last connection may have been lost with it */
        item->tries = 0;
    }
    work(session);
}

void baton__session_held_fire(baton_timer *timer)
{
    baton__session *session =
        (baton__session *)((char *)timer - offsetof(baton__session, held_timer));
    if (session->link != NULL && baton__session_is_connected(session)) {
        work(session);
    }
}

bool baton__session_held_unheard(baton__session *session, const char *token)
{
    size_t length = sizeof(token_prefix) - 1;
    if (strncmp(token, token_prefix, length) != 0) {
        return false;
    }
    baton__backlog_item *item =
        baton__backlog_find(&session->backlog, strtoull(token + length, NULL, 10));
    if (item != NULL) {
        item->sent_ns = 0;
        start_timer(session);
    }
    return true;
}

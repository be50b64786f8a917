/* SPDX-License-Identifier: Apache-2.0 */
/* The session's NATS link: opening and closing it, and what it says. */
#include "session.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "handoff.h"
#include "offer.h"
#include "ping.h"
#include <stddef.h>
#include <stdio.h>

enum { SLICE_MS = 10, FLUSH_MS = 500 };

static void on_connected(void *context)
{
    baton__session *session = context;
    __atomic_store_n(&session->connected, true, __ATOMIC_RELEASE);
    baton__event_set(&session->first_connected);
    (void)baton__counter_add(&session->counters.nats_connects);
    BATON__INFO("worker %s: connected to NATS", session->name);
    baton_loop_timer_stop(session->loop, &session->pause_timer);
    if (session->was_connected) {
        session->grace_until_ns =
            baton__session_now_ns(session) + BATON__OFFER_GRACE_MS * BATON__NS_PER_MS;
        baton__offers_renew(session);
    }
    session->was_connected = true;
    baton__session_send_held(session);
    baton__offers_connected(session);
}

static void on_disconnected(void *context, baton_status reason, const char *text)
{
    baton__session *session = context;
    if (__atomic_exchange_n(&session->connected, false, __ATOMIC_ACQ_REL)) {
        (void)baton__counter_add(&session->counters.nats_disconnects);
        baton__session_start_timer(session, &session->pause_timer, baton__session_now_ns(session));
    }
    __atomic_store_n(&session->link_reason, reason, __ATOMIC_RELEASE);
    BATON__DEBUG("worker %s: not connected to NATS: %s", session->name, text != NULL ? text : "");
}

/* Leases that only NATS could renew do not run while nobody could. */
void baton__session_pause_fire(baton_timer *timer)
{
    baton__session *session =
        (baton__session *)((char *)timer - offsetof(baton__session, pause_timer));
    if (baton__offers_renew(session)) {
        uint64_t due = baton__session_now_ns(session) + BATON__OFFER_PAUSE_MS * BATON__NS_PER_MS;
        baton__session_start_timer(session, &session->pause_timer, due);
    }
}

static void on_message(void *context, const baton__nats_incoming *incoming)
{
    baton__session_dispatch(context, incoming);
}

static void on_no_responders(void *context, const char *reply_token)
{
    baton__session *session = context;
    if (!baton__session_held_unheard(session, reply_token)) {
        (void)baton__counter_add(&session->counters.no_responders);
        if (!baton__pings_unheard(session, reply_token)) {
            baton__offers_unheard(session, reply_token);
        }
    }
}

static void on_denied(void *context, const char *subject, bool publish)
{
    baton__session *session = context;
    const char *verb = publish ? "publish" : "subscribe";
    BATON__ERROR("worker %s: the NATS server's permissions deny to %s on %s", session->name, verb,
                 subject != NULL ? subject : "?");
    baton__subject parsed;
    if (publish && subject != NULL && baton__subject_parse(subject, session->prefix, &parsed)) {
        baton__offers_denied(session, &parsed);
        baton__pings_denied(session, &parsed);
    }
}

static baton_status subscribe(baton__session *session, baton__subject_kind kind, size_t *out)
{
    char subject[BATON__SUBJECT_MAX];
    baton__subject_print(subject, session->prefix, kind, session->name, "*");
    return baton__nats_link_subscribe(session->link, subject, NULL, out);
}

/* Creating the link on the owner thread: no callback runs before it is stored and subscribed. */
typedef struct opening {
    baton__session *session;
    const baton_nats_options *nats;
    baton_status status;
    char text[512];
} opening;

static void open_link(void *context)
{
    static const baton__nats_callbacks callbacks = {.connected = on_connected,
                                                    .disconnected = on_disconnected,
                                                    .message = on_message,
                                                    .no_responders = on_no_responders,
                                                    .denied = on_denied};
    opening *self = context;
    baton__session *session = self->session;
    self->status = baton__nats_link_create(session->loop, session->name, self->nats, &callbacks,
                                           session, &session->link);
    if (self->status == BATON_OK) {
        self->status = subscribe(session, BATON__SUBJECT_TO, &session->subscriptions[0]);
    }
    if (self->status == BATON_OK) {
        self->status = subscribe(session, BATON__SUBJECT_DONE, &session->subscriptions[1]);
    }
    (void)snprintf(self->text, sizeof(self->text), "%s", baton_error_text());
}

baton_status baton__session_open_link(baton__session *session, const baton_nats_options *nats)
{
    opening self = {.session = session, .nats = nats};
    (void)baton__session_call(session, open_link, &self);
    return self.status == BATON_OK ? BATON_OK : baton__fail(self.status, "%s", self.text);
}

baton_status baton__session_wait_connected(baton__session *session, uint32_t timeout_ms)
{
    if (!session->application) {
        baton_status status = baton__nats_link_wait_connected(session->link, timeout_ms);
        /* The link says so a moment before its callback has run. */
        if (status == BATON_OK && !baton__event_wait(&session->first_connected, timeout_ms)) {
            return baton__fail(BATON_ERR_NATS_DISCONNECTED, "worker \"%s\": not connected to NATS",
                               session->name);
        }
        return status;
    }
    uint64_t end = baton__session_now_ns(session) + timeout_ms * BATON__NS_PER_MS;
    while (!baton__session_is_connected(session)) {
        baton_status reason = __atomic_load_n(&session->link_reason, __ATOMIC_ACQUIRE);
        if (reason == BATON_ERR_NATS_AUTHENTICATION || baton__session_now_ns(session) >= end) {
            return baton__fail(
                reason, "worker \"%s\": %s; is the URL right, and does a server listen there?",
                session->name, baton_status_text(reason));
        }
        baton__session_pass_time(session, SLICE_MS);
    }
    return BATON_OK;
}

baton__nats_link *baton__session_close_link(baton__session *session)
{
    baton__nats_link *link = session->link;
    if (link == NULL) {
        return NULL;
    }
    baton__handoffs_send_records(session);
    baton_loop_timer_stop(session->loop, &session->pause_timer);
    baton_loop_timer_stop(session->loop, &session->held_timer);
    baton__nats_link_close(link, FLUSH_MS);
    session->link = NULL;
    __atomic_store_n(&session->connected, false, __ATOMIC_RELEASE);
    return link;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ping is answered by the other worker's owner thread, without its application. So it tells that
 * the way over NATS is there in both directions, and that the other loop turns; nothing of UCX.
 */
#include "ping.h"

#include "base/clock.h"
#include "base/copy_text.h"
#include "base/error.h"
#include "base/name.h"
#include "table.h"
#include "worker.h"
#include <string.h>

typedef struct baton__ping {
    baton_task task; /* first: the owner gets it from there */
    baton__session *session;
    const char *to;
    baton_uuid id;
    baton_key key;
    uint64_t begin_ns;
    uint64_t end_ns;
    baton_status status;
    bool is_over;
    baton__event ended;
    struct baton__ping *prev;
    struct baton__ping *next;
} baton__ping;

/* The last thing that the owner does with it. */
static void end(baton__ping *ping, baton_status status)
{
    ping->status = status;
    ping->end_ns = baton__session_now_ns(ping->session);
    ping->is_over = true;
    DL_DELETE(ping->session->pings, ping);
    baton__event_set(&ping->ended);
}

static void begin(baton_task *task)
{
    baton__ping *ping = (baton__ping *)task;
    baton__session *session = ping->session;
    baton__message message = {
        .type = BATON__MESSAGE_PING, .id = ping->id, .attempt = 1, .key = ping->key};
    (void)baton__copy_text(message.origin, sizeof(message.origin), session->name);
    (void)baton__copy_text(message.worker, sizeof(message.worker), ping->to);
    DL_APPEND(session->pings, ping);
    ping->begin_ns = baton__session_now_ns(session);
    baton_status status = baton__session_is_closing(session)
                              ? BATON_ERR_SHUT_DOWN
                              : baton__session_request(session, ping->to, &message);
    if (status != BATON_OK) {
        end(ping, status);
    }
}

/* The time is over. */
static void forget(void *context)
{
    baton__ping *ping = context;
    if (!ping->is_over) {
        end(ping, BATON_ERR_TIMED_OUT);
    }
}

static baton__ping *find(const baton__session *session, const baton_uuid *id)
{
    baton__ping *ping;
    DL_FOREACH(session->pings, ping)
    {
        if (baton_uuid_equal(&ping->id, id)) {
            return ping;
        }
    }
    return NULL;
}

void baton__ping_answer(baton__session *session, const baton__message *message)
{
    baton__message answer = {.type = BATON__MESSAGE_PONG,
                             .id = message->id,
                             .attempt = message->attempt,
                             .key = message->key};
    (void)baton__copy_text(answer.origin, sizeof(answer.origin), message->origin);
    (void)baton__copy_text(answer.worker, sizeof(answer.worker), session->name);
    baton__session_send(session, BATON__SUBJECT_DONE, message->origin, &answer, false);
}

void baton__pings_answered(baton__session *session, const baton__message *message)
{
    baton__ping *ping = find(session, &message->id);
    if (ping == NULL) {
        baton__session_refuse(session, &session->counters.refused_late, message->worker,
                              "the answer to a ping that is over");
    } else if (!baton_key_equal(&ping->key, &message->key) ||
               strcmp(message->worker, ping->to) != 0) {
        baton__session_refuse(session, &session->counters.refused_key, message->worker,
                              "a wrong key, or not the worker that was asked");
    } else {
        end(ping, BATON_OK);
    }
}

bool baton__pings_unheard(baton__session *session, const char *token)
{
    baton_uuid id;
    baton__ping *ping = baton_uuid_parse(token, &id) == BATON_OK ? find(session, &id) : NULL;
    if (ping == NULL) {
        return false;
    }
    end(ping, BATON_ERR_NO_CONSUMER);
    return true;
}

void baton__pings_denied(baton__session *session, const baton__subject *subject)
{
    baton__ping *ping;
    baton__ping *next;
    DL_FOREACH_SAFE(session->pings, ping, next)
    {
        if (subject->kind == BATON__SUBJECT_TO && strcmp(subject->target, ping->to) == 0) {
            end(ping, BATON_ERR_NATS_DENIED);
        }
    }
}

void baton__pings_shut_down(baton__session *session)
{
    while (session->pings != NULL) {
        end(session->pings, BATON_ERR_SHUT_DOWN);
    }
}

static baton_status check(const baton__session *session, const char *name)
{
    baton_status status = baton__session_check(session);
    if (status != BATON_OK) {
        return status;
    }
    if (!baton__name_is_valid(name)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "ping: the name of a worker is 1 .. 63 of A-Z a-z 0-9 _ -");
    }
    return baton__session_is_owner(session)
               ? baton__fail(BATON_ERR_WRONG_THREAD, "ping: the owner thread cannot wait for it")
               : BATON_OK;
}

baton_status baton_worker_ping(baton_worker *worker, const char *name, uint32_t timeout_ms,
                               uint64_t *round_trip_ns_out)
{
    if (worker == NULL || timeout_ms == 0 || timeout_ms == BATON_FOREVER) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "ping: worker is NULL, or the timeout is 0 or for ever");
    }
    baton__session *session = baton__worker_session(worker);
    baton_status status = check(session, name);
    if (status != BATON_OK) {
        return status;
    }
    baton__ping ping = {.task = {.run = begin},
                        .session = session,
                        .to = name,
                        .id = baton_uuid_random(),
                        .key = baton_key_random()};
    if (!baton__session_post(session, &ping.task)) {
        return baton__fail(BATON_ERR_SHUT_DOWN, "the worker \"%s\" is shutting down",
                           session->name);
    }
    if (!baton__session_wait(session, &ping.ended, timeout_ms) &&
        baton__session_call(session, forget, &ping) != BATON_OK) {
        /* What was posted has run, and shutting down has ended every ping. */
        ping.status = BATON_ERR_SHUT_DOWN;
    }
    if (ping.status != BATON_OK) {
        return baton__fail(ping.status, "ping from \"%s\" to \"%s\": %s", session->name, name,
                           ping.status == BATON_ERR_TIMED_OUT ? "no answer in time"
                                                              : baton_status_text(ping.status));
    }
    if (round_trip_ns_out != NULL) {
        *round_trip_ns_out = ping.end_ns - ping.begin_ns;
    }
    return BATON_OK;
}

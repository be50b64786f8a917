/* SPDX-License-Identifier: Apache-2.0 */
/* What the session publishes. */
#include "session.h"

#include "base/error.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

/* With a reply subject that is for the server's 503 alone; an answer is expected. */
static baton_status publish(baton__session *session, baton__subject_kind kind, const char *target,
                            const baton__message *message, const char *traceparent)
{
    char *text = NULL;
    size_t size = 0;
    char subject[BATON__SUBJECT_MAX];
    char token[BATON_UUID_TEXT_SIZE];
    if (session->link == NULL) {
        return baton__fail(BATON_ERR_NATS_DISCONNECTED, "the worker is shutting down");
    }
    baton_status status = baton__message_encode(message, &text, &size);
    if (status != BATON_OK) {
        return status;
    }
    baton__subject_print(subject, session->prefix, kind, target, session->name);
    baton_uuid_print(&message->id, token);
    status = baton__nats_link_publish(session->link, subject, token, traceparent, text, size);
    free(text);
    if (status == BATON_OK) {
        (void)baton__counter_add(&session->counters.messages_sent);
        baton_loop_expect(session->loop);
    }
    return status;
}

baton_status baton__session_publish_offer(baton__session *session, baton__subject_kind kind,
                                          const char *target, const baton__message *message,
                                          const char *traceparent)
{
    baton_status status = publish(session, kind, target, message, traceparent);
    if (status == BATON_OK) {
        (void)baton__counter_add(&session->counters.offers_published);
    }
    return status;
}

baton_status baton__session_request(baton__session *session, const char *worker,
                                    const baton__message *message)
{
    return publish(session, BATON__SUBJECT_TO, worker, message, NULL);
}

void baton__session_send(baton__session *session, baton__subject_kind kind, const char *target,
                         const baton__message *message, bool held)
{
    char *text = NULL;
    size_t size = 0;
    char subject[BATON__SUBJECT_MAX];
    if (session->link == NULL) {
        return; /* shut down */
    }
    baton_status status = baton__message_encode(message, &text, &size);
    if (status != BATON_OK) {
        BATON__ERROR("worker %s: cannot print a message of type %s: %s", session->name,
                     baton__message_type_name(message->type), baton_status_name(status));
        return;
    }
    baton__subject_print(subject, session->prefix, kind, target, session->name);
    status = baton__nats_link_publish(session->link, subject, NULL, NULL, text, size);
    if (status == BATON_ERR_NATS_DISCONNECTED && held) {
        baton__session_hold(session, subject, text, size);
        return;
    }
    free(text);
    if (status == BATON_OK) {
        (void)baton__counter_add(&session->counters.messages_sent);
    } else if (status != BATON_ERR_NATS_DISCONNECTED) {
        BATON__WARN("worker %s: a message of type %s was not sent: %s", session->name,
                    baton__message_type_name(message->type), baton_status_name(status));
    }
}

void baton__session_event(baton__session *session, const char *role, const baton_uuid *id,
                          uint32_t attempt, const char *state, baton_status reason)
{
    if (!session->events || session->link == NULL) {
        return;
    }
    char subject[BATON__SUBJECT_MAX];
    char uuid[BATON_UUID_TEXT_SIZE];
    char line[384];
    baton__subject_event(subject, session->prefix, session->name);
    baton_uuid_print(id, uuid);
    int size =
        snprintf(line, sizeof(line),
                 "{\"v\":1,\"type\":\"event\",\"worker\":\"%s\",\"role\":\"%s\",\"id\":\"%s\","
                 "\"attempt\":%u,\"state\":\"%s\",\"reason\":\"%s\"}",
                 session->name, role, uuid, attempt, state, baton_status_name(reason));
    if (size > 0 && (size_t)size < sizeof(line) &&
        baton__nats_link_publish(session->link, subject, NULL, NULL, line, (size_t)size) ==
            BATON_OK) {
        (void)baton__counter_add(&session->counters.messages_sent);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acknowledgement of record. It is not on the hot path: the one in-band is. So those of handoffs that need no answer any more are
 * collected, and one DONE brings all of an origin: a message of its own for each would take the time of both workers and of the
 * server from the hand-offs that run.
 */
#include "handoff.h"

#include "base/clock.h"
#include <stddef.h>
#include <string.h>

/*
 * As many at once, or when the first of them is so old, or when they keep so much memory. Sending, passing on and reading one DONE of
 * hundreds takes some hundred microseconds of both workers, which a hand-off that comes meanwhile waits for: so that fewer than one in
 * a hundred does, also at ten thousand a second, there are more than a hundred in it.
 */
enum { COLLECT_MAX = 256, COLLECT_MS = 40 };
#define COLLECT_BYTES (64U << 20)

static baton__message begin_message(const baton_handoff *handoff, baton__message_type type)
{
    baton__message message = {.type = type, .id = handoff->message.id, .attempt = handoff->message.attempt};
    memcpy(message.origin, handoff->message.origin, sizeof(message.origin));
    memcpy(message.worker, handoff->session->name, sizeof(message.worker));
    message.key = handoff->keys.ack_key;
    return message;
}

static void send(baton_handoff *handoff, const baton__message_end *more, uint32_t count)
{
    bool is_nack = handoff->given == BATON__ANSWER_NACK;
    baton__message message = begin_message(handoff, is_nack ? BATON__MESSAGE_NACK : BATON__MESSAGE_DONE);
    message.result = handoff->given != BATON__ANSWER_NONE ? handoff->result : NULL;
    message.more = more;
    message.more_count = count;
    handoff->was_reported = true;
    baton__session_send(handoff->session, BATON__SUBJECT_DONE, handoff->message.origin, &message, true);
}

void baton__handoff_send_record(baton_handoff *handoff)
{
    send(handoff, NULL, 0);
}

/* Nothing but that it is done. */
static bool is_plain(const baton_handoff *handoff)
{
    return !handoff->was_reported && handoff->given != BATON__ANSWER_NACK &&
           (handoff->given == BATON__ANSWER_NONE || handoff->result == NULL);
}

static void take(baton_handoff *handoff)
{
    baton__session_remove_report(handoff->session, handoff);
    handoff->is_reporting = false;
    baton__handoff_release(handoff);
}

void baton__handoff_withdraw_record(baton_handoff *handoff)
{
    if (handoff->is_reporting) {
        take(handoff);
    }
}

/* As many as one message of the server's holds. */
static uint32_t most_more(const baton__session *session)
{
    enum { OWN_BYTES = 1024, EACH_BYTES = BATON_UUID_TEXT_SIZE + BATON_KEY_TEXT_SIZE + 16 };
    size_t limit = session->link != NULL ? baton__nats_link_max_payload(session->link) : 0;
    if (limit == 0 || limit >= OWN_BYTES + COLLECT_MAX * EACH_BYTES) {
        return COLLECT_MAX;
    }
    return limit > OWN_BYTES ? (uint32_t)((limit - OWN_BYTES) / EACH_BYTES) : 0;
}

/* The first, and what goes along. */
static void send_collected(baton_handoff *first)
{
    baton__session *session = first->session;
    baton__message_end more[COLLECT_MAX];
    uint32_t count = 0;
    uint32_t most = most_more(session);
    baton_handoff *next = is_plain(first) ? first->report_next : NULL;
    while (next != NULL && count < most) {
        baton_handoff *handoff = next;
        next = handoff->report_next;
        if (is_plain(handoff) && strcmp(handoff->message.origin, first->message.origin) == 0) {
            more[count++] = (baton__message_end){.id = handoff->message.id,
                                                 .attempt = handoff->message.attempt,
                                                 .key = handoff->keys.ack_key};
            handoff->was_reported = true;
            take(handoff);
        }
    }
    if (!first->was_reported && session->link != NULL) {
        send(first, more, count);
    }
    take(first);
}

void baton__handoffs_send_records(baton__session *session)
{
    baton_loop_timer_stop(session->loop, &session->report_timer);
    while (session->reports != NULL) {
        send_collected(session->reports);
    }
}

static void on_time(baton_timer *timer)
{
    baton__handoffs_send_records((baton__session *)((char *)timer - offsetof(baton__session, report_timer)));
}

void baton__handoff_record(baton_handoff *handoff)
{
    baton__session *session = handoff->session;
    if (handoff->is_reporting) {
        return;
    }
    handoff->is_reporting = true;
    (void)baton__handoff_acquire(handoff);
    baton__session_add_report(session, handoff);
    if (session->reports_count == 1) {
        session->report_timer.fire = on_time;
        baton__session_start_timer(session, &session->report_timer,
                                   baton__session_now_ns(session) + COLLECT_MS * BATON__NS_PER_MS);
    }
    if (session->reports_count >= COLLECT_MAX || session->reports_bytes >= COLLECT_BYTES) {
        baton__handoffs_send_records(session);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acknowledgement of record. It is not on the hot path: the one in-band is. So those of handoffs that need no answer any more are
 * collected, and one DONE brings all of an origin: a message of its own for each would take the time of both workers and of the
 * server from the hand-offs that run. What is collected keeps nothing of the handoff, whose memory may be wanted for the next one.
 */
#include "handoff.h"

#include "base/clock.h"
#include "base/copy_text.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/*
 * As many at once, or when the first of them is so old, or when their results are so large. Sending, passing on and reading one DONE of
 * hundreds takes some hundred microseconds of both workers, which a hand-off that comes meanwhile waits for: so that fewer than one in
 * a hundred does, also at ten thousand a second, there are more than a hundred in it.
 */
enum { COLLECT_MAX = 256, COLLECT_MS = 40, COLLECT_BYTES = 1 << 20 };

typedef struct baton__report {
    baton_handoff *handoff; /* NULL: it is over, and nothing can change what it has said */
    baton__message_end end;
    bool is_nack;
    char *result; /* NULL: none */
    size_t result_size;
    char origin[BATON_NAME_MAX + 1];
    struct baton__report *prev;
    struct baton__report *next;
} baton__report;

static const char *result_of(const baton_handoff *handoff)
{
    return handoff->given != BATON__ANSWER_NONE ? handoff->result : NULL;
}

static void send(baton__session *session, const char *origin, bool is_nack, const baton__message_end *first, const char *result,
                 const baton__message_end *more, uint32_t count)
{
    baton__message message = {.type = is_nack ? BATON__MESSAGE_NACK : BATON__MESSAGE_DONE,
                              .id = first->id,
                              .attempt = first->attempt,
                              .key = first->key,
                              .result = result,
                              .more = more,
                              .more_count = count};
    (void)baton__copy_text(message.origin, sizeof(message.origin), origin);
    (void)baton__copy_text(message.worker, sizeof(message.worker), session->name);
    baton__session_send(session, BATON__SUBJECT_DONE, origin, &message, true);
}

static baton__message_end end_of(const baton_handoff *handoff)
{
    return (baton__message_end){
        .id = handoff->message.id, .attempt = handoff->message.attempt, .key = handoff->keys.ack_key};
}

/* Out of the list, and gone. */
static void drop(baton__session *session, baton__report *report)
{
    DL_DELETE(session->reports, report);
    session->reports_count--;
    session->reports_bytes -= report->result_size;
    if (report->handoff != NULL) {
        report->handoff->report = NULL;
    }
    free(report->result);
    free(report);
}

void baton__handoff_withdraw_record(baton_handoff *handoff)
{
    if (handoff->report != NULL) {
        drop(handoff->session, handoff->report);
    }
}

void baton__handoff_send_record(baton_handoff *handoff)
{
    baton__message_end end = end_of(handoff);
    baton__handoff_withdraw_record(handoff);
    handoff->was_reported = true;
    send(handoff->session, handoff->message.origin, handoff->given == BATON__ANSWER_NACK, &end, result_of(handoff), NULL, 0);
}

void baton__handoff_leave_record(baton_handoff *handoff)
{
    if (handoff->report != NULL) {
        handoff->report->handoff = NULL;
        handoff->report = NULL;
        handoff->was_reported = true;
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

/* Nothing but that it is done. */
static bool is_plain(const baton__report *report)
{
    return !report->is_nack && report->result == NULL;
}

static void note_sent(baton__session *session, baton__report *report)
{
    if (report->handoff != NULL) {
        report->handoff->was_reported = true;
    }
    drop(session, report);
}

/* The first, and what goes along. */
static void send_collected(baton__session *session)
{
    baton__message_end more[COLLECT_MAX];
    uint32_t count = 0;
    uint32_t most = most_more(session);
    baton__report *first = session->reports;
    baton__report *next = is_plain(first) ? first->next : NULL;
    while (next != NULL && count < most) {
        baton__report *report = next;
        next = report->next;
        if (is_plain(report) && strcmp(report->origin, first->origin) == 0) {
            more[count++] = report->end;
            note_sent(session, report);
        }
    }
    if (session->link != NULL) {
        send(session, first->origin, first->is_nack, &first->end, first->result, more, count);
    }
    note_sent(session, first);
}

void baton__handoffs_send_records(baton__session *session)
{
    baton_loop_timer_stop(session->loop, &session->report_timer);
    while (session->reports != NULL) {
        send_collected(session);
    }
}

static void on_time(baton_timer *timer)
{
    baton__handoffs_send_records((baton__session *)((char *)timer - offsetof(baton__session, report_timer)));
}

/* NULL: no memory. */
static baton__report *make(baton_handoff *handoff)
{
    const char *result = result_of(handoff);
    baton__report *report = calloc(1, sizeof(*report));
    char *copy = result != NULL ? strdup(result) : NULL;
    if (report == NULL || (result != NULL && copy == NULL)) {
        free(report);
        free(copy);
        return NULL;
    }
    report->handoff = handoff;
    report->end = end_of(handoff);
    report->is_nack = handoff->given == BATON__ANSWER_NACK;
    report->result = copy;
    report->result_size = copy != NULL ? strlen(copy) : 0;
    (void)baton__copy_text(report->origin, sizeof(report->origin), handoff->message.origin);
    return report;
}

void baton__handoff_record(baton_handoff *handoff)
{
    baton__session *session = handoff->session;
    if (handoff->report != NULL) {
        return;
    }
    baton__report *report = make(handoff);
    if (report == NULL) {
        baton__handoff_send_record(handoff);
        return;
    }
    handoff->report = report;
    DL_APPEND(session->reports, report);
    session->reports_count++;
    session->reports_bytes += report->result_size;
    if (session->reports_count == 1) {
        session->report_timer.fire = on_time;
        baton__session_start_timer(session, &session->report_timer,
                                   baton__session_now_ns(session) + COLLECT_MS * BATON__NS_PER_MS);
    }
    if (session->reports_count >= COLLECT_MAX || session->reports_bytes >= COLLECT_BYTES) {
        baton__handoffs_send_records(session);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_SIDE_HANDOFF_H
#define BATON_SIDE_HANDOFF_H

#include "record.h"
#include "session.h"
#include "table.h"
#include <baton/handoff.h>

/*
 * The consumer's side of one hand-off. X(NAME, value, text); the diagram is in
 * sidechannel/README.md.
 *
 * WAITING    received; the application has not decided
 * OPENING    accepted; the operation runs
 * MOVED      all bytes are there; the origin's answer, or the application's, is due
 * ANSWERED   the application has acknowledged; the origin's answer is due
 */
#define BATON__HANDOFF_STATE_LIST(X) \
    X(WAITING, 0, "WAITING")         \
    X(OPENING, 1, "OPENING")         \
    X(MOVED, 2, "MOVED")             \
    X(ANSWERED, 3, "ANSWERED")       \
    X(COMPLETE, 4, "COMPLETE")       \
    X(CANCELLED, 5, "CANCELLED")     \
    X(ERRORED, 6, "ERRORED")

typedef enum baton__handoff_state {
#define BATON__HANDOFF_STATE_ENUM(name, value, text) BATON__HANDOFF_##name = (value),
    BATON__HANDOFF_STATE_LIST(BATON__HANDOFF_STATE_ENUM)
#undef BATON__HANDOFF_STATE_ENUM
} baton__handoff_state;

/* What the application chose to do with it. */
typedef enum baton__decision {
    BATON__DECISION_NONE = 0,
    BATON__DECISION_ACCEPT = 1,
    BATON__DECISION_REJECT = 2,
    BATON__DECISION_RETURN = 3, /* somebody else should take it */
    BATON__DECISION_DROP = 4    /* too late to be of use; nobody is told */
} baton__decision;

typedef enum baton__answer {
    BATON__ANSWER_NONE = 0,
    BATON__ANSWER_ACK = 1,
    BATON__ANSWER_NACK = 2
} baton__answer;

struct baton_handoff {
    uint32_t references; /* application or ready queue, table, running operation, each
                            posted task */
    baton__session *session;
    baton_service *service; /* counted */
    baton__record record;
    baton__event moved_or_over;

    /* written once */
    baton__attempt_key key;
    baton__message message; /* the OFFER; owned */
    char *traceparent;      /* "" if none */
    uint64_t deadline_ns;
    bool prefetch; /* accepted by baton before the application sees it */

    /* under record.lock */
    baton__decision decision;
    baton__answer answer;
    bool moved;      /* all bytes are there */
    bool released;   /* neither the application nor the ready queue has it any more */
    bool given_up;   /* cancelled by the application: no answer follows */
    bool answer_due; /* released before the data was there: nacked when it is */
    bool has_place;  /* of the service's concurrency */
    bool views;               /* accepted as a view */
    baton_operation *view;    /* the application can read it */
    bool view_is_ours;        /* it is over: who lets go destroys it */
    bool view_is_over;        /* nothing is read any more */
    baton_descriptor **locals;
    size_t count;
    baton_handoff_moved_fn on_moved;
    void *moved_context;
    char *result; /* of the answer */
    char *reject_text;
    baton_status reject_reason;

    bool kept; /* by the callback; its thread and the one that destroys it */

    /* owner */
    baton__handoff_state state;
    uint64_t ttl_ns; /* moved on by a repeated OFFER; atomic, the service's threads read it */
    baton_operation *operation;
    baton_settle_keys keys;
    bool granted;
    bool silent;    /* the endpoint is lost: NATS has to bring the end */
    bool abandoned; /* finished before its operation was */
    bool on_moved_ran;
    bool is_shown;       /* delivered to the application or the ready queue */
    bool was_reported;   /* DONE or NACK was sent, or is collected and cannot be withdrawn any more */
    baton__answer given; /* what was passed on to the operation */
    uint32_t repeat_ms;
    baton_timer
        repeat_timer; /* deadline while it waits, lease while it opens, repetitions while silent */
    baton_task decide_task;
    baton_task answer_task;
    baton_task cancel_task;
    baton_task deliver_task; /* where the application drives progress: the callback */
    UT_hash_handle hh;
    struct baton__report *report; /* collected; NULL: none that could be withdrawn */
    struct baton_handoff *prev; /* ready queue of the service, under its lock */
    struct baton_handoff *next;
};

/* handoff.c */
/* Takes the message over on success. Errors: ERR_OUT_OF_MEMORY, ERR_SYSTEM. Owner. */
baton_status baton__handoff_create(baton__session *session, baton_service *service,
                                   baton__message *message, const char *traceparent,
                                   baton_handoff **handoff_out);
baton_handoff *baton__handoff_acquire(baton_handoff *handoff);
void baton__handoff_release(baton_handoff *handoff);
const char *baton__handoff_state_name(baton__handoff_state state);
/* Owner: the one place where the state changes. */
void baton__handoff_enter(baton_handoff *handoff, baton__handoff_state next);
/* Posts one of its tasks, with a reference. False if it will not run for this post. */
bool baton__handoff_post(baton_handoff *handoff, baton_task *task);

/* handoff_decide.c; any thread */
/* Decides for the application; false if it has been decided, or is over. reason, text: of a REJECT;
 * text may be NULL and is copied. */
bool baton__handoff_decide(baton_handoff *handoff, baton__decision decision, baton_status reason,
                           const char *text);
/* The application lets go: what it has not accepted is rejected with text, what it has not
 * acknowledged nacked. Ends the caller's reference. */
void baton__handoff_let_go(baton_handoff *handoff, const char *text);
/* It was never shown to the application: somebody else should take it. Ends the caller's reference.
 */
void baton__handoff_give_back(baton_handoff *handoff);
/* With record.lock held: true once, when its place in the service is to be given back. */
bool baton__handoff_ends_place(baton_handoff *handoff);

/* handoff_accept.c; any thread but the owner */
/* Waits for `ended` or `moved_or_over`. Errors: ERR_WRONG_THREAD, ERR_TIMED_OUT. */
baton_status baton__handoff_await(baton_handoff *handoff, baton__event *event, uint32_t timeout_ms);
void baton__handoff_describe(const baton_handoff *handoff, char *text, size_t size);

/* With the error text of how it ended. */
baton_status baton__handoff_verdict(baton_handoff *handoff);

/* handoff_view.c */
/* Owner: its bytes can be read. */
void baton__handoff_begin_view(baton_handoff *handoff, baton_operation *operation);
/* Owner, when its operation is over: true if the application still reads, and the handle of the operation is its. */
bool baton__handoff_keeps_view(baton_handoff *handoff);
/* Any thread: it was accepted as a view, and that has not been released. */
bool baton__handoff_is_read(const baton_handoff *handoff);
/* Any thread, with record.lock held: releases what the application has, if it has something; or an answer does that. Returns an
 * operation to destroy after unlocking, or NULL. */
baton_operation *baton__handoff_drop_view(baton_handoff *handoff);
baton_operation *baton__handoff_forget_view(baton_handoff *handoff);

/* handoff_accept.c; any thread */
/* Allocates locals for a readable. Errors: ERR_OUT_OF_MEMORY, ERR_NOT_BUILT_IN. */
baton_status baton__handoff_allocate(const baton_handoff *handoff, baton_descriptor ***locals_out);
void baton__handoff_free_locals(baton_descriptor **locals, size_t count);

/* handoff_operation.c; owner */
void baton__handoff_begin(baton_handoff *handoff);
/* Asks the operation to end. */
void baton__handoff_stop_operation(baton_handoff *handoff, baton_status reason);
void baton__handoff_run_decision(baton_task *task);
void baton__handoff_run_answer(baton_task *task);
void baton__handoff_run_cancel(baton_task *task);

/* handoff_outcome.c; owner */
void baton__handoff_over(baton_operation *operation, void *context); /* on_complete */
void baton__handoff_finish(baton_handoff *handoff, const baton_outcome *outcome);
void baton__handoff_finish_now(baton_handoff *handoff, baton_operation_status status,
                               baton_status reason);
/* Runs the application's on_moved, once. */
void baton__handoff_tell_moved(baton_handoff *handoff, baton_status status);
/* The worker shuts down. force: also what waits for the origin's answer. */
void baton__handoffs_shut_down(baton__session *session, bool force);

/* handoff_record.c; owner */
/* The acknowledgement of record: soon, with those of others. */
void baton__handoff_record(baton_handoff *handoff);
/* It has ended otherwise: what was collected and not sent would not be true. */
void baton__handoff_withdraw_record(baton_handoff *handoff);
/* It is over: what was collected is true, and needs the handoff no more. */
void baton__handoff_leave_record(baton_handoff *handoff);
/* At once, and once more if it was sent before. */
void baton__handoff_send_record(baton_handoff *handoff);
/* What was collected. */
void baton__handoffs_send_records(baton__session *session);

/* handoff_report.c; owner */
/* The acknowledgement of record is due: soon with others, or at once. */
void baton__handoff_report(baton_handoff *handoff, bool at_once);
/* BUSY or REJECT. */
void baton__handoff_refuse(baton__session *session, const baton__message *offer,
                           baton__message_type type, baton_status reason, const char *text);
/* FAIL or CANCEL with ack_key. */
void baton__handoff_report_failure(baton_handoff *handoff, baton_status reason);
/* Nobody has decided yet: the deadline ends it. */
void baton__handoff_begin_waiting(baton_handoff *handoff);
/* Its lease begins with OPEN: an origin that does not answer within it is given up. */
void baton__handoff_begin_opening(baton_handoff *handoff);
/* The endpoint is lost: signs of life and acknowledgements go over NATS until it is over. */
void baton__handoff_begin_repeat(baton_handoff *handoff);
/* CANCEL, COMMIT, NACKED from an origin; sender and receiver are checked. */
void baton__handoffs_message(baton__session *session, const baton__message *message);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_SIDE_OFFER_H
#define BATON_SIDE_OFFER_H

#include "record.h"
#include "session.h"
#include "table.h"

/*
 * The origin's side of one hand-off. X(NAME, value, text); the diagram is in sidechannel/README.md.
 *
 * NEW        made, not yet seen by the owner thread
 * QUEUED     nobody to tell: no connection, or no consumer, and the options say wait
 * OFFERED    published; a consumer may open it
 * BACKOFF    refused as busy; goes out again shortly
 * GRANTED    a consumer has it
 * ENDING     its end is decided; the operation drains
 */
#define BATON__OFFER_STATE_LIST(X) \
    X(NEW, 0, "NEW")               \
    X(QUEUED, 1, "QUEUED")         \
    X(OFFERED, 2, "OFFERED")       \
    X(BACKOFF, 3, "BACKOFF")       \
    X(GRANTED, 4, "GRANTED")       \
    X(ENDING, 5, "ENDING")         \
    X(COMPLETE, 6, "COMPLETE")     \
    X(CANCELLED, 7, "CANCELLED")   \
    X(ERRORED, 8, "ERRORED")

typedef enum baton__offer_state {
#define BATON__OFFER_STATE_ENUM(name, value, text) BATON__OFFER_##name = (value),
    BATON__OFFER_STATE_LIST(BATON__OFFER_STATE_ENUM)
#undef BATON__OFFER_STATE_ENUM
} baton__offer_state;

/* Milliseconds after a reconnect in which "nobody listens" is not yet believed: the others
 * reconnect too. */
#define BATON__OFFER_GRACE_MS 2000
/* Milliseconds between renewals of leases that pause. */
#define BATON__OFFER_PAUSE_MS 100

struct baton_offer {
    uint32_t references; /* handle, table, each posted task */
    baton__session *session;
    baton__record record;

    /* written once */
    baton_uuid id;
    baton_operation_kind kind; /* BATON_OPERATION_READABLE or _WRITABLE */
    char to[64];
    baton_offer_options options; /* its strings are ours */
    uint64_t deadline_ns;
    uint64_t ttl_ns; /* UINT64_MAX: none */

    /* owner */
    baton__offer_state state;
    baton_descriptor **descriptors; /* NULL once over */
    size_t count;
    baton_tensor *tensors; /* NULL if no descriptor has one */

    baton_operation *operation; /* of this attempt */
    baton_metadata *metadata;   /* of this attempt */
    baton_key offer_key;        /* of this attempt */
    baton_settle_keys keys;     /* of this attempt, once granted */
    uint32_t attempt;           /* from 1 */
    uint32_t grants;            /* attempts that count */
    char consumer[64];          /* who has this attempt */
    bool settled_by_nats;       /* a DONE or NACK over NATS was applied to this attempt */
    bool renewed_by_nats;       /* its lease lives by NATS */
    uint32_t backoff_ms;        /* after BUSY or 503 */
    baton__offer_state backed;  /* which of the two it was: BACKOFF or QUEUED */
    uint32_t claim_ms;          /* how long the next publication may stay unopened */
    bool has_place;             /* of the bounded queue */
    bool quarantined;           /* atomic: an attempt ended so, whatever came after it */

    baton_operation_status
        end_status; /* ENDING: what it ends as, unless the data has moved after all */
    baton_status end_reason;
    char *end_text; /* of a REJECT, NULL if none */

    baton_timer timer; /* publish again, or the time to live is over */
    baton_task start_task;
    baton_task cancel_task;
    UT_hash_handle hh;
};

/* offer.c */
const char *baton__offer_state_name(baton__offer_state state);
/* The one place where the state changes. */
void baton__offer_enter(baton_offer *offer, baton__offer_state next);
baton_offer *baton__offer_acquire(baton_offer *offer);
void baton__offer_release(baton_offer *offer);

/* offer_attempt.c; owner thread */
void baton__offer_start(baton_offer *offer);
/* A new operation with new keys over the same descriptors, and its OFFER. */
void baton__offer_begin_attempt(baton_offer *offer);
/* The OFFER of the present attempt, once more. */
void baton__offer_publish(baton_offer *offer);
/* Nobody can be told now: waits or ends, as policy says. */
void baton__offer_absent(baton_offer *offer, baton_absence policy, baton_status reason);
/* Goes out again after a short and growing time. */
void baton__offer_back_off(baton_offer *offer, baton__offer_state state, uint32_t first_ms);
void baton__offer_free_place(baton_offer *offer);
uint64_t baton__offer_due_ns(const baton_offer *offer, uint64_t due_ns);

/* offer_outcome.c; owner thread */
/* Decides the end; it comes when the operation is quiet. status: CANCELLED or ERRORED. */
void baton__offer_end(baton_offer *offer, baton_operation_status status, baton_status reason,
                      const char *text);
/* Of the operation: the attempt is over. */
void baton__offer_attempt_over(baton_operation *operation, void *context);
/* Over, with no operation: the creation of one failed. */
void baton__offer_end_now(baton_offer *offer, baton_operation_status status, baton_status reason);
/* What a reason means for an offer, in words and with the remedy. */
void baton__offer_explain(const baton_offer *offer, baton_status reason, char *text, size_t size);

/* offer_message.c; owner thread */
/* BUSY, REJECT, PROGRESS, DONE, NACK, FAIL, CANCEL; sender and receiver are checked. */
void baton__offers_message(baton__session *session, const baton__message *message);
/* 503 for the offer with this id. */
void baton__offers_unheard(baton__session *session, const char *token);
void baton__offers_denied(baton__session *session, const baton__subject *subject);
/* Connected, perhaps again: publishes what nobody has opened. */
void baton__offers_connected(baton__session *session);
/* A sign of life for each lease that NATS renews. True if there is any. */
bool baton__offers_renew(baton__session *session);
/* The worker shuts down. */
void baton__offers_shut_down(baton__session *session);
/* Answers for an attempt that is over: COMMIT, NACKED or CANCEL to its consumer. */
void baton__offer_answer(baton__session *session, const baton__recent_entry *entry);

#endif

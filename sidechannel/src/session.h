/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_SESSION_H
#define BATON_SESSION_H

#include "backlog.h"
#include "base/event.h"
#include "counters.h"
#include "message.h"
#include "nats_link.h"
#include "recent.h"
#include "subjects.h"
#include <pthread.h>
#include <sys/types.h>

/*
 * What offers, handoffs and services share: the connector's loop, the NATS link, and the tables.
 *
 * The shell is counted and outlives the worker: a handle that is destroyed late finds `open` false
 * and posts nothing. What stands under "owner" is touched by the owner thread alone.
 */
typedef struct baton__session {
    uint32_t references;

    pthread_mutex_t gate;     /* of open and drivers */
    bool open;                /* the loop takes tasks */
    uint32_t drivers;         /* threads that drive the application's progress while they wait */
    pthread_mutex_t draining; /* one thread at a time waits for callbacks and takes services away */

    /* written once */
    uint32_t fork_generation; /* a child after fork() has no owner thread */
    baton_connector *connector;
    baton_loop *loop;
    bool application; /* the application drives progress */
    bool events;
    char name[64];
    char prefix[129];
    uint32_t queue_max;
    uint32_t json_max;

    /* any thread, atomic */
    bool connected;
    bool closing;             /* takes nothing new */
    uint32_t queued;          /* places of the bounded queue that are taken */
    baton_status link_reason; /* why there is no connection */
    baton__event first_connected;
    baton__event drained; /* closing, and every offer and handoff has ended */
    baton__counters counters;

    /* owner */
    baton__nats_link *link;
    size_t subscriptions[2]; /* to.<name>.*, done.<name>.* */
    baton_offer *offers;     /* by id */
    baton_handoff *handoffs; /* by id and attempt */
    baton_service *services; /* list */
    baton__recent ended;     /* attempts of our offers */
    baton__recent served;    /* attempts that we took */
    baton__backlog backlog;
    struct baton__ping *pings; /* list */
    struct baton__report *reports; /* list: acknowledgements of record that are collected */
    uint32_t reports_count;
    size_t reports_bytes; /* of their results */
    baton_timer report_timer;
    baton_timer held_timer;
    baton_timer pause_timer; /* keeps leases that only NATS renews, while we are disconnected */
    uint64_t grace_until_ns; /* after a reconnect others are still on their way back */
    bool was_connected;
} baton__session;

/* How many attempts that are over are remembered, on each side. */
#define BATON__RECENT_MAX 4096

typedef struct baton__session_options {
    baton_connector *connector; /* borrowed until close */
    bool application;
    bool events;
    const char *prefix;
    const baton_nats_options *nats;
    uint32_t queue_max;
    uint32_t json_max;
} baton__session_options;

/* With its link. On failure session_out is set too, if there is memory: the caller closes it.
 * Errors: as baton__nats_link_create. Not on the owner thread. */
baton_status baton__session_create(const baton__session_options *options,
                                   baton__session **session_out);

/* Not on the owner: nothing is posted any more; returns when all that was posted has run. */
void baton__session_close_gate(baton__session *session);

baton__session *baton__session_acquire(baton__session *session);
void baton__session_release(baton__session *session);

/* Any thread. True if the task will run for this post; false if it was posted before, or the gate
 * is closed. */
bool baton__session_post(baton__session *session, baton_task *task);
/* Any thread: has the owner run it and waits for that; on the owner thread it runs at once.
 * Errors: ERR_SHUT_DOWN if the gate is closed: then it does not run. */
baton_status baton__session_call(baton__session *session, void (*run)(void *context),
                                 void *context);
/* Not on the owner: waits, and drives progress where the application does, also until the last words have left. True if set. */
bool baton__session_wait(baton__session *session, baton__event *event, uint32_t timeout_ms);
/* Where the application drives progress: as baton_connector_flush with 0, for who finds over what he would have waited for. timeout_ms: of
 * that wait; with 0 he only looked. Any thread. */
void baton__session_say_last_words(baton__session *session, uint32_t timeout_ms);
/* Not on the owner: lets time pass, and drives progress where the application does. */
void baton__session_pass_time(baton__session *session, uint32_t slice_ms);

/* True in a child after fork(): nothing that is posted would run. */
bool baton__session_is_foreign(const baton__session *session);
/* ERR_WRONG_PROCESS in a child of fork(), where nobody would ever wake who waits. */
baton_status baton__session_check(const baton__session *session);
/* As baton_connector_check_view. Any thread. Errors: also ERR_SHUT_DOWN, ERR_WRONG_PROCESS. */
baton_status baton__session_check_view(baton__session *session, const baton_metadata *metadata);
/* True on the owner thread, also in a callback that runs while the connector is being destroyed. */
bool baton__session_is_owner(const baton__session *session);
/* Around a callback of the application on the owner thread; leave gets what enter returned. */
const baton__session *baton__session_enter_callback(const baton__session *session);
void baton__session_leave_callback(const baton__session *previous);
bool baton__session_is_connected(const baton__session *session);
bool baton__session_is_closing(const baton__session *session);

/* Takes and gives back a place of the bounded queue; any thread. */
bool baton__session_take_place(baton__session *session);
void baton__session_free_place(baton__session *session);

/* Below: owner. */

/* Starts a timer; without memory it logs, and the deadline of the operation is what remains. */
void baton__session_start_timer(baton__session *session, baton_timer *timer, uint64_t due_ns);
uint64_t baton__session_now_ns(const baton__session *session);

/* Sets `drained` if it is so. */
void baton__session_check_drained(baton__session *session);

/* session_tables.c */

/* False without memory. */
bool baton__session_add_offer(baton__session *session, baton_offer *offer);
void baton__session_remove_offer(baton__session *session, baton_offer *offer);
/* NULL if it is not there; so for handoffs. */
baton_offer *baton__session_find_offer(const baton__session *session, const baton_uuid *id);
bool baton__session_add_handoff(baton__session *session, baton_handoff *handoff);
void baton__session_remove_handoff(baton__session *session, baton_handoff *handoff);
baton_handoff *baton__session_find_handoff(const baton__session *session, const baton_uuid *id,
                                           uint32_t attempt);
void baton__session_add_service(baton__session *session, baton_service *service);
void baton__session_remove_service(baton__session *session, baton_service *service);

/* session_link.c */

/* Not on the owner: opens the link and subscribes. Errors: as baton__nats_link_create. */
baton_status baton__session_open_link(baton__session *session, const baton_nats_options *nats);
/* Waits for a first connection. Errors: the reason of the link. Not on the owner thread. */
baton_status baton__session_wait_connected(baton__session *session, uint32_t timeout_ms);

/* Owner: sends what is due, closes the link (which the caller destroys, NULL if closed before),
 * stops timers. */
baton__nats_link *baton__session_close_link(baton__session *session);

void baton__session_pause_fire(baton_timer *timer);

/* session_send.c */

/* Publishes an offer on <prefix>.<kind>.<target>.<our name>; the server's 503 comes back with its
 * id. Errors: ERR_NATS_DISCONNECTED, ERR_TOO_LARGE, ERR_NATS, ERR_OUT_OF_MEMORY,
 * ERR_INVALID_ARGUMENT. */
baton_status baton__session_publish_offer(baton__session *session, baton__subject_kind kind,
                                          const char *target, const baton__message *message,
                                          const char *traceparent);
/* Publishes a PING to a worker by name; the server's 503 comes back with its id. Errors: as above. */
baton_status baton__session_request(baton__session *session, const char *worker,
                                    const baton__message *message);
/* Publishes to <prefix>.<to|done>.<target>.<our name>; kept for the reconnect if held and there is
 * no connection. */
void baton__session_send(baton__session *session, baton__subject_kind kind, const char *target,
                         const baton__message *message, bool held);
/* One line on <prefix>.event.<our name>, if the options ask for it. role: "offer" or "handoff". */
void baton__session_event(baton__session *session, const char *role, const baton_uuid *id,
                          uint32_t attempt, const char *state, baton_status reason);

/* session_held.c */

/* Keeps a message, whose text it takes, for the reconnect. */
void baton__session_hold(baton__session *session, const char *subject, char *text, size_t size);
/* Connected: sends what is held. */
void baton__session_send_held(baton__session *session);
/* 503: true if the token is of a held message. */
bool baton__session_held_unheard(baton__session *session, const char *token);
void baton__session_held_fire(baton_timer *timer);

/* session_dispatch.c */

/* A message from NATS: checks it and hands it to an offer, a handoff or a service. */
void baton__session_dispatch(baton__session *session, const baton__nats_incoming *incoming);
/* Counts and logs a refusal; counter: one of the session's. */
void baton__session_refuse(baton__session *session, uint64_t *counter, const char *sender,
                           const char *what);

#endif

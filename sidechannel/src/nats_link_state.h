/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NATS_LINK_STATE_H
#define BATON_NATS_LINK_STATE_H

#include "nats_link.h"
#include "nats_link_connection.h"
#include "nats_link_settings.h"
#include <baton/id.h>
#include <pthread.h>

/*
 * A link from the inside.
 *
 * Four kinds of threads meet here: the owner, the helper, nats.c's own (callbacks), and the one
 * that creates and destroys. A link has one connection at a time, and that passes from hand to
 * hand:
 *
 *   helper: connects -> `arrived` -> owner: `connection`, reads, writes, notices its end ->
 * `retired` -> helper: frees it
 *
 * A link is freed when the last reference goes: one is its creator's, one the helper's, one for
 * each task that is posted and has not run, one for each connection (which lives until nats.c has
 * called back for the last time). So neither step of the end waits for a thread that could be
 * stuck.
 *
 * The mutex guards what says so below. nats.c calls back with its connection's lock held and some
 * callbacks take the mutex: who holds the mutex never calls nats.c.
 */

enum { BATON__NATS_SPENT_MAX = 32 };

typedef enum baton__nats_notice_kind {
    BATON__NOTICE_UNHEARD,
    BATON__NOTICE_DENIED_PUBLISH,
    BATON__NOTICE_DENIED_SUBSCRIBE
} baton__nats_notice_kind;

/* A 503 or a refusal of the server, on its way to the owner. */
typedef struct baton__nats_notice {
    struct baton__nats_notice *next;
    baton__nats_notice_kind kind;
    char text[]; /* reply token or subject */
} baton__nats_notice;

typedef struct baton__nats_subscription {
    char *subject; /* NULL: the place is free */
    char *queue;
    natsSubscription *handle; /* of the present connection; NULL without one */
} baton__nats_subscription;

/* Work for the owner thread, which holds a reference while it is posted. */
typedef struct baton__nats_task {
    baton_task task;
    baton__nats_link *link;
    void (*work)(baton__nats_link *link);
} baton__nats_task;

struct baton__nats_link {
    uint32_t references; /* atomic */
    uint32_t connected;  /* from the arrival of a connection to its loss; written with the mutex,
                            read without */
    baton_loop *loop;
    baton__nats_callbacks callbacks;
    void *context;
    baton__nats_settings settings; /* the helper's, once it runs */
    char inbox[160];               /* constant: what reply subjects begin with */

    pthread_t helper;

    pthread_mutex_t mutex;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    /* Guarded by the mutex. */
    bool closed;   /* nothing is posted any more */
    bool stopping; /* the helper ends */
    bool ever_connected;
    baton_status failure; /* of the last round of attempts; BATON_OK before the first */
    char failure_text[512];
    baton__nats_connection *arrived;
    baton__nats_connection *retired;
    baton__nats_notice *first_notice;
    baton__nats_notice *last_notice;

    baton__nats_task arrival_task;
    baton__nats_task failure_task;
    baton__nats_task loss_task;
    baton__nats_task flush_task;
    baton__nats_task silence_task;
    baton__nats_task notice_task;

    /* The owner's. */
    bool ended;
    baton_status
        told; /* BATON_OK: connected; otherwise the reason that `disconnected` was given last */
    baton__nats_connection *connection;
    baton__nats_subscription *subscriptions;
    size_t subscription_count;
    natsMsg *spent[BATON__NATS_SPENT_MAX]; /* messages that were delivered; nats_link_messages.c */
    unsigned spent_count;
    size_t spent_bytes;
};

baton__nats_link *baton__nats_link_acquire(baton__nats_link *link);
void baton__nats_link_release(baton__nats_link *link);

/* Any thread: has the owner run the task, unless the link is closed. */
void baton__nats_link_post(baton__nats_link *link, baton__nats_task *task);
/* Any thread: keeps a notice for the owner; text is copied, length bytes of it. */
void baton__nats_link_notify(baton__nats_link *link, baton__nats_notice_kind kind, const char *text, size_t length);
/* Owner: runs the callbacks for what was kept. */
void baton__nats_link_run_notices(baton__nats_link *link);
void baton__nats_link_drop_notices(baton__nats_link *link);

/* Owner: reads, writes and delivers what it can. */
void baton__nats_link_on_ready(baton_source *source, uint32_t events);
/* Owner: makes all subscriptions of a connection that has arrived. */
baton_status baton__nats_link_subscribe_all(baton__nats_link *link);
/* Owner: forgets nats.c's side of them. */
void baton__nats_link_unsubscribe_all(baton__nats_link *link);
void baton__nats_link_free_subscriptions(baton__nats_link *link);
/* Owner: delivers what has been read. */
void baton__nats_link_deliver(baton__nats_link *link);

/* Body of the helper thread. */
void *baton__nats_helper_main(void *link);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_SIDE_SERVICE_H
#define BATON_SIDE_SERVICE_H

#include "handoff.h"
#include "session.h"

/* Most places of a service. */
#define BATON__CONCURRENCY_MAX 4096

struct baton_service {
    uint32_t references; /* session, handle, each handoff */
    baton__session *session;

    /* written once */
    char pool[64]; /* "" for what is offered to the worker by name */
    baton_serve_options options;
    baton_handoff_fn callback;
    void *context;

    uint32_t places; /* taken; atomic */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t ready;
    pthread_cond_t idle;
    baton_handoff *queue; /* list, oldest first; each with a reference */
    bool stopping;
    uint32_t running;  /* callbacks, and threads inside baton_service_next */
    uint32_t fetching; /* handoffs that are moved before the application sees them */
    pthread_t *threads;
    uint32_t thread_count;

    /* owner */
    size_t subscription;
    bool is_subscribed;
    bool in_session;
    struct baton_service *prev;
    struct baton_service *next;
};

/* service.c */
baton_service *baton__service_acquire(baton_service *service);
void baton__service_release(baton_service *service);
/* Takes nothing new, and waits until no callback runs. False after timeout_ms. Not on the owner. */
bool baton__service_drain(baton_service *service, uint32_t timeout_ms);
/* With the lock held: something is queued, fetched or served. */
bool baton__service_is_busy(const baton_service *service);
/* True on a thread that runs a callback of one of the session's services. */
bool baton__service_is_in_callback(const baton__session *session);
/* Owner. Leaving ends the session's reference. */
void baton__services_stop_taking(baton__session *session);
void baton__service_leave(baton_service *service);

/* service_queue.c */
/* Owner: the application gets it. */
void baton__service_deliver(baton_service *service, baton_handoff *handoff);
void baton__service_run_deliver(baton_task *task);
/* Any thread but the owner: stopped, what is left in the queue of a service without a callback is
 * given back. */
void baton__service_empty_queue(baton_service *service);
/* Not on the owner: waits for the end of what runs, or for a while. */
void baton__service_wait_idle(baton_service *service, uint32_t slice_ms);
void *baton__service_thread(void *argument);
void baton__service_free_place(baton_service *service);
/* Owner: one more is moved beforehand, or one less. */
void baton__service_count_fetching(baton_service *service, bool begins);

/* service_intake.c; owner */
/* An OFFER for a pool, or with "" for this worker. Takes the message over, and leaves an empty one,
 * if it is kept. */
void baton__services_offer(baton__session *session, const char *pool, baton__message *message,
                           const char *traceparent);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NATS_LINK_H
#define BATON_NATS_LINK_H

#include <baton/loop.h>
#include <baton/nats_options.h>

/*
 * One NATS connection that lives on a baton_loop. nats.c is driven through its event-loop interface from the owner
 * thread: no thread of nats.c's is on the path of a message. A helper thread connects, and rebuilds a connection
 * that nats.c gave up; it hands the result over by a task. All callbacks run on the owner thread.
 */
typedef struct baton__nats_link baton__nats_link;

typedef struct baton__nats_incoming {
    const char *subject;
    const char *data;        /* not terminated; may be NULL when size is 0 */
    size_t size;
    const char *traceparent; /* header; NULL if none */
    size_t subscription;     /* as subscribe returned it */
} baton__nats_incoming;

typedef struct baton__nats_callbacks {
    /* Connected for the first time or again; subscriptions are in place (on their way to the server, before any
     * publish that follows). */
    void (*connected)(void *context);
    /* Lost, or the first attempts failed; it goes on trying. reason: ERR_NATS_DISCONNECTED, ERR_NATS_AUTHENTICATION or
     * ERR_NATS. Called again before the next `connected` only if the reason has changed. */
    void (*disconnected)(void *context, baton_status reason, const char *text);
    void (*message)(void *context, const baton__nats_incoming *incoming);
    /* 503: nobody subscribes to what was published with this reply token (what followed the inbox, which is
     * _INBOX_<name>.<random>: permissions can limit a worker to inboxes of its own). */
    void (*no_responders)(void *context, const char *reply_token);
    /* The server denied a publish or a subscribe ("Permissions Violation"); text names operation and subject. */
    void (*denied)(void *context, const char *subject, bool publish);
} baton__nats_callbacks;

/* name: shown by the server. options: copied. May be called on any thread; starts the helper thread.
 * Errors: ERR_INVALID_ARGUMENT (URL, unreadable file), ERR_NATS, ERR_SYSTEM, ERR_OUT_OF_MEMORY. */
baton_status baton__nats_link_create(baton_loop *loop, const char *name, const baton_nats_options *options,
                                     const baton__nats_callbacks *callbacks, void *context,
                                     baton__nats_link **link_out);

/*
 * Ends it, in two steps, both with bounds. close: owner thread; sends what is buffered (up to flush_ms), closes, stops
 * callbacks. destroy: any thread but the owner, while the loop still runs or after it; joins the helper thread and waits
 * for nats.c's closed callback.
 */
void baton__nats_link_close(baton__nats_link *link, uint32_t flush_ms);
void baton__nats_link_destroy(baton__nats_link *link);

/* Any thread: waits for the first connection. ERR_NATS_DISCONNECTED after timeout_ms, or the definite failure
 * (ERR_NATS_AUTHENTICATION) at once, with the error text set. Not on the owner thread. */
baton_status baton__nats_link_wait_connected(baton__nats_link *link, uint32_t timeout_ms);

/* Any thread. */
bool baton__nats_link_is_connected(const baton__nats_link *link);

/* Below: owner thread only. */

/* The server's limit in bytes; 0 while not connected. */
size_t baton__nats_link_max_payload(const baton__nats_link *link);

/* Remembered, and made again after a rebuild. queue: NULL for a plain one. Synchronous subscriptions underneath, drained by the
 * loop. Works while not connected. Errors: ERR_NATS, ERR_OUT_OF_MEMORY. */
baton_status baton__nats_link_subscribe(baton__nats_link *link, const char *subject, const char *queue,
                                        size_t *subscription_out);
void baton__nats_link_unsubscribe(baton__nats_link *link, size_t subscription);

/* Publishes and writes to the socket at once (what the kernel does not take is written when it can be).
 * reply_token: NULL, or appended to the link's inbox as reply subject, for the server's 503. traceparent: NULL or the header.
 * Nothing is buffered while disconnected.
 * Errors: ERR_NATS_DISCONNECTED, ERR_TOO_LARGE (max_payload), ERR_NATS. */
baton_status baton__nats_link_publish(baton__nats_link *link, const char *subject, const char *reply_token,
                                      const char *traceparent, const void *data, size_t size);

#endif

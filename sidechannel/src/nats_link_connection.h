/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NATS_LINK_CONNECTION_H
#define BATON_NATS_LINK_CONNECTION_H

#include "base/event.h"
#include "nats_link.h"
#include <nats/nats.h>

/*
 * One connection of nats.c, driven through its event-loop interface.
 *
 * The loop does not watch nats.c's descriptor but a duplicate of it. nats.c closes its own one when
 * it likes to (3.4.1; from 3.9.2 on it has the adapter do it), and a number that is free again may
 * at once be another file of the process: with the duplicate, the number that the loop knows stays
 * ours until the loop has let go of it.
 *
 * References: one for whoever has it (helper or owner), one until nats.c has called ClosedCB, one
 * until the delivery thread of the inbox subscription has ended. It holds a reference of its link.
 */
typedef struct baton__nats_connection {
    uint32_t references; /* atomic */
    uint32_t attached;   /* atomic: nats.c has a socket */
    uint32_t wanted;     /* atomic: nats.c has bytes to write */
    baton__nats_link *link;
    natsConnection *nats;
    natsSubscription *inbox;
    natsSock library_fd;
    baton_source source; /* its fd is the duplicate; the owner's */
    enum { BATON__NATS_UNSEEN, BATON__NATS_PLAIN, BATON__NATS_TLS } stream;
    int low_water;       /* SO_RCVLOWAT as set; TLS alone */
    unsigned silences;   /* PINGs without an answer since the last byte */
    size_t server;       /* index into the list of servers */
    baton__event closed; /* ClosedCB has run */
} baton__nats_connection;

/* Helper: connects to one server. Errors (the error text says why, in words):
 * ERR_NATS_AUTHENTICATION, ERR_NATS_DISCONNECTED, ERR_NATS, ERR_INVALID_ARGUMENT,
 * ERR_OUT_OF_MEMORY. Blocking: up to the connect timeout (and the name resolution). */
baton_status baton__nats_connection_open(baton__nats_link *link, size_t server,
                                         baton__nats_connection **connection_out);
/* Helper: closes it if it is not, waits for ClosedCB with a bound, frees it. */
void baton__nats_connection_dispose(baton__nats_connection *connection);
/* Drops a reference. */
void baton__nats_connection_release(baton__nats_connection *connection);

/* Owner: adds it to the loop and subscribes to the inbox. Errors: ERR_SYSTEM, ERR_NATS. */
baton_status baton__nats_connection_start(baton__nats_connection *connection);
/* Why a connection failed or ended. text: what the server said. ERR_NATS_DISCONNECTED,
 * ERR_NATS_AUTHENTICATION, ERR_NATS, ERR_OUT_OF_MEMORY. */
baton_status baton__nats_reason(natsStatus status, const char *text);

/* True if something has come in that has not been read. */
bool baton__nats_connection_has_bytes(const baton__nats_connection *connection);
/* Owner: reads once. */
void baton__nats_connection_read(baton__nats_connection *connection);
/* Owner: writes what nats.c has, as far as the socket takes it. */
void baton__nats_connection_flush(baton__nats_connection *connection);
/* Owner: no more reading by the loop. */
void baton__nats_connection_stop(baton__nats_connection *connection);
/* Owner: sends what is left, has the server read it, closes; all of it within flush_ms. */
void baton__nats_connection_finish(baton__nats_connection *connection, uint32_t flush_ms);
/* Owner: gives up a server that does not answer. */
void baton__nats_connection_abort(baton__nats_connection *connection);

bool baton__nats_connection_is_attached(const baton__nats_connection *connection);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TRANSPORT_H
#define BATON_TRANSPORT_H

#include "base/layout.h"
#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A transport behind one small table, so that core never sees UCX and tests can put another one there.
 * All functions are for the owner thread alone and none of them blocks. No callback runs inside
 * endpoint_create or endpoint_close; send and receive may complete inside the call (they say so).
 */
typedef struct baton__transport baton__transport; /* one worker with its context */
typedef struct baton__endpoint baton__endpoint;   /* a connection to one remote worker */
typedef struct baton__transfer baton__transfer;
typedef struct baton__memory baton__memory;       /* a registration */

/* A send or a receive in flight. Embedded in the caller's object, which stays until done has run. */
struct baton__transfer {
    /* Once, if and only if the call returned with *pending_out true. native: the transport's code, 0 on success. */
    void (*done)(baton__transfer *transfer, baton_status status, int native);
    /* The transport's: where the bytes of a chunk are. Without a layout: revoked. */
    baton__slice slice;
    uint32_t hint;  /* into the layout */
    bool revocable; /* the transport reaches the bytes through slice alone */
    /* The caller's, of a chunk: the device whose memory it is, in one piece, or -1: memory of the host. */
    int device;
};

/* The payload of an arriving message, valid inside the message callback only. */
typedef struct baton__payload {
    void *data;      /* the bytes, or what receive takes when it is announced only */
    size_t size;
    bool announced;  /* rendezvous: the bytes are still at the sender */
    bool late;       /* it came to the worker that was left for a new one (renew) */
    bool *keep;      /* announced: set to true, it stays valid after the callback, until it is received or payload_release ends it */
} baton__payload;

typedef struct baton__transport_callbacks {
    /* A message of baton's. What is announced and not received inside the call is dropped. Must not close an endpoint. */
    void (*message)(void *context, const void *header, size_t header_size,
                    const baton__payload *payload);
    /* A message with an identifier that is not baton's; refused already. */
    void (*foreign)(void *context);
    /* The endpoint is broken. Only marks: nothing may be sent or closed inside. owner: as given to endpoint_create. */
    void (*endpoint_failed)(void *context, void *owner, int native);
} baton__transport_callbacks;

typedef struct baton__transport_table {
    const char *name;
    /* Errors: ERR_TRANSPORT, ERR_OUT_OF_MEMORY, ERR_SYSTEM. */
    baton_status (*open)(const char *label, const baton__transport_callbacks *callbacks, void *context,
                         baton__transport **transport_out);
    /*
     * A new worker, with another address and another fd, for everything that is begun from here on. What the old one has goes
     * on there until retire, which ends it with all that is left; endpoints that are not closed by then never say closed.
     * Errors: ERR_TRANSPORT, and the old worker stays.
     */
    baton_status (*renew)(baton__transport *transport);
    void (*retire)(baton__transport *transport);
    /* All endpoints are closed and all transfers done. */
    void (*close)(baton__transport *transport);
    /* The address of this worker. Borrowed as long as the transport. */
    const void *(*address)(const baton__transport *transport, size_t *size_out);
    int (*progress)(baton__transport *transport);
    /* False: there is work now. */
    bool (*arm)(baton__transport *transport);
    int (*fd)(const baton__transport *transport);

    /* address: checked by the caller (length and checksum). Errors: ERR_UNREACHABLE, ERR_TRANSPORT. */
    baton_status (*endpoint_create)(baton__transport *transport, const void *address, size_t size,
                                    void *owner, baton__endpoint **endpoint_out);
    /* Ends it: everything in flight completes with an error. closed runs later, once the last of it is done inside the transport;
     * the endpoint is gone then. */
    void (*endpoint_close)(baton__endpoint *endpoint, void (*closed)(void *owner));
    /* Waits for what was sent before; done runs once. Errors: ERR_TRANSPORT. */
    baton_status (*endpoint_flush)(baton__endpoint *endpoint, baton__transfer *transfer, bool *pending_out);
    /* The remote worker has an endpoint to this one: a message of it came. As often as it does. */
    void (*endpoint_heard)(baton__endpoint *endpoint);
    /* Why a chunk can never be memory of a device; NULL: on some endpoints it can. A constant string. Any thread. */
    const char *(*knows_no_device)(const baton__transport *transport);
    /* Why a chunk of this endpoint's cannot be memory of a device, where the other side's is too, or is not; NULL: it can. Constant. */
    const char *(*why_not_device)(const baton__endpoint *endpoint, bool peer_on_device);
    /* A chunk of a device's memory that has not ended well may still be reached by the peer, whatever becomes of the endpoint. */
    bool (*exposes_device)(const baton__endpoint *endpoint);
    /* The kinds of link under it, such as "posix" or "tcp"; "" while it is not known yet. */
    void (*endpoint_describe)(baton__endpoint *endpoint, char *text, size_t size);

    /* What comes from that worker goes through a queue that other processes of this host write to as well (core/inbox.h). */
    bool (*endpoint_shares_inbox)(const baton__endpoint *endpoint);
    /* Sends a message to this worker itself through every such queue that an endpoint of it has needed so far. Between begin and end:
     * whether all of them have come, once progress has taken what there was. Errors: ERR_UNREACHABLE (there is none),
     * ERR_TRANSPORT, ERR_OUT_OF_MEMORY. */
    baton_status (*loopback_begin)(baton__transport *transport);
    bool (*loopback_arrived)(baton__transport *transport);
    void (*loopback_end)(baton__transport *transport);

    /* A control message, never announced. header and data stay valid until it is done. Errors: ERR_TRANSPORT, ERR_PEER_LOST. */
    baton_status (*send)(baton__endpoint *endpoint, const void *header, size_t header_size,
                         const void *data, size_t size, baton__transfer *transfer,
                         bool *pending_out, int *native_out);
    /* A chunk: gathered from where it lies, sent in place if that is one piece. header stays valid until it is done, the layout and
     * the memory until it is revoked. Errors: as send. */
    baton_status (*send_chunk)(baton__endpoint *endpoint, const void *header, size_t header_size,
                               const baton__slice *slice, baton__transfer *transfer, bool *pending_out,
                               int *native_out);
    /* An announced payload to where it belongs: slice->size is payload->size. endpoint: ours to the worker that announced it. */
    baton_status (*receive)(baton__endpoint *endpoint, const baton__payload *payload, const baton__slice *slice,
                            baton__transfer *transfer, bool *pending_out, int *native_out);
    /* What was kept (baton__payload) and is not wanted: its sender learns that it was taken, as of one that was dropped in the callback.
     * endpoint: ours to the worker that announced it, not closed yet. */
    void (*payload_release)(baton__endpoint *endpoint, void *data);
    /* A chunk that is pending, its endpoint closed: from here on nothing reads or writes its memory. done comes once the transport
     * has finished with the object, which may be as late as in close. False: the link cannot promise it; wait for done. */
    bool (*revoke)(baton__transfer *transfer);

    baton_status (*memory_register)(baton__transport *transport, void *pointer, size_t size,
                                    baton__memory **memory_out);
    void (*memory_deregister)(baton__transport *transport, baton__memory *memory);
    /* What native codes mean; a constant string. */
    const char *(*native_text)(int native);
    const char *(*version)(void);
    /* One-sided access, where that is asked for. NULL: none. */
    const struct baton__rma_table *rma;
} baton__transport_table;

extern const baton__transport_table baton__transport_ucx;

/* Version of the transport library that is loaded. */
void baton__transport_ucx_version(unsigned *major_out, unsigned *minor_out);

#endif

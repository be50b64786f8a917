/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TRANSPORT_UCX_H
#define BATON_TRANSPORT_UCX_H

#include "transport/transport.h"
#include <ucp/api/ucp.h>

/* The active-message identifiers of baton; every other one has a handler that refuses. */
#define BATON__AM_ID 0xBAu
#define BATON__AM_ID_WIRE 0xBBu /* empty; sent so that UCX exchanges endpoint ids (ucx_wire.c) */

#define BATON__AM_ID_LOOPBACK 0xBCu /* from ourselves to ourselves (ucx_loopback.c) */

/* A send that waits for its turn (ucx_wire.c). */
typedef struct baton__waiting {
    baton__transfer *transfer;
    const void *header;
    size_t header_size;
    const void *data; /* of a control message; a chunk's is in its transfer */
    size_t size;
    bool eager; /* a control message */
    struct baton__waiting *prev;
    struct baton__waiting *next;
} baton__waiting;

typedef struct baton__wire {
    baton__endpoint *endpoint; /* NULL once it is gone */
} baton__wire;

typedef struct baton__loopback baton__loopback;

struct baton__transport {
    ucp_context_h context;
    ucp_worker_h worker;
    ucp_address_t *address;
    size_t address_size;
    int fd;
    bool hears_old;          /* it is the old worker that makes progress */
    bool knows_cuda;         /* ucx_cuda.c */
    ucp_worker_h old_worker; /* between renew and retire */
    unsigned shared_kinds;   /* of the endpoints so far; ucx_loopback.c */
    baton__loopback *loopback;
    ucp_datatype_t revocable; /* gathers, scatters, and can be revoked: ucx_revocable.c */
    baton__transport_callbacks callbacks;
    void *callback_context;
    baton__endpoint *unsent;    /* endpoints with sends that wait */
    baton__endpoint *closing;   /* endpoints that are closed once their ids are exchanged */
    baton__waiting *cancelled;  /* sends of endpoints that were closed before their turn */
};

struct baton__endpoint {
    baton__transport *transport;
    ucp_worker_h worker;
    ucp_ep_h ep;
    void *owner;
    void (*closed)(void *owner);
    char kinds[64]; /* of its lanes */
    bool cuda_ipc; /* one of them */
    bool rdma;     /* some of them */
    bool shares_inbox;
    bool revocable; /* all of them copy (ucx_revocable.c) */
    /* How far the exchange of endpoint ids is (ucx_wire.c). */
    bool wired; /* under way or done: sends are UCX's alone */
    bool heard; /* the peer's endpoint is there */
    bool spoke; /* a frame of ours went into the lane */
    bool carried; /* UCX was given a chunk to send */
    bool broken; /* UCX says so */
    bool unsent; /* in the transport's list */
    uint64_t since_ns; /* in unsent, or in closing */
    baton__wire *wire; /* the exchange under way */
    baton__waiting *waiting; /* oldest first */
    baton__endpoint *prev;   /* in unsent, or in closing */
    baton__endpoint *next;
};

/* Process-wide manners, once: signal handlers off, log lines to our sink. */
void baton__ucx_set_up_process(void);
/* The environment's settings, with ours where the user has none. */
ucs_status_t baton__ucx_read_config(ucp_config_t **config_out);

baton_status baton__ucx_status(ucs_status_t status);

baton_status baton__ucx_endpoint_create(baton__transport *transport, const void *address, size_t size,
                                        void *owner, baton__endpoint **endpoint_out);
void baton__ucx_endpoint_close(baton__endpoint *endpoint, void (*closed)(void *owner));
baton_status baton__ucx_endpoint_flush(baton__endpoint *endpoint, baton__transfer *transfer,
                                       bool *pending_out);
void baton__ucx_endpoint_describe(baton__endpoint *endpoint, char *text, size_t size);

/* Registers baton's handler with the present worker and, for each of the 65,535 other identifiers, the one that refuses. */
ucs_status_t baton__ucx_register_handlers(baton__transport *transport);
baton_status baton__ucx_send(baton__endpoint *endpoint, const void *header, size_t header_size,
                             const void *data, size_t size, baton__transfer *transfer,
                             bool *pending_out, int *native_out);
baton_status baton__ucx_send_chunk(baton__endpoint *endpoint, const void *header, size_t header_size,
                                   const baton__slice *slice, baton__transfer *transfer,
                                   bool *pending_out, int *native_out);
baton_status baton__ucx_receive(baton__endpoint *endpoint, const baton__payload *payload,
                                const baton__slice *slice, baton__transfer *transfer,
                                bool *pending_out, int *native_out);
void baton__ucx_payload_release(baton__endpoint *endpoint, void *data);
/* ucx_revocable.c: memory that UCX reaches through our own functions alone. */
ucs_status_t baton__ucx_revocable_init(baton__transport *transport);
/* After the worker is gone. */
void baton__ucx_revocable_fini(baton__transport *transport);
/* Whether lanes of these kinds, "posix,tcp" say, work with it. */
bool baton__ucx_is_revocable(const char *kinds);
bool baton__ucx_revoke(baton__transfer *transfer);

/* ucx_cuda.c: memory of CUDA devices. */
ucs_status_t baton__ucx_cuda_init(baton__transport *transport);
/* The endpoint has a lane of that kind. */
void baton__ucx_cuda_lane(baton__endpoint *endpoint, const char *kind);
const char *baton__ucx_knows_no_device(const baton__transport *transport);
const char *baton__ucx_why_not_device(const baton__endpoint *endpoint, bool peer_on_device);
bool baton__ucx_exposes_device(const baton__endpoint *endpoint);

/* The shared-memory queues that links of these kinds, "sysv,tcp" say, use: a set. */
unsigned baton__ucx_shared_kinds(const char *list);
baton_status baton__ucx_loopback_begin(baton__transport *transport);
bool baton__ucx_loopback_arrived(baton__transport *transport);
void baton__ucx_loopback_end(baton__transport *transport);
/* A message with that id came. False: it is none of ours. */
bool baton__ucx_loopback_heard(baton__transport *transport, const void *text, size_t size);

/* The send itself. */
ucs_status_ptr_t baton__ucx_send_now(baton__endpoint *endpoint, const baton__waiting *message,
                                     uint32_t attributes);

/* ucx_wire.c: the order of first words on an endpoint. Once, after it was made. */
void baton__ucx_wire_init(baton__endpoint *endpoint);
/* A send of an endpoint that is not wired; as baton__transport_table.send. */
baton_status baton__ucx_wire_send(baton__endpoint *endpoint, const baton__waiting *message,
                                  bool *pending_out, int *native_out);
void baton__ucx_wire_heard(baton__endpoint *endpoint);
/* The worker is about to go: endpoints that wait for their close are closed now. */
void baton__ucx_wire_retire(baton__transport *transport, ucp_worker_h worker);
/* Sends whose turn has come, and the ends of those that never had one. Returns how many. */
int baton__ucx_wire_progress(baton__transport *transport);
/* The endpoint is being closed: its sends end in the next progress. False: baton__ucx_close_now is called there too,
 * after the exchange of ids. */
bool baton__ucx_wire_close(baton__endpoint *endpoint);
void baton__ucx_close_now(baton__endpoint *endpoint);

/* Completion of a request: maps what UCX returned at once. */
baton_status baton__ucx_started(ucs_status_ptr_t request, bool *pending_out, int *native_out);
void baton__ucx_sent(void *request, ucs_status_t status, void *user_data);

#endif

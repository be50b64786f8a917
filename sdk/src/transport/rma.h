/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TRANSPORT_RMA_H
#define BATON_TRANSPORT_RMA_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One-sided access by verbs: a device in use, registrations of memory with keys, and links, each of which is a queue pair.
 * Behind one small table, so that tests can put another one there. It has nothing to do with the transport of messages: what
 * has to be told to the other side is told by those who use this. Owner thread only; nothing blocks.
 */
typedef struct baton__rma baton__rma;
typedef struct baton__rma_region baton__rma_region;
typedef struct baton__rma_link baton__rma_link;

enum {
    BATON__RMA_KEY_MAX = 32,      /* bytes of a packed key */
    BATON__RMA_ADDRESS_MAX = 256, /* bytes of the address of a link */
    BATON__RMA_NAME_SIZE = 32
};

/* A get, a put or a flush in flight. Embedded in the caller's object, which stays until done has run. */
typedef struct baton__rma_job baton__rma_job;
struct baton__rma_job {
    /* Once if the call returned BATON_OK, maybe inside it. status: ERR_FORBIDDEN (the other side's device has refused the access),
     * ERR_PEER_LOST (no answer), ERR_CANCELLED (its link was closed, or a job before it failed). native: the transport's code. */
    void (*done)(baton__rma_job *job, baton_status status, int native);
    uint64_t own_[4]; /* the transport's */
};

/* What a get or put is about. */
typedef struct baton__rma_span {
    void *pointer;                    /* ours, inside region */
    size_t size;
    const baton__rma_region *region;
    uint64_t address;                 /* theirs */
    uint64_t key;                     /* theirs, from key_open */
} baton__rma_span;

typedef struct baton__rma_table {
    /* why_out: on ERR_NOT_SUPPORTED, what is missing, in words; a constant string. Errors also: ERR_TRANSPORT, ERR_OUT_OF_MEMORY. */
    baton_status (*open)(const char **why_out, baton__rma **rma_out);
    /* Regions are gone before. Links that are not closed, and jobs that are not done, end inside. */
    void (*close)(baton__rma *rma);
    /* Such as "rc_verbs". */
    const char *(*name)(const baton__rma *rma);
    int (*progress)(baton__rma *rma);
    /* False: there is work now. Takes the event that made fd readable. */
    bool (*arm)(baton__rma *rma);
    int (*fd)(const baton__rma *rma);
    /* The least that one get can fetch. */
    size_t (*get_min)(const baton__rma *rma);

    /* Regions may be memory of a CUDA device. */
    bool (*reaches_devices)(const baton__rma *rma);

    /* Others can reach it with its key from here on. Errors: ERR_TRANSPORT (locked memory is limited, say), ERR_OUT_OF_MEMORY. */
    baton_status (*region_create)(baton__rma *rma, void *pointer, size_t size, baton__rma_region **region_out);
    /* BATON_OK: nobody can reach it by that key any more. ERR_TRANSPORT: that is not sure; it is gone from here all the same. */
    baton_status (*region_destroy)(baton__rma *rma, baton__rma_region *region);
    /* The bytes that key_open takes on the other side; size at most BATON__RMA_KEY_MAX. */
    size_t (*region_key)(const baton__rma_region *region, uint8_t key[BATON__RMA_KEY_MAX]);
    /* Of somebody else's region. False: it cannot be one. */
    bool (*key_open)(const baton__rma *rma, const uint8_t *bytes, size_t size, uint64_t *key_out);

    /* failed: the link is broken and its jobs have ended, or will; only marks. Errors: ERR_TRANSPORT, ERR_OUT_OF_MEMORY. */
    baton_status (*link_create)(baton__rma *rma, void (*failed)(void *owner, int native), void *owner,
                                baton__rma_link **link_out);
    /* What the other side's link_connect takes. Returns its size. */
    size_t (*link_address)(const baton__rma_link *link, uint8_t address[BATON__RMA_ADDRESS_MAX]);
    /* Once, on either side. Errors: ERR_MALFORMED, ERR_UNREACHABLE, ERR_TRANSPORT. */
    baton_status (*link_connect)(baton__rma_link *link, const uint8_t *address, size_t size);
    /* Nothing of its jobs reaches memory of ours once they are done, which they soon are, whatever the other side does. failed is
     * not called any more. */
    void (*link_close)(baton__rma_link *link);

    /* Done with BATON_OK: the bytes are in our memory, or (put, after a flush) in theirs. Errors: ERR_BUSY (later again), ERR_TRANSPORT. */
    baton_status (*get)(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job);
    baton_status (*put)(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job);
    baton_status (*flush)(baton__rma_link *link, baton__rma_job *job);
    const char *(*native_text)(int native);
} baton__rma_table;

extern const baton__rma_table baton__rma_ucx;

#endif

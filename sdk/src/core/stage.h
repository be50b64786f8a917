/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_STAGE_H
#define BATON_CORE_STAGE_H

#include "device/gate.h"
#include "device/lane.h"

/*
 * Chunks that cannot go straight between the operation's memory and the transport: memory of a device (through a pinned buffer, by a lane of
 * copies), and memory that waits for a gate.
 *
 *   to the peer:    waiting -> copying from the device -> moving (the transport has it)
 *   from the peer:  waiting -> moving -> copying to the device
 *
 * A chunk that waits is nobody's but ours and can be dropped at once; one that is copied counts as access until the lane says that
 * the copy is over. A payload that waits stays at its sender, so that a reader without a buffer slows it down instead of filling memory.
 */
typedef enum baton__stage_phase {
    BATON__STAGE_WAITING = 1,
    BATON__STAGE_COPYING = 2,
    BATON__STAGE_MOVING = 3
} baton__stage_phase;

/* What of an operation needs it (bits of `staged`). */
enum {
    BATON__STAGED_BY_COPY = 1,
    BATON__STAGED_BY_GATE = 2,
    BATON__STAGED_LEFT = 4, /* a device does not end a copy: the operation ends QUARANTINED */
    BATON__STAGED_NATIVE = 8,    /* all its memory is a device's own; known where a path wants it */
    BATON__STAGED_OR_DIRECT = 16 /* by copy where it must be: direct.h */
};

enum { BATON__STAGE_BYTES = 16 << 20, BATON__STAGE_BYTES_MIN = 4 << 20, BATON__STAGE_BYTES_MAX = 32 << 20 };

enum { BATON__STAGED_DEPTH = 4 }; /* chunks of one operation in flight: a copy, a transfer and a copy at the same time, and one more */

/* The detour of a chunk. */
typedef struct baton__detour {
    baton__stage_phase phase;
    baton__stage *stage;
    baton__chunk *chunk;
    baton__slice slice;   /* where its bytes belong */
    void *kept;           /* from the peer: the payload that the transport keeps, until it is received; NULL */
    uint8_t *copied;      /* from the peer: the bytes of a payload that could not be kept; NULL */
    uint8_t *buffer;      /* pinned; NULL while it has none */
    uint64_t ticket;      /* copying: over when its lane has done as many */
    baton__run run;       /* of the buffer, for the transport */
    baton__layout layout;
    struct baton__detour *prev; /* waiting, or copying on a lane */
    struct baton__detour *next;
} baton__detour;

/* Every operation is over, the transport is closed. What a device may still be copying is left to it. */
void baton__stage_fini(baton_connector *connector);

/* A chunk of an operation that is staged. From here on it is over by baton__chunk_over. Errors: ERR_OUT_OF_MEMORY, and it is the caller's. */
baton_status baton__stage_send(baton__chunk *chunk, const baton__slice *slice);
baton_status baton__stage_receive(baton__chunk *chunk, const baton__payload *payload, const baton__slice *slice);

/* Goes on with what is copied, and with what waits as far as it can. Returns how much was done. */
int baton__stage_work(baton_connector *connector);
/* A copy is under way: it takes microseconds, and nobody wakes the loop when it ends. */
bool baton__stage_is_busy(const baton_connector *connector);

/* Why the operation, which is staged, takes no other path. */
const char *baton__why_staged(const baton_operation *operation);

/* The operation or, if it is not NULL, the grant is about to end: what waits of it ends with ERR_CANCELLED. */
void baton__stage_drop(baton_operation *operation, const baton__grant *grant);
/* The peer's endpoint is about to be closed: what waits of it ends with ERR_PEER_LOST. */
void baton__stage_leave(baton__peer *peer);
/* A device is copying the chunk. */
bool baton__stage_is_copying(const baton__chunk *chunk);
/* Of a chunk on a detour. */
baton_connector *baton__stage_connector(const baton__chunk *chunk);
/* The transport has a buffer in the place of the operation's memory. */
bool baton__stage_shields(const baton__chunk *chunk);
/* The chunk, which is on a detour, is over or given up, and nobody reaches its buffer any more. */
void baton__stage_end(baton__chunk *chunk);

#endif

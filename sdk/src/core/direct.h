/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_DIRECT_H
#define BATON_CORE_DIRECT_H

/*
 * Chunks of a device's memory that the transport takes from where they lie, and puts there: the path `am`. Each side
 * decides for its own memory, chunk by chunk: direct, or staged (stage.h) where the transport has no lane for it, where the chunk is small or
 * not in one piece, or, as the receiver, where the sender's bytes come from a buffer of the host.
 *
 * A device copies much faster than chunks of BATON__CHUNK_BYTES can be announced, so an operation of one piece asks for large ones. A passive side
 * that would have to stage them refuses with ERR_NOT_SUPPORTED, and is asked again with small ones.
 *
 * A peer that has opened the memory (cuda_ipc) keeps it open, and nothing takes it away: a chunk that does not end well is an exposure,
 * and becomes a hold (hold.h), of the grant, or of the active operation when it ends. A new session proves that the other side's
 * part of the one before is over, and a verdict that all of it is.
 */
enum {
    BATON__DIRECT_MIN = 64 * 1024,      /* below, announcing takes longer than staging */
    BATON__DIRECT_CHUNK = 16 * 1024 * 1024 /* not measured yet: a cancel waits for what is in flight of them */
};

/* When the operation is made, any thread: whether its memory could go directly at all. */
void baton__direct_note(baton_operation *op);
/* Active, before its first OPEN: the size of its chunks. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__direct_plan(baton_operation *op);
/* Active: its OPEN was refused. True: because of the size of its chunks, and it has opened again. */
bool baton__direct_refused(baton_operation *op, baton_status reason);
/* Passive: whether chunks of that size can be served; it looks at the OPEN. */
bool baton__direct_serves(const baton_operation *op, const baton__peer *peer, const baton__frame *open);
/* Flags of the OPEN, and of a chunk. */
uint32_t baton__direct_open_flags(const baton_operation *op);

/* Whether the chunk goes directly. Sets the reason, if it does not, on the operation. */
bool baton__direct_sends(const baton__chunk *chunk, const baton__slice *slice);
bool baton__direct_receives(const baton__chunk *chunk, const baton__payload *payload, const baton__slice *slice, bool from_device);

/* The transport has it from here on. False: the device does not answer for its memory any more, and UCX would not tell that from a lost peer. */
bool baton__direct_hand_over(baton__chunk *chunk, const baton__slice *slice);
/* It has ended, or was abandoned, otherwise than well: the operation or its grant still counts it. */
void baton__direct_failed(const baton__chunk *chunk);
/* Active: it may be reaching the peer's memory. */
bool baton__direct_is_reading(const baton_operation *op);
/* Chunks that were abandoned, of whatever operation, may still reach memory of the peer's device: it is not told that we are done with it. */
bool baton__direct_is_left(const baton__peer *peer);
/* Active, about to end: tells the peer what it still waits for, and holds what the peer may still reach. Returns the reason. */
baton_status baton__direct_end(baton_operation *op, baton_status reason);
/* The active side that this names is over: it reaches nothing of ours, unless it says that it does, and asks whether we reach something of it. */
void baton__direct_probe(baton_connector *connector, const baton__frame *frame, const baton__payload *payload);

#endif

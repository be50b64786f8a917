/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_HOLD_H
#define BATON_CORE_HOLD_H

/*
 * Memory of ours that a peer may still reach, and no transfer of ours tells when it stops: it reads a pool by itself (map.h), or a chunk of
 * a device's memory has not ended well and the peer may have it open (direct.h).
 *
 * On the passive side a hold belongs to its grant, which waits for it a while when it ends; the first last word of the consumer ends
 * it. After that, and on the active side at once, it is in quarantine: the operation ends QUARANTINED, its descriptors are kept, and
 * the peer is asked from time to time,
 *
 *   by the passive side:  CANCEL with its identity; who reaches nothing any more answers RELEASE,
 *   by the active side:   PROBE with its identity; who reaches nothing any more answers PROBED. It ends what the other side holds in
 *                         turn, unless it says that a device of this side, which does not end a copy, still reads,
 *
 * until it answers or its process is proven dead (pidfd).
 */
enum {
    BATON__HOLD_MS = 1000,    /* patience with the reader of a grant that ends, at most */
    BATON__ASK_MIN_MS = 100,  /* a quarantine is asked about again after so long, doubling ... */
    BATON__ASK_MAX_MS = 10000, /* ... up to this */
    BATON__RELEASES_MAX = 4096 /* answers that wait for the next connection of a peer's */
};

/* The consumer may reach the memory by itself, as long as the grant says or until it says that it does not. Nothing, if it may
 * already. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__hold_begin(baton__grant *grant);
/* The consumer says that it reaches it no more, or its process is dead. */
void baton__hold_end(baton__grant *grant);
/* The grant waits no longer. */
void baton__hold_quarantine(baton__grant *grant);
/* A frame of a consumer whose grant is over: it may end a hold in quarantine. True: it did. */
bool baton__hold_released(baton_connector *connector, const baton__frame *frame);

/* The passive side may still reach the memory of an active operation that ends. False: its process is dead. */
bool baton__hold_active(baton_operation *op);
/* PROBED came. */
void baton__hold_probed(baton_connector *connector, const baton__frame *frame);

/* release.c. RELEASE or PROBED, now or with the next connection: a peer keeps memory for us, and we do not reach it (any more). One too
 * many is dropped: the peer asks again. */
void baton__release_tell(baton__peer *peer, baton__frame_type type, const baton_uuid *operation, const baton_key *nonce,
                         const baton_key *token);
/* Those that could not be sent: now they can. */
void baton__releases_send(baton__peer *peer);
void baton__releases_forget(baton__peer *peer);

void baton__holds_init(baton_connector *connector);
/* The connector ends. What a living process may still reach is never given back. */
void baton__holds_fini(baton_connector *connector);

#endif

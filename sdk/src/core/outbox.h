/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_OUTBOX_H
#define BATON_CORE_OUTBOX_H

/*
 * What leaves: control frames, which are copied and forgotten, and chunks, whose memory is the operation's until UCX
 * calls back. Objects come from free lists of the connector.
 */
struct baton__control {
    baton__transfer transfer;
    baton__peer *peer; /* NULL once abandoned */
    baton__control *prev;
    baton__control *next;
    baton__orphans *orphans; /* abandoned: where it is listed */
    uint8_t *large; /* a body that does not fit */
    bool spare;     /* it goes back to the connector */
    bool waits;     /* counted in connector->unsent */
    uint8_t header[BATON__FRAME_SIZE];
    uint8_t body[600];
};

/* A chunk on its way, in either direction, for an active operation or a grant. */
struct baton__chunk {
    baton__transfer transfer;
    baton__peer *peer; /* NULL once abandoned */
    baton_operation *operation; /* always, until abandoned */
    baton__grant *grant;        /* passive side only */
    uint32_t index;
    bool incoming;
    bool direct;  /* memory of a device that the transport takes itself; direct.h */
    bool exposed; /* the peer may have it open */
    size_t size;
    baton__orphans *orphans; /* abandoned: where it is listed */
    baton__peer *left_with;  /* abandoned and exposed */
    baton_descriptor **held; /* abandoned, and the peer may still reach them: kept as long */
    uint32_t held_count;
    baton__detour *detour;   /* stage.h; NULL: it goes straight */
    baton__chunk *prev;
    baton__chunk *next;
    uint8_t header[BATON__FRAME_SIZE];
};

/* One larger body is kept for the next: an OPEN with the bytes of a small write allocates nothing. */
enum { BATON__SPARE_BODY = BATON__BLOCK_MAX + BATON__INLINE_MAX };

/* Fills to_instance, to_epoch and session (of the direction) in. Dropped, with ERR_PEER_LOST, while there is no endpoint: who needs an
 * answer has a deadline, a lease and the next session. body: copied. */
baton_status baton__send_control(baton__peer *peer, baton__frame *frame, const void *body, size_t size);
/* The bytes of tail are copied behind the body, from wherever they lie. */
baton_status baton__send_control_with(baton__peer *peer, baton__frame *frame, const void *body, size_t size,
                                      baton__slice tail);

/* Fills in whom it is for. */
void baton__frame_address(const baton__peer *peer, baton__frame *frame);

/* It is no longer among what waits to be sent. peer is set. */
void baton__control_uncount(baton__control *control);
/* Waits for what was sent before, as a transfer of the peer's. */
void baton__flush(baton__peer *peer);

/* What happens to a chunk here, on its way to or from a device, or that it was abandoned and may still reach one; no new session makes it
 * good. */
static inline bool baton__is_local(baton_status status)
{
    return status == BATON_ERR_QUARANTINED || status == BATON_ERR_DEVICE || status == BATON_ERR_OUT_OF_MEMORY || status == BATON_ERR_NOT_SUPPORTED;
}

/* What the transport says of a chunk, as a reason of the session's: cancelled and local are words of ours. */
static inline baton_status baton__of_transport(baton_status status)
{
    return status == BATON_ERR_CANCELLED || baton__is_local(status) ? BATON_ERR_PEER_LOST : status;
}

/* The end of a chunk that has left or come, or was dropped: its operation and its peer learn it, unless it was abandoned before. */
void baton__chunk_over(baton__chunk *chunk, baton_status status, int native);

/* Sends or receives a chunk; baton__active_chunk_over or baton__passive_chunk_over is called once, maybe before this returns. On failure it is not called; without
 * memory the operation, or the grant, ends here.
 * frame: of a send; payload: of a receive; from_device: the frame said so. */
baton_status baton__chunk_send(baton__peer *peer, baton_operation *operation, baton__grant *grant,
                               uint32_t index, baton__frame *frame, baton__slice slice, int *native_out);
baton_status baton__chunk_receive(baton__peer *peer, baton_operation *operation, baton__grant *grant,
                                  uint32_t index, const baton__payload *payload, baton__slice slice,
                                  bool from_device, int *native_out);

/* It is on its way into the memory: what ends it will tell. */
bool baton__chunk_is_arriving(const baton__grant *grant, uint32_t index);

/*
 * The endpoint of a closing peer is closed. Takes the memory of its chunks away from the transport where the link allows
 * it, always on TCP and shared memory, and gives them up at once: UCX up to 1.18 may keep its side of them for as long as
 * a peer is stopped (transport/ucx_revocable.c). Control frames own their memory and are given up too.
 */
void baton__outbox_revoke(baton__peer *peer);
/*
 * What is left of it (chunks on links with RDMA) has not ended in time. lost: UCX reported the endpoint broken, or the
 * connector ends: nobody else can reach the memory, all of them go. Otherwise the peer may only be stopped: those of
 * operations that are ending go, the operations end QUARANTINED, and the descriptors are held until UCX does call back.
 * So it is in either case with memory of a device, which a device copies, here or there: and its operation, or grant, ends with it.
 */
void baton__outbox_abandon(baton__peer *peer, bool lost);
/* The transport has a new worker: what was abandoned so far is the old one's. */
void baton__outbox_retire(baton_connector *connector);
/* Their worker is gone, and all access with it. */
void baton__outbox_forget(baton__orphans *orphans);
/* After the transport is closed. */
void baton__outbox_fini(baton_connector *connector);

#endif

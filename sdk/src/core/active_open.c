/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The active side: OPEN. The first one already asks for what comes next, the first chunks of a readable or the keys of its pools,
 * so that the answer is there one round trip earlier, or brings all bytes of a small write. One that is repeated with a new session
 * does none of it: the one before may have come, and the grant will say what is missing.
 *
 * The bytes of a write are copied into the frame, as all that a control frame carries. A chunk that is gathered from where it lies would be in
 * flight, before there is a token that could end it; this way nothing of UCX's ever sees the memory, whatever becomes of the
 * operation, and one copy of some kilobytes is less than the message that it spares.
 */
#include "core/engine.h"

/* What goes behind the block: one of these, or nothing. */
typedef struct extra {
    uint32_t flags;
    baton__slice slice;
    baton_key proof;
    baton__run run; /* of the proof */
    baton__layout layout;
} extra;

static void add_proof(baton_operation *op, bool first, extra *it)
{
    it->flags = baton__map_open(op, first, &it->proof);
    if (it->flags != 0) {
        enum { SIZE = sizeof(it->proof.bytes) };
        it->run = (baton__run){.base = it->proof.bytes, .segment = SIZE, .stride = SIZE, .count = 1};
        it->layout = (baton__layout){.runs = &it->run, .count = 1, .total = SIZE};
        it->slice = (baton__slice){.layout = &it->layout, .size = SIZE};
    }
}

/* Only where it goes out at once: to a peer that has been heard, since the first words of an endpoint should be short
 * (transport/ucx_wire.c) and wait in UCX until it is connected; and not behind others that wait, lest the copies pile up. */
static bool may_bring_bytes(const baton_operation *op)
{
    return op->kind == BATON_OPERATION_WRITE && op->staged == 0 && op->bytes_total <= BATON__INLINE_MAX && op->peer->heard &&
           op->peer->controls == NULL;
}

/* Chunks of a readable that it asks for at once. */
static uint32_t window_of(const baton_operation *op)
{
    if (op->kind != BATON_OPERATION_READ || baton__map_is_on(op) || baton__reach_is_on(op) || !baton__gates_are_open(op)) {
        return 0; /* the chunks come another way, or have no place yet */
    }
    return op->plan.chunks < op->a.depth ? op->plan.chunks : op->a.depth;
}

void baton__active_open(baton_operation *op)
{
    bool first = !op->a.opened;
    if (first && baton__direct_plan(op) != BATON_OK) {
        baton__active_stop(op, BATON_ERR_OUT_OF_MEMORY, 0);
        return;
    }
    if (first) {
        baton__map_want(op);
        baton__reach_want(op);
    }
    extra more = {.flags = 0};
    add_proof(op, first, &more);
    bool bytes = first && may_bring_bytes(op);
    if (bytes) {
        more.flags = BATON__OPEN_DATA;
        more.slice = baton__plan_slice(&op->plan, &op->layout, 0);
    }
    uint32_t window = first ? window_of(op) : 0;
    const baton__identity *identity = baton__identity_get(op->connector);
    baton__frame frame = {
        .type = BATON__FRAME_OPEN,
        .session = op->peer->out_session,
        .operation = op->id,
        .nonce = op->a.nonce,
        .key = baton__metadata_block(op->a.metadata)->claim_token,
        .aux = op->a.cancel_key,
        .a = op->bytes_total,
        .b = op->plan.chunk_size,
        .c = op->attempt,
        .d = baton__open_pack(op->count, (uint32_t)op->kind, window) | more.flags | baton__direct_open_flags(op),
    };
    op->a.opened = true;
    op->a.opened_ns = baton__now(op->connector);
    op->peer->opened_ns = op->a.opened_ns;
    op->a.cursor = window;
    op->a.asked = bytes ? 1 : window;
    if (baton__send_control_with(op->peer, &frame, identity->block, identity->size, more.slice) == BATON_OK && bytes) {
        BATON__COUNT_BY(op->connector, bytes_sent, op->bytes_total);
    }
    baton_loop_expect(op->connector->loop);
}

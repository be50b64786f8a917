/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The active side: OPEN. The first one already asks for what comes next, the first chunks of a readable or the keys of its pools,
 * so that the answer is there one round trip earlier. One that is repeated with a new session asks for nothing: the one before may
 * have got it, and the grant will say what is missing.
 */
#include "core/engine.h"

/* Chunks of a readable that it asks for at once. */
static uint32_t window_of(const baton_operation *op)
{
    if (op->kind != BATON_OPERATION_READ || baton__map_is_on(op) || baton__reach_is_on(op)) {
        return 0; /* the chunks come another way */
    }
    return op->plan.chunks < BATON__DEPTH ? op->plan.chunks : BATON__DEPTH;
}

void baton__active_open(baton_operation *op)
{
    bool first = !op->a.opened;
    if (first) {
        baton__map_want(op);
        baton__reach_want(op);
    }
    baton_key proof;
    baton__run run = {.base = proof.bytes, .segment = sizeof(proof.bytes), .stride = sizeof(proof.bytes), .count = 1};
    baton__layout layout = {.runs = &run, .count = 1, .total = sizeof(proof.bytes)};
    baton__slice tail = {.size = 0};
    uint32_t flags = baton__map_open(op, first, &proof);
    if (flags != 0) {
        tail = (baton__slice){.layout = &layout, .size = sizeof(proof.bytes)};
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
        .d = baton__open_pack(op->count, (uint32_t)op->kind, window) | flags,
    };
    op->a.opened = true;
    op->a.opened_ns = baton__now(op->connector);
    op->a.cursor = window;
    op->a.asked = window;
    (void)baton__send_control_with(op->peer, &frame, identity->block, identity->size, tail);
    baton_loop_expect(op->connector->loop);
}

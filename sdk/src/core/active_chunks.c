/* SPDX-License-Identifier: Apache-2.0 */
/* The active side: which chunk is asked for, or sent, next. */
#include "core/engine.h"

/*
 * A large operation gives way to others with the same peer: what is in flight of it is what they wait for, since messages to
 * one process arrive in order. While others begin it has half as many chunks in flight, one as a rule, which costs it the overlap of two.
 */
enum { LARGE_CHUNKS = 8 };
#define GIVE_WAY_NS (10 * BATON__NS_PER_MS) /* since the last one began: it may not be the last */

static uint32_t depth_of(const baton_operation *op)
{
    uint64_t newest_ns = op->peer->opened_ns;
    bool alone = op->plan.chunks <= LARGE_CHUNKS || newest_ns == op->a.opened_ns ||
                 baton__now(op->connector) - newest_ns >= GIVE_WAY_NS;
    return alone ? op->a.depth : op->a.depth / 2;
}

void baton__active_ask(baton_operation *op)
{
    if (!baton__gates_are_open(op)) {
        return; /* what came would wait, in a buffer of the peer's */
    }
    uint32_t depth = depth_of(op);
    while (op->a.asked < depth) {
        uint32_t first = baton__bits_next_clear(&op->a.claimed, op->a.cursor);
        if (first >= op->plan.chunks) {
            return;
        }
        uint32_t run = 1;
        while (op->a.asked + run < depth && first + run < op->plan.chunks &&
               !baton__bits_get(&op->a.claimed, first + run)) {
            run++;
        }
        baton__frame frame = {.type = BATON__FRAME_READ, .key = op->a.token, .c = run, .d = first};
        if (!baton__active_send(op, &frame, NULL, 0)) {
            return;
        }
        op->a.cursor = first + run;
        op->a.asked += run;
    }
}

void baton__active_write_chunks(baton_operation *op)
{
    uint32_t depth = depth_of(op);
    while (op->a.asked < depth && !op->ending) { /* a copy from the device may fail at once */
        uint32_t index = baton__bits_next_clear(&op->a.claimed, op->a.cursor);
        if (index >= op->plan.chunks) {
            return;
        }
        baton__frame frame = {.type = BATON__FRAME_WRITE,
                              .session = op->peer->out_session,
                              .operation = op->id,
                              .key = op->a.token,
                              .nonce = op->a.nonce,
                              .d = index};
        (void)baton__bits_set(&op->a.claimed, index);
        op->a.cursor = index + 1;
        op->a.asked++;
        int native = 0;
        baton_status status =
            baton__chunk_send(op->peer, op, NULL, index, &frame,
                              baton__plan_slice(&op->plan, &op->layout, index), &native);
        if (status != BATON_OK) {
            baton__bits_clear(&op->a.claimed, index);
            return; /* the session is lost; it resumes */
        }
    }
}

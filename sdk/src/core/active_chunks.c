/* SPDX-License-Identifier: Apache-2.0 */
/* The active side: which chunk is asked for, or sent, next. */
#include "core/engine.h"

void baton__active_ask(baton_operation *op)
{
    while (op->a.asked < BATON__DEPTH) {
        uint32_t first = baton__bits_next_clear(&op->a.claimed, op->a.cursor);
        if (first >= op->plan.chunks) {
            return;
        }
        uint32_t run = 1;
        while (op->a.asked + run < BATON__DEPTH && first + run < op->plan.chunks &&
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
    while (op->a.asked < BATON__DEPTH) {
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

/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol with a peer that is silent: it is lost in the end, unless another channel settles
 * what the endpoint could not. */
#include "support/fake_pair.h"

enum { CHUNK = BATON__CHUNK_BYTES, SMALL = 4096 };

TestSuite(protocol_settle, .init = pair_open, .fini = pair_close);

Test(protocol_settle, a_peer_that_does_not_come_back_is_lost_on_both_sides)
{
    static const baton_completion completions[] = {BATON_COMPLETION_BYTES, BATON_COMPLETION_ACK};
    for (int mode = 0; mode < 4; mode++) {
        static handed h;
        pair_begin(&h, mode % 2 == 0, 1, 8 * CHUNK, completions[mode / 2], 0);
        fake_plan(mode % 2 == 0 ? BATON__FRAME_DATA : BATON__FRAME_WRITE, FAKE_HOLD, 100);
        pair_pump();
        fake_set_unreachable(true);
        fake_break();
        pair_pump();
        pair_expect(&h, BATON_ERR_PEER_LOST, BATON_ERR_PEER_LOST);
        pair_end(&h);
        fake_reset();
    }
}

typedef struct settling {
    baton_task task;
    baton_operation *operation;
    baton_settlement settlement;
    baton_key key;
    baton_status status;
} settling;

static void settle_now(baton_task *task)
{
    settling *s = (settling *)task;
    s->status =
        baton_operation_settle(s->operation, s->settlement, &s->key, BATON_ERR_CANCELLED, NULL, 0);
}

static baton_status settle(baton_operation *operation, int which, baton_settlement settlement,
                           const baton_key *key)
{
    settling s = {
        .task = {.run = settle_now}, .operation = operation, .settlement = settlement, .key = *key};
    cr_assert(baton_loop_post(baton_connector_loop(connectors[which]), &s.task));
    pair_pump();
    return s.status;
}

Test(protocol_settle, another_channel_settles_what_the_endpoint_could_not)
{
    static handed h;
    baton_settle_keys keys;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_COMMIT, FAKE_DROP, 1);
    pair_pump();
    cr_assert_eq(baton_operation_settle_keys(h.active, &keys), BATON_OK);
    fake_set_unreachable(true);
    fake_break();
    pair_pump();
    cr_assert_neq(h.events & 1U << BATON_EVENT_SILENT, 0);
    cr_assert_eq(settle(h.active, CONSUMER, BATON_SETTLE_COMMIT, &keys.ack_key),
                 BATON_ERR_FORBIDDEN);
    cr_assert_eq(pair_stats(CONSUMER).refused_token, 1);
    cr_assert_eq(settle(h.active, CONSUMER, BATON_SETTLE_DONE, &keys.cancel_key),
                 BATON_ERR_WRONG_STATE);
    cr_assert_not(baton_operation_is_over(h.active));
    cr_assert_eq(settle(h.active, CONSUMER, BATON_SETTLE_COMMIT, &keys.cancel_key), BATON_OK);
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert_eq(settle(h.active, CONSUMER, BATON_SETTLE_CANCEL, &keys.cancel_key), BATON_OK);
    pair_end(&h);
}

Test(protocol_settle, without_another_channel_silence_ends_unconfirmed)
{
    static handed h;
    pair_begin(&h, false, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_COMMIT, FAKE_DROP, 1);
    pair_pump();
    fake_set_unreachable(true);
    fake_break();
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.active));
    pair_advance_ms(2001);
    pair_expect(&h, BATON_OK, BATON_ERR_UNCONFIRMED);
    pair_end(&h);
}

Test(protocol_settle, the_origin_takes_done_fail_and_renew_from_another_channel)
{
    static handed h;
    baton_settle_keys keys;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 300);
    fake_plan(BATON__FRAME_MOVED, FAKE_DROP, 100);
    fake_plan(BATON__FRAME_RENEW, FAKE_DROP, 100);
    pair_pump();
    cr_assert_eq(baton_operation_settle_keys(h.passive, &keys), BATON_OK);
    cr_assert_eq(settle(h.passive, ORIGIN, BATON_SETTLE_DONE, &keys.cancel_key),
                 BATON_ERR_FORBIDDEN);
    pair_advance_ms(200);
    cr_assert_eq(settle(h.passive, ORIGIN, BATON_SETTLE_RENEW, &keys.ack_key), BATON_OK);
    pair_advance_ms(200);
    cr_assert_not(baton_operation_is_over(h.passive));
    cr_assert_eq(settle(h.passive, ORIGIN, BATON_SETTLE_COMMIT, &keys.ack_key),
                 BATON_ERR_WRONG_STATE);
    cr_assert_eq(settle(h.passive, ORIGIN, BATON_SETTLE_DONE, &keys.ack_key), BATON_OK);
    fake_plan(BATON__FRAME_MOVED, FAKE_DELIVER, 0);
    pair_advance_ms(102);
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
    pair_begin(&h, false, 1, 8 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_WRITE, FAKE_HOLD, 100);
    pair_pump();
    cr_assert_eq(baton_operation_settle_keys(h.passive, &keys), BATON_OK);
    cr_assert_eq(settle(h.passive, ORIGIN, BATON_SETTLE_FAIL, &keys.ack_key), BATON_OK);
    pair_advance_ms(101); /* what it had on its way is cut off */
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_PEER_CANCELLED);
    pair_advance_ms(30001); /* the consumer, which is not told, comes to its deadline */
    pair_advance_ms(101);
    pair_end(&h);
}

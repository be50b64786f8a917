/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may still have open of a device's memory is held until the peer says that it has not; and who says so wrongly. */
#include "support/direct_pair.h"

TestSuite(probe, .init = direct_open, .fini = cuda_pair_close, .timeout = 120);

static void deliver(int which, const baton__frame *frame, const void *body, size_t size)
{
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(frame, header);
    fake_inject((unsigned)which, header, sizeof(header), body, size, false);
    pair_pump();
}

static baton__frame to(int which, baton__frame_type type, const baton_operation *active)
{
    return (baton__frame){.type = type,
                          .to_instance = connectors[which]->instance,
                          .to_epoch = connectors[which]->epoch,
                          .operation = active->id,
                          .key = active->a.token,
                          .nonce = active->a.nonce,
                          .c = baton__reason_pack(BATON_ERR_CANCELLED)};
}

Test(probe, what_a_reader_may_still_have_open_is_kept_until_it_says_that_it_has_not)
{
    static handed h;
    cut_in_the_middle(&h, true);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    for (int i = 0; i < 100 && !baton_operation_is_over(h.passive); i++) {
        pair_advance_ms(100);
    }
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 1);
    baton_descriptor_release(h.source[0]);
    h.source[0] = NULL;
    cr_assert_eq(on_device(), 2, "it was given back, and the reader may have it open");
    fake_set_cut(false);
    fake_release();
    for (int i = 0; i < 400 && pair_stats(ORIGIN).quarantined != 0; i++) {
        pair_advance_ms(100);
    }
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    cr_assert(baton_operation_is_over(h.active));
    cr_assert_eq(on_device(), 1);
    pair_end(&h);
}

Test(probe, what_a_writer_has_given_is_kept_until_the_other_side_says_that_it_is_done)
{
    static handed h;
    cut_in_the_middle(&h, false);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    for (int i = 0; i < 100 && !baton_operation_is_over(h.active); i++) {
        pair_advance_ms(100);
    }
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_QUARANTINED);
    cr_assert_eq(pair_stats(CONSUMER).quarantined, 1);
    baton_operation_destroy(h.active);
    baton_descriptor_release(h.source[0]);
    cr_assert_eq(on_device(), 2, "it was given back, and the other side may have it open");
    fake_set_cut(false);
    fake_release();
    for (int i = 0; i < 400 && pair_stats(CONSUMER).quarantined != 0; i++) {
        pair_advance_ms(100);
    }
    cr_assert_eq(pair_stats(CONSUMER).quarantined, 0);
    cr_assert_geq(fake_sent(BATON__FRAME_PROBE), 1);
    cr_assert(baton_operation_is_over(h.passive));
    cr_assert_eq(on_device(), 1);
    baton_operation_destroy(h.passive);
    baton_descriptor_release(h.target[0]);
}

/* It has the one open that failed, and asks for another before it hears that the session is over. */
Test(probe, a_reader_that_asks_for_more_may_still_have_the_last_one_open)
{
    static handed h;
    cut_in_the_middle(&h, true);
    const baton__grant *grant = h.passive->p.grants;
    baton__frame frame = to(ORIGIN, BATON__FRAME_READ, h.active);
    frame.session = grant->session;
    frame.key = grant->token;
    frame.c = 1;
    frame.d = 0;
    fake_fail_held();
    deliver(ORIGIN, &frame, NULL, 0);
    cr_assert_not_null(grant->hold);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    cr_assert(!baton_operation_is_over(h.passive));
    fake_set_cut(false);
    for (int i = 0; i < 400 && !(cuda_pair_is_over(&h) && pair_stats(ORIGIN).quarantined == 0); i++) {
        pair_advance_ms(100);
    }
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    pair_end(&h);
}

/* One of two readers may still have it open; the other one never comes. */
Test(probe, what_one_reader_may_still_reach_is_said_however_the_operation_ends)
{
    static handed h;
    hand_over(true, BATON_COMPLETION_COMMIT, 1, CHUNK, BOTH);
    fake_plan(BATON__FRAME_DATA, FAKE_HOLD, 1);
    h = (handed){.count = 1, .size = CHUNK, .read = true};
    h.source[0] = cuda_pair_memory(CHUNK, true);
    h.target[0] = cuda_pair_memory(CHUNK, true);
    pair_offer_to(&h, BATON_COMPLETION_COMMIT, 0, 2);
    CUDA_PAIR_UNTIL(h.active->inflight + h.passive->inflight != 0);
    pair_pump();
    fake_set_cut(true);
    fake_fail_held();
    for (int i = 0; i < 100 && pair_stats(ORIGIN).quarantined == 0; i++) {
        pair_advance_ms(100);
    }
    cr_assert(!baton_operation_is_over(h.passive));
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
    fake_set_cut(false);
    for (int i = 0; i < 400 && !(cuda_pair_is_over(&h) && pair_stats(ORIGIN).quarantined == 0); i++) {
        pair_advance_ms(100);
    }
    pair_end(&h);
}

/* The writer's hold, with everything open again. */
static void hold_of_a_writer(handed *h)
{
    cut_in_the_middle(h, false);
    cr_assert_eq(baton_operation_cancel(h->active), BATON_OK);
    for (int i = 0; i < 100 && !baton_operation_is_over(h->active); i++) {
        pair_advance_ms(100);
    }
    cr_assert_eq(pair_stats(CONSUMER).quarantined, 1);
    fake_set_cut(false);
    fake_release();
}

static void expect_an_end(handed *h)
{
    for (int i = 0; i < 1000 && pair_stats(CONSUMER).quarantined != 0; i++) {
        pair_advance_ms(100);
    }
    cr_assert_eq(pair_stats(CONSUMER).quarantined, 0);
    cr_assert(baton_operation_is_over(h->passive));
    pair_end(h);
}

Test(probe, questions_and_answers_that_are_lost_are_repeated)
{
    static handed h;
    hold_of_a_writer(&h);
    fake_plan(BATON__FRAME_PROBE, FAKE_DROP, 2);
    fake_plan(BATON__FRAME_PROBED, FAKE_DROP, 2);
    expect_an_end(&h);
    cr_assert_geq(fake_sent(BATON__FRAME_PROBED), 3);
}

/* Its connector is another one, which knows nothing of the operation. */
Test(probe, who_has_forgotten_the_operation_answers_too)
{
    static handed h;
    hold_of_a_writer(&h);
    fake_plan(BATON__FRAME_PROBE, FAKE_DROP, 1);
    pair_pump();
    if (!baton_operation_is_over(h.passive)) {
        cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    }
    for (int i = 0; i < 100 && !baton_operation_is_over(h.passive); i++) {
        pair_advance_ms(100);
    }
    baton__tombstones_fini(&connectors[ORIGIN]->tombstones);
    connectors[ORIGIN]->tombstones = (baton__tombstones){.oldest = NULL};
    cr_assert(baton__tombstones_init(&connectors[ORIGIN]->tombstones));
    expect_an_end(&h);
}

/* Of a peer whose session is being closed: the answers wait, and are not more than it could have asked for. */
Test(probe, questions_that_cannot_be_answered_now_do_not_pile_up)
{
    enum { QUESTIONS = BATON__RELEASES_MAX + 100 };
    static handed h;
    cut_in_the_middle(&h, true);
    fake_set_stuck(true);
    baton__peer *peer = h.passive->p.grants->peer;
    baton__peer_failed(peer, -80);
    pair_pump();
    cr_assert(peer->closing);
    baton__frame frame = to(ORIGIN, BATON__FRAME_PROBE, h.active);
    const baton__identity *identity = baton__identity_get(connectors[CONSUMER]);
    for (int i = 0; i < QUESTIONS; i++) {
        frame.nonce = baton_key_random();
        deliver(ORIGIN, &frame, identity->block, identity->size);
    }
    cr_assert_eq(peer->releases_count, BATON__RELEASES_MAX);
    cr_assert_eq(pair_stats(ORIGIN).refused_limit, 100);
    fake_set_cut(false);
    fake_set_stuck(false);
    fake_release();
    for (int i = 0; i < 400 && !cuda_pair_is_over(&h); i++) {
        pair_advance_ms(100);
    }
    pair_end(&h);
}

/* A grant is not ended by who does not know its token, nor by who does not say who it is. */
Test(probe, a_question_of_a_stranger_ends_nothing)
{
    static handed h;
    cuda_pair_begin(&h, true, 1, 4 * CHUNK, BATON_COMPLETION_ACK, 0, BOTH);
    CUDA_PAIR_UNTIL((h.events & 1U << BATON_EVENT_MOVED) != 0);
    const baton__identity *identity = baton__identity_get(connectors[CONSUMER]);
    baton__frame frame = to(ORIGIN, BATON__FRAME_PROBE, h.active);
    frame.key.bytes[0] ^= 1;
    deliver(ORIGIN, &frame, identity->block, identity->size);
    cr_assert_eq(pair_stats(ORIGIN).refused_token, 1);
    frame.key.bytes[0] ^= 1;
    deliver(ORIGIN, &frame, identity->block, identity->size - 1);
    cr_assert_eq(pair_stats(ORIGIN).refused_address, 1);
    deliver(ORIGIN, &frame, NULL, 0);
    cr_assert_eq(pair_stats(ORIGIN).refused_address, 2);
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    finish(&h);
    pair_end(&h);
}

Test(probe, an_answer_that_nobody_waits_for_is_counted)
{
    static handed h;
    hold_of_a_writer(&h);
    baton__frame frame = to(CONSUMER, BATON__FRAME_PROBED, h.active);
    fake_plan(BATON__FRAME_PROBE, FAKE_DROP, 1);
    frame.key.bytes[3] ^= 1;
    uint64_t before = pair_stats(CONSUMER).refused_operation;
    deliver(CONSUMER, &frame, NULL, 0);
    cr_assert_eq(pair_stats(CONSUMER).refused_operation, before + 1);
    cr_assert_eq(pair_stats(CONSUMER).quarantined, 1);
    expect_an_end(&h);
}

/* An active operation that the other side asks for by PROBE is cancelled there as its reason says. */
Test(probe, a_question_ends_a_grant_that_has_missed_the_end)
{
    static handed h;
    cuda_pair_begin(&h, true, 1, 4 * CHUNK, BATON_COMPLETION_ACK, 0, BOTH);
    CUDA_PAIR_UNTIL((h.events & 1U << BATON_EVENT_MOVED) != 0);
    const baton__identity *identity = baton__identity_get(connectors[CONSUMER]);
    baton__frame frame = to(ORIGIN, BATON__FRAME_PROBE, h.active);
    deliver(ORIGIN, &frame, identity->block, identity->size);
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_PEER_CANCELLED);
    cr_assert_eq(fake_sent(BATON__FRAME_PROBED), 1);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    pair_end(&h);
}

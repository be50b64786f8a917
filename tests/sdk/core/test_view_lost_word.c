/* SPDX-License-Identifier: Apache-2.0 */
/* The last word of a reader is lost with its connection: the owner asks, and gets its memory back. Over the fake transport. */
#include "support/view_pair.h"

enum { SIZE = 200 * 1024 };

TestSuite(view_lost_word, .init = view_open, .fini = view_close);

static void expect_in_quarantine(void)
{
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED, "%s",
                 baton_status_name(baton_operation_reason(h.passive)));
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 1);
}

static void expect_back(baton_status active)
{
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    view_end(BATON_ERR_QUARANTINED, active);
}

/* The origin ends it while it is held, and has waited long enough. */
static void cancel_held_view(void)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 1000);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    pair_advance_ms(110);
    expect_in_quarantine();
}

Test(view_lost_word, a_release_that_is_lost)
{
    cancel_held_view();
    fake_plan(BATON__FRAME_RELEASE, FAKE_DROP, 1);
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    expect_in_quarantine();
    pair_advance_ms(BATON__ASK_MIN_MS);
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 2);
    expect_back(BATON_ERR_PEER_CANCELLED);
}

/* The word that completes a read that ends with its bytes, and then there is nobody who would repeat it. */
Test(view_lost_word, a_moved_that_is_lost_with_its_session)
{
    view_take(SIZE, BATON_COMPLETION_BYTES, 0);
    fake_plan(BATON__FRAME_MOVED, FAKE_DROP, 1);
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_OK);
    fake_break();
    pair_pump();
    pair_advance_ms(2100);
    pair_advance_ms(110);
    expect_in_quarantine();
    pair_advance_ms(BATON__ASK_MIN_MS);
    expect_back(BATON_OK);
}

Test(view_lost_word, a_question_or_its_answer_is_lost_too)
{
    cancel_held_view();
    fake_plan(BATON__FRAME_RELEASE, FAKE_DROP, 2);
    fake_plan(BATON__FRAME_CANCEL, FAKE_DROP, 2);
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    for (int i = 0; i < 20; i++) {
        pair_advance_ms(100);
    }
    expect_back(BATON_ERR_PEER_CANCELLED);
}

Test(view_lost_word, a_question_makes_the_connection_that_it_needs)
{
    cancel_held_view();
    fake_set_cut(true);
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    fake_break();
    fake_reset();
    fake_set_cut(false);
    pair_pump();
    for (int i = 0; i < 10; i++) {
        pair_advance_ms(100);
    }
    expect_back(BATON_ERR_PEER_CANCELLED);
}

/* It is asked again and again, ever more rarely, and says nothing as long as the application reads. */
Test(view_lost_word, a_reader_that_reads_gives_no_answer)
{
    cancel_held_view();
    unsigned before = fake_sent(BATON__FRAME_CANCEL);
    for (int i = 0; i < 100; i++) {
        pair_advance_ms(1000);
    }
    unsigned asked = fake_sent(BATON__FRAME_CANCEL) - before;
    cr_assert_geq(asked, 10);
    cr_assert_leq(asked, 20);
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 0);
    expect_in_quarantine();
    view_expect_readable();
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 1);
    expect_back(BATON_ERR_PEER_CANCELLED);
}

static void ask_consumer(const void *body, size_t size, const baton_key *nonce)
{
    baton_connector *to = connectors[CONSUMER];
    baton__frame frame = {.type = BATON__FRAME_CANCEL,
                          .to_instance = to->instance,
                          .to_epoch = to->epoch,
                          .operation = h.active->id,
                          .nonce = *nonce,
                          .c = baton__reason_pack(BATON_ERR_CANCELLED)};
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), body, size, false);
    pair_pump();
}

/* Neither a stranger nor a block that is broken gets an answer, and who answers gives no memory away that is still read. */
Test(view_lost_word, questions_that_nobody_should_believe)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 0);
    static const uint8_t garbage[300];
    uint64_t before = pair_stats(CONSUMER).refused_address;
    ask_consumer(garbage, sizeof(garbage), &h.active->a.nonce);
    cr_assert_eq(pair_stats(CONSUMER).refused_address, before + 1);
    const baton__identity *own = baton__identity_get(connectors[CONSUMER]);
    const baton__identity *origin = baton__identity_get(connectors[ORIGIN]);
    baton_key unknown = baton_key_random();
    before = pair_stats(CONSUMER).refused_operation;
    ask_consumer(own->block, own->size, &unknown); /* of an instance that it has never met */
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 0);
    ask_consumer(origin->block, origin->size, &unknown);
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 1);
    cr_assert_eq(pair_stats(CONSUMER).refused_operation, before + 2);
    ask_consumer(origin->block, origin->size, &h.active->a.nonce); /* no session of ours */
    cr_assert_not_null(h.passive->p.grants->hold);
    view_expect_readable();
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    view_end(BATON_OK, BATON_OK);
}

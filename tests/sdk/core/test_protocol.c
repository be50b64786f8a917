/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol with everything that a network does to its frames, which are lost, doubled, late,
 * and with cancels on their way; over the fake transport, with the clock in the test's hand. A lost
 * frame comes with a lost session here, as it does with UCX.
 */
#include "support/fake_pair.h"

enum { CHUNK = BATON__CHUNK_BYTES, SMALL = 4096 };

TestSuite(protocol, .init = pair_open, .fini = pair_close);

Test(protocol, every_kind_and_completion_ends_complete_on_both_sides)
{
    static const size_t sizes[] = {1, 8192, 8193, CHUNK, 3 * CHUNK + 5};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int mode = 0; mode < 6; mode++) {
            static handed h;
            pair_begin(&h, mode % 2 == 0, 1 + i % 3, sizes[i], (baton_completion)(mode / 2), 0);
            pair_pump();
            pair_answer_if_due(&h, (baton_completion)(mode / 2));
            pair_expect(&h, BATON_OK, BATON_OK);
            cr_assert(pair_is_right(&h));
            cr_assert_neq(h.events & 1U << BATON_EVENT_GRANTED, 0);
            cr_assert_neq(h.events & 1U << BATON_EVENT_MOVED, 0, "size %zu mode %d", sizes[i],
                          mode);
            pair_end(&h);
        }
    }
}

/* One frame of a type meets a fate, then the session breaks; what was held comes late. */
static void disturb(bool read, baton_completion completion, size_t size, baton__frame_type type,
                    fake_fate fate)
{
    static handed h;
    pair_begin(&h, read, 3, size, completion, 0);
    fake_plan(type, fate, 1);
    pair_pump();
    pair_answer_if_due(&h, completion);
    if (fate == FAKE_DROP || fate == FAKE_HOLD) {
        fake_break();
        pair_pump();
        pair_answer_if_due(&h, completion);
    }
    fake_release();
    pair_pump();
    bool lost_last_word = completion == BATON_COMPLETION_BYTES && read &&
                          type == BATON__FRAME_MOVED && (fate == FAKE_DROP || fate == FAKE_HOLD);
    if (lost_last_word) { /* complete on its bytes alone: the origin cannot know */
        pair_advance_ms(2001);
        pair_expect(&h, BATON_ERR_PEER_LOST, BATON_OK);
    } else {
        pair_expect(&h, BATON_OK, BATON_OK);
    }
    cr_assert(pair_is_right(&h));
    pair_end(&h);
    fake_plan(type, FAKE_DELIVER, 0);
}

/* A peer that was never heard of is unreachable after its first lost session; this one is known. */
static void warm_up(void)
{
    static handed h;
    pair_begin(&h, true, 1, 1, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
}

static void disturb_all(fake_fate fate)
{
    warm_up();
    static const size_t sizes[] = {1, SMALL, CHUNK};
    for (unsigned type = 1; type < BATON__FRAME_TYPES; type++) {
        for (int mode = 0; mode < 6; mode++) {
            for (size_t i = 0; i < 3; i++) {
                cr_log_info("%s mode %d size %zu", baton__frame_type_name((baton__frame_type)type),
                            mode, sizes[i]);
                disturb(mode % 2 == 0, (baton_completion)(mode / 2), sizes[i],
                        (baton__frame_type)type, fate);
            }
        }
    }
}

Test(protocol, a_doubled_frame_changes_nothing)
{
    disturb_all(FAKE_DUPLICATE);
}

Test(protocol, a_frame_that_overtakes_others_changes_nothing)
{
    disturb_all(FAKE_LAST);
}

Test(protocol, a_frame_lost_with_its_session_is_made_good)
{
    disturb_all(FAKE_DROP);
}

Test(protocol, a_frame_of_an_old_session_that_comes_late_is_refused)
{
    disturb_all(FAKE_HOLD);
}

Test(protocol, every_frame_doubled_changes_nothing)
{
    for (int mode = 0; mode < 6; mode++) {
        for (unsigned type = 1; type < BATON__FRAME_TYPES; type++) {
            fake_plan((baton__frame_type)type, FAKE_DUPLICATE, 1000);
        }
        static handed h;
        pair_begin(&h, mode % 2 == 0, 3, 2 * CHUNK + 1, (baton_completion)(mode / 2), 300);
        pair_pump();
        pair_answer_if_due(&h, (baton_completion)(mode / 2));
        pair_expect(&h, BATON_OK, BATON_OK);
        cr_assert(pair_is_right(&h));
        pair_end(&h);
        cr_assert_gt(pair_stats(CONSUMER).refused_duplicate + pair_stats(ORIGIN).refused_duplicate,
                     0);
    }
}

Test(protocol, data_before_the_grant_is_taken)
{
    static handed h;
    pair_begin(&h, true, 1, 3 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_GRANT, FAKE_LAST, 1);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
}

Test(protocol, moved_before_the_last_chunk_does_not_complete)
{
    static handed h;
    pair_begin(&h, false, 1, SMALL, BATON_COMPLETION_BYTES, 0);
    fake_plan(BATON__FRAME_WRITE, FAKE_HOLD, 1);
    pair_pump();
    cr_assert_eq(fake_sent(BATON__FRAME_MOVED), 1);
    cr_assert_not(baton_operation_is_over(h.passive));
    cr_assert_not(baton_operation_is_over(h.active));
    fake_release();
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
}

Test(protocol, a_repeated_open_in_its_session_is_refused_and_the_grant_stays)
{
    static handed h;
    pair_begin(&h, true, 1, 3 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_OPEN, FAKE_DUPLICATE, 1);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert_eq(fake_sent(BATON__FRAME_GRANT), 1);
    pair_end(&h);
}

Test(protocol, after_moved_a_cancel_waits_for_the_answer)
{
    static handed h;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_COMMIT, FAKE_HOLD, 1);
    pair_pump();
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.active));
    fake_release();
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
}

Test(protocol, a_consumer_that_cancels_before_its_grant_frees_the_origin)
{
    static handed h;
    pair_begin(&h, true, 1, 3 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    (void)baton_connector_progress(connectors[CONSUMER]); /* OPEN is on its way */
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_CANCELLED);
    pair_end(&h);
}

Test(protocol, a_grant_for_a_consumer_that_has_gone_is_given_back)
{
    static handed h;
    pair_begin(&h, false, 1, 3 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_GRANT, FAKE_HOLD, 1);
    fake_plan(BATON__FRAME_FAIL, FAKE_DROP, 1);
    pair_pump();
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    cr_assert(baton_operation_is_over(h.active));
    fake_release();
    pair_pump();
    pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_CANCELLED);
    pair_end(&h);
}

Test(protocol, an_open_for_another_epoch_is_not_served)
{
    static handed first;
    static handed h;
    pair_begin(&first, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    pair_expect(&first, BATON_OK,
                BATON_OK); /* the two know each other: so it costs nothing to answer */
    pair_end(&first);
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    connectors[ORIGIN]->epoch++; /* as if the machine had made it anew */
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_STALE_PEER);
    cr_assert_eq(baton_operation_get_status(h.passive), BATON_OPERATION_INITIALIZED);
    cr_assert_eq(pair_stats(ORIGIN).refused_instance, 1);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    pair_end(&h);
}

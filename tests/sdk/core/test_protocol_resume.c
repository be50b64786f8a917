/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol over sessions that break: what is sent again, how often, and what is left. */
#include "support/fake_pair.h"

enum { CHUNK = BATON__CHUNK_BYTES, SMALL = 4096 };

TestSuite(protocol_resume, .init = pair_open, .fini = pair_close);

static int breaks_left;
static void break_now(void)
{
    fake_break();
    if (--breaks_left > 0) {
        fake_before_delivery(BATON__FRAME_DATA, break_now);
        fake_before_delivery(BATON__FRAME_WRITE, break_now);
    }
}

Test(protocol_resume, chunks_lost_after_moved_are_sent_again_in_the_next_session)
{
    static handed h;
    pair_begin(&h, false, 1, SMALL, BATON_COMPLETION_BYTES, 0);
    fake_plan(BATON__FRAME_WRITE, FAKE_DROP, 1);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.passive));
    fake_break();
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
}

Test(protocol_resume, a_transfer_resumes_after_a_broken_session_and_repeats_little)
{
    for (int mode = 0; mode < 6; mode++) {
        static handed h;
        pair_begin(&h, mode % 2 == 0, 1, 12 * CHUNK, (baton_completion)(mode / 2), 0);
        pair_pump();
        pair_answer_if_due(&h, (baton_completion)(mode / 2));
        pair_expect(&h, BATON_OK, BATON_OK);
        pair_end(&h);
        pair_begin(&h, mode % 2 == 0, 1, 12 * CHUNK, (baton_completion)(mode / 2), 0);
        breaks_left = 1;
        fake_before_delivery(mode % 2 == 0 ? BATON__FRAME_DATA : BATON__FRAME_WRITE, break_now);
        pair_pump();
        pair_answer_if_due(&h, (baton_completion)(mode / 2));
        pair_expect(&h, BATON_OK, BATON_OK);
        cr_assert(pair_is_right(&h));
        baton_operation_report report = {.struct_size = sizeof(report)};
        cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_OK);
        cr_assert_leq(report.chunks_repeated, BATON__DEPTH);
        cr_assert_eq(report.bytes_moved, 12U * CHUNK);
        cr_assert_geq(pair_stats(CONSUMER).sessions_resumed, 1);
        pair_end(&h);
    }
}

Test(protocol_resume, an_operation_survives_only_so_many_sessions)
{
    static handed h;
    pair_begin(&h, true, 1, 64 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    for (int i = 0; i < 3 * BATON__RESETS_MAX && !baton_operation_is_over(h.active); i++) {
        breaks_left = 1;
        fake_before_delivery(BATON__FRAME_DATA, break_now);
        pair_pump();
    }
    pair_advance_ms(2001);
    cr_assert(baton_operation_is_over(h.active));
    cr_assert(baton_operation_is_over(h.passive));
    pair_end(&h);
}

Test(protocol_resume, a_grant_that_comes_while_the_session_closes_does_not_count)
{
    static handed h;
    pair_begin(&h, true, 1, 3 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    fake_before_delivery(BATON__FRAME_GRANT, break_now);
    breaks_left = 1;
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
}

/* The side that looks passive in one hand-off is active in the other, over the same two endpoints.
 */
Test(protocol_resume, two_way_traffic_survives_a_broken_session)
{
    static handed one;
    static handed two;
    pair_begin(&one, true, 1, 12 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    baton_connector *first = connectors[0];
    connectors[0] = connectors[1];
    connectors[1] = first;
    pair_begin(&two, false, 1, 12 * CHUNK, BATON_COMPLETION_COMMIT, 0);
    breaks_left = 3;
    fake_before_delivery(BATON__FRAME_DATA, break_now);
    pair_pump();
    pair_advance_ms(2001);
    pair_expect(&one, BATON_OK, BATON_OK);
    pair_expect(&two, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&one) && pair_is_right(&two));
    pair_end(&one);
    pair_end(&two);
}

Test(protocol_resume, nothing_is_left_when_all_is_over)
{
    for (int i = 0; i < 20; i++) {
        static handed h;
        pair_begin(&h, i % 2 == 0, 3, CHUNK, BATON_COMPLETION_COMMIT, 0);
        breaks_left = i % 3;
        fake_before_delivery(BATON__FRAME_DATA, i % 3 == 0 ? NULL : break_now);
        pair_pump();
        pair_expect(&h, BATON_OK, BATON_OK);
        pair_end(&h);
        fake_before_delivery(BATON__FRAME_WRITE, NULL);
    }
    pair_pump();
    for (int i = 0; i < 2; i++) {
        baton_connector_stats stats = pair_stats(i);
        cr_assert_eq(stats.operations_live, 0);
        cr_assert_eq(stats.registrations_live, 0);
        cr_assert_eq(stats.operations_created, 20);
        cr_assert_eq(stats.operations_complete, 20);
        cr_assert_eq(stats.peers_live, 1);
    }
}

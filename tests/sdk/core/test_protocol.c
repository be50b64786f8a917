/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol with everything that a network does to it: frames that are lost, doubled, late,
 * sessions that break, time that passes; over the fake transport, with the clock in the test's
 * hand. A lost frame comes with a lost session here, as it does with UCX.
 */
#include "support/fake_pair.h"

enum { CHUNK = BATON__CHUNK_BYTES, SMALL = 4096 };

TestSuite(protocol, .init = pair_open, .fini = pair_close);

static void answer_if_due(handed *h, baton_completion completion)
{
    if (completion == BATON_COMPLETION_ACK &&
        baton_operation_ack(h->active, "yes", 3) == BATON_OK) {
        pair_pump();
    }
}

Test(protocol, every_kind_and_completion_ends_complete_on_both_sides)
{
    static const size_t sizes[] = {1, 8192, 8193, CHUNK, 3 * CHUNK + 5};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int mode = 0; mode < 6; mode++) {
            static handed h;
            pair_begin(&h, mode % 2 == 0, 1 + i % 3, sizes[i], (baton_completion)(mode / 2), 0);
            pair_pump();
            answer_if_due(&h, (baton_completion)(mode / 2));
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
    answer_if_due(&h, completion);
    if (fate == FAKE_DROP || fate == FAKE_HOLD) {
        fake_break();
        pair_pump();
        answer_if_due(&h, completion);
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
        answer_if_due(&h, (baton_completion)(mode / 2));
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
    pair_begin(&h, false, 3, SMALL, BATON_COMPLETION_BYTES, 0);
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

Test(protocol, chunks_lost_after_moved_are_sent_again_in_the_next_session)
{
    static handed h;
    pair_begin(&h, false, 3, SMALL, BATON_COMPLETION_BYTES, 0);
    fake_plan(BATON__FRAME_WRITE, FAKE_DROP, 2);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.passive));
    fake_break();
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
}

static int breaks_left;
static void break_now(void)
{
    fake_break();
    if (--breaks_left > 0) {
        fake_before_delivery(BATON__FRAME_DATA, break_now);
        fake_before_delivery(BATON__FRAME_WRITE, break_now);
    }
}

Test(protocol, a_transfer_resumes_after_a_broken_session_and_repeats_little)
{
    for (int mode = 0; mode < 6; mode++) {
        static handed h;
        pair_begin(&h, mode % 2 == 0, 1, 12 * CHUNK, (baton_completion)(mode / 2), 0);
        pair_pump();
        answer_if_due(&h, (baton_completion)(mode / 2));
        pair_expect(&h, BATON_OK, BATON_OK);
        pair_end(&h);
        pair_begin(&h, mode % 2 == 0, 1, 12 * CHUNK, (baton_completion)(mode / 2), 0);
        breaks_left = 1;
        fake_before_delivery(mode % 2 == 0 ? BATON__FRAME_DATA : BATON__FRAME_WRITE, break_now);
        pair_pump();
        answer_if_due(&h, (baton_completion)(mode / 2));
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

Test(protocol, an_operation_survives_only_so_many_sessions)
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

Test(protocol, a_lost_commit_is_asked_for_again_while_there_is_a_lease)
{
    static handed h;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 300);
    fake_plan(BATON__FRAME_COMMIT, FAKE_DROP, 2);
    pair_pump();
    cr_assert_eq(baton_operation_get_status(h.passive), BATON_OPERATION_COMPLETE);
    cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_IN_PROGRESS);
    pair_advance_ms(102);
    cr_assert_eq(fake_sent(BATON__FRAME_MOVED), 2);
    cr_assert_not(baton_operation_is_over(h.active));
    pair_advance_ms(102);
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
}

Test(protocol, a_lost_commit_ends_unconfirmed_at_the_deadline)
{
    static handed h;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_COMMIT, FAKE_DROP, 1);
    pair_pump();
    pair_advance_ms(30001);
    pair_expect(&h, BATON_OK, BATON_ERR_UNCONFIRMED);
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

Test(protocol, a_grant_that_comes_while_the_session_closes_does_not_count)
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

Test(protocol, an_open_for_another_epoch_is_not_served)
{
    static handed first;
    static handed h;
    pair_begin(&first, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    pair_expect(&first, BATON_OK, BATON_OK); /* the two know each other: so it costs nothing to answer */
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

Test(protocol, the_lease_of_the_consumer_ends_before_that_of_the_origin)
{
    static handed h;
    pair_begin(&h, true, 1, 3 * CHUNK, BATON_COMPLETION_COMMIT, 300);
    fake_plan(BATON__FRAME_DATA, FAKE_HOLD, 100);
    (void)baton_connector_progress(connectors[CONSUMER]);
    (void)baton_connector_progress(connectors[CONSUMER]); /* OPEN has left: its lease begins */
    fake_clock_advance_ms(50);
    pair_pump(); /* GRANT: the lease of the origin begins */
    cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_IN_PROGRESS);
    fake_set_cut(true);
    for (int ms = 50; ms < 299; ms++) {
        pair_advance_ms(1);
    }
    cr_assert_not(baton_operation_is_over(h.active));
    pair_advance_ms(2);
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_EXPIRED);
    cr_assert_not(baton_operation_is_over(h.passive));
    pair_advance_ms(48);
    cr_assert_not(baton_operation_is_over(h.passive));
    pair_advance_ms(200);
    pair_advance_ms(101); /* drain_ms: its chunks on their way are cut off */
    pair_expect(&h, BATON_ERR_EXPIRED, BATON_ERR_EXPIRED);
    pair_end(&h);
}

Test(protocol, a_lease_is_renewed_by_itself)
{
    static handed h;
    pair_begin(&h, true, 1, 3 * CHUNK, BATON_COMPLETION_ACK, 300);
    for (int i = 0; i < 200; i++) {
        pair_advance_ms(50);
    }
    cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_IN_PROGRESS);
    cr_assert_eq(baton_operation_get_status(h.passive), BATON_OPERATION_IN_PROGRESS);
    cr_assert_eq(baton_operation_nack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_ERR_NACKED, BATON_ERR_NACKED);
    pair_end(&h);
}

static void sleep_through_the_lease(void)
{
    fake_clock_advance_ms(301);
}

Test(protocol, bytes_that_come_after_the_lease_are_no_success)
{
    static handed h;
    pair_begin(&h, true, 1, SMALL + 2 * SMALL * SMALL, BATON_COMPLETION_BYTES, 300);
    fake_before_delivery(BATON__FRAME_DATA, sleep_through_the_lease);
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_EXPIRED);
    pair_advance_ms(301);
    pair_expect(&h, BATON_ERR_EXPIRED, BATON_ERR_EXPIRED);
    pair_end(&h);
}

Test(protocol, small_bytes_that_come_after_the_lease_are_no_success)
{
    static handed h;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_BYTES, 300);
    fake_before_delivery(BATON__FRAME_GRANT, sleep_through_the_lease);
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_EXPIRED);
    pair_advance_ms(301);
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_EXPIRED);
    pair_end(&h);
}

Test(protocol, a_peer_that_does_not_come_back_is_lost_on_both_sides)
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

Test(protocol, another_channel_settles_what_the_endpoint_could_not)
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

Test(protocol, without_another_channel_silence_ends_unconfirmed)
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

Test(protocol, the_origin_takes_done_fail_and_renew_from_another_channel)
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

/* The side that looks passive in one hand-off is active in the other, over the same two endpoints.
 */
Test(protocol, two_way_traffic_survives_a_broken_session)
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

Test(protocol, nothing_is_left_when_all_is_over)
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
    for (int i = 0; i < 2; i++) {
        baton_connector_stats stats = pair_stats(i);
        cr_assert_eq(stats.operations_live, 0);
        cr_assert_eq(stats.registrations_live, 0);
        cr_assert_eq(stats.operations_created, 20);
        cr_assert_eq(stats.operations_complete, 20);
        cr_assert_eq(stats.peers_live, 1);
    }
}

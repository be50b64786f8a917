/* SPDX-License-Identifier: Apache-2.0 */
/* Views over the fake transport: when they begin and end, and what becomes of them when something else ends first. The memory is
 * really mapped. test_view has two processes. */
#include "support/view_pair.h"

enum { SMALL = 100, SIZE = 200 * 1024 };

TestSuite(view_protocol, .init = view_open, .fini = view_close);

static void release(void)
{
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK, "%s", baton_error_text());
    const void *pointer = NULL;
    size_t size = 0;
    cr_assert_eq(baton_operation_view(h.active, 0, &pointer, &size), BATON_ERR_WRONG_STATE);
    cr_assert_null(pointer);
    cr_assert_eq(baton_operation_release_view(h.active), BATON_ERR_WRONG_STATE, "once");
    pair_pump();
}

static baton_operation_report report_of(const baton_operation *operation)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    cr_assert_eq(baton_operation_get_report(operation, &report), BATON_OK);
    return report;
}

Test(view_protocol, a_release_completes_it)
{
    static const baton_completion completions[] = {BATON_COMPLETION_BYTES, BATON_COMPLETION_COMMIT};
    for (size_t i = 0; i < 2; i++) {
        view_take(i == 0 ? SMALL : SIZE, completions[i], 1000);
        release();
        cr_assert_str_eq(report_of(h.active).path, "map");
        cr_assert_str_eq(report_of(h.passive).path, "map");
        cr_assert_eq(report_of(h.active).copies, 0);
        cr_assert_eq(report_of(h.passive).copies, 0);
        cr_assert_eq(report_of(h.active).bytes_moved, 2 * h.size);
        char text[128];
        (void)baton_operation_explain(h.active, text, sizeof(text));
        cr_assert_not_null(strstr(text, "a view without a copy; not rma"), "%s", text);
        view_end(BATON_OK, BATON_OK);
        cr_assert_eq(pair_stats(CONSUMER).bytes_mapped, 0, "nothing is copied");
    }
}

Test(view_protocol, pieces_of_as_many_pools_as_there_may_be)
{
    view_begin(16, BATON__MAP_POOLS_MAX, SIZE, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    view_expect_readable();
    cr_assert_eq(pair_stats(CONSUMER).pools_mapped, BATON__MAP_POOLS_MAX);
    release();
    view_end(BATON_OK, BATON_OK);
}

Test(view_protocol, what_the_origin_writes_is_seen)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 0);
    const void *pointer = NULL;
    size_t size = 0;
    cr_assert_eq(baton_operation_view(h.active, 0, &pointer, &size), BATON_OK);
    uint8_t *source = baton_descriptor_pointer(h.source[0]);
    source[SIZE - 1] ^= 0xFF;
    cr_assert_eq(((const volatile uint8_t *)pointer)[SIZE - 1], source[SIZE - 1]);
    release();
    view_end(BATON_OK, BATON_OK);
}

Test(view_protocol, an_answer_releases_it)
{
    for (int nack = 0; nack < 2; nack++) {
        view_take(SIZE, BATON_COMPLETION_ACK, 1000);
        cr_assert_eq(nack != 0 ? baton_operation_nack(h.active, "no", 2) : baton_operation_ack(h.active, "yes", 3), BATON_OK);
        cr_assert_eq(baton_operation_release_view(h.active), BATON_ERR_WRONG_STATE);
        pair_pump();
        cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 0, "the answer says it");
        view_end(nack != 0 ? BATON_ERR_NACKED : BATON_OK, nack != 0 ? BATON_ERR_NACKED : BATON_OK);
    }
}

Test(view_protocol, it_can_be_released_before_the_answer)
{
    view_take(SIZE, BATON_COMPLETION_ACK, 1000);
    release();
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 1);
    cr_assert_not(baton_operation_is_over(h.passive));
    cr_assert_null(h.passive->p.grants->hold);
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    view_end(BATON_OK, BATON_OK);
}

Test(view_protocol, who_waits_learns_it_by_a_descriptor)
{
    view_begin(1, 1, SMALL, BATON_COMPLETION_BYTES, 0);
    struct pollfd ready = {.events = POLLIN};
    int again = -1;
    cr_assert_eq(baton_operation_view_fd(h.active, &ready.fd), BATON_OK);
    cr_assert_eq(poll(&ready, 1, 0), 0);
    pair_pump();
    cr_assert_eq(poll(&ready, 1, 0), 1);
    cr_assert_eq(baton_operation_view_fd(h.active, &again), BATON_OK);
    cr_assert_eq(again, ready.fd);
    release();
    cr_assert_eq(baton_operation_wait_view(h.active, 0), BATON_ERR_WRONG_STATE);
    view_end(BATON_OK, BATON_OK);
}

Test(view_protocol, the_lease_is_renewed_while_it_is_held)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 300);
    for (int i = 0; i < 50; i++) {
        pair_advance_ms(100);
    }
    view_expect_readable();
    cr_assert_not(baton_operation_is_over(h.passive));
    release();
    view_end(BATON_OK, BATON_OK);
}

/* Somebody ends it while the application still has the pointer: the bytes stay, and the memory is held back until it lets go. */
static void expect_quarantine(baton_status active)
{
    cr_assert_eq(baton_operation_reason(h.active), active, "%s", baton_status_name(baton_operation_reason(h.active)));
    view_expect_readable();
    pair_advance_ms(200);
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED, "%s",
                 baton_status_name(baton_operation_reason(h.passive)));
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 1);
    view_expect_readable();
    release();
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    view_end(BATON_ERR_QUARANTINED, active);
}

Test(view_protocol, the_origin_cancels_while_it_is_held)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 1000);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    expect_quarantine(BATON_ERR_PEER_CANCELLED);
}

Test(view_protocol, the_reader_cancels_while_it_holds_it)
{
    view_take(SIZE, BATON_COMPLETION_BYTES, 1000);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    expect_quarantine(BATON_ERR_CANCELLED);
}

Test(view_protocol, the_deadline_passes_while_it_is_held)
{
    view_take(SIZE, BATON_COMPLETION_ACK, 0);
    pair_advance_ms(30000);
    expect_quarantine(BATON_ERR_DEADLINE);
}

Test(view_protocol, who_lets_go_in_time_leaves_no_quarantine)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 1000);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.passive), "it waits for the reader, drain_ms at most");
    release();
    view_end(BATON_ERR_CANCELLED, BATON_ERR_PEER_CANCELLED);
}

Test(view_protocol, it_is_there_with_the_grant)
{
    view_take(SIZE, BATON_COMPLETION_BYTES, 1000);
    cr_assert_eq(fake_sent(BATON__FRAME_OPEN), 1);
    cr_assert_eq(fake_sent(BATON__FRAME_GRANT), 1);
    cr_assert_eq(fake_sent(BATON__FRAME_KEYS), 1);
    cr_assert_eq(fake_sent(BATON__FRAME_MAP), 0);
    cr_assert_eq(report_of(h.passive).copies, 0, "the origin knows that it is a view");
    release();
    cr_assert_eq(fake_sent(BATON__FRAME_MOVED), 1);
    view_end(BATON_OK, BATON_OK);
}

/* The grant was lost with its session, and the keys with it: they come when the next one asks. */
Test(view_protocol, a_lost_grant_leaves_one_hold)
{
    static const baton__frame_type lost[] = {BATON__FRAME_GRANT, BATON__FRAME_KEYS};
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        view_begin(2, 2, SIZE, BATON_COMPLETION_COMMIT, 1000);
        fake_plan(lost[i], FAKE_DROP, 1);
        pair_pump();
        cr_assert_eq(h.events & 1U << BATON_EVENT_MOVED, 0);
        unsigned asked = fake_sent(BATON__FRAME_MAP);
        fake_break();
        pair_pump();
        view_expect_readable();
        cr_assert_leq(fake_sent(BATON__FRAME_MAP) - asked, 1);
        cr_assert_eq(h.passive->inflight, 1);
        release();
        view_end(BATON_OK, BATON_OK);
    }
}

/* UCX may bring them in another order. */
Test(view_protocol, keys_before_the_grant_are_asked_for_again)
{
    view_begin(1, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    fake_plan(BATON__FRAME_GRANT, FAKE_HOLD, 1);
    pair_pump();
    cr_assert_eq(pair_stats(CONSUMER).refused_state, 1);
    cr_assert_eq(h.events & 1U << BATON_EVENT_MOVED, 0);
    fake_release();
    pair_pump();
    cr_assert_eq(fake_sent(BATON__FRAME_MAP), 1);
    cr_assert_eq(h.passive->inflight, 1);
    view_expect_readable();
    release();
    view_end(BATON_OK, BATON_OK);
}

/* It says so by the key of its OPEN, for it has no token yet; a grant that comes afterwards is given back. */
Test(view_protocol, a_reader_that_gives_up_before_the_grant_leaves_no_quarantine)
{
    for (int late = 0; late < 2; late++) {
        view_begin(1, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
        fake_plan(BATON__FRAME_GRANT, FAKE_HOLD, 1);
        fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
        pair_pump();
        cr_assert_not_null(h.passive->p.grants->hold);
        fake_plan(BATON__FRAME_FAIL, late != 0 ? FAKE_DROP : FAKE_DELIVER, late != 0);
        uint64_t refused = pair_stats(ORIGIN).refused_token;
        cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
        pair_pump();
        cr_assert_eq(baton_operation_is_over(h.passive), late == 0);
        fake_release();
        pair_pump();
        cr_assert_eq(pair_stats(ORIGIN).refused_token, refused);
        view_end(BATON_ERR_PEER_CANCELLED, BATON_ERR_CANCELLED);
    }
}

/* Session, grant and last word are lost: the hold of an OPEN ends as that of a MAP does, by the question of the origin. */
Test(view_protocol, a_reader_that_gives_up_without_a_session_answers_the_question)
{
    view_begin(1, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    fake_plan(BATON__FRAME_GRANT, FAKE_DROP, 1);
    fake_plan(BATON__FRAME_KEYS, FAKE_DROP, 1);
    pair_pump();
    cr_assert_not_null(h.passive->p.grants->hold);
    fake_break();
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    for (int i = 0; i < 100 && !baton_operation_is_over(h.passive); i++) {
        pair_advance_ms(100);
    }
    pair_expect(&h, BATON_ERR_QUARANTINED, BATON_ERR_CANCELLED);
    for (int i = 0; i < 20 && pair_stats(ORIGIN).quarantined != 0; i++) {
        pair_advance_ms(100);
    }
    view_end(BATON_ERR_QUARANTINED, BATON_ERR_CANCELLED);
}

Test(view_protocol, it_survives_the_loss_of_a_session)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 1000);
    fake_break();
    pair_pump();
    view_expect_readable();
    cr_assert_gt(pair_stats(CONSUMER).sessions_resumed, 0);
    cr_assert_eq(fake_sent(BATON__FRAME_MAP), 0, "it has the keys");
    release();
    view_end(BATON_OK, BATON_OK);
}

Test(view_protocol, a_release_while_the_session_is_lost_comes_with_the_next)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 1000);
    fake_break();
    release();
    view_end(BATON_OK, BATON_OK);
}

Test(view_protocol, it_survives_new_workers_of_ucx)
{
    for (int side = 0; side < 2; side++) {
        view_take(SIZE, BATON_COMPLETION_COMMIT, 5000);
        baton__renewal_begin(connectors[side], "test");
        for (int i = 0; i < 10; i++) {
            pair_advance_ms(500);
        }
        cr_assert_eq(pair_stats(side).workers_renewed, 1);
        view_expect_readable();
        release();
        view_end(BATON_OK, BATON_OK);
    }
}

Test(view_protocol, it_survives_the_loss_of_its_origin)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 0);
    fake_set_unreachable(true);
    fake_break();
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_PEER_LOST);
    pair_advance_ms(2100);
    pair_advance_ms(200);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 1);
    view_expect_readable();
    fake_set_unreachable(false);
    release();
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 1);
    view_end(BATON_ERR_QUARANTINED, BATON_ERR_PEER_LOST);
}

/* The reader ended it, and the grant of its next session comes after that: what answers it must not sound like a release. */
Test(view_protocol, a_grant_that_comes_late_is_given_back_but_not_the_memory)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_GRANT, FAKE_HOLD, 1);
    fake_break();
    pair_pump();
    fake_plan(BATON__FRAME_FAIL, FAKE_DROP, 1);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    cr_assert_not_null(h.passive->p.grants->hold);
    fake_release();
    pair_pump();
    cr_assert_eq(fake_sent(BATON__FRAME_FAIL), 2);
    expect_quarantine(BATON_ERR_CANCELLED);
}

Test(view_protocol, a_handle_that_is_destroyed_releases_it)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 0);
    baton_operation_destroy(h.active);
    pair_pump();
    cr_assert_eq(h.active_over, 1);
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_PEER_CANCELLED);
    cr_assert_eq(pair_stats(CONSUMER).views, 0);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    baton_operation_destroy(h.passive);
    for (size_t i = 0; i < h.count; i++) {
        baton_descriptor_release(h.source[i]);
    }
    cr_assert_eq(view_pieces(), 0);
}

/* Before it can be read: what comes afterwards is nobody's. */
Test(view_protocol, a_handle_that_is_destroyed_early_gets_no_view)
{
    view_begin(1, 1, SIZE, BATON_COMPLETION_BYTES, 0);
    fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
    pair_pump();
    baton__view_abandon(h.active); /* as destroy does first, maybe while the keys are being read */
    fake_release();
    pair_pump();
    cr_assert_eq(h.events & 1U << BATON_EVENT_MOVED, 0);
    view_end(BATON_ERR_PEER_CANCELLED, BATON_ERR_CANCELLED);
}

Test(view_protocol, the_end_of_the_connector_leaves_it_readable)
{
    view_take(SIZE, BATON_COMPLETION_COMMIT, 0);
    baton_connector_destroy(connectors[CONSUMER]);
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_SHUT_DOWN);
    for (int i = 0; i < 3; i++) {
        (void)baton_connector_progress(connectors[ORIGIN]);
        fake_clock_advance_ms(200);
    }
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
    const void *pointer = NULL;
    size_t size = 0;
    cr_assert_eq(baton_operation_view(h.active, 1, &pointer, &size), BATON_OK);
    cr_assert(pattern_is(pointer, size, 1));
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    baton_operation_destroy(h.active);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 1, "nobody could tell it; the process lives");
    baton_operation_destroy(h.passive);
    for (size_t i = 0; i < h.count; i++) {
        baton_descriptor_release(h.source[i]);
    }
    cr_assert_eq(view_pieces(), 2);
    connectors[CONSUMER] = NULL;
}

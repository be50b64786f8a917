/* SPDX-License-Identifier: Apache-2.0 */
/* The path rma over a fake transport and a fake device: orders of messages, and ends. test_rma_hostile.c has what cannot be trusted,
 * test_rma.c two processes and verbs. */
#include "core/loop_state.h"
#include "support/rma_pair.h"

TestSuite(rma_protocol, .init = open_both, .fini = close_both);

Test(rma_protocol, every_completion_in_both_directions)
{
    for (int read = 0; read < 2; read++) {
        for (int completion = BATON_COMPLETION_BYTES; completion <= BATON_COMPLETION_ACK; completion++) {
            pair_begin(&h, read, 3, SIZE, (baton_completion)completion, 1000);
            pair_pump();
            pair_answer_if_due(&h, (baton_completion)completion);
            cr_assert_eq(report(h.active).copies, 0);
            cr_assert_str_eq(report(h.active).transport, "rc_fake");
            cr_assert_str_eq(report(h.passive).transport, "rc_fake");
            end_well("rma");
        }
    }
    cr_assert_eq(fake_sent(BATON__FRAME_READ) + fake_sent(BATON__FRAME_WRITE) + fake_sent(BATON__FRAME_DATA), 0);
    cr_assert_eq(pair_stats(CONSUMER).bytes_reached, 6 * 3 * (uint64_t)SIZE);
    /* Two trials and a link, then the keys of each. */
    cr_assert_eq(fake_sent(BATON__FRAME_REACH), 3 + 6);
}

Test(rma_protocol, a_nack_of_what_was_written)
{
    pair_begin(&h, false, 1, SIZE, BATON_COMPLETION_ACK, 1000);
    pair_pump();
    cr_assert_eq(baton_operation_nack(h.active, "no", 2), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_ERR_NACKED, BATON_ERR_NACKED);
    pair_end(&h);
}

Test(rma_protocol, one_side_has_none)
{
    static const char *const why[] = {"switched off here", "peer has rma switched off"};
    for (int side = 0; side < 2; side++) {
        pair_close();
        open_pair(side == 0, side == 1);
        pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
        pair_pump();
        why_not(why[side]);
        end_well("am");
    }
    pair_close();
    fake_rma_set(FAKE_RMA_NO_DEVICE);
    open_pair(true, true);
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    why_not("there is no fake device");
    end_well("am");
}

Test(rma_protocol, what_is_too_small_goes_by_messages)
{
    pair_begin(&h, true, 1, BATON__RMA_MIN - 1, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    why_not("less than 64 KiB");
    end_well("am");
    cr_assert_eq(fake_sent(BATON__FRAME_REACH), 0);
}

Test(rma_protocol, lost_messages_come_again_in_the_next_session)
{
    static const baton__frame_type lost[] = {BATON__FRAME_REACH, BATON__FRAME_REACHED, BATON__FRAME_MOVED};
    for (int read = 0; read < 2; read++) {
        for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
            pair_begin(&h, read, 2, SIZE, BATON_COMPLETION_COMMIT, 0);
            fake_plan(lost[i], FAKE_DROP, 1);
            pair_pump();
            cr_assert_not(baton_operation_is_over(h.passive));
            fake_break();
            pair_pump();
            end_well("rma");
        }
    }
}

/* In the middle of a transfer. */
static void begin_held(bool read, baton_completion completion, uint32_t lease_ms)
{
    fake_rma_hold(true);
    pair_begin(&h, read, 1, SIZE, completion, lease_ms);
    pair_pump();
    cr_assert_eq(baton__reach_jobs(h.active), BATON__DEPTH);
    cr_assert_eq(fake_rma_regions(), 2); /* one on each side */
}

Test(rma_protocol, a_session_that_is_lost_in_the_middle_does_not_disturb_it)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 0);
        fake_break();
        pair_pump();
        fake_rma_hold(false);
        pair_pump();
        end_well("rma");
    }
}

Test(rma_protocol, a_link_that_breaks_in_the_middle_ends_in_messages)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        fake_rma_break();
        pair_pump();
        why_not("broke in the middle");
        end_well("am");
        fake_rma_hold(false);
        pair_begin(&h, read, 1, SIZE, BATON_COMPLETION_COMMIT, 1000); /* the next one has a new link */
        pair_pump();
        end_well("rma");
    }
}

/* An idle queue pair does not tell that its other end is gone: evicted, or lost while nothing was heard. */
Test(rma_protocol, a_link_whose_other_end_is_gone_is_made_anew)
{
    for (int read = 0; read < 2; read++) {
        pair_begin(&h, read, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
        pair_pump();
        end_well("rma");
        baton__peer *peer = baton__peer_find(connectors[ORIGIN], &connectors[CONSUMER]->instance);
        cr_assert_not_null(peer->rma_in);
        baton__rma_forget(peer);
        pair_begin(&h, read, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
        pair_pump();
        end_well("rma");
    }
}

/* A clock that goes on with each look at it. */
static uint64_t step_on(void *context)
{
    (void)context;
    fake_clock_advance_ms(20);
    return fake_clock.now_ns(fake_clock.context);
}

/* The host of the peer is gone, and the device goes on trying; whoever waits for the operation is told all the same. */
Test(rma_protocol, a_connector_ends_with_a_job_that_the_device_does_not_end)
{
    connectors[CONSUMER]->options.drain_ms = 3600000;
    begin_held(true, BATON_COMPLETION_COMMIT, 0);
    connectors[CONSUMER]->loop->clock.now_ns = step_on;
    baton_connector_destroy(connectors[CONSUMER]);
    connectors[CONSUMER] = NULL;
    cr_assert_eq(h.active_over, 1);
    cr_assert(baton_operation_is_over(h.active));
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_QUARANTINED);
    fake_rma_hold(false);
    baton_connector_destroy(connectors[ORIGIN]);
    connectors[ORIGIN] = NULL;
    pair_end(&h);
}

Test(rma_protocol, the_passive_side_cancels_and_waits_for_nobody)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
        (void)baton_connector_progress(connectors[ORIGIN]);
        cr_assert(baton_operation_is_over(h.passive));
        cr_assert_eq(fake_rma_regions(), 1); /* the consumer's own */
        fake_rma_hold(false);
        pair_pump();
        pair_advance_ms(200);
        pair_expect(&h, BATON_ERR_CANCELLED, BATON_ERR_PEER_CANCELLED);
        pair_end(&h);
        cr_assert_eq(fake_rma_regions(), 0);
    }
}

Test(rma_protocol, a_lease_ends_and_the_key_with_it)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        fake_set_cut(true); /* it is not heard */
        for (int i = 0; i < 12; i++) {
            pair_advance_ms(100);
        }
        cr_assert(baton_operation_is_over(h.passive));
        fake_set_cut(false);
        fake_rma_hold(false);
        unsigned accesses = fake_rma_accesses();
        pair_pump();
        pair_advance_ms(3000);
        cr_assert_eq(fake_rma_accesses(), accesses, "memory was reached after the end");
        pair_expect(&h, BATON_ERR_EXPIRED, BATON_ERR_EXPIRED);
        pair_end(&h);
    }
}

/* What does not end by itself ends with its link. */
Test(rma_protocol, the_active_side_cancels_and_its_link_is_closed)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
        pair_pump();
        cr_assert_not(baton_operation_is_over(h.active));
        cr_assert(baton_operation_is_over(h.passive));
        pair_advance_ms(101);
        pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_CANCELLED);
        pair_end(&h);
        cr_assert_eq(fake_rma_regions(), 0);
        fake_rma_hold(false);
    }
}

Test(rma_protocol, a_device_that_gives_nothing_back_ends_in_quarantine)
{
    begin_held(true, BATON_COMPLETION_COMMIT, 60000);
    fake_rma_set(FAKE_RMA_STUCK);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    pair_advance_ms(101);
    cr_assert_not(baton_operation_is_over(h.active));
    pair_advance_ms(BATON__STUCK_MS + 1);
    pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_QUARANTINED);
    cr_assert_eq(baton_operation_close(h.active, 0), BATON_ERR_QUARANTINED);
    cr_assert_eq(fake_rma_regions(), 1);
    pair_end(&h);
    fake_rma_set(FAKE_RMA_SOUND);
    fake_rma_hold(false);
    pair_pump();
    cr_assert_eq(fake_rma_regions(), 0);
}

Test(rma_protocol, a_device_that_takes_no_key_back_ends_in_quarantine)
{
    for (int read = 0; read < 2; read++) {
        pair_begin(&h, read, 2, SIZE, BATON_COMPLETION_COMMIT, 60000);
        fake_rma_hold(true);
        pair_pump();
        fake_rma_set(FAKE_RMA_NO_DEREGISTER);
        cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
        (void)baton_connector_progress(connectors[ORIGIN]);
        cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
        cr_assert_eq(pair_stats(ORIGIN).quarantined, 1 + (uint64_t)read);
        fake_rma_set(FAKE_RMA_SOUND);
        fake_rma_hold(false);
        pair_pump();
        pair_advance_ms(200);
        pair_end(&h);
    }
}

/* Also where everything went well until then. */
Test(rma_protocol, the_same_at_a_good_end)
{
    pair_begin(&h, false, 1, SIZE, BATON_COMPLETION_COMMIT, 60000);
    fake_plan(BATON__FRAME_MOVED, FAKE_HOLD, 1);
    pair_pump();
    fake_rma_set(FAKE_RMA_NO_DEREGISTER);
    fake_release();
    pair_pump();
    pair_advance_ms(200);
    pair_expect(&h, BATON_ERR_QUARANTINED, BATON_ERR_PEER_FAILED);
    fake_rma_set(FAKE_RMA_SOUND);
    pair_end(&h);
}

Test(rma_protocol, two_readers_have_a_key_each)
{
    handed other;
    fake_rma_hold(true);
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    pair_begin(&other, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    cr_assert_eq(fake_rma_regions(), 4);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    (void)baton_connector_progress(connectors[ORIGIN]);
    cr_assert_eq(fake_rma_regions(), 3);
    fake_rma_hold(false);
    pair_pump();
    pair_advance_ms(200);
    pair_expect(&h, BATON_ERR_CANCELLED, BATON_ERR_PEER_CANCELLED);
    pair_end(&h);
    h = other; /* they share the link, which a refused access broke: the rest came by messages, or it was there before */
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    baton_operation_destroy(h.active);
    baton_operation_destroy(h.passive);
    pair_pump();
    baton_descriptor_release(h.source[0]);
    baton_descriptor_release(h.target[0]);
}

Test(rma_protocol, connectors_end_in_the_middle)
{
    for (int first = 0; first < 2; first++) {
        begin_held(true, BATON_COMPLETION_COMMIT, 0);
        if (first == ORIGIN) {
            baton_connector_destroy(connectors[ORIGIN]);
            cr_assert_eq(fake_rma_regions(), 1);
        }
        fake_rma_hold(false); /* the clock stands still: what is under way has to come back by itself */
        baton_connector_destroy(connectors[CONSUMER]);
        if (first != ORIGIN) {
            baton_connector_destroy(connectors[ORIGIN]);
        }
        baton_operation_destroy(h.active);
        baton_operation_destroy(h.passive);
        baton_descriptor_release(h.source[0]);
        baton_descriptor_release(h.target[0]);
        cr_assert_eq(fake_rma_regions(), 0);
        open_pair(true, true);
    }
}

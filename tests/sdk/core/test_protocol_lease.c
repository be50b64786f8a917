/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol and time that passes: leases, their order on the two sides, and the deadline. */
#include "support/fake_pair.h"

enum { CHUNK = BATON__CHUNK_BYTES, SMALL = 4096 };

TestSuite(protocol_lease, .init = pair_open, .fini = pair_close);

Test(protocol_lease, a_lost_commit_is_asked_for_again_while_there_is_a_lease)
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

Test(protocol_lease, a_lost_commit_ends_unconfirmed_at_the_deadline)
{
    static handed h;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_COMMIT, FAKE_DROP, 1);
    pair_pump();
    pair_advance_ms(30001);
    pair_expect(&h, BATON_OK, BATON_ERR_UNCONFIRMED);
    pair_end(&h);
}

Test(protocol_lease, the_lease_of_the_consumer_ends_before_that_of_the_origin)
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

Test(protocol_lease, a_lease_is_renewed_by_itself)
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

Test(protocol_lease, bytes_that_come_after_the_lease_are_no_success)
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

Test(protocol_lease, small_bytes_that_come_after_the_lease_are_no_success)
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

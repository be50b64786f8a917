/* SPDX-License-Identifier: Apache-2.0 */
/* A peer on this host that dies is lost at once: UCX's keepalive is out of the way in these cases. */
#include "support/process_case.h"

static void begin(void)
{
    (void)setenv("UCX_KEEPALIVE_INTERVAL", "600s", 1);
    case_begin("posix,self");
}

static void takes_and_is_killed(bool readable)
{
    own offered = own_offer(readable, LARGE, 1, 0, BATON_COMPLETION_BYTES);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 2 * MIB);
    peer_kill(&peer);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_stays_quiet(&offered, 100);
    own_end(&offered);
}

Test(liveness, a_killed_reader_is_lost_without_a_lease)
{
    begin();
    takes_and_is_killed(true);
    case_end();
}

Test(liveness, a_killed_writer_is_lost_without_a_lease)
{
    begin();
    takes_and_is_killed(false);
    case_end();
}

/* Nothing moves: the consumer holds its acknowledgement back. */
Test(liveness, a_killed_consumer_is_lost_when_nothing_moves)
{
    begin();
    own offered = own_offer(true, 64, 1, 0, BATON_COMPLETION_ACK);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 64);
    cr_assert_not(baton_operation_is_over(offered.operation));
    peer_kill(&peer);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_end(&offered);
    case_end();
}

Test(liveness, what_a_dead_one_offered_is_refused_at_once)
{
    begin();
    baton_metadata *metadata = peer_offers("readable", 64, 1, 0, BATON_COMPLETION_BYTES);
    peer_kill(&peer);
    own late = own_take(metadata, 1, 30000);
    cr_assert_eq(own_wait(&late, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_end(&late);
    baton_metadata_destroy(metadata);
    case_end();
}

/* A reader that ends as soon as it has its bytes, again and again: its last word counts, not its death. */
Test(liveness, a_last_word_counts_more_than_a_death)
{
    for (unsigned i = 0; i < 20; i++) {
        begin();
        own offered = own_offer(true, 64, 1, 0, BATON_COMPLETION_BYTES);
        peer_takes(&offered, 1, 30000);
        cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "COMPLETE OK right");
        peer_kill(&peer);
        cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%u: %s", i, baton_error_text());
        own_end(&offered);
        case_end();
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two real processes over real UCX: data, death, silence. test_process_errors.c has what a peer
 * refuses. */
#include "support/process_case.h"

static void four_directions(size_t size, int number)
{
    own offered = own_offer(true, size, 1, 0, BATON_COMPLETION_BYTES);
    peer_takes(&offered, 1, 30000);
    cr_assert_str_eq(peer_end(&peer, number++, SOON_MS), "COMPLETE OK right");
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK);
    own_went(&offered);
    own_end(&offered);
    offered = own_offer(false, size, 2, 0, BATON_COMPLETION_BYTES);
    peer_takes(&offered, 2, 30000);
    cr_assert_str_eq(peer_end(&peer, number++, SOON_MS), "COMPLETE OK right");
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK);
    own_went(&offered);
    cr_assert(own_is_right(&offered));
    own_end(&offered);
    static const char *const kinds[] = {"readable", "writable"};
    for (unsigned i = 0; i < 2; i++) {
        baton_metadata *metadata = peer_offers(kinds[i], size, 3 + i, 0, BATON_COMPLETION_BYTES);
        own taken = own_take(metadata, 3 + i, 30000);
        baton_metadata_destroy(metadata);
        cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK, "%s", baton_error_text());
        cr_assert(own_is_right(&taken));
        own_went(&taken);
        cr_assert_str_eq(peer_end(&peer, number++, SOON_MS), "COMPLETE OK right");
        own_end(&taken);
    }
}

PROCESS_CASE(right_data_in_all_four_directions)
{
    static const size_t sizes[] = {1, 8192, 8193, MIB + 3, 20 * MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        four_directions(sizes[i], 4 * (int)i);
    }
    peer_quit(&peer);
}

PROCESS_CASE(a_killed_writer_leaves_quiet_memory)
{
    own offered = own_offer(false, LARGE, 1, 0, BATON_COMPLETION_BYTES);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 2 * MIB);
    peer_kill(&peer);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_stays_quiet(&offered, 300);
    own_end(&offered);
}

PROCESS_CASE(a_killed_reader_is_noticed)
{
    own offered = own_offer(true, LARGE, 1, 0, BATON_COMPLETION_BYTES);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 2 * MIB);
    peer_kill(&peer);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_end(&offered);
}

static void kill_origin(const char *kind)
{
    baton_metadata *metadata = peer_offers(kind, LARGE, 1, 0, BATON_COMPLETION_BYTES);
    own taken = own_take(metadata, 1, 30000);
    own_await_bytes(&taken, 2 * MIB);
    peer_kill(&peer);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_stays_quiet(&taken, 300);
    own_end(&taken);
    /* What it left behind leads nowhere, and says so. */
    own late = own_take(metadata, 1, 30000);
    baton_status status = own_wait(&late, SOON_MS);
    cr_assert(status == BATON_ERR_UNREACHABLE || status == BATON_ERR_PEER_LOST, "%s",
              baton_error_text());
    own_end(&late);
    baton_metadata_destroy(metadata);
}

PROCESS_CASE(a_killed_origin_of_a_readable_ends_the_read)
{
    kill_origin("readable");
}

PROCESS_CASE(a_killed_origin_of_a_writable_ends_the_write)
{
    kill_origin("writable");
}

/* Two transfers with one peer, which stops in the middle of both. */
static void stop_for_three_seconds(bool read)
{
    const char *kind = read ? "readable" : "writable";
    baton_metadata *first = peer_offers(kind, LARGE, 1, 0, BATON_COMPLETION_BYTES);
    baton_metadata *second = peer_offers(kind, LARGE, 2, 0, BATON_COMPLETION_BYTES);
    own brief = own_new(LARGE, 1, !read);
    own patient = own_new(LARGE, 2, !read);
    own_begin(&brief, first, 1000);
    own_begin(&patient, second, 30000);
    own_await_bytes(&patient, 2 * MIB);
    peer_signal(&peer, SIGSTOP);
    baton_loop *loop = baton_connector_loop(connector);
    uint64_t begin = baton_loop_now_ns(loop);
    cr_assert(ended_as(own_wait(&brief, SOON_MS), BATON_ERR_DEADLINE), "%s", baton_error_text());
    uint64_t spent_ms = (baton_loop_now_ns(loop) - begin) / BATON__NS_PER_MS;
    cr_assert_lt(spent_ms, 5000, "ended after %d ms", (int)spent_ms);
    (void)poll(NULL, 0, spent_ms < 3000 ? 3000 - (int)spent_ms : 0);
    cr_assert_not(baton_operation_is_over(patient.operation));
    peer_signal(&peer, SIGCONT);
    cr_assert_eq(own_wait(&patient, 2 * SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert(read ? own_is_right(&patient) : strstr(peer_end(&peer, 1, SOON_MS), "right") != NULL);
    nothing_stays_held();
    own_end(&patient);
    own_end(&brief);
    baton_metadata_destroy(first);
    baton_metadata_destroy(second);
    peer_quit(&peer);
}

PROCESS_CASE(a_stopped_peer_ends_one_read_in_time_and_completes_its_sibling)
{
    stop_for_three_seconds(true);
}

PROCESS_CASE(a_stopped_peer_ends_one_write_in_time_and_completes_its_sibling)
{
    stop_for_three_seconds(false);
}

static void stop_consumer(bool read, baton_completion completion)
{
    own offered = own_offer(read, LARGE, 1, 1000, completion);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 2 * MIB);
    peer_signal(&peer, SIGSTOP);
    cr_assert(ended_as(own_wait(&offered, SOON_MS), BATON_ERR_EXPIRED), "%s", baton_error_text());
    uint8_t *before = any_look(offered.descriptor);
    peer_signal(&peer, SIGCONT);
    cr_assert_str_neq(peer_end(&peer, 0, SOON_MS), "");
    bool fenced = strstr(peer.line, "ERRORED ERR_EXPIRED") != NULL;
    cr_assert(fenced || ended_as(strstr(peer.line, "ERR_QUARANTINED") != NULL ? BATON_ERR_QUARANTINED : BATON_OK, BATON_ERR_EXPIRED), "%s",
              peer.line);
    uint8_t *after = any_look(offered.descriptor);
    cr_assert_eq(memcmp(before, after, LARGE), 0, "a fenced consumer wrote");
    any_done(before);
    any_done(after);
    nothing_stays_held();
    own_end(&offered);
    peer_quit(&peer);
}

PROCESS_CASE(a_stopped_reader_is_fenced_and_ends_expired)
{
    stop_consumer(true, BATON_COMPLETION_BYTES);
}

PROCESS_CASE(a_stopped_writer_is_fenced_and_ends_expired)
{
    stop_consumer(false, BATON_COMPLETION_COMMIT);
}

static void cancel_consumer(bool read)
{
    own offered = own_offer(read, LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 2 * MIB);
    peer_say(&peer, "cancel 0");
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_CANCELLED, "%s", baton_error_text());
    cr_assert_eq(baton_operation_get_status(offered.operation), BATON_OPERATION_CANCELLED);
    cr_assert_not_null(strstr(peer_end(&peer, 0, SOON_MS), "CANCELLED ERR_CANCELLED"), "%s",
                       peer.line);
    own_end(&offered);
}

static void cancel_origin(bool read, int number)
{
    own offered = own_offer(read, LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 2 * MIB);
    cr_assert_eq(baton_operation_close(offered.operation, SOON_MS), BATON_OK);
    cr_assert_eq(baton_operation_reason(offered.operation), BATON_ERR_CANCELLED);
    cr_assert_not_null(strstr(peer_end(&peer, number, SOON_MS), "CANCELLED ERR_PEER_CANCELLED"),
                       "%s", peer.line);
    own_stays_quiet(&offered, 100);
    own_end(&offered);
}

PROCESS_CASE(a_cancel_in_the_middle_reaches_the_other_side)
{
    cancel_consumer(true);
    cancel_origin(true, 1);
    cancel_origin(false, 2);
    peer_quit(&peer);
}

PROCESS_CASE(a_cancel_of_a_write_in_the_middle_reaches_the_other_side)
{
    cancel_consumer(false);
    four_directions(MIB, 1); /* and the two still get along */
    peer_quit(&peer);
}

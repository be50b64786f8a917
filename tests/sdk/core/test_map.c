/* SPDX-License-Identifier: Apache-2.0 */
/* Reads by mapping, between two processes; what happens to the memory when the reader is stopped or killed in the middle. A page of
 * the reader's own memory that it may not touch makes sure that it is in the middle. */
#include "support/pool_case.h"
#include "support/shape.h"

static own read_from_peer(size_t size, const char *path, const char *why)
{
    baton_metadata *metadata = peer_offers("readable", size, 1, 0, BATON_COMPLETION_COMMIT);
    own taken = own_take(metadata, 1, 30000);
    baton_metadata_destroy(metadata);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert(own_is_right(&taken));
    cr_assert_str_eq(report_of(&taken).path, path);
    cr_assert_not_null(strstr(report_of(&taken).why_not_map, why), "%s", report_of(&taken).why_not_map);
    cr_assert_neq(report_of(&taken).transport[0], '\0');
    char text[256];
    size_t length = baton_operation_explain(taken.operation, text, sizeof(text));
    cr_assert_eq(length, strlen(text));
    cr_assert_eq(strncmp(text, path, strlen(path)), 0, "%s", text);
    cr_assert_not_null(strstr(text, *why == '\0' ? "1 copy, chunks of 512 KiB, 1 in flight; not rma" : why), "%s", text);
    cr_assert(*why == '\0' || strstr(text, "2 copies") != NULL, "%s", text);
    char cut[10];
    cr_assert_eq(baton_operation_explain(taken.operation, cut, sizeof(cut)), length);
    cr_assert_eq(strncmp(cut, text, sizeof(cut) - 1), 0);
    cr_assert_eq(strlen(cut), sizeof(cut) - 1);
    cr_assert_eq(baton_operation_explain(taken.operation, NULL, 0), length);
    return taken;
}

Test(map, a_piece_of_a_pool_is_read_by_mapping)
{
    pool_case_begin("secret", "secret");
    own taken = read_from_peer(8 * MIB + 12345, "map", "");
    cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "COMPLETE OK right");
    cr_assert_eq(stats_of().bytes_mapped, 8 * MIB + 12345);
    cr_assert_eq(stats_of().bytes_received, 0);
    cr_assert_eq(stats_of().pools_mapped, 1);
    own_end(&taken);
    taken = read_from_peer(MIB, "map", "");
    cr_assert_eq(stats_of().pools_mapped, 1, "it is mapped once");
    own_end(&taken);
    taken = read_from_peer(40 * MIB + 77, "map", ""); /* larger than the caches */
    own_end(&taken);
    peer_quit(&peer);
    pool_case_end();
}

/* Copied from the peer's pieces of any size straight into ours, which lie otherwise. */
Test(map, thousands_of_pieces_are_mapped)
{
    enum { COUNT = 15000, SIZE = 6600 };
    pool_case_begin("secret", "secret");
    peer_say(&peer, "shape %d %d 7 0", COUNT, SIZE);
    (void)peer_line(&peer, "shaped", SOON_MS);
    baton_metadata *metadata = peer_offers("readable", 1, 3, 0, BATON_COMPLETION_COMMIT);
    size_t *sizes = shape_sizes(COUNT, SIZE, 7);
    shape s = shape_make(sizes, COUNT, 8);
    free(sizes);
    own taken = {.seed = 3};
    cr_assert_eq(baton_connector_begin_read(connector, metadata, s.descriptors, COUNT, NULL, &taken.operation), BATON_OK);
    baton_metadata_destroy(metadata);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(report_of(&taken).path, "map");
    cr_assert_eq(stats_of().bytes_mapped, s.total);
    cr_assert(shape_is_right(&s, 3));
    own_end(&taken);
    shape_free(&s);
    peer_quit(&peer);
    pool_case_end();
}

Test(map, the_owner_sees_it_too)
{
    pool_case_begin("secret", "secret");
    own offered = offer_piece(3 * MIB, 4, 5000);
    char text[64];
    cr_assert_gt(baton_operation_explain(offered.operation, text, sizeof(text)), 0);
    cr_assert_str_eq(text, "not over yet");
    cr_assert_eq(baton_operation_explain(NULL, text, sizeof(text)), 0);
    cr_assert_str_eq(text, "");
    peer_takes(&offered, 4, 30000);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "COMPLETE OK right");
    cr_assert_str_eq(report_of(&offered).path, "map");
    cr_assert_eq(report_of(&offered).bytes_moved, 3 * MIB);
    cr_assert_eq(stats_of().bytes_sent, 0);
    own_end(&offered);
    cr_assert_eq(pieces(), 0);
    peer_quit(&peer);
    pool_case_end();
}

Test(map, without_the_secret_it_goes_by_am)
{
    pool_case_begin("secret", "another");
    own taken = read_from_peer(MIB, "am", "secret");
    own_end(&taken);
    own offered = offer_piece(MIB, 4, 0); /* with our pool's secret, which is the peer's */
    peer_takes(&offered, 4, 30000);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%s", baton_error_text());
    own_end(&offered);
    cr_assert_eq(stats_of().bytes_mapped, 0);
    peer_quit(&peer);
    pool_case_end();
}

Test(map, without_a_group_it_goes_by_am)
{
    pool_case_begin("secret", NULL);
    own taken = read_from_peer(MIB, "am", "map_group");
    own_end(&taken);
    peer_quit(&peer);
    pool_case_end();
}

Test(map, what_is_small_or_of_no_pool_or_written_goes_by_am)
{
    pool_case_begin("secret", "secret");
    own taken = read_from_peer(4096, "am", "64 KiB");
    own_end(&taken);
    own offered = own_offer(true, MIB, 4, 0, BATON_COMPLETION_COMMIT); /* of no pool */
    peer_takes(&offered, 4, 30000);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(report_of(&offered).path, "am");
    own_end(&offered);
    baton_metadata *metadata = peer_offers("writable", MIB, 5, 0, BATON_COMPLETION_COMMIT);
    own written = own_take(metadata, 5, 30000);
    baton_metadata_destroy(metadata);
    cr_assert_eq(own_wait(&written, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_not_null(strstr(report_of(&written).why_not_map, "reads"));
    own_end(&written);
    peer_quit(&peer);
    pool_case_end();
}

/* The peer gets the signal when it has copied the first two of four MiB. */
static own stop_in_the_middle(int signal, uint32_t lease_ms)
{
    own offered = offer_piece(4 * MIB, 4, lease_ms);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(offered.operation, &metadata), BATON_OK);
    char command[64];
    (void)snprintf(command, sizeof(command), "read-trapped %d %d", 2 * MIB, signal);
    peer_take(&peer, command, metadata, 4, 30000);
    baton_metadata_destroy(metadata);
    (void)peer_line(&peer, "trapped", SOON_MS);
    return offered;
}

Test(map, a_reader_that_is_killed_in_the_middle_gives_the_memory_back)
{
    pool_case_begin("secret", "secret");
    own offered = stop_in_the_middle(SIGKILL, 20000);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_end(&offered);
    wait_for_pieces(0);
    cr_assert_eq(stats_of().quarantined, 0);
    peer_kill(&peer);
    pool_case_end();
}

Test(map, a_reader_that_is_stopped_in_the_middle_keeps_it_until_it_runs_again)
{
    pool_case_begin("secret", "secret");
    own offered = stop_in_the_middle(SIGSTOP, 500);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    own_end(&offered);
    cr_assert_eq(pieces(), 1, "the reader may still read it");
    cr_assert_eq(stats_of().quarantined, 1);
    peer_signal(&peer, SIGCONT);
    cr_assert_not_null(strstr(peer_end(&peer, 0, SOON_MS), "ERRORED"), "%s", peer.line);
    wait_for_pieces(0);
    cr_assert_eq(stats_of().quarantined, 0);
    peer_quit(&peer);
    pool_case_end();
}

Test(map, a_stopped_reader_that_is_killed_gives_it_back_too)
{
    pool_case_begin("secret", "secret");
    own offered = stop_in_the_middle(SIGSTOP, 500);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    own_end(&offered);
    cr_assert_eq(pieces(), 1);
    peer_kill(&peer);
    wait_for_pieces(0);
    pool_case_end();
}

Test(map, a_stop_that_is_shorter_than_the_lease_does_no_harm)
{
    pool_case_begin("secret", "secret");
    own offered = stop_in_the_middle(SIGSTOP, 20000);
    (void)poll(NULL, 0, 300);
    cr_assert_not(baton_operation_is_over(offered.operation));
    peer_signal(&peer, SIGCONT);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "COMPLETE OK right");
    own_end(&offered);
    wait_for_pieces(0);
    peer_quit(&peer);
    pool_case_end();
}

Test(map, a_cancel_ends_it_and_the_reader_lets_go)
{
    pool_case_begin("secret", "secret");
    own offered = offer_piece(LARGE, 4, 5000);
    peer_takes(&offered, 4, 30000);
    for (int i = 0; i < SOON_MS && baton_operation_get_status(offered.operation) != BATON_OPERATION_IN_PROGRESS; i++) {
        (void)poll(NULL, 0, 1);
    }
    cr_assert_eq(baton_operation_cancel(offered.operation), BATON_OK);
    baton_status status = own_wait(&offered, SOON_MS);
    cr_assert(status == BATON_ERR_CANCELLED || status == BATON_OK, "%s", baton_error_text());
    own_end(&offered);
    wait_for_pieces(0);
    (void)peer_end(&peer, 0, SOON_MS);
    peer_quit(&peer);
    pool_case_end();
}

/* The owner goes while a reader is stopped in the middle: what it may still read is never given to anybody else. */
Test(map, a_connector_that_ends_keeps_what_a_stopped_reader_may_read)
{
    pool_case_begin("secret", "secret");
    own offered = stop_in_the_middle(SIGSTOP, 500);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    own_end(&offered);
    baton_connector_destroy(connector);
    cr_assert_eq(pieces(), 1);
    baton_pool_destroy(pool);
    peer_signal(&peer, SIGCONT);
    (void)peer_end(&peer, 0, SOON_MS);
    peer_quit(&peer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Views between two processes: what becomes of the memory when a reader that holds one is killed, stopped, or ends, and of the view
 * when its origin does. */
#include "support/pool_case.h"

#include <sys/wait.h>

/* The peer views it, and has said that what it sees is right. */
static own view_of_peer(size_t size, uint32_t lease_ms, unsigned deadline_ms)
{
    own offered = offer_piece(size, 4, lease_ms);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(offered.operation, &metadata), BATON_OK);
    peer_take(&peer, "view", metadata, 4, deadline_ms);
    baton_metadata_destroy(metadata);
    cr_assert_str_eq(peer_line(&peer, "viewed ", SOON_MS), "viewed 0 right");
    cr_assert_not(baton_operation_is_over(offered.operation));
    cr_assert_eq(pieces(), 1);
    return offered;
}

static void expect_to_see_it(void)
{
    peer_say(&peer, "look 0");
    cr_assert_str_eq(peer_line(&peer, "seen ", SOON_MS), "seen 0 right");
}

static void expect_held_until_released(own *offered)
{
    cr_assert_eq(own_wait(offered, SOON_MS), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    own_end(offered);
    cr_assert_eq(pieces(), 1);
    cr_assert_eq(stats_of().quarantined, 1);
    expect_to_see_it();
    peer_say(&peer, "release 0");
    wait_for_pieces(0);
    cr_assert_eq(stats_of().quarantined, 0);
    peer_quit(&peer);
    pool_case_end();
}

Test(view, small_and_large_pieces_are_read_in_place)
{
    static const size_t sizes[] = {1, 4096, 64 * MIB};
    pool_case_begin("secret", "secret");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        baton_metadata *metadata = peer_offers("readable", sizes[i], 7, 2000, BATON_COMPLETION_COMMIT);
        baton_operation *view = NULL;
        const void *pointer = NULL;
        size_t size = 0;
        cr_assert_eq(baton_connector_begin_view(connector, metadata, NULL, &view), BATON_OK, "%s", baton_error_text());
        baton_metadata_destroy(metadata);
        cr_assert_eq(baton_operation_wait_view(view, SOON_MS), BATON_OK, "%s", baton_error_text());
        cr_assert_eq(baton_operation_view(view, 0, &pointer, &size), BATON_OK);
        cr_assert_eq(size, sizes[i]);
        cr_assert(pattern_is(pointer, size, 7));
        cr_assert_eq(stats_of().views, 1);
        cr_assert_eq(baton_operation_release_view(view), BATON_OK);
        cr_assert_eq(baton_operation_wait(view, SOON_MS), BATON_OK, "%s", baton_error_text());
        cr_assert_str_eq(peer_end(&peer, (int)i, SOON_MS), "COMPLETE OK right");
        baton_operation_destroy(view);
    }
    cr_assert_eq(stats_of().bytes_received, 0);
    cr_assert_eq(stats_of().bytes_mapped, 0);
    peer_quit(&peer);
    pool_case_end();
}

Test(view, a_release_gives_the_memory_back)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(4 * MIB, 1000, 30000);
    (void)poll(NULL, 0, 1500); /* longer than the lease */
    cr_assert_not(baton_operation_is_over(offered.operation));
    expect_to_see_it();
    peer_say(&peer, "release 0");
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "COMPLETE OK view");
    cr_assert_eq(report_of(&offered).copies, 0);
    own_end(&offered);
    wait_for_pieces(0);
    peer_quit(&peer);
    pool_case_end();
}

Test(view, a_handle_that_is_dropped_gives_it_back_too)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(MIB, 5000, 30000);
    peer_say(&peer, "drop 0");
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_CANCELLED, "%s", baton_error_text());
    own_end(&offered);
    wait_for_pieces(0);
    peer_quit(&peer);
    pool_case_end();
}

Test(view, a_reader_that_is_killed_gives_it_back)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(4 * MIB, 20000, 30000);
    peer_kill(&peer);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_end(&offered);
    wait_for_pieces(0);
    cr_assert_eq(stats_of().quarantined, 0);
    pool_case_end();
}

Test(view, a_reader_that_is_stopped_keeps_it_until_it_releases_it)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(4 * MIB, 1000, 30000);
    peer_signal(&peer, SIGSTOP);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    cr_assert_eq(pieces(), 1);
    peer_signal(&peer, SIGCONT);
    cr_assert_not_null(strstr(peer_end(&peer, 0, SOON_MS), "ERRORED"), "%s", peer.line);
    expect_held_until_released(&offered);
}

Test(view, a_stopped_reader_that_is_killed_gives_it_back)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(4 * MIB, 1000, 30000);
    peer_signal(&peer, SIGSTOP);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    own_end(&offered);
    cr_assert_eq(pieces(), 1);
    peer_kill(&peer);
    wait_for_pieces(0);
    pool_case_end();
}

Test(view, the_origin_cancels_and_the_reader_has_it_still)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(4 * MIB, 5000, 30000);
    cr_assert_eq(baton_operation_cancel(offered.operation), BATON_OK);
    cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "CANCELLED ERR_PEER_CANCELLED view");
    expect_held_until_released(&offered);
}

Test(view, the_readers_deadline_passes_and_it_has_it_still)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(4 * MIB, 5000, 1500);
    cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "ERRORED ERR_DEADLINE view");
    expect_held_until_released(&offered);
}

/* Its connector is gone and it runs on: nobody tells the origin, which waits for the end of the process. */
Test(view, a_reader_without_its_connector_keeps_it_until_its_process_ends)
{
    pool_case_begin("secret", "secret");
    own offered = view_of_peer(4 * MIB, 1000, 30000);
    peer_say(&peer, "remake");
    (void)peer_line(&peer, "remade", SOON_MS);
    expect_to_see_it();
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    own_end(&offered);
    expect_to_see_it();
    cr_assert_eq(pieces(), 1);
    peer_quit(&peer);
    wait_for_pieces(0);
    pool_case_end();
}

Test(view, the_origin_is_killed_and_the_reader_has_the_bytes)
{
    pool_case_begin("secret", "secret");
    baton_metadata *metadata = peer_offers("readable", 4 * MIB, 7, 2000, BATON_COMPLETION_COMMIT);
    baton_operation *view = NULL;
    const void *pointer = NULL;
    size_t size = 0;
    cr_assert_eq(baton_connector_begin_view(connector, metadata, NULL, &view), BATON_OK);
    baton_metadata_destroy(metadata);
    cr_assert_eq(baton_operation_wait_view(view, SOON_MS), BATON_OK, "%s", baton_error_text());
    peer_kill(&peer);
    cr_assert_eq(baton_operation_wait(view, SOON_MS), BATON_ERR_PEER_LOST);
    cr_assert_eq(baton_operation_view(view, 0, &pointer, &size), BATON_OK);
    cr_assert(pattern_is(pointer, size, 7));
    cr_assert_eq(baton_operation_release_view(view), BATON_OK);
    baton_operation_destroy(view);
    pool_case_end();
}

Test(view, a_child_has_no_part_in_it)
{
    pool_case_begin("secret", "secret");
    baton_metadata *metadata = peer_offers("readable", 4096, 7, 2000, BATON_COMPLETION_COMMIT);
    baton_operation *view = NULL;
    cr_assert_eq(baton_connector_begin_view(connector, metadata, NULL, &view), BATON_OK);
    baton_metadata_destroy(metadata);
    cr_assert_eq(baton_operation_wait_view(view, SOON_MS), BATON_OK, "%s", baton_error_text());
    pid_t child = fork();
    if (child == 0) {
        _Exit(baton_operation_release_view(view) == BATON_ERR_WRONG_PROCESS ? 0 : 1);
    }
    int end = -1;
    cr_assert_eq(waitpid(child, &end, 0), child);
    cr_assert_eq(end, 0);
    cr_assert_eq(baton_operation_release_view(view), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_operation_wait(view, SOON_MS), BATON_OK, "%s", baton_error_text());
    baton_operation_destroy(view);
    peer_quit(&peer);
    pool_case_end();
}

/* What it holds is in the way of nobody: the next hand-off goes through the same pool. */
Test(view, other_operations_go_on_meanwhile)
{
    pool_case_begin("secret", "secret");
    own held = view_of_peer(4 * MIB, 1000, 30000);
    own other = offer_piece(4 * MIB, 5, 1000);
    peer_takes(&other, 5, 30000);
    cr_assert_eq(own_wait(&other, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(peer_end(&peer, 1, SOON_MS), "COMPLETE OK right");
    own_end(&other);
    cr_assert_eq(pieces(), 1);
    expect_to_see_it();
    peer_say(&peer, "release 0");
    cr_assert_eq(own_wait(&held, SOON_MS), BATON_OK, "%s", baton_error_text());
    own_end(&held);
    peer_quit(&peer);
    pool_case_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A process that is killed or stopped in the middle of a message over shared memory blocks UCX's queue for all others
 * (core/inbox.h). A page of its memory that it may not touch makes that certain: UCX touches it while it fills its place. */
#include "support/process_case.h"

static peer_process sibling;

static uint64_t renewed(void)
{
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_connector_get_stats(connector, &stats), BATON_OK);
    return stats.workers_renewed;
}

static void begin(void)
{
    peer_start(&sibling, "sdk_peer", NULL);
}

static baton_metadata *sibling_offers(const char *kind, size_t size, unsigned seed)
{
    peer_say(&sibling, "%s %zu %u 10000 %d", kind, size, seed, (int)BATON_COMPLETION_COMMIT);
    return peer_metadata(peer_line(&sibling, "metadata ", SOON_MS));
}

static void sibling_takes(const own *o, unsigned seed)
{
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(o->operation, &metadata), BATON_OK);
    bool read = baton_metadata_get_kind(metadata) == BATON_METADATA_READABLE;
    peer_take(&sibling, read ? "read" : "write", metadata, seed, 30000);
    baton_metadata_destroy(metadata);
}

/* The peer gets the signal while it sends the second MiB of its readable. */
static own block_with(int signal, uint32_t deadline_ms)
{
    baton_metadata *metadata = peer_offers("readable", 4 * MIB, 1, 0, BATON_COMPLETION_COMMIT);
    peer_say(&peer, "trap 0 %d %d", MIB + 4096, signal);
    (void)peer_line(&peer, "trapped", SOON_MS);
    own taken = own_take(metadata, 1, deadline_ms);
    baton_metadata_destroy(metadata);
    return taken;
}

static void end_of_the_killed(own *taken)
{
    cr_assert_eq(own_wait(taken, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_end(taken);
    peer_kill(&peer);
}

static void hand_over_both_ways(unsigned seed)
{
    baton_metadata *metadata = sibling_offers("readable", MIB, seed);
    own read = own_take(metadata, seed, 30000);
    baton_metadata_destroy(metadata);
    own write = own_offer(false, MIB, seed + 1, 10000, BATON_COMPLETION_COMMIT);
    sibling_takes(&write, seed + 1);
    cr_assert_eq(own_wait(&read, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(own_wait(&write, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert(own_is_right(&read));
    cr_assert(own_is_right(&write));
    own_end(&read);
    own_end(&write);
}

/* Another peer dies in the middle of a message to us; this operation, and what begins afterwards, goes on. */
static void goes_on_after_a_kill(own *large)
{
    own_await_bytes(large, MIB);
    own taken = block_with(SIGKILL, 30000);
    end_of_the_killed(&taken);
    cr_assert_eq(own_wait(large, SOON_MS), BATON_OK, "%s", baton_error_text());
}

static void end_after_a_kill(own *large)
{
    own_end(large);
    hand_over_both_ways(8);
    cr_assert_eq(renewed(), 1);
    peer_quit(&sibling);
}

static void reading_goes_on(void)
{
    begin();
    baton_metadata *metadata = sibling_offers("readable", LARGE, 7);
    own large = own_take(metadata, 7, 30000);
    baton_metadata_destroy(metadata);
    goes_on_after_a_kill(&large);
    cr_assert(own_is_right(&large));
    end_after_a_kill(&large);
}

/* The sibling fills our queue up, and its own endpoint to it can never be closed properly. */
static void being_written_to_goes_on(void)
{
    begin();
    own large = own_offer(false, LARGE, 7, 10000, BATON_COMPLETION_COMMIT);
    sibling_takes(&large, 7);
    goes_on_after_a_kill(&large);
    cr_assert(own_is_right(&large));
    end_after_a_kill(&large);
}

static void being_read_goes_on(void)
{
    begin();
    own large = own_offer(true, LARGE, 7, 10000, BATON_COMPLETION_COMMIT);
    sibling_takes(&large, 7);
    goes_on_after_a_kill(&large);
    cr_assert_str_eq(peer_end(&sibling, 0, SOON_MS), "COMPLETE OK right");
    end_after_a_kill(&large);
}

static void a_stopped_one_is_passed_by(void)
{
    begin();
    hand_over_both_ways(8);
    own taken = block_with(SIGSTOP, 60000);
    own_await_bytes(&taken, 1);
    peer_await_stop(&peer, SOON_MS); /* or what follows might be over before */
    hand_over_both_ways(10);
    cr_assert_eq(renewed(), 1);
    peer_signal(&peer, SIGCONT);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert(own_is_right(&taken));
    own_end(&taken);
    peer_quit(&peer);
    peer_quit(&sibling);
}

static void metadata_from_before_is_unreachable(void)
{
    begin();
    own offered = own_offer(true, MIB, 7, 0, BATON_COMPLETION_COMMIT);
    baton_metadata *before = NULL;
    cr_assert_eq(baton_operation_metadata(offered.operation, &before), BATON_OK);
    own taken = block_with(SIGKILL, 30000);
    end_of_the_killed(&taken);
    while (renewed() == 0) {
        (void)poll(NULL, 0, 10);
    }
    peer_take(&sibling, "read", before, 7, 30000);
    baton_metadata_destroy(before);
    cr_assert_str_eq(peer_end(&sibling, 0, SOON_MS), "ERRORED ERR_UNREACHABLE wrong");
    sibling_takes(&offered, 7); /* metadata is made anew */
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(peer_end(&sibling, 1, SOON_MS), "COMPLETE OK right");
    own_end(&offered);
    peer_quit(&sibling);
}

/* Over posix, and over what UCX takes by itself (sysv where both are there). */
#define BLOCKED_CASE(name)      \
    Test(blocked_default, name) \
    {                           \
        case_begin(NULL);       \
        name();                 \
        case_end();             \
    }                           \
    Test(blocked_posix, name)   \
    {                           \
        case_begin("posix,self"); \
        name();                 \
        case_end();             \
    }

BLOCKED_CASE(reading_goes_on)
BLOCKED_CASE(being_written_to_goes_on)
BLOCKED_CASE(being_read_goes_on)
BLOCKED_CASE(a_stopped_one_is_passed_by)
BLOCKED_CASE(metadata_from_before_is_unreachable)

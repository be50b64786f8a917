/* SPDX-License-Identifier: Apache-2.0 */
/* A peer on this host that dies is lost at once: UCX's keepalive is out of the way in these cases. */
#include "support/process_case.h"

#include <sys/resource.h>

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

static uint64_t cpu_us(void)
{
    struct rusage use;
    cr_assert_eq(getrusage(RUSAGE_SELF, &use), 0);
    return (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/* There is something to send all the time, and no room for it. */
Test(liveness, a_stopped_peer_costs_no_processor)
{
    begin();
    baton_metadata *metadata = peer_offers("writable", LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    own written = own_take(metadata, 1, 30000);
    baton_metadata_destroy(metadata);
    own_await_bytes(&written, 2 * MIB);
    peer_signal(&peer, SIGSTOP);
    uint64_t before = 0;
    uint64_t used = UINT64_MAX;
    for (int i = 0; i < 20 && used > 100000; i++) { /* until its FIFO is full */
        before = cpu_us();
        (void)poll(NULL, 0, 500);
        used = cpu_us() - before;
    }
    cr_assert_leq(used, 100000, "%lu us of CPU in half a second", (unsigned long)used);
    peer_signal(&peer, SIGCONT);
    cr_assert_eq(own_wait(&written, SOON_MS), BATON_OK, "%s", baton_error_text());
    own_end(&written);
    peer_quit(&peer);
    case_end();
}

/* Nor does a progress that is called keep its caller. */
Test(liveness, with_a_stopped_peer_progress_returns)
{
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.progress = BATON_PROGRESS_APPLICATION;
    (void)setenv("UCX_TLS", "posix,self", 1);
    peer_start(&peer, "sdk_peer", NULL);
    cr_assert_eq(baton_connector_create(&options, &connector), BATON_OK, "%s", baton_error_text());
    baton_metadata *metadata = peer_offers("writable", LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    own written = own_take(metadata, 1, 30000);
    baton_metadata_destroy(metadata);
    baton_operation_report report = {.struct_size = sizeof(report)};
    while (report.bytes_moved < 2 * MIB) {
        (void)baton_connector_progress(connector);
        cr_assert_eq(baton_operation_get_report(written.operation, &report), BATON_OK);
    }
    peer_signal(&peer, SIGSTOP);
    uint64_t end = baton__clock_now(&baton__clock_boottime) + 1000 * BATON__NS_PER_MS;
    int idle = 0;
    while (baton__clock_now(&baton__clock_boottime) < end) {
        idle += baton_connector_progress(connector) == 0;
    }
    cr_assert_gt(idle, 0);
    peer_signal(&peer, SIGCONT);
    cr_assert_eq(own_wait(&written, SOON_MS), BATON_OK, "%s", baton_error_text());
    own_end(&written);
    peer_quit(&peer);
    baton_connector_destroy(connector);
}

/* Its FIFO is full of what we wrote, and nobody will ever take that out: UCX 1.13 would look after it for ever. */
Test(liveness, nothing_is_left_to_do_after_the_death_of_one_that_was_written_to)
{
    begin();
    baton_metadata *metadata = peer_offers("writable", LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    own written = own_take(metadata, 1, 30000);
    baton_metadata_destroy(metadata);
    own_await_bytes(&written, 2 * MIB);
    peer_signal(&peer, SIGSTOP);
    (void)poll(NULL, 0, 200); /* until its FIFO is full */
    peer_kill(&peer);
    cr_assert_eq(own_wait(&written, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_end(&written);
    uint64_t before = 0;
    for (int i = 0; i < 20; i++) { /* it settles within some seconds */
        before = cpu_us();
        (void)poll(NULL, 0, 500);
        if (cpu_us() - before < 50000) {
            case_end();
            return;
        }
    }
    cr_assert_fail("it still takes %lu us of CPU in half a second", (unsigned long)(cpu_us() - before));
}

enum { WORDS = 40, ROUNDS = 16 }; /* words: fewer than a FIFO of UCX's has room for, more than one look at it takes */

static void drive_until_over(own *offered, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)!baton_operation_wait(offered[i].operation, SOON_MS);
    }
}

/* All of the peer's last words are in our FIFO when it is dead, and we have looked at none of them. */
static void dies_after_its_last_words(void)
{
    static own offered[WORDS];
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.progress = BATON_PROGRESS_APPLICATION;
    (void)setenv("UCX_KEEPALIVE_INTERVAL", "600s", 1);
    (void)setenv("UCX_TLS", "posix,self", 1);
    peer_start(&peer, "sdk_peer", NULL);
    cr_assert_eq(baton_connector_create(&options, &connector), BATON_OK, "%s", baton_error_text());
    own first = own_offer(true, 64, 99, 0, BATON_COMPLETION_BYTES); /* connects the two */
    peer_takes(&first, 99, 30000);
    cr_assert_eq(own_wait(&first, SOON_MS), BATON_OK);
    cr_assert_str_eq(peer_end(&peer, 0, SOON_MS), "COMPLETE OK right");
    own_end(&first);
    for (unsigned i = 0; i < WORDS; i++) {
        offered[i] = own_offer(true, 64, i, 0, BATON_COMPLETION_BYTES);
        peer_takes(&offered[i], i, 30000);
        (void)peer_line(&peer, "begun ", SOON_MS);
    }
    /* Its owner thread takes them in their order: when this one is over, all the others have been opened. */
    own brief = own_offer(true, 64, 98, 0, BATON_COMPLETION_BYTES);
    peer_takes(&brief, 98, 1);
    cr_assert_not_null(strstr(peer_end(&peer, WORDS + 1, SOON_MS), "ERR_DEADLINE"), "%s", peer.line);
    peer_signal(&peer, SIGSTOP); /* so that it answers no grant before all are made */
    uint64_t end = baton_loop_now_ns(baton_connector_loop(connector)) + SOON_MS * BATON__NS_PER_MS;
    for (unsigned i = 0; i < WORDS;) {
        (void)baton_connector_progress(connector);
        i += baton_operation_get_status(offered[i].operation) >= BATON_OPERATION_IN_PROGRESS;
        cr_assert_lt(baton_loop_now_ns(baton_connector_loop(connector)), end, "no OPEN comes");
    }
    peer_signal(&peer, SIGCONT);
    for (unsigned i = 0; i < WORDS; i++) {
        cr_assert_str_eq(peer_end(&peer, (int)i + 1, SOON_MS), "COMPLETE OK right");
    }
    peer_kill(&peer);
    drive_until_over(offered, WORDS);
    for (unsigned i = 0; i < WORDS; i++) {
        cr_assert_eq(baton_operation_reason(offered[i].operation), BATON_OK, "%u of %d", i, WORDS);
        own_end(&offered[i]);
    }
    own_end(&brief);
    baton_connector_destroy(connector);
}

Test(liveness, last_words_count_more_than_a_death)
{
    for (int round = 0; round < ROUNDS; round++) {
        dies_after_its_last_words();
    }
}

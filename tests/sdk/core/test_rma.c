/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path rma between two real processes over real verbs: data, no part of the passive side, revocation, death. Where there is
 * no verbs device each case is skipped; tests/vm has one. test_rma_protocol.c has the orders of messages.
 */
#include "core/engine.h"
#include "support/process_case.h"

enum { ENDS_MS = 1000 };

static void begin(void)
{
    (void)setenv("BATON_TEST_RMA", "1", 1);
    case_begin(NULL);
    if (connector->rma == NULL) {
        const char *why = connector->why_no_rma;
        peer_kill(&peer);
        case_end();
        cr_skip_test("%s", why);
    }
}

static void end(void)
{
    peer_quit(&peer);
    case_end();
}

static baton_operation_report report_of(const own *o)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    cr_assert_eq(baton_operation_get_report(o->operation, &report), BATON_OK);
    return report;
}

static void went_by_rma(const own *o)
{
    baton_operation_report report = report_of(o);
    cr_assert_str_eq(report.path, "rma", "%s", report.why_not_rma);
    cr_assert_not_null(strstr(report.transport, "rc_"), "%s", report.transport);
    cr_assert_eq(report.copies, 0);
    cr_assert_str_eq(report.why_not_rma, "");
}

static own take_from_peer(const char *kind, size_t size, unsigned seed, uint32_t deadline_ms)
{
    baton_metadata *metadata = peer_offers(kind, size, seed, 0, BATON_COMPLETION_BYTES);
    own taken = own_take(metadata, seed, deadline_ms);
    baton_metadata_destroy(metadata);
    return taken;
}

static void four_directions(size_t size, int number)
{
    for (int read = 0; read < 2; read++) {
        own offered = own_offer(read, size, 1, 0, BATON_COMPLETION_COMMIT);
        peer_takes(&offered, 1, 30000);
        cr_assert_str_eq(peer_end(&peer, number++, SOON_MS), "COMPLETE OK right");
        cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK);
        cr_assert(own_is_right(&offered));
        went_by_rma(&offered);
        own_end(&offered);
    }
    for (int read = 0; read < 2; read++) {
        own taken = take_from_peer(read ? "readable" : "writable", size, 3, 30000);
        cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK, "%s", baton_error_text());
        cr_assert(own_is_right(&taken));
        went_by_rma(&taken);
        cr_assert_str_eq(peer_end(&peer, number++, SOON_MS), "COMPLETE OK right");
        own_end(&taken);
    }
}

Test(rma, right_data_in_all_four_directions)
{
    static const size_t sizes[] = {BATON__RMA_MIN, BATON__RMA_MIN + 1, MIB + 3, 10 * MIB};
    begin();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        four_directions(sizes[i], 4 * (int)i);
    }
    end();
}

/* What is too small, and what the peer does not want, goes by messages and says why. */
Test(rma, less_than_64_kib_goes_by_messages)
{
    begin();
    own taken = take_from_peer("readable", BATON__RMA_MIN - 1, 1, 30000);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK);
    cr_assert_str_eq(report_of(&taken).path, "am");
    cr_assert_not_null(strstr(report_of(&taken).why_not_rma, "64 KiB"));
    own_end(&taken);
    end();
}

Test(rma, a_peer_that_has_it_switched_off)
{
    begin();
    peer_quit(&peer);
    (void)unsetenv("BATON_TEST_RMA");
    peer_start(&peer, "sdk_peer", NULL);
    own taken = take_from_peer("readable", MIB, 1, 30000);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK);
    cr_assert_str_eq(report_of(&taken).path, "am");
    cr_assert_not_null(strstr(report_of(&taken).why_not_rma, "switched off"), "%s", report_of(&taken).why_not_rma);
    own_end(&taken);
    end();
}

/* The link is made and proven, so that what follows begins at once. */
static void warm_up(void)
{
    own taken = take_from_peer("readable", MIB, 1, 30000);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK);
    went_by_rma(&taken);
    own_end(&taken);
}

Test(rma, a_read_goes_on_and_completes_while_the_origin_is_stopped)
{
    begin();
    warm_up();
    own taken = take_from_peer("readable", LARGE, 2, 30000);
    own_await_bytes(&taken, 1);
    peer_signal(&peer, SIGSTOP);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert(own_is_right(&taken));
    went_by_rma(&taken);
    own_end(&taken);
    peer_signal(&peer, SIGCONT);
    cr_assert_str_eq(peer_end(&peer, 1, SOON_MS), "COMPLETE OK right");
    end();
}

Test(rma, a_write_goes_on_while_the_origin_is_stopped)
{
    begin();
    warm_up();
    own taken = take_from_peer("writable", LARGE, 2, 30000);
    own_await_bytes(&taken, 1);
    peer_signal(&peer, SIGSTOP);
    own_await_bytes(&taken, LARGE);
    cr_assert_not(baton_operation_is_over(taken.operation)); /* it waits for the origin's word */
    peer_signal(&peer, SIGCONT);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_OK, "%s", baton_error_text());
    went_by_rma(&taken);
    cr_assert_str_eq(peer_end(&peer, 1, SOON_MS), "COMPLETE OK right");
    own_end(&taken);
    end();
}

static void fill(const own *o)
{
    memset(own_memory(o), 0xA5, baton_descriptor_size(o->descriptor));
}

static void is_filler(const own *o)
{
    const uint8_t *memory = own_memory(o);
    cr_assert_eq(memory[0], 0xA5);
    cr_assert_eq(memcmp(memory, memory + 1, baton_descriptor_size(o->descriptor) - 1), 0);
}

/* Until the consumer has its keys. */
static void await_exposure(const own *o)
{
    for (int i = 0; i < SOON_MS && !__atomic_load_n(&o->operation->reached, __ATOMIC_RELAXED); i++) {
        (void)poll(NULL, 0, 1);
    }
    cr_assert(__atomic_load_n(&o->operation->reached, __ATOMIC_RELAXED));
}

/* Nothing is waited for: the key is taken back, and a consumer that is stopped in the middle, and runs on later, does no harm. */
static void cancel_while_stopped(bool read)
{
    begin();
    warm_up();
    own offered = own_offer(read, LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    peer_takes(&offered, 1, 30000);
    await_exposure(&offered);
    (void)poll(NULL, 0, 50); /* some of it has moved, and some has not */
    peer_signal(&peer, SIGSTOP);
    uint64_t begun = baton_loop_now_ns(baton_connector_loop(connector));
    cr_assert_eq(baton_operation_close(offered.operation, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_lt(baton_loop_now_ns(baton_connector_loop(connector)) - begun, 2000 * BATON__NS_PER_MS);
    cr_assert_eq(baton_operation_reason(offered.operation), BATON_ERR_CANCELLED);
    fill(&offered);
    own_stays_quiet(&offered, 100);
    peer_signal(&peer, SIGCONT);
    cr_assert_not_null(strstr(peer_end(&peer, 1, SOON_MS), "CANCELLED ERR_PEER_CANCELLED"), "%s", peer.line);
    own_stays_quiet(&offered, 200);
    is_filler(&offered);
    own_end(&offered);
    own again = own_offer(read, MIB, 2, 0, BATON_COMPLETION_COMMIT); /* and the two still get along */
    peer_takes(&again, 2, 30000);
    cr_assert_eq(own_wait(&again, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(peer_end(&peer, 2, SOON_MS), "COMPLETE OK right");
    own_end(&again);
    end();
}

Test(rma, a_cancelled_readable_is_out_of_reach_of_a_stopped_reader)
{
    cancel_while_stopped(true);
}

Test(rma, a_cancelled_writable_is_out_of_reach_of_a_stopped_writer)
{
    cancel_while_stopped(false);
}

static void expire_while_stopped(bool read)
{
    begin();
    warm_up();
    own offered = own_offer(read, LARGE, 1, ENDS_MS, BATON_COMPLETION_ACK);
    peer_takes(&offered, 1, 30000);
    await_exposure(&offered);
    peer_signal(&peer, SIGSTOP);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_EXPIRED, "%s", baton_error_text());
    cr_assert_eq(baton_operation_close(offered.operation, SOON_MS), BATON_OK);
    fill(&offered);
    peer_signal(&peer, SIGCONT);
    cr_assert_not_null(strstr(peer_end(&peer, 1, SOON_MS), "ERRORED ERR_EXPIRED"), "%s", peer.line);
    own_stays_quiet(&offered, 200);
    is_filler(&offered);
    own_end(&offered);
    end();
}

Test(rma, the_lease_of_a_stopped_reader_ends_its_reach)
{
    expire_while_stopped(true);
}

Test(rma, the_lease_of_a_stopped_writer_ends_its_reach)
{
    expire_while_stopped(false);
}

static void kill_consumer(bool read)
{
    begin();
    warm_up();
    own offered = own_offer(read, LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    peer_takes(&offered, 1, 30000);
    await_exposure(&offered);
    peer_kill(&peer);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_stays_quiet(&offered, 200);
    own_end(&offered);
    case_end();
}

Test(rma, a_killed_reader_is_noticed)
{
    kill_consumer(true);
}

Test(rma, a_killed_writer_leaves_quiet_memory)
{
    kill_consumer(false);
}

static void kill_origin(const char *kind)
{
    begin();
    warm_up();
    own taken = take_from_peer(kind, LARGE, 1, 30000);
    own_await_bytes(&taken, 1);
    peer_kill(&peer);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_ERR_PEER_LOST, "%s", baton_error_text());
    own_stays_quiet(&taken, 200);
    own_end(&taken);
    case_end();
}

Test(rma, a_killed_origin_of_a_readable_ends_the_read)
{
    kill_origin("readable");
}

Test(rma, a_killed_origin_of_a_writable_ends_the_write)
{
    kill_origin("writable");
}

/* The deadline of the active side: what its device brings stops at once. */
Test(rma, an_own_deadline_in_the_middle_leaves_quiet_memory)
{
    begin();
    warm_up();
    own taken = take_from_peer("readable", LARGE, 1, 150);
    cr_assert_eq(own_wait(&taken, SOON_MS), BATON_ERR_DEADLINE, "%s", baton_error_text());
    cr_assert_eq(baton_operation_close(taken.operation, SOON_MS), BATON_OK);
    own_stays_quiet(&taken, 200);
    own_end(&taken);
    cr_assert_not_null(strstr(peer_end(&peer, 1, SOON_MS), "ERR_EXPIRED"), "%s", peer.line);
    warm_up();
    end();
}

/* Each reader has a key of its own: taking one back does not disturb the other. */
Test(rma, one_of_two_readers_is_cut_off_and_the_other_completes)
{
    begin();
    peer_process other;
    peer_start(&other, "sdk_peer", NULL);
    warm_up();
    own offered = own_new(LARGE, 1, true);
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.readers = 2;
    options.lease_ms = 5 * ENDS_MS; /* the other one has to read in that time */
    options.completion = BATON_COMPLETION_COMMIT;
    cr_assert_eq(baton_connector_create_readable(connector, &offered.descriptor, 1, &options, &offered.operation), BATON_OK);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(offered.operation, &metadata), BATON_OK);
    peer_take(&peer, "read", metadata, 1, 30000);
    await_exposure(&offered);
    peer_signal(&peer, SIGSTOP);
    peer_take(&other, "read", metadata, 1, 30000);
    baton_metadata_destroy(metadata);
    cr_assert_str_eq(peer_end(&other, 0, SOON_MS), "COMPLETE OK right");
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_ERR_EXPIRED, "%s", baton_error_text());
    cr_assert_eq(report_of(&offered).readers_done, 1);
    own_end(&offered);
    peer_signal(&peer, SIGCONT);
    cr_assert_not_null(strstr(peer_end(&peer, 1, SOON_MS), "ERR_EXPIRED"), "%s", peer.line);
    peer_quit(&other);
    end();
}

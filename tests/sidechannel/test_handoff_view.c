/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-offs that are taken as views: how they end, and what becomes of a view whose hand-off, origin, worker or reader ends first. */
#include <baton/baton.h>
#include <baton/pool.h>

#include "support/child.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 300000 };

static unsigned char seed = 3;
static baton_test_nats *server;
static baton_worker *a;
static baton_worker *b;
static baton_pool *pool;

static baton_worker_options with_group(void)
{
    static baton_connector_options connector = BATON_CONNECTOR_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    connector.map_group = "secret";
    options.connector = &connector;
    options.connect_wait_ms = 10000;
    return options;
}

static void start_server(void)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    server = test_nats_start(NULL);
}

static void start_workers(void)
{
    baton_worker_options options = with_group();
    a = test_worker("a", test_nats_url(server), &options);
    b = test_worker("b", test_nats_url(server), &options);
    baton_pool_options pool_options = BATON_POOL_OPTIONS_INIT;
    pool_options.capacity_bytes = (size_t)4 * 1024 * 1024;
    pool_options.group = "secret";
    cr_assert_eq(baton_pool_create(&pool_options, &pool), BATON_OK, "%s", baton_error_text());
}

static void stop(void)
{
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    baton_pool_destroy(pool);
    test_nats_stop(server);
}

static uint64_t pieces(void)
{
    baton_pool_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_pool_get_stats(pool, &stats), BATON_OK);
    return stats.pieces;
}

static uint64_t views_of(baton_worker *worker)
{
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_connector_get_stats(baton_worker_connector(worker), &stats), BATON_OK);
    return stats.views;
}

static baton_descriptor *piece(void)
{
    baton_descriptor *pattern = test_memory(SIZE, seed);
    baton_descriptor *made = NULL;
    cr_assert_eq(baton_pool_allocate(pool, SIZE, &made), BATON_OK, "%s", baton_error_text());
    memcpy(baton_descriptor_pointer(made), baton_descriptor_pointer(pattern), SIZE);
    baton_descriptor_release(pattern);
    return made;
}

/* Offers a piece whose only reference is then the offer's. */
static baton_offer *offer_piece(const baton_offer_options *options)
{
    baton_descriptor *memory = piece();
    baton_offer *made = test_make_offer(a, "pool", memory, options);
    baton_descriptor_release(memory);
    return made;
}

static bool sees_it(const baton_handoff *handoff)
{
    const void *pointer = NULL;
    size_t size = 0;
    baton_descriptor *seen = NULL;
    if (baton_handoff_view(handoff, 0, &pointer, &size) != BATON_OK || size != SIZE ||
        baton_descriptor_from_pointer((void *)pointer, size, BATON_DEVICE_HOST, NULL, NULL, &seen) != BATON_OK) {
        return false;
    }
    bool is_right = test_memory_is(seen, seed);
    baton_descriptor_release(seen);
    return is_right;
}

static void expect_no_view(baton_handoff *handoff)
{
    const void *pointer = NULL;
    size_t size = 0;
    cr_assert_eq(baton_handoff_view(handoff, 0, &pointer, &size), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_release_view(handoff), BATON_ERR_WRONG_STATE);
    cr_assert(pointer == NULL && size == 0);
}

static baton_handoff *take_view(baton_service *service)
{
    baton_handoff *handoff = test_next_handoff(service);
    expect_no_view(handoff);
    cr_assert_eq(baton_handoff_transfer_view(handoff), BATON_OK, "%s", baton_error_text());
    cr_assert(sees_it(handoff));
    cr_assert_eq(views_of(b), 1);
    return handoff;
}

static void expect_all_back(void)
{
    TEST_WAIT_FOR(pieces() == 0);
    TEST_WAIT_FOR(views_of(b) == 0);
}

Test(handoff_view, a_release_completes_it)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    baton_offer *made = offer_piece(OPTIONS(.lease_ms = 1000));
    baton_handoff *handoff = take_view(service);
    test_sleep_ms(1500); /* longer than the lease */
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(made, 0, &outcome), BATON_ERR_TIMED_OUT, "the application reads it");
    cr_assert(sees_it(handoff));
    cr_assert_eq(baton_handoff_release_view(handoff), BATON_OK, "%s", baton_error_text());
    expect_no_view(handoff);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, &outcome), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(outcome.path, "map");
    baton_handoff_destroy(handoff);
    outcome = test_outcome(made, BATON_OK);
    cr_assert_eq(outcome.attempts, 1);
    cr_assert_str_eq(outcome.path, "map");
    baton_offer_destroy(made);
    expect_all_back();
    stop();
}

Test(handoff_view, an_answer_releases_it)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    for (int nack = 0; nack < 2; nack++) {
        baton_offer *made = offer_piece(OPTIONS(APPLICATION));
        baton_handoff *handoff = take_view(service);
        cr_assert_eq(nack != 0 ? baton_handoff_nack(handoff, "1") : baton_handoff_ack(handoff, "2"), BATON_OK);
        expect_no_view(handoff);
        baton_handoff_destroy(handoff);
        baton_outcome outcome = test_outcome(made, nack != 0 ? BATON_ERR_NACKED : BATON_OK);
        cr_assert_str_eq(outcome.result_json, nack != 0 ? "1" : "2");
        baton_offer_destroy(made);
        expect_all_back();
    }
    stop();
}

Test(handoff_view, it_can_be_released_before_the_answer)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    baton_offer *made = offer_piece(OPTIONS(APPLICATION));
    baton_handoff *handoff = take_view(service);
    cr_assert_eq(baton_handoff_release_view(handoff), BATON_OK);
    TEST_WAIT_FOR(views_of(b) == 0);
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_OK);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);
    expect_all_back();
    stop();
}

static void on_moved(baton_handoff *handoff, baton_status status, void *context)
{
    bool *seen = context;
    __atomic_store_n(seen, status == BATON_OK && sees_it(handoff), __ATOMIC_RELEASE);
}

/* Returns while it holds the view, or before it has it. */
static void look_and_return(baton_handoff *handoff, void *context)
{
    bool *seen = context;
    if (strcmp(baton_handoff_user_json(handoff), "\"early\"") == 0) {
        *seen = baton_handoff_accept_view(handoff, NULL, NULL) == BATON_OK;
    } else {
        *seen = baton_handoff_transfer_view(handoff) == BATON_OK && sees_it(handoff);
    }
}

Test(handoff_view, the_return_of_a_callback_releases_it)
{
    start_server();
    start_workers();
    bool seen = false;
    (void)test_serve(b, "pool", NULL, look_and_return, &seen);
    for (int early = 0; early < 2; early++) {
        const char *user = early != 0 ? "\"early\"" : NULL;
        test_expect(offer_piece(OPTIONS(.user_json = user)), BATON_OK);
        cr_assert(seen);
        seen = false;
        test_expect(offer_piece(OPTIONS(APPLICATION, .user_json = user)), BATON_ERR_NACKED);
        cr_assert(seen);
        expect_all_back();
    }
    stop();
}

Test(handoff_view, a_callback_tells_when_it_can_be_read)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    bool seen = false;
    baton_offer *made = offer_piece(NULL);
    baton_handoff *handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_accept_view(handoff, on_moved, &seen), BATON_OK);
    TEST_WAIT_FOR(__atomic_load_n(&seen, __ATOMIC_ACQUIRE));
    cr_assert_eq(baton_handoff_accept_view(handoff, NULL, NULL), BATON_ERR_WRONG_STATE);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);
    expect_all_back();
    stop();
}

/* Nothing is decided by that: it can be copied. */
Test(handoff_view, what_cannot_be_viewed_can_be_copied)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    baton_descriptor *memory = test_memory(SIZE, seed);
    baton_offer *made = test_make_offer(a, "pool", memory, NULL);
    baton_handoff *handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_transfer_view(handoff), BATON_ERR_NOT_SUPPORTED);
    cr_assert_not_null(strstr(baton_error_text(), "of a pool"), "%s", baton_error_text());
    baton_descriptor *got = NULL;
    cr_assert_eq(baton_handoff_receive(handoff, NULL, &got), BATON_OK, "%s", baton_error_text());
    cr_assert(test_memory_is(got, seed));
    expect_no_view(handoff);
    baton_descriptor_release(got);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);
    cr_assert_eq(baton_offer_writable(a, "pool", &memory, 1, NULL, &made), BATON_OK);
    handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_accept_view(handoff, NULL, NULL), BATON_ERR_KIND_MISMATCH);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_ERR_REJECTED);
    cr_assert_eq(baton_handoff_accept_view(NULL, NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_transfer_view(NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_release_view(NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_descriptor_release(memory);
    stop();
}

Test(handoff_view, the_origin_cancels_and_the_reader_has_it_still)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    baton_offer *made = offer_piece(NULL);
    baton_handoff *handoff = take_view(service);
    cr_assert_eq(baton_offer_cancel(made), BATON_OK);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_ERR_PEER_CANCELLED);
    test_expect(made, BATON_ERR_QUARANTINED);
    cr_assert(sees_it(handoff));
    cr_assert_eq(pieces(), 1);
    cr_assert_eq(baton_handoff_release_view(handoff), BATON_OK);
    expect_all_back();
    baton_handoff_destroy(handoff);
    stop();
}

/* The deadline ends the hand-off, and the handle is destroyed with the view. */
Test(handoff_view, a_deadline_passes_while_it_is_read)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    baton_offer *made = offer_piece(OPTIONS(APPLICATION, .deadline_ms = 2000));
    baton_handoff *handoff = take_view(service);
    baton_status status = baton_handoff_wait(handoff, 5000, NULL);
    cr_assert(status == BATON_ERR_DEADLINE || status == BATON_ERR_EXPIRED, "%s", baton_status_name(status));
    cr_assert_neq(baton_offer_wait(made, 5000, NULL), BATON_OK);
    cr_assert(sees_it(handoff));
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_ERR_WRONG_STATE, "too late");
    cr_assert(sees_it(handoff));
    baton_offer_destroy(made);
    cr_assert_eq(pieces(), 1);
    baton_handoff_destroy(handoff);
    expect_all_back();
    stop();
}

Test(handoff_view, the_worker_ends_and_the_reader_has_it_still)
{
    start_server();
    start_workers();
    baton_service *service = test_serve(b, "pool", NULL, NULL, NULL);
    baton_offer *made = offer_piece(OPTIONS(.attempts = 1));
    baton_handoff *handoff = take_view(service);
    baton_worker_destroy(b);
    b = NULL;
    cr_assert(sees_it(handoff));
    cr_assert_eq(baton_offer_wait(made, 5000, NULL), BATON_ERR_QUARANTINED, "%s", baton_error_text());
    baton_offer_destroy(made);
    cr_assert(sees_it(handoff));
    cr_assert_eq(baton_handoff_release_view(handoff), BATON_OK);
    expect_no_view(handoff);
    baton_handoff_destroy(handoff);
    stop();
}

static void read_for_ever(baton_handoff *handoff, void *context)
{
    (void)context;
    bool is_there = baton_handoff_transfer_view(handoff) == BATON_OK && sees_it(handoff);
    test_child_say(is_there ? 'r' : 'f');
    bool is_over = baton_handoff_wait(handoff, 30000, NULL) != BATON_ERR_TIMED_OUT;
    test_child_say(is_over && sees_it(handoff) ? 's' : 'f');
}

static void reader(const char *url)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_worker_options options = with_group();
    baton_worker *worker = NULL;
    nats.url = url;
    options.name = "reader";
    options.nats = &nats;
    if (baton_worker_create(&options, &worker) != BATON_OK ||
        baton_worker_serve(worker, "pool", NULL, read_for_ever, NULL, NULL) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        abort();
    }
    test_sleep_ms(50);
    test_child_say('0');
    (void)pause();
}

/* Another worker gets the next attempt; the piece comes back when nobody reads it any more. */
static void lose_reader(int number)
{
    start_server();
    test_child child = test_child_start(reader, test_nats_url(server));
    cr_assert_eq(test_child_hear(&child), '0');
    start_workers();
    baton_offer *made = offer_piece(OPTIONS(.lease_ms = 1000, .claim_ms = 50));
    cr_assert_eq(test_child_hear(&child), 'r');
    bool seen = false;
    (void)test_serve(b, "pool", NULL, look_and_return, &seen);
    test_child_signal(&child, number);
    baton_outcome outcome = test_outcome(made, BATON_OK);
    cr_assert_eq(outcome.attempts, 2);
    cr_assert_str_eq(outcome.peer, "b");
    cr_assert(seen);
    baton_offer_destroy(made);
    if (number == SIGSTOP) {
        test_sleep_ms(100);
        cr_assert_eq(pieces(), 1, "it may still be read");
        test_child_signal(&child, SIGCONT);
        cr_assert_eq(test_child_hear(&child), 's'); /* and its callback returns */
    }
    expect_all_back();
    test_child_end(&child);
    stop();
}

Test(handoff_view, a_reader_that_is_killed_is_replaced)
{
    lose_reader(SIGKILL);
}

Test(handoff_view, a_reader_that_is_stopped_is_replaced_and_keeps_the_piece)
{
    lose_reader(SIGSTOP);
}

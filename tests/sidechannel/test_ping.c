/* SPDX-License-Identifier: Apache-2.0 */
/* Round trips over NATS alone, to a worker by name. */
#include <baton/baton.h>

#include "support/child.h"
#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const uint64_t untouched = 77;

static void fails(baton_worker *worker, const char *name, uint32_t timeout_ms,
                  baton_status expected)
{
    uint64_t round_trip = untouched;
    baton_status status = baton_worker_ping(worker, name, timeout_ms, &round_trip);
    cr_expect_eq(status, expected, "%s instead of %s", baton_status_name(status),
                 baton_status_name(expected));
    cr_expect_eq(round_trip, untouched);
}

Test(ping, another_worker_answers)
{
    test_pair pair;
    test_pair_start(&pair);
    test_sleep_ms(50);
    for (int i = 0; i < 20; i++) {
        uint64_t round_trip = 0;
        cr_assert_eq(baton_worker_ping(pair.a, "b", 5000, &round_trip), BATON_OK, "%s",
                     baton_error_text());
        cr_assert(round_trip > 0 && round_trip < 5000000000U);
    }
    cr_expect_eq(baton_worker_ping(pair.b, "a", 5000, NULL), BATON_OK);
    cr_expect_eq(baton_worker_ping(pair.a, "a", 5000, NULL), BATON_OK, "oneself");
    cr_expect_eq(test_stats(pair.a).offers_created, 0);
    cr_expect_eq(test_stats(pair.a).offers_published, 0);
    test_pair_stop(&pair);
}

Test(ping, arguments_are_checked)
{
    test_pair pair;
    test_pair_start(&pair);
    fails(NULL, "b", 100, BATON_ERR_INVALID_ARGUMENT);
    fails(pair.a, NULL, 100, BATON_ERR_INVALID_ARGUMENT);
    fails(pair.a, "b.c", 100, BATON_ERR_INVALID_ARGUMENT);
    fails(pair.a, "b", 0, BATON_ERR_INVALID_ARGUMENT);
    fails(pair.a, "b", BATON_FOREVER, BATON_ERR_INVALID_ARGUMENT);
    test_pair_stop(&pair);
}

Test(ping, says_that_nobody_has_the_name)
{
    test_pair pair;
    test_pair_start(&pair);
    fails(pair.a, "nobody", 5000, BATON_ERR_NO_CONSUMER);
    fails(pair.a, "nobody", 5000, BATON_ERR_NO_CONSUMER);
    cr_expect_eq(test_stats(pair.a).no_responders, 2);
    test_pair_stop(&pair);
}

Test(ping, says_that_there_is_no_server)
{
    test_pair pair;
    test_pair_start(&pair);
    test_nats_kill(pair.server);
    TEST_WAIT_FOR(!baton_worker_is_connected(pair.a));
    fails(pair.a, "b", 5000, BATON_ERR_NATS_DISCONNECTED);
    test_pair_stop(&pair);
}

/* Somebody who is subscribed, and silent. */
Test(ping, ends_in_time_where_nobody_answers)
{
    test_pair pair;
    test_raw raw;
    test_pair_start(&pair);
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.to.mute.*", NULL);
    unsigned long begin = test_now_ms();
    fails(pair.a, "mute", 200, BATON_ERR_TIMED_OUT);
    cr_expect(test_now_ms() - begin >= 190);
    /* What comes later, or with a key that is a guess, ends nothing. */
    test_raw_message asked;
    cr_assert(test_raw_find(&raw, "\"ping\"", 5000, &asked));
    cr_expect_str_eq(asked.subject, "baton.v1.to.mute.a");
    test_raw_free(&asked);
    test_raw_publish(&raw, "baton.v1.done.a.mute",
                     "{\"v\":1,\"type\":\"pong\",\"id\":\"00112233-4455-4677-8899-aabbccddeeff\","
                     "\"attempt\":1,\"origin\":\"a\",\"worker\":\"mute\","
                     "\"key\":\"00112233445566778899aabbccddeeff\"}");
    TEST_WAIT_FOR(test_stats(pair.a).refused_late == 1);
    cr_expect_eq(baton_worker_ping(pair.a, "b", 5000, NULL), BATON_OK);
    test_raw_close(&raw);
    test_pair_stop(&pair);
}

static void *ping_mute(void *context)
{
    baton_worker *worker = context;
    static baton_status status;
    status = baton_worker_ping(worker, "mute", 20000, NULL);
    return &status;
}

/* The answer with the right id and a wrong key, and then shutting down while one waits. */
Test(ping, is_believed_by_its_key_and_ended_by_a_shut_down)
{
    test_pair pair;
    test_raw raw;
    test_raw_message asked;
    pthread_t thread;
    void *result;
    char text[512];
    test_pair_start(&pair);
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.to.mute.*", NULL);
    cr_assert_eq(pthread_create(&thread, NULL, ping_mute, pair.a), 0);
    cr_assert(test_raw_find(&raw, "\"ping\"", 5000, &asked));
    const char *id = strstr(asked.data, "\"id\":\"");
    cr_assert_not_null(id);
    (void)snprintf(text, sizeof(text),
                   "{\"v\":1,\"type\":\"pong\",%.43s,\"attempt\":1,\"origin\":\"a\","
                   "\"worker\":\"mute\",\"key\":\"00112233445566778899aabbccddeeff\"}",
                   id);
    test_raw_free(&asked);
    test_raw_publish(&raw, "baton.v1.done.a.mute", text);
    TEST_WAIT_FOR(test_stats(pair.a).refused_key == 1);
    cr_expect_eq(baton_worker_shut_down(pair.a, 5000), BATON_OK);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_expect_eq(*(baton_status *)result, BATON_ERR_SHUT_DOWN);
    fails(pair.a, "b", 1000, BATON_ERR_SHUT_DOWN);
    test_raw_close(&raw);
    test_pair_stop(&pair);
}

static baton_status in_callback;

static void ping_from_callback(baton_offer *offer, void *context)
{
    (void)offer;
    in_callback = baton_worker_ping(context, "b", 1000, NULL);
}

Test(ping, cannot_be_waited_for_on_the_owner_thread)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, 3);
    baton_offer *offer = NULL;
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    options.on_complete = ping_from_callback;
    options.context = pair.a;
    cr_assert_eq(test_offer(pair.a, "empty", memory, &options, &offer), BATON_OK);
    cr_expect_eq(baton_offer_wait(offer, 5000, NULL), BATON_ERR_NO_CONSUMER);
    cr_expect_eq(in_callback, BATON_ERR_WRONG_THREAD);
    baton_offer_destroy(offer);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(ping, works_where_the_application_drives_progress)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_connector_options connector = BATON_CONNECTOR_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    connector.progress = BATON_PROGRESS_APPLICATION;
    options.connector = &connector;
    options.connect_wait_ms = 10000;
    baton_worker *c = test_worker("c", test_nats_url(pair.server), &options);
    cr_expect_eq(baton_worker_ping(c, "b", 5000, NULL), BATON_OK, "%s", baton_error_text());
    fails(c, "nobody", 5000, BATON_ERR_NO_CONSUMER);
    baton_worker_destroy(c);
    test_pair_stop(&pair);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The facade: opening, what it tells, and progress by the application. */
#include <baton/baton.h>

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

#define WORKER(...)                        \
    &(baton_worker_options)                \
    {                                      \
        BATON_WORKER_DEFAULTS, __VA_ARGS__ \
    }

static unsigned char seed = 3;
static baton_worker *const untouched = (baton_worker *)(void *)&seed;

Test(worker, options_that_are_not_valid_are_refused)
{
    static const char long_name[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    baton_worker *worker = untouched;
    const baton_worker_options *wrong[] = {
        WORKER(.name = ""),
        WORKER(.name = "a.b"),
        WORKER(.name = long_name),
        WORKER(.prefix = NULL),
        WORKER(.prefix = "a..b"),
        WORKER(.prefix = "a.>"),
        WORKER(.json_max = 0),
        WORKER(.json_max = 65537),
        WORKER(.struct_size = 0),
        WORKER(.nats = &(baton_nats_options){BATON_NATS_DEFAULTS, .url = "http://a b"}),
        WORKER(.nats = &(baton_nats_options){BATON_NATS_DEFAULTS, .credentials_file = "/nowhere"}),
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_eq(baton_worker_create(wrong[i], &worker), BATON_ERR_INVALID_ARGUMENT,
                     "case %zu: %s", i, baton_error_text());
        cr_assert_eq(worker, untouched);
    }
    cr_assert_eq(baton_worker_create(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_worker_destroy(NULL);
}

Test(worker, without_a_server_create_says_so)
{
    baton_nats_options nats = {BATON_NATS_DEFAULTS, .url = "nats://127.0.0.1:1"};
    baton_worker *worker = untouched;
    unsigned long start = test_now_ms();
    cr_assert_eq(baton_worker_create(WORKER(.nats = &nats, .connect_wait_ms = 200), &worker),
                 BATON_ERR_NATS_DISCONNECTED);
    cr_assert_eq(worker, untouched);
    cr_assert_str_neq(baton_error_text(), "");
    cr_assert_lt(test_now_ms() - start, 4000);
    baton_connector_options by_application = {BATON_CONNECTOR_DEFAULTS,
                                              .progress = BATON_PROGRESS_APPLICATION};
    cr_assert_eq(
        baton_worker_create(
            WORKER(.nats = &nats, .connect_wait_ms = 200, .connector = &by_application), &worker),
        BATON_ERR_NATS_DISCONNECTED);
    cr_assert_eq(worker, untouched);
}

Test(worker, wrong_credentials_are_told_apart)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start("authorization { user: u, password: p }\n");
    baton_nats_options nats = {BATON_NATS_DEFAULTS, .url = test_nats_url(server), .user = "u",
                               .password = "wrong"};
    baton_worker *worker = untouched;
    cr_assert_eq(baton_worker_create(WORKER(.nats = &nats, .connect_wait_ms = 8000), &worker),
                 BATON_ERR_NATS_AUTHENTICATION, "%s", baton_error_text());
    cr_assert_eq(worker, untouched);
    nats.password = "p";
    cr_assert_eq(baton_worker_create(WORKER(.nats = &nats), &worker), BATON_OK, "%s",
                 baton_error_text());
    cr_assert(baton_worker_is_connected(worker));
    baton_worker_destroy(worker);
    test_nats_stop(server);
}

Test(worker, tells_about_itself)
{
    test_pair pair;
    test_pair_start(&pair);
    int fd = -7;
    baton_worker_stats stats = {0};
    cr_assert_str_eq(baton_worker_name(pair.a), "a");
    cr_assert_str_eq(baton_connector_name(baton_worker_connector(pair.a)), "a");
    cr_assert(baton_worker_is_connected(pair.a));
    cr_assert_eq(baton_worker_fd(pair.a, &fd), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_worker_fd(NULL, &fd), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(fd, -7);
    cr_assert_eq(baton_worker_progress(pair.a), 0);
    cr_assert_eq(baton_worker_progress_wait(pair.a, 0), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_worker_progress_wait(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_worker_get_stats(pair.a, &stats), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_worker_get_stats(NULL, &stats), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(test_stats(pair.a).nats_connects, 1);
    cr_assert_eq(baton_worker_shut_down(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    test_pair_stop(&pair);
}

static void count(baton_offer *made, void *context)
{
    (void)made;
    (*(int *)context)++;
}

static void take_on_the_owner(baton_handoff *handoff, void *context)
{
    int *errors = context;
    baton_descriptor *data = NULL;
    *errors += baton_handoff_receive(handoff, NULL, &data) == BATON_ERR_WRONG_THREAD ? 0 : 1;
    *errors += baton_handoff_accept(handoff, NULL, 0, NULL, NULL) == BATON_OK ? 0 : 1;
}

Test(worker, the_application_drives_progress)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(NULL);
    baton_connector_options by_application = {BATON_CONNECTOR_DEFAULTS,
                                              .progress = BATON_PROGRESS_APPLICATION};
    baton_worker_options options = {BATON_WORKER_DEFAULTS, .connector = &by_application};
    baton_worker *a = test_worker("a", test_nats_url(server), &options);
    baton_worker *b = test_worker("b", test_nats_url(server), &options);
    int errors = 0;
    int complete = 0;
    int fds[2] = {-1, -1};
    cr_assert_eq(
        baton_worker_serve(b, "pool", SERVE(.concurrency = 8), take_on_the_owner, &errors, NULL),
        BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_worker_fd(a, &fds[0]), BATON_OK);
    cr_assert_eq(baton_worker_fd(b, &fds[1]), BATON_OK);
    baton_descriptor *memory = test_memory(10000, seed);
    const baton_offer_options *counted =
        OPTIONS(.nobody = BATON_ABSENCE_WAIT, .on_complete = count, .context = &complete);
    for (int i = 0; i < 20; i++) {
        baton_offer *made = test_make_offer(a, "pool", memory, counted);
        unsigned long end = test_now_ms() + 5000;
        while (complete <= i && test_now_ms() < end) {
            struct pollfd both[2] = {{.fd = fds[0], .events = POLLIN},
                                     {.fd = fds[1], .events = POLLIN}};
            if (baton_worker_progress(a) + baton_worker_progress(b) == 0) {
                (void)poll(both, 2, 100);
            }
        }
        cr_assert_eq(complete, i + 1);
        test_expect(made, BATON_OK);
    }
    cr_assert_eq(errors, 0);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

Test(worker, a_thread_that_waits_drives_progress_itself)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(NULL);
    baton_connector_options by_application = {BATON_CONNECTOR_DEFAULTS,
                                              .progress = BATON_PROGRESS_APPLICATION};
    baton_worker_options options = {BATON_WORKER_DEFAULTS, .connector = &by_application};
    baton_worker *a = test_worker("a", test_nats_url(server), &options);
    baton_worker *b = test_worker("b", test_nats_url(server), NULL);
    (void)test_serve(b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(10000, seed);
    test_expect(test_make_offer(a, "pool", memory, NULL), BATON_OK);
    test_expect(test_make_offer(a, "pool", memory, OPTIONS(APPLICATION)), BATON_OK);
    baton_service *service = test_serve(a, "pool", NULL, NULL, NULL);
    baton_worker_destroy(b);
    b = test_worker("c", test_nats_url(server), NULL);
    baton_offer *made = test_make_offer(b, "pool", memory, OPTIONS(APPLICATION));
    baton_handoff *handoff = NULL;
    cr_assert_eq(baton_service_next(service, 5000, &handoff), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_OK);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK, "%s", baton_error_text());
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);
    baton_service_stop(service);
    baton_descriptor_release(memory);
    baton_worker_destroy(b);
    baton_worker_destroy(a);
    test_nats_stop(server);
}

Test(worker, events_tell_the_life_of_each_hand_off)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(NULL);
    test_raw raw;
    test_raw_message heard;
    test_raw_connect(&raw, test_nats_port(server));
    test_raw_subscribe(&raw, "other.prefix.event.*", NULL);
    baton_worker_options options = {BATON_WORKER_DEFAULTS, .prefix = "other.prefix",
                                    .events = true};
    baton_worker *a = test_worker("a", test_nats_url(server), &options);
    baton_worker *b = test_worker("b", test_nats_url(server), &options);
    (void)test_serve(b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(1000, seed);
    test_expect(test_make_offer(a, "pool", memory, NULL), BATON_OK);
    cr_assert(test_raw_find(&raw, "\"role\":\"offer\"", 5000, &heard));
    cr_assert_not_null(strstr(heard.data, "\"state\":\"GRANTED\""));
    test_raw_free(&heard);
    cr_assert(test_raw_find(&raw, "\"state\":\"COMPLETE\"", 5000, &heard));
    test_raw_free(&heard);
    test_raw_close(&raw);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

Test(worker, many_offers_at_once_all_complete)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", SERVE(.concurrency = 16), test_take, &seed);
    baton_descriptor *memory = test_memory(20000, seed);
    enum { MANY = 300 };
    baton_offer *made[MANY];
    for (int i = 0; i < MANY; i++) {
        made[i] = test_make_offer(pair.a, "pool", memory,
                                  OPTIONS(.acknowledge = (baton_acknowledge)(i & 1)));
    }
    for (int i = 0; i < MANY; i++) {
        test_expect(made[i], BATON_OK);
    }
    TEST_WAIT_FOR(test_stats(pair.b).handoffs_live == 0);
    cr_assert_eq(test_stats(pair.b).handoffs_complete, MANY);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

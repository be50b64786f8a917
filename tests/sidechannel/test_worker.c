/* SPDX-License-Identifier: Apache-2.0 */
/* The facade: opening, the end, progress by the application, and servers that come and go. */
#include <baton/baton.h>

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

#define OPTIONS(...)                      \
    &(baton_offer_options)                \
    {                                     \
        BATON_OFFER_DEFAULTS, __VA_ARGS__ \
    }
#define SERVE(...)                        \
    &(baton_serve_options)                \
    {                                     \
        BATON_SERVE_DEFAULTS, __VA_ARGS__ \
    }
#define APPLICATION .acknowledge = BATON_ACKNOWLEDGE_APPLICATION
#define WORKER(...)                        \
    &(baton_worker_options)                \
    {                                      \
        BATON_WORKER_DEFAULTS, __VA_ARGS__ \
    }

static unsigned char seed = 3;
static baton_worker *const untouched = (baton_worker *)(void *)&seed;

static void serve(baton_worker *worker, const baton_serve_options *options,
                  baton_handoff_fn callback, void *context, baton_service **service_out)
{
    cr_assert_eq(baton_worker_serve(worker, "pool", options, callback, context, service_out),
                 BATON_OK, "%s", baton_error_text());
}

static baton_offer *offer(baton_worker *worker, baton_descriptor *memory,
                          const baton_offer_options *options)
{
    baton_offer *made = NULL;
    cr_assert_eq(test_offer(worker, "pool", memory, options, &made), BATON_OK, "%s",
                 baton_error_text());
    return made;
}

static void expect(baton_offer *made, baton_status expected)
{
    baton_status status = baton_offer_wait(made, 20000, NULL);
    cr_assert_eq(status, expected, "%s instead of %s: %s", baton_status_name(status),
                 baton_status_name(expected), baton_error_text());
    baton_offer_destroy(made);
}

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

typedef struct slow {
    int running;
    int may_end;
    baton_worker *worker;
    baton_status shut_down;
} slow;

static void run_slowly(baton_handoff *handoff, void *context)
{
    slow *self = context;
    self->shut_down = baton_worker_shut_down(self->worker, 10);
    __atomic_store_n(&self->running, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&self->may_end, __ATOMIC_ACQUIRE)) {
        test_sleep_ms(1);
    }
    test_take(handoff, &seed);
}

Test(worker, shut_down_waits_for_callbacks_within_its_bound)
{
    test_pair pair;
    test_pair_start(&pair);
    slow self = {.worker = pair.b};
    serve(pair.b, NULL, run_slowly, &self, NULL);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made = offer(pair.a, memory, OPTIONS(APPLICATION));
    TEST_WAIT_FOR(__atomic_load_n(&self.running, __ATOMIC_ACQUIRE) == 1);
    cr_assert_eq(self.shut_down, BATON_ERR_WRONG_THREAD);
    cr_assert_eq(baton_worker_shut_down(pair.b, 50), BATON_ERR_TIMED_OUT);
    __atomic_store_n(&self.may_end, 1, __ATOMIC_RELEASE);
    cr_assert_eq(baton_worker_shut_down(pair.b, 5000), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_worker_shut_down(pair.b, 5000), BATON_OK);
    expect(made, BATON_OK); /* what was begun was brought to its end */
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(worker, shut_down_ends_what_is_left_on_both_sides)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = NULL;
    serve(pair.b, SERVE(.concurrency = 3), NULL, NULL, &service);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made[3];
    baton_handoff *handoffs[3];
    for (int i = 0; i < 3; i++) {
        made[i] = offer(pair.a, memory, OPTIONS(APPLICATION));
        cr_assert_eq(baton_service_next(service, 5000, &handoffs[i]), BATON_OK);
    }
    /* One undecided, one that waits for its acknowledgement, one that is over. */
    cr_assert_eq(baton_handoff_transfer(handoffs[1], NULL, 0), BATON_OK);
    cr_assert_eq(baton_handoff_transfer(handoffs[2], NULL, 0), BATON_OK);
    cr_assert_eq(baton_handoff_ack(handoffs[2], NULL), BATON_OK);
    cr_assert_eq(baton_handoff_wait(handoffs[2], 5000, NULL), BATON_OK);
    cr_assert_eq(baton_worker_shut_down(pair.a, 1000), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_offer_wait(made[0], 0, NULL), BATON_ERR_SHUT_DOWN);
    cr_assert_eq(baton_offer_wait(made[1], 0, NULL), BATON_ERR_SHUT_DOWN);
    cr_assert_eq(baton_offer_wait(made[2], 0, NULL), BATON_OK);
    baton_offer *refused = NULL;
    cr_assert_eq(test_offer(pair.a, "pool", memory, NULL, &refused), BATON_ERR_SHUT_DOWN);
    cr_assert_neq(baton_handoff_wait(handoffs[1], 5000, NULL), BATON_OK);
    cr_assert_eq(baton_worker_shut_down(pair.b, 1000), BATON_OK);
    cr_assert_eq(baton_handoff_wait(handoffs[0], 0, NULL), BATON_ERR_SHUT_DOWN);
    baton_worker_destroy(pair.a);
    baton_worker_destroy(pair.b);
    for (int i = 0; i < 3; i++) { /* handles outlive their workers */
        baton_outcome outcome = BATON_OUTCOME_INIT;
        cr_assert(baton_offer_is_over(made[i]));
        cr_assert_eq(baton_offer_get_outcome(made[i], &outcome), BATON_OK);
        cr_assert_eq(baton_offer_cancel(made[i]), BATON_OK);
        cr_assert_eq(baton_handoff_get_outcome(handoffs[i], &outcome), BATON_OK);
        (void)baton_handoff_remaining_ms(handoffs[i]);
        baton_offer_destroy(made[i]);
        baton_handoff_destroy(handoffs[i]);
    }
    baton_descriptor_release(memory);
    pair.a = NULL;
    pair.b = NULL;
    test_pair_stop(&pair);
}

/* Its origin may be gone in the middle of it; what it says is OK must be right. */
static void take_if_it_is_there(baton_handoff *handoff, void *context)
{
    baton_descriptor *data = NULL;
    (void)context;
    if (baton_handoff_receive(handoff, NULL, &data) == BATON_OK) {
        cr_assert(test_memory_is(data, seed));
        baton_descriptor_release(data);
    }
}

Test(worker, destroy_with_everything_in_flight_ends_all)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, SERVE(.concurrency = 4), take_if_it_is_there, NULL, NULL);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(3000000, seed);
    baton_offer *made[32];
    for (int i = 0; i < 32; i++) {
        made[i] = offer(pair.a, memory, OPTIONS(.lease_ms = 1000));
    }
    baton_worker_destroy(pair.a);
    pair.a = NULL;
    for (int i = 0; i < 32; i++) {
        cr_assert(baton_offer_is_over(made[i]));
        baton_offer_destroy(made[i]);
    }
    TEST_WAIT_FOR(test_stats(pair.b).handoffs_live == 0); /* within a lease */
    baton_descriptor_release(memory);
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
    serve(b, SERVE(.concurrency = 8), take_on_the_owner, &errors, NULL);
    cr_assert_eq(baton_worker_fd(a, &fds[0]), BATON_OK);
    cr_assert_eq(baton_worker_fd(b, &fds[1]), BATON_OK);
    baton_descriptor *memory = test_memory(10000, seed);
    const baton_offer_options *counted =
        OPTIONS(.nobody = BATON_ABSENCE_WAIT, .on_complete = count, .context = &complete);
    for (int i = 0; i < 20; i++) {
        baton_offer *made = offer(a, memory, counted);
        unsigned long end = test_now_ms() + 5000;
        while (complete <= i && test_now_ms() < end) {
            struct pollfd both[2] = {{.fd = fds[0], .events = POLLIN},
                                     {.fd = fds[1], .events = POLLIN}};
            if (baton_worker_progress(a) + baton_worker_progress(b) == 0) {
                (void)poll(both, 2, 100);
            }
        }
        cr_assert_eq(complete, i + 1);
        expect(made, BATON_OK);
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
    serve(b, NULL, test_take, &seed, NULL);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(10000, seed);
    expect(offer(a, memory, NULL), BATON_OK);
    expect(offer(a, memory, OPTIONS(APPLICATION)), BATON_OK);
    baton_service *service = NULL;
    serve(a, NULL, NULL, NULL, &service);
    test_sleep_ms(50);
    baton_worker_destroy(b);
    b = test_worker("c", test_nats_url(server), NULL);
    baton_offer *made = offer(b, memory, OPTIONS(APPLICATION));
    baton_handoff *handoff = NULL;
    cr_assert_eq(baton_service_next(service, 5000, &handoff), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_OK);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK, "%s", baton_error_text());
    baton_handoff_destroy(handoff);
    expect(made, BATON_OK);
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
    serve(b, NULL, test_take, &seed, NULL);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(1000, seed);
    expect(offer(a, memory, NULL), BATON_OK);
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

Test(worker, a_server_that_restarts_costs_nothing)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = NULL;
    serve(pair.b, SERVE(.concurrency = 8), NULL, NULL, &service);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(2000000, seed);
    baton_handoff *handoff = NULL;
    baton_offer *running = offer(pair.a, memory, OPTIONS(APPLICATION));
    cr_assert_eq(baton_service_next(service, 5000, &handoff), BATON_OK);
    test_nats_kill(pair.server);
    TEST_WAIT_FOR(!baton_worker_is_connected(pair.a) && !baton_worker_is_connected(pair.b));
    cr_assert_eq(test_stats(pair.a).nats_disconnects, 1);
    /* What runs goes on, and is acknowledged in-band; the acknowledgement of record is kept. */
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_ack(handoff, "1"), BATON_OK);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK);
    baton_handoff_destroy(handoff);
    expect(running, BATON_OK);
    TEST_WAIT_FOR(test_stats(pair.b).messages_held == 1);
    baton_offer *refused = NULL;
    cr_assert_eq(test_offer(pair.a, "pool", memory, NULL, &refused), BATON_ERR_NATS_DISCONNECTED);
    /* What waits is offered once there is a server again, though its workers may come back later.
     */
    baton_offer *waiting = offer(pair.a, memory, OPTIONS(.offline = BATON_ABSENCE_WAIT));
    uint64_t received = test_stats(pair.a).messages_received;
    test_nats_restart(pair.server);
    cr_assert_eq(baton_service_next(service, 10000, &handoff), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    baton_handoff_destroy(handoff);
    expect(waiting, BATON_OK);
    TEST_WAIT_FOR(test_stats(pair.a).messages_received >= received + 2); /* two of record */
    cr_assert_eq(test_stats(pair.a).refused_unknown, 0);
    cr_assert_eq(test_stats(pair.a).nats_connects, 2);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(worker, many_offers_at_once_all_complete)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, SERVE(.concurrency = 16), test_take, &seed, NULL);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(20000, seed);
    enum { MANY = 300 };
    baton_offer *made[MANY];
    for (int i = 0; i < MANY; i++) {
        made[i] = offer(pair.a, memory, OPTIONS(.acknowledge = (baton_acknowledge)(i & 1)));
    }
    for (int i = 0; i < MANY; i++) {
        expect(made[i], BATON_OK);
    }
    TEST_WAIT_FOR(test_stats(pair.b).handoffs_live == 0);
    cr_assert_eq(test_stats(pair.b).handoffs_complete, MANY);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

/* The set of sidechannel/README.md: "a" offers to the pool, "b" serves it. */
static const char permissions[] =
    "authorization { users: [\n"
    "  { user: a, password: p, permissions: {\n"
    "    publish: [\"baton.v1.offer.pool.a\", \"baton.v1.to.*.a\", \"baton.v1.done.*.a\"],\n"
    "    subscribe: [\"baton.v1.to.a.*\", \"baton.v1.done.a.*\", \"_INBOX_a.>\"] } }\n"
    "  { user: b, password: p, permissions: {\n"
    "    publish: [\"baton.v1.to.*.b\", \"baton.v1.done.*.b\"],\n"
    "    subscribe: [\"baton.v1.to.b.*\", \"baton.v1.done.b.*\", \"_INBOX_b.>\",\n"
    "      \"baton.v1.offer.pool.* pool\"] } }\n"
    "] }\n";

static baton_worker *permitted_worker(const char *name, const char *url)
{
    baton_nats_options nats = {BATON_NATS_DEFAULTS, .url = url, .user = name, .password = "p"};
    baton_worker_options options = {BATON_WORKER_DEFAULTS, .nats = &nats};
    options.connect_wait_ms = 10000;
    return test_worker(name, url, &options);
}

Test(worker, the_published_permissions_suffice_and_denials_end_offers)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(permissions);
    baton_worker *a = permitted_worker("a", test_nats_url(server));
    baton_worker *b = permitted_worker("b", test_nats_url(server));
    serve(b, NULL, test_take, &seed, NULL);
    test_sleep_ms(50);
    baton_descriptor *memory = test_memory(1000, seed);
    expect(offer(a, memory, OPTIONS(APPLICATION)), BATON_OK);
    baton_offer *made = NULL;
    cr_assert_eq(test_offer(a, "elsewhere", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT), &made),
                 BATON_OK);
    expect(made, BATON_ERR_NATS_DENIED);
    cr_assert_eq(test_offer(b, "pool", memory, NULL, &made), BATON_OK);
    expect(made, BATON_ERR_NATS_DENIED);
    TEST_WAIT_FOR(test_stats(a).messages_received == 1);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

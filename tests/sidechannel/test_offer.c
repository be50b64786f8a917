/* SPDX-License-Identifier: Apache-2.0 */
/* The origin's side: how offers end, and what they refuse. */
#include <baton/baton.h>

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <pthread.h>
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

static baton_offer *const untouched = (baton_offer *)(void *)&(max_align_t){0};
static unsigned char seed = 3;

static void serve(baton_worker *worker, const char *pool, const baton_serve_options *options,
                  baton_handoff_fn callback, void *context)
{
    cr_assert_eq(baton_worker_serve(worker, pool, options, callback, context, NULL), BATON_OK, "%s",
                 baton_error_text());
    test_sleep_ms(50); /* the subscription reaches the server */
}

static baton_offer *offer(baton_worker *worker, const char *to, baton_descriptor *memory,
                          const baton_offer_options *options)
{
    baton_offer *made = NULL;
    cr_assert_eq(test_offer(worker, to, memory, options, &made), BATON_OK, "%s",
                 baton_error_text());
    return made;
}

static baton_outcome outcome_of(baton_offer *made, baton_status expected)
{
    baton_outcome outcome = BATON_OUTCOME_INIT;
    baton_status status = baton_offer_wait(made, 20000, &outcome);
    cr_assert_eq(status, expected, "%s instead of %s: %s", baton_status_name(status),
                 baton_status_name(expected), baton_error_text());
    return outcome;
}

Test(offer, moved_mode_completes_with_the_bytes)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, test_take, &seed);
    static const size_t sizes[] = {1, 4096, 65536, 3000001};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        baton_descriptor *memory = test_memory(sizes[i], seed);
        baton_offer *made = offer(pair.a, "pool", memory, NULL);
        baton_outcome outcome = outcome_of(made, BATON_OK);
        cr_assert_eq(outcome.status, BATON_OPERATION_COMPLETE);
        cr_assert_eq(outcome.bytes, sizes[i]);
        cr_assert_eq(outcome.attempts, 1);
        cr_assert_str_eq(outcome.peer, "b");
        cr_assert_str_eq(outcome.path, "am");
        cr_assert_str_neq(outcome.transport, "");
        cr_assert_str_eq(outcome.result_json, "");
        cr_assert_str_eq(outcome.text, "");
        cr_assert(baton_offer_is_over(made));
        baton_offer_destroy(made);
        baton_descriptor_release(memory);
    }
    TEST_WAIT_FOR(test_stats(pair.a).messages_received == 4); /* acknowledgements of record */
    cr_assert_eq(test_stats(pair.a).offers_complete, 4);
    cr_assert_eq(test_stats(pair.a).offers_live, 0);
    test_pair_stop(&pair);
}

Test(offer, application_mode_brings_the_result)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100000, seed);
    baton_offer *made =
        offer(pair.a, "pool", memory, OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    baton_outcome outcome = outcome_of(made, BATON_OK);
    cr_assert_str_eq(outcome.result_json, "{\"ok\":true}");
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void answer_no(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *data = NULL;
    cr_assert_eq(baton_handoff_receive(handoff, NULL, &data), BATON_OK);
    baton_descriptor_release(data);
    cr_assert_eq(baton_handoff_nack(handoff, "{\"why\":7}"), BATON_OK);
}

Test(offer, nack_ends_it_with_the_result)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, answer_no, NULL);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made =
        offer(pair.a, "pool", memory, OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    baton_outcome outcome = outcome_of(made, BATON_ERR_NACKED);
    cr_assert_eq(outcome.status, BATON_OPERATION_ERRORED);
    cr_assert_eq(outcome.attempts, 1);
    cr_assert_str_eq(outcome.result_json, "{\"why\":7}");
    cr_assert_str_neq(outcome.text, "");
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void reject(baton_handoff *handoff, void *context)
{
    (void)context;
    cr_assert_eq(baton_handoff_reject(handoff, "of no use to anybody"), BATON_OK);
}

Test(offer, reject_ends_it_with_the_text)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, reject, NULL);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = offer(pair.a, "pool", memory, NULL);
    baton_outcome outcome = outcome_of(made, BATON_ERR_REJECTED);
    cr_assert_eq(outcome.attempts, 0);
    cr_assert_not_null(strstr(outcome.text, "of no use to anybody"));
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void write_back(baton_handoff *handoff, void *context)
{
    baton_descriptor *local = context;
    cr_assert_eq(baton_handoff_kind(handoff), BATON_OPERATION_WRITE);
    cr_assert_eq(baton_handoff_send(handoff, local), BATON_OK, "%s", baton_error_text());
}

Test(offer, writable_is_written)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *local = test_memory(2500000, 9);
    baton_descriptor *memory = test_memory(2500000, 1);
    serve(pair.b, "pool", NULL, write_back, local);
    baton_offer *made = NULL;
    cr_assert_eq(baton_offer_writable(pair.a, "pool", &memory, 1, NULL, &made), BATON_OK);
    baton_outcome outcome = outcome_of(made, BATON_OK);
    cr_assert_eq(outcome.bytes, 2500000);
    cr_assert(test_memory_is(memory, 9));
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
    baton_descriptor_release(local);
}

Test(offer, nobody_listens_ends_it_at_once)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    unsigned long begin = test_now_ms();
    baton_offer *made = offer(pair.a, "nobody", memory, NULL);
    (void)outcome_of(made, BATON_ERR_NO_CONSUMER);
    cr_assert_lt(test_now_ms() - begin, 400);
    cr_assert_geq(test_stats(pair.a).no_responders, 1);
    baton_offer_destroy(made);
    made = offer(pair.a, "nobody", memory, OPTIONS(.target = BATON_TARGET_WORKER));
    (void)outcome_of(made, BATON_ERR_NO_CONSUMER);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, nobody_listens_and_it_waits_for_a_worker)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = offer(pair.a, "pool", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT));
    test_sleep_ms(200);
    cr_assert_not(baton_offer_is_over(made));
    serve(pair.b, "pool", NULL, test_take, &seed);
    baton_outcome outcome = outcome_of(made, BATON_OK);
    cr_assert_eq(outcome.attempts, 1);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, waiting_offers_are_bounded)
{
    test_pair pair = {.server = test_nats_available() ? test_nats_start(NULL) : NULL};
    if (pair.server == NULL) {
        cr_skip_test("there is no nats-server");
    }
    baton_worker_options options = {BATON_WORKER_DEFAULTS, .queue_max = 2};
    baton_worker *worker = test_worker("a", test_nats_url(pair.server), &options);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made[3];
    for (int i = 0; i < 3; i++) {
        made[i] = offer(worker, "nobody", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT));
        test_sleep_ms(100);
    }
    (void)outcome_of(made[2], BATON_ERR_QUEUE_FULL);
    cr_assert_not(baton_offer_is_over(made[0]));
    cr_assert_not(baton_offer_is_over(made[1]));
    for (int i = 0; i < 3; i++) {
        baton_offer_destroy(made[i]);
    }
    baton_descriptor_release(memory);
    baton_worker_destroy(worker);
    test_nats_stop(pair.server);
}

Test(offer, without_a_server_it_fails_at_once_or_waits_in_a_bounded_queue)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_prepare();
    baton_worker_options options = {BATON_WORKER_DEFAULTS, .queue_max = 2};
    options.connect_wait_ms = 0;
    baton_worker *worker = test_worker("a", test_nats_url(server), &options);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = untouched;
    cr_assert_eq(test_offer(worker, "pool", memory, NULL, &made), BATON_ERR_NATS_DISCONNECTED);
    cr_assert_eq(made, untouched);
    const baton_offer_options *wait =
        OPTIONS(.offline = BATON_ABSENCE_WAIT, .nobody = BATON_ABSENCE_WAIT);
    baton_offer *first = offer(worker, "pool", memory, wait);
    baton_offer *second = offer(worker, "pool", memory, wait);
    cr_assert_eq(test_offer(worker, "pool", memory, wait, &made), BATON_ERR_QUEUE_FULL);
    cr_assert_eq(made, untouched);
    test_nats_restart(server);
    baton_worker *consumer = test_worker("b", test_nats_url(server), NULL);
    serve(consumer, "pool", SERVE(.concurrency = 2), test_take, &seed);
    (void)outcome_of(first, BATON_OK);
    (void)outcome_of(second, BATON_OK);
    baton_offer_destroy(first);
    baton_offer_destroy(second);
    baton_descriptor_release(memory);
    baton_worker_destroy(worker);
    baton_worker_destroy(consumer);
    test_nats_stop(server);
}

Test(offer, directed_goes_to_the_worker_of_that_name)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(5000, seed);
    const baton_offer_options *directed = OPTIONS(.target = BATON_TARGET_WORKER);
    baton_offer *made = offer(pair.a, "b", memory, directed);
    baton_outcome outcome = outcome_of(made, BATON_ERR_NO_CONSUMER); /* it serves nothing by name */
    cr_assert_str_neq(outcome.text, "");
    baton_offer_destroy(made);
    serve(pair.b, NULL, NULL, test_take, &seed);
    made = offer(pair.a, "b", memory, directed);
    outcome = outcome_of(made, BATON_OK);
    cr_assert_str_eq(outcome.peer, "b");
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void take_slowly(baton_handoff *handoff, void *context)
{
    test_sleep_ms(100);
    test_take(handoff, context);
}

Test(offer, busy_workers_get_it_again_later_uncounted)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, take_slowly, &seed);
    baton_descriptor *memory = test_memory(5000, seed);
    baton_offer *made[4];
    for (int i = 0; i < 4; i++) {
        made[i] = offer(pair.a, "pool", memory, OPTIONS(.attempts = 1));
    }
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(outcome_of(made[i], BATON_OK).attempts, 1);
        baton_offer_destroy(made[i]);
    }
    cr_assert_geq(test_stats(pair.b).handoffs_busy, 1);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, unopened_goes_out_again_until_its_time_to_live_or_its_deadline)
{
    test_pair pair;
    test_pair_start(&pair);
    test_raw raw; /* a worker that is stopped from the start */
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.offer.pool.*", "pool");
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made =
        offer(pair.a, "pool", memory, OPTIONS(.ttl_ms = 400, .claim_ms = 50, .deadline_ms = 20000));
    baton_outcome outcome = outcome_of(made, BATON_ERR_EXPIRED);
    cr_assert_eq(outcome.attempts, 0);
    cr_assert_str_eq(outcome.peer, "");
    cr_assert_geq(test_stats(pair.a).offers_published, 3);
    baton_offer_destroy(made);
    made = offer(pair.a, "pool", memory, OPTIONS(.claim_ms = 50, .deadline_ms = 400));
    (void)outcome_of(made, BATON_ERR_DEADLINE);
    baton_offer_destroy(made);
    test_raw_close(&raw);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, one_silent_worker_of_two_loses_nothing)
{
    test_pair pair;
    test_pair_start(&pair);
    test_raw raw;
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.offer.pool.*", "pool");
    serve(pair.b, "pool", SERVE(.concurrency = 8), test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made[16];
    for (int i = 0; i < 16; i++) {
        made[i] = offer(pair.a, "pool", memory, OPTIONS(.claim_ms = 20, .attempts = 1));
    }
    for (int i = 0; i < 16; i++) {
        cr_assert_eq(outcome_of(made[i], BATON_OK).attempts, 1);
        baton_offer_destroy(made[i]);
    }
    test_raw_close(&raw);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void hold(baton_handoff *handoff, void *context)
{
    baton_handoff **kept = context;
    baton_descriptor *data = NULL;
    cr_assert_eq(baton_handoff_receive(handoff, NULL, &data), BATON_OK);
    baton_descriptor_release(data);
    baton_handoff_keep(handoff);
    __atomic_store_n(kept, handoff, __ATOMIC_RELEASE);
}

static baton_handoff *wait_kept(baton_handoff **kept)
{
    TEST_WAIT_FOR(__atomic_load_n(kept, __ATOMIC_ACQUIRE) != NULL);
    return __atomic_load_n(kept, __ATOMIC_ACQUIRE);
}

Test(offer, cancel_reaches_the_consumer)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_handoff *kept = NULL;
    serve(pair.b, "pool", NULL, hold, &kept);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made =
        offer(pair.a, "pool", memory, OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    (void)wait_kept(&kept);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_get_outcome(made, &outcome), BATON_OK);
    cr_assert_eq(outcome.status, BATON_OPERATION_IN_PROGRESS);
    cr_assert_str_eq(outcome.peer, "b");
    cr_assert_eq(baton_offer_cancel(made), BATON_OK);
    outcome = outcome_of(made, BATON_ERR_CANCELLED);
    cr_assert_eq(outcome.status, BATON_OPERATION_CANCELLED);
    cr_assert_eq(baton_handoff_wait(kept, 5000, NULL), BATON_ERR_PEER_CANCELLED);
    baton_handoff_destroy(kept);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, cancel_before_a_grant_and_close_and_destroy)
{
    test_pair pair;
    test_pair_start(&pair);
    test_raw raw;
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.offer.pool.*", "pool");
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = offer(pair.a, "pool", memory, NULL);
    cr_assert_eq(baton_offer_wait(made, 30, NULL), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_offer_cancel(made), BATON_OK);
    (void)outcome_of(made, BATON_ERR_CANCELLED);
    cr_assert_eq(baton_offer_cancel(made), BATON_OK); /* of no effect */
    baton_offer_destroy(made);
    made = offer(pair.a, "pool", memory, NULL);
    cr_assert_eq(baton_offer_close(made, 5000), BATON_OK);
    cr_assert(baton_offer_is_over(made));
    baton_offer_destroy(made);
    made = offer(pair.a, "pool", memory, NULL);
    baton_offer_destroy(made);
    cr_assert_eq(test_stats(pair.a).offers_live, 0);
    test_raw_close(&raw);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

/* Gives the first attempt up, and takes the second. */
static void give_up_first(baton_handoff *handoff, void *context)
{
    if (baton_handoff_attempt(handoff) > 1) {
        test_take(handoff, context);
        return;
    }
    baton_descriptor *data = NULL;
    cr_assert_eq(baton_handoff_receive(handoff, NULL, &data), BATON_OK);
    baton_descriptor_release(data);
    cr_assert_eq(baton_handoff_cancel(handoff), BATON_OK);
    cr_assert_neq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK);
}

Test(offer, an_attempt_that_is_given_up_is_followed_by_the_next)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, give_up_first, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made =
        offer(pair.a, "pool", memory, OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    baton_outcome outcome = outcome_of(made, BATON_OK);
    cr_assert_eq(outcome.attempts, 2);
    cr_assert_eq(test_stats(pair.a).attempts_failed, 1);
    baton_offer_destroy(made);
    made = offer(pair.a, "pool", memory,
                 OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION, .attempts = 1));
    outcome = outcome_of(made, BATON_ERR_PEER_CANCELLED);
    cr_assert_eq(outcome.status, BATON_OPERATION_ERRORED);
    cr_assert_eq(outcome.attempts, 1);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

typedef struct completion {
    int count;
    baton_status wait_status;
    baton_offer *offer;
} completion;

static void on_complete(baton_offer *made, void *context)
{
    completion *self = context;
    self->count++;
    self->offer = made;
    self->wait_status = baton_offer_wait(made, 10, NULL);
    cr_assert(baton_offer_is_over(made));
    cr_assert_eq(baton_offer_close(made, 10), BATON_ERR_WRONG_THREAD);
}

Test(offer, on_complete_runs_once_on_the_owner_thread)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    completion self = {0};
    baton_offer *made =
        offer(pair.a, "pool", memory, OPTIONS(.on_complete = on_complete, .context = &self));
    (void)outcome_of(made, BATON_OK);
    test_sleep_ms(20);
    cr_assert_eq(self.count, 1);
    cr_assert_eq(self.offer, made);
    cr_assert_eq(self.wait_status, BATON_ERR_WRONG_THREAD);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void destroy_inside(baton_offer *made, void *context)
{
    baton_offer_destroy(made);
    __atomic_store_n((int *)context, 1, __ATOMIC_RELEASE);
}

Test(offer, may_be_destroyed_in_its_callback)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    int gone = 0;
    (void)offer(pair.a, "pool", memory, OPTIONS(.on_complete = destroy_inside, .context = &gone));
    TEST_WAIT_FOR(__atomic_load_n(&gone, __ATOMIC_ACQUIRE) == 1);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

#define REFUSED(expected, worker, to, descriptors, count, options)                            \
    do {                                                                                      \
        baton_offer *refused = untouched;                                                     \
        cr_assert_eq(baton_offer_readable(worker, to, descriptors, count, options, &refused), \
                     expected);                                                               \
        cr_assert_eq(refused, untouched);                                                     \
        cr_assert_str_neq(baton_error_text(), "");                                            \
    } while (0)

Test(offer, arguments_that_are_not_valid_are_refused)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    baton_descriptor *none = NULL;
    baton_worker *a = pair.a;
    REFUSED(BATON_ERR_INVALID_ARGUMENT, NULL, "pool", &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, NULL, &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "a.b", &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "", &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", NULL, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &none, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 0, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, BATON_DESCRIPTORS_MAX + 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, &(baton_offer_options){0});
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.deadline_ms = 0));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.deadline_ms = 86400001));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.attempts = 0));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.claim_ms = 0));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.target = (baton_target)2));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.user_json = "{"));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.traceparent = "a\r\nb: c"));
    cr_assert_eq(baton_offer_readable(a, "pool", &memory, 1, NULL, NULL),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_offer_wait(NULL, 0, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_offer_cancel(NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_offer_close(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    baton_offer_destroy(NULL);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, what_is_too_large_is_refused)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    static char json[65540];
    memset(json, ' ', sizeof(json) - 1);
    json[0] = '1';
    REFUSED(BATON_ERR_TOO_LARGE, pair.a, "pool", &memory, 1, OPTIONS(.user_json = json));
    static baton_descriptor *many[40000];
    for (size_t i = 0; i < 40000; i++) {
        many[i] = memory;
    }
    REFUSED(BATON_ERR_TOO_LARGE, pair.a, "pool", many, 40000, NULL); /* beyond max_payload */
    baton_offer *made = NULL;
    cr_assert_eq(baton_offer_readable(pair.a, "pool", many, 24000, NULL, &made), BATON_OK);
    (void)outcome_of(made, BATON_ERR_TOO_LARGE); /* seen when it is printed */
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, the_memory_is_released_when_it_is_over)
{
    test_pair pair;
    test_pair_start(&pair);
    serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = offer(pair.a, "pool", memory, NULL);
    (void)outcome_of(made, BATON_OK);
    baton_offer *again = offer(pair.a, "pool", memory, NULL);
    baton_descriptor_release(memory); /* the offer holds it */
    (void)outcome_of(again, BATON_OK);
    baton_offer_destroy(again);
    baton_offer_destroy(made);
    test_pair_stop(&pair);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Whom an offer reaches and when: nobody listens, there is no server, workers are busy, silent or
 * give up. */
#include <baton/baton.h>

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>

static unsigned char seed = 3;

Test(offer_delivery, nobody_listens_ends_it_at_once)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    unsigned long begin = test_now_ms();
    baton_offer *made = test_make_offer(pair.a, "nobody", memory, NULL);
    (void)test_outcome(made, BATON_ERR_NO_CONSUMER);
    cr_assert_lt(test_now_ms() - begin, 400);
    cr_assert_geq(test_stats(pair.a).no_responders, 1);
    baton_offer_destroy(made);
    made = test_make_offer(pair.a, "nobody", memory, OPTIONS(.target = BATON_TARGET_WORKER));
    (void)test_outcome(made, BATON_ERR_NO_CONSUMER);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer_delivery, nobody_listens_and_it_waits_for_a_worker)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made =
        test_make_offer(pair.a, "pool", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT));
    test_sleep_ms(200);
    cr_assert_not(baton_offer_is_over(made));
    (void)test_serve(pair.b, "pool", NULL, test_take, &seed);
    baton_outcome outcome = test_outcome(made, BATON_OK);
    cr_assert_eq(outcome.attempts, 1);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer_delivery, waiting_offers_are_bounded)
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
        made[i] = test_make_offer(worker, "nobody", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT));
        test_sleep_ms(100);
    }
    (void)test_outcome(made[2], BATON_ERR_QUEUE_FULL);
    cr_assert_not(baton_offer_is_over(made[0]));
    cr_assert_not(baton_offer_is_over(made[1]));
    for (int i = 0; i < 3; i++) {
        baton_offer_destroy(made[i]);
    }
    baton_descriptor_release(memory);
    baton_worker_destroy(worker);
    test_nats_stop(pair.server);
}

Test(offer_delivery, without_a_server_it_fails_at_once_or_waits_in_a_bounded_queue)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_prepare();
    baton_worker_options options = {BATON_WORKER_DEFAULTS, .queue_max = 2};
    options.connect_wait_ms = 0;
    baton_worker *worker = test_worker("a", test_nats_url(server), &options);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *const untouched = (baton_offer *)(void *)&options;
    baton_offer *made = untouched;
    cr_assert_eq(test_offer(worker, "pool", memory, NULL, &made), BATON_ERR_NATS_DISCONNECTED);
    cr_assert_eq(made, untouched);
    const baton_offer_options *wait =
        OPTIONS(.offline = BATON_ABSENCE_WAIT, .nobody = BATON_ABSENCE_WAIT);
    baton_offer *first = test_make_offer(worker, "pool", memory, wait);
    baton_offer *second = test_make_offer(worker, "pool", memory, wait);
    cr_assert_eq(test_offer(worker, "pool", memory, wait, &made), BATON_ERR_QUEUE_FULL);
    cr_assert_eq(made, untouched);
    test_nats_restart(server);
    baton_worker *consumer = test_worker("b", test_nats_url(server), NULL);
    (void)test_serve(consumer, "pool", SERVE(.concurrency = 2), test_take, &seed);
    (void)test_outcome(first, BATON_OK);
    (void)test_outcome(second, BATON_OK);
    baton_offer_destroy(first);
    baton_offer_destroy(second);
    baton_descriptor_release(memory);
    baton_worker_destroy(worker);
    baton_worker_destroy(consumer);
    test_nats_stop(server);
}

Test(offer_delivery, directed_goes_to_the_worker_of_that_name)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(5000, seed);
    const baton_offer_options *directed = OPTIONS(.target = BATON_TARGET_WORKER);
    baton_offer *made = test_make_offer(pair.a, "b", memory, directed);
    baton_outcome outcome =
        test_outcome(made, BATON_ERR_NO_CONSUMER); /* it serves nothing by name */
    cr_assert_str_neq(outcome.text, "");
    baton_offer_destroy(made);
    (void)test_serve(pair.b, NULL, NULL, test_take, &seed);
    made = test_make_offer(pair.a, "b", memory, directed);
    outcome = test_outcome(made, BATON_OK);
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

Test(offer_delivery, busy_workers_get_it_again_later_uncounted)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", NULL, take_slowly, &seed);
    baton_descriptor *memory = test_memory(5000, seed);
    baton_offer *made[4];
    for (int i = 0; i < 4; i++) {
        made[i] = test_make_offer(pair.a, "pool", memory, OPTIONS(.attempts = 1));
    }
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(test_outcome(made[i], BATON_OK).attempts, 1);
        baton_offer_destroy(made[i]);
    }
    cr_assert_geq(test_stats(pair.b).handoffs_busy, 1);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer_delivery, unopened_goes_out_again_until_its_time_to_live_or_its_deadline)
{
    test_pair pair;
    test_pair_start(&pair);
    test_raw raw; /* a worker that is stopped from the start */
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.offer.pool.*", "pool");
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = test_make_offer(
        pair.a, "pool", memory, OPTIONS(.ttl_ms = 400, .claim_ms = 50, .deadline_ms = 20000));
    baton_outcome outcome = test_outcome(made, BATON_ERR_EXPIRED);
    cr_assert_eq(outcome.attempts, 0);
    cr_assert_str_eq(outcome.peer, "");
    cr_assert_geq(test_stats(pair.a).offers_published, 3);
    baton_offer_destroy(made);
    made = test_make_offer(pair.a, "pool", memory, OPTIONS(.claim_ms = 50, .deadline_ms = 400));
    (void)test_outcome(made, BATON_ERR_DEADLINE);
    baton_offer_destroy(made);
    test_raw_close(&raw);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer_delivery, one_silent_worker_of_two_loses_nothing)
{
    test_pair pair;
    test_pair_start(&pair);
    test_raw raw;
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.offer.pool.*", "pool");
    (void)test_serve(pair.b, "pool", SERVE(.concurrency = 8), test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made[16];
    for (int i = 0; i < 16; i++) {
        made[i] = test_make_offer(pair.a, "pool", memory, OPTIONS(.claim_ms = 20, .attempts = 1));
    }
    for (int i = 0; i < 16; i++) {
        cr_assert_eq(test_outcome(made[i], BATON_OK).attempts, 1);
        baton_offer_destroy(made[i]);
    }
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

Test(offer_delivery, an_attempt_that_is_given_up_is_followed_by_the_next)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", NULL, give_up_first, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory,
                                        OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    baton_outcome outcome = test_outcome(made, BATON_OK);
    cr_assert_eq(outcome.attempts, 2);
    cr_assert_eq(test_stats(pair.a).attempts_failed, 1);
    baton_offer_destroy(made);
    made = test_make_offer(pair.a, "pool", memory,
                           OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION, .attempts = 1));
    outcome = test_outcome(made, BATON_ERR_PEER_CANCELLED);
    cr_assert_eq(outcome.status, BATON_OPERATION_ERRORED);
    cr_assert_eq(outcome.attempts, 1);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

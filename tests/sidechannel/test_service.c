/* SPDX-License-Identifier: Apache-2.0 */
/* How services hand handoffs out: through callbacks and the queue, ahead of time, to all, and what
 * they answer for. */
#include <baton/baton.h>

#include "support/workers.h"
#include <criterion/criterion.h>
#include <string.h>

static unsigned char seed = 3;

static void do_nothing(baton_handoff *handoff, void *context)
{
    (void)handoff;
    (void)context;
}

static void only_receive(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *data = NULL;
    cr_assert_eq(baton_handoff_receive(handoff, NULL, &data), BATON_OK);
    baton_descriptor_release(data);
}

Test(service, a_callback_that_forgets_is_answered_for)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_service *service = test_serve(pair.b, "pool", NULL, do_nothing, NULL);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(made, 5000, &outcome), BATON_ERR_REJECTED);
    cr_assert_not_null(strstr(outcome.text, "without accepting"));
    baton_offer_destroy(made);
    baton_service_stop(service);
    (void)test_serve(pair.b, "pool", NULL, only_receive, NULL);
    test_expect(test_make_offer(pair.a, "pool", memory, OPTIONS(APPLICATION)), BATON_ERR_NACKED);
    test_expect(test_make_offer(pair.a, "pool", memory, NULL), BATON_OK);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void return_first(baton_handoff *handoff, void *context)
{
    int *returned = context;
    if (*returned < 2) {
        (*returned)++;
        cr_assert_eq(baton_handoff_return(handoff), BATON_OK);
        return;
    }
    test_take(handoff, &seed);
}

Test(service, what_is_returned_comes_again_uncounted)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(1000, seed);
    int returned = 0;
    (void)test_serve(pair.b, "pool", NULL, return_first, &returned);
    baton_offer *made =
        test_make_offer(pair.a, "pool", memory, OPTIONS(.attempts = 1, .claim_ms = 5000));
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(made, 3000, &outcome), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(outcome.attempts, 1);
    cr_assert_eq(returned, 2);
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

static void prefetched(baton_handoff *handoff, void *context)
{
    baton_descriptor *data = NULL;
    baton_descriptor *other = NULL;
    unsigned long *late = context;
    cr_assert_eq(baton_handoff_accept(handoff, NULL, 0, NULL, NULL), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_local(handoff, 0, &other), BATON_OK);
    *late += test_memory_is(other, seed) ? 0 : 1; /* it is there before anything was asked for */
    baton_descriptor_release(other);
    cr_assert_eq(baton_handoff_receive(handoff, NULL, &data), BATON_OK, "%s", baton_error_text());
    *late += test_memory_is(data, seed) ? 0 : 1;
    baton_descriptor_release(data);
    if (baton_handoff_acknowledge(handoff) == BATON_ACKNOWLEDGE_APPLICATION) {
        cr_assert_eq(baton_handoff_ack(handoff, "[]"), BATON_OK, "%s", baton_error_text());
    }
}

Test(service, prefetch_moves_the_data_before_the_callback)
{
    test_pair pair;
    test_pair_start(&pair);
    unsigned long late = 0;
    (void)test_serve(pair.b, "pool", SERVE(.prefetch = true, .concurrency = 2), prefetched, &late);
    baton_descriptor *memory = test_memory(300000, seed);
    test_expect(test_make_offer(pair.a, "pool", memory, NULL), BATON_OK);
    test_expect(test_make_offer(pair.a, "pool", memory, OPTIONS(APPLICATION)), BATON_OK);
    baton_descriptor *target = test_memory(1000, 1);
    baton_descriptor_release(memory);
    TEST_WAIT_FOR(test_stats(pair.b).handoffs_complete == 2);
    baton_worker_destroy(pair.b);
    pair.b = NULL;
    cr_assert_eq(late, 0);
    baton_descriptor_release(target);
    test_pair_stop(&pair);
}

Test(service, queue_times_out_and_ends)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_handoff *const untouched = (baton_handoff *)(void *)&pair;
    baton_handoff *handoff = untouched;
    baton_service *service = test_serve(pair.b, "pool", NULL, NULL, NULL);
    cr_assert_eq(baton_service_next(service, 20, &handoff), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_service_next(service, 0, &handoff), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_service_next(NULL, 0, &handoff), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_service_next(service, 0, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_service *other = test_serve(pair.b, "other", NULL, do_nothing, NULL);
    cr_assert_eq(baton_service_next(other, 0, &handoff), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_worker_shut_down(pair.b, 1000), BATON_OK);
    cr_assert_eq(baton_service_next(service, 1000, &handoff), BATON_ERR_SHUT_DOWN);
    cr_assert_eq(handoff, untouched);
    test_pair_stop(&pair);
}

Test(service, services_are_refused_twice_and_with_wrong_arguments)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *const untouched = (baton_service *)(void *)&pair;
    baton_service *service = untouched;
    (void)test_serve(pair.b, "pool", NULL, do_nothing, NULL);
    (void)test_serve(pair.b, NULL, NULL, do_nothing, NULL);
#define REFUSED(expected, worker, pool, options)                                                   \
    cr_assert_eq(baton_worker_serve(worker, pool, options, do_nothing, NULL, &service), expected); \
    cr_assert_eq(service, untouched)
    REFUSED(BATON_ERR_WRONG_STATE, pair.b, "pool", NULL);
    REFUSED(BATON_ERR_WRONG_STATE, pair.b, NULL, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, NULL, "p", NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, pair.b, "p.q", NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, pair.b, "p", SERVE(.concurrency = 0));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, pair.b, "p", SERVE(.concurrency = 5000));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, pair.b, "p", &(baton_serve_options){0});
    cr_assert_eq(baton_worker_shut_down(pair.b, 1000), BATON_OK);
    REFUSED(BATON_ERR_SHUT_DOWN, pair.b, "p", NULL);
    test_pair_stop(&pair);
}

Test(service, larger_than_size_max_is_rejected)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", SERVE(.size_max = 1000), test_take, &seed);
    baton_descriptor *fits = test_memory(1000, seed);
    baton_descriptor *large = test_memory(1001, seed);
    test_expect(test_make_offer(pair.a, "pool", fits, NULL), BATON_OK);
    test_expect(test_make_offer(pair.a, "pool", large, NULL), BATON_ERR_TOO_LARGE);
    baton_descriptor_release(fits);
    baton_descriptor_release(large);
    test_pair_stop(&pair);
}

Test(service, broadcast_reaches_all_and_one_takes_it)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_worker *c = test_worker("c", test_nats_url(pair.server), NULL);
    baton_service *first = test_serve(pair.b, "pool", SERVE(.broadcast = true), NULL, NULL);
    baton_service *second = test_serve(c, "pool", SERVE(.broadcast = true), NULL, NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    baton_handoff *one = test_next_handoff(first);
    baton_handoff *other = test_next_handoff(second);
    cr_assert_eq(baton_handoff_transfer(one, NULL, 0), BATON_OK);
    cr_assert_neq(baton_handoff_transfer(other, NULL, 0), BATON_OK);
    baton_handoff_destroy(one);
    baton_handoff_destroy(other);
    test_expect(made, BATON_OK);
    baton_descriptor_release(memory);
    baton_worker_destroy(c);
    test_pair_stop(&pair);
}

Test(service, stopping_a_service_ends_what_nobody_has_seen)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_worker *c = test_worker("c", test_nats_url(pair.server), NULL);
    baton_service *service = test_serve(pair.b, "pool", SERVE(.concurrency = 8), NULL, NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made[4];
    for (int i = 0; i < 4; i++) {
        made[i] = test_make_offer(pair.a, "pool", memory, OPTIONS(.claim_ms = 10000));
    }
    TEST_WAIT_FOR(test_stats(pair.b).handoffs_received == 4);
    (void)test_serve(c, "pool", SERVE(.concurrency = 8), test_take, &seed);
    baton_service_stop(service); /* gives them back, and the other worker gets them at once */
    for (int i = 0; i < 4; i++) {
        test_expect(made[i], BATON_OK);
    }
    baton_descriptor_release(memory);
    baton_worker_destroy(c);
    test_pair_stop(&pair);
}

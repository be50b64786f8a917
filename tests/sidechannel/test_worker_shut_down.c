/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a worker: what it waits for, what it brings to an end, and what outlives it. */
#include <baton/baton.h>

#include "support/workers.h"
#include <criterion/criterion.h>

static unsigned char seed = 3;

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

Test(worker_shut_down, shut_down_waits_for_callbacks_within_its_bound)
{
    test_pair pair;
    test_pair_start(&pair);
    slow self = {.worker = pair.b};
    (void)test_serve(pair.b, "pool", NULL, run_slowly, &self);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, OPTIONS(APPLICATION));
    TEST_WAIT_FOR(__atomic_load_n(&self.running, __ATOMIC_ACQUIRE) == 1);
    cr_assert_eq(self.shut_down, BATON_ERR_WRONG_THREAD);
    cr_assert_eq(baton_worker_shut_down(pair.b, 50), BATON_ERR_TIMED_OUT);
    __atomic_store_n(&self.may_end, 1, __ATOMIC_RELEASE);
    cr_assert_eq(baton_worker_shut_down(pair.b, 5000), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_worker_shut_down(pair.b, 5000), BATON_OK);
    test_expect(made, BATON_OK); /* what was begun was brought to its end */
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(worker_shut_down, shut_down_ends_what_is_left_on_both_sides)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", SERVE(.concurrency = 3), NULL, NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made[3];
    baton_handoff *handoffs[3];
    for (int i = 0; i < 3; i++) {
        made[i] = test_make_offer(pair.a, "pool", memory, OPTIONS(APPLICATION));
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

Test(worker_shut_down, destroy_with_everything_in_flight_ends_all)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", SERVE(.concurrency = 4), take_if_it_is_there, NULL);
    baton_descriptor *memory = test_memory(3000000, seed);
    baton_offer *made[32];
    for (int i = 0; i < 32; i++) {
        made[i] = test_make_offer(pair.a, "pool", memory, OPTIONS(.lease_ms = 1000));
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

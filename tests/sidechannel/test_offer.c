/* SPDX-License-Identifier: Apache-2.0 */
/* The origin's side: how offers end, and who is told. */
#include <baton/baton.h>

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <string.h>

static unsigned char seed = 3;

Test(offer, moved_mode_completes_with_the_bytes)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", NULL, test_take, &seed);
    static const size_t sizes[] = {1, 4096, 65536, 3000001};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        baton_descriptor *memory = test_memory(sizes[i], seed);
        baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
        baton_outcome outcome = test_outcome(made, BATON_OK);
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
    /* Acknowledgements of record: of all in one message, or in up to four (test_handoff_record looks into them). */
    TEST_WAIT_FOR(test_stats(pair.a).messages_received >= 1);
    cr_assert_eq(test_stats(pair.a).offers_complete, 4);
    cr_assert_eq(test_stats(pair.a).offers_live, 0);
    test_pair_stop(&pair);
}

Test(offer, application_mode_brings_the_result)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100000, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory,
                                        OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    baton_outcome outcome = test_outcome(made, BATON_OK);
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
    (void)test_serve(pair.b, "pool", NULL, answer_no, NULL);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory,
                                        OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    baton_outcome outcome = test_outcome(made, BATON_ERR_NACKED);
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
    (void)test_serve(pair.b, "pool", NULL, reject, NULL);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    baton_outcome outcome = test_outcome(made, BATON_ERR_REJECTED);
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
    (void)test_serve(pair.b, "pool", NULL, write_back, local);
    baton_offer *made = NULL;
    cr_assert_eq(baton_offer_writable(pair.a, "pool", &memory, 1, NULL, &made), BATON_OK);
    baton_outcome outcome = test_outcome(made, BATON_OK);
    cr_assert_eq(outcome.bytes, 2500000);
    cr_assert(test_memory_is(memory, 9));
    baton_offer_destroy(made);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
    baton_descriptor_release(local);
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
    (void)test_serve(pair.b, "pool", NULL, hold, &kept);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory,
                                        OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION));
    (void)wait_kept(&kept);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_get_outcome(made, &outcome), BATON_OK);
    cr_assert_eq(outcome.status, BATON_OPERATION_IN_PROGRESS);
    cr_assert_str_eq(outcome.peer, "b");
    cr_assert_eq(baton_offer_cancel(made), BATON_OK);
    outcome = test_outcome(made, BATON_ERR_CANCELLED);
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
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    cr_assert_eq(baton_offer_wait(made, 30, NULL), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_offer_cancel(made), BATON_OK);
    (void)test_outcome(made, BATON_ERR_CANCELLED);
    cr_assert_eq(baton_offer_cancel(made), BATON_OK); /* of no effect */
    baton_offer_destroy(made);
    made = test_make_offer(pair.a, "pool", memory, NULL);
    cr_assert_eq(baton_offer_close(made, 5000), BATON_OK);
    cr_assert(baton_offer_is_over(made));
    baton_offer_destroy(made);
    made = test_make_offer(pair.a, "pool", memory, NULL);
    baton_offer_destroy(made);
    cr_assert_eq(test_stats(pair.a).offers_live, 0);
    test_raw_close(&raw);
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
    (void)test_serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    completion self = {0};
    baton_offer *made = test_make_offer(pair.a, "pool", memory,
                                        OPTIONS(.on_complete = on_complete, .context = &self));
    (void)test_outcome(made, BATON_OK);
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
    (void)test_serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    int gone = 0;
    (void)test_make_offer(pair.a, "pool", memory,
                          OPTIONS(.on_complete = destroy_inside, .context = &gone));
    TEST_WAIT_FOR(__atomic_load_n(&gone, __ATOMIC_ACQUIRE) == 1);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(offer, the_memory_is_released_when_it_is_over)
{
    test_pair pair;
    test_pair_start(&pair);
    (void)test_serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(100, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    (void)test_outcome(made, BATON_OK);
    baton_offer *again = test_make_offer(pair.a, "pool", memory, NULL);
    baton_descriptor_release(memory); /* the offer holds it */
    (void)test_outcome(again, BATON_OK);
    baton_offer_destroy(again);
    baton_offer_destroy(made);
    test_pair_stop(&pair);
}

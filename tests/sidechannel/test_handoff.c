/* SPDX-License-Identifier: Apache-2.0 */
/* The consumer's side: what a handoff shows, what can be done with it, and what comes too late or
 * twice. */
#include <baton/baton.h>

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <string.h>

static unsigned char seed = 3;

Test(handoff, shows_what_is_offered)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", NULL, NULL, NULL);
    float values[6] = {0};
    baton_tensor tensor = {
        .type_code = 2, .type_bits = 32, .type_lanes = 1, .dimensions = 2, .shape = {2, 3}};
    baton_descriptor *both[2] = {NULL, test_memory(100, seed)};
    cr_assert_eq(baton_descriptor_from_tensor(values, sizeof(values), BATON_DEVICE_HOST, &tensor,
                                              NULL, NULL, &both[0]),
                 BATON_OK);
    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    baton_offer *made = NULL;
    cr_assert_eq(baton_offer_readable(pair.a, "pool", both, 2,
                                      OPTIONS(APPLICATION, .user_json = "{\"a\":[1]}",
                                              .traceparent = trace, .deadline_ms = 9000),
                                      &made),
                 BATON_OK);
    baton_handoff *handoff = test_next_handoff(service);
    baton_uuid id = baton_offer_id(made);
    baton_uuid seen = baton_handoff_id(handoff);
    cr_assert(baton_uuid_equal(&id, &seen));
    cr_assert_eq(baton_handoff_attempt(handoff), 1);
    cr_assert_str_eq(baton_handoff_origin(handoff), "a");
    cr_assert_eq(baton_handoff_kind(handoff), BATON_OPERATION_READ);
    cr_assert_eq(baton_handoff_acknowledge(handoff), BATON_ACKNOWLEDGE_APPLICATION);
    cr_assert_eq(baton_handoff_size(handoff), 124);
    cr_assert_eq(baton_handoff_count(handoff), 2);
    baton_metadata_descriptor remote = {.size_bytes = 7};
    cr_assert_eq(baton_handoff_remote(handoff, 2, &remote), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(remote.size_bytes, 7);
    cr_assert_eq(baton_handoff_remote(handoff, 1, &remote), BATON_OK);
    cr_assert_eq(remote.size_bytes, 100);
    const baton_tensor *shown = baton_handoff_tensor(handoff, 0);
    cr_assert_not_null(shown);
    cr_assert_eq(shown->type_code, 2);
    cr_assert_eq(shown->type_bits, 32);
    cr_assert_eq(shown->dimensions, 2);
    cr_assert_eq(shown->shape[1], 3);
    cr_assert_null(baton_handoff_tensor(handoff, 1));
    cr_assert_null(baton_handoff_tensor(handoff, 2));
    cr_assert_str_eq(baton_handoff_user_json(handoff), "{\"a\":[1]}");
    cr_assert_str_eq(baton_handoff_traceparent(handoff), trace);
    cr_assert_leq(baton_handoff_remaining_ms(handoff), 9000);
    cr_assert_gt(baton_handoff_remaining_ms(handoff), 5000);
    baton_handoff_destroy(handoff); /* not accepted: rejected */
    test_expect(made, BATON_ERR_REJECTED);
    baton_descriptor_release(both[0]);
    baton_descriptor_release(both[1]);
    test_pair_stop(&pair);
}

typedef struct told {
    int count;
    baton_status status;
    baton_status acked;
    bool is_owner;
} told;

static void on_moved(baton_handoff *handoff, baton_status status, void *context)
{
    told *self = context;
    self->status = status;
    self->is_owner = baton_handoff_wait(handoff, 0, NULL) == BATON_ERR_WRONG_THREAD;
    self->acked = baton_handoff_ack(handoff, NULL);
    __atomic_add_fetch(&self->count, 1, __ATOMIC_RELEASE);
}

Test(handoff, accept_tells_when_the_data_is_there)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", SERVE(.concurrency = 4), NULL, NULL);
    baton_descriptor *memory = test_memory(70000, seed);
    for (int mode = 0; mode < 2; mode++) {
        baton_offer *made = test_make_offer(pair.a, "pool", memory,
                                            OPTIONS(.acknowledge = (baton_acknowledge)mode));
        baton_handoff *handoff = test_next_handoff(service);
        told self = {0};
        cr_assert_eq(baton_handoff_accept(handoff, NULL, 0, on_moved, &self), BATON_OK);
        TEST_WAIT_FOR(__atomic_load_n(&self.count, __ATOMIC_ACQUIRE) == 1);
        cr_assert_eq(self.status, BATON_OK);
        cr_assert_eq(self.acked, BATON_OK);
        cr_assert(self.is_owner);
        baton_outcome outcome = BATON_OUTCOME_INIT;
        cr_assert_eq(baton_handoff_wait(handoff, 5000, &outcome), BATON_OK);
        cr_assert_eq(outcome.status, BATON_OPERATION_COMPLETE);
        cr_assert_eq(outcome.bytes, 70000);
        cr_assert_str_eq(outcome.peer, "a");
        baton_descriptor *local = NULL;
        cr_assert_eq(baton_handoff_local(handoff, 0, &local), BATON_OK);
        cr_assert(test_memory_is(local, seed));
        baton_descriptor_release(local);
        baton_handoff_destroy(handoff);
        test_expect(made, BATON_OK);
        cr_assert_eq(self.count, 1);
    }
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(handoff, receive_into_memory_of_its_own)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", NULL, NULL, NULL);
    baton_descriptor *memory = test_memory(70000, seed);
    baton_descriptor *mine = test_memory(70000, 99);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    baton_handoff *handoff = test_next_handoff(service);
    baton_descriptor *got = NULL;
    cr_assert_eq(baton_handoff_receive(handoff, mine, &got), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(got, mine);
    cr_assert(test_memory_is(mine, seed));
    baton_descriptor_release(got);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);
    baton_descriptor_release(mine);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(handoff, what_does_not_fit_is_refused_and_changes_nothing)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", SERVE(.concurrency = 2), NULL, NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_descriptor *small = test_memory(999, seed);
    baton_descriptor *two[2] = {memory, memory};
    baton_descriptor *none = NULL;
    baton_descriptor *out = small;
    baton_offer *made = test_make_offer(pair.a, "pool", memory, OPTIONS(APPLICATION));
    baton_handoff *handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_accept(handoff, two, 2, NULL, NULL), BATON_ERR_COUNT_MISMATCH);
    cr_assert_eq(baton_handoff_accept(handoff, &small, 1, NULL, NULL), BATON_ERR_SIZE_MISMATCH);
    cr_assert_eq(baton_handoff_accept(handoff, &none, 1, NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_transfer(handoff, &small, 1), BATON_ERR_SIZE_MISMATCH);
    cr_assert_eq(baton_handoff_send(handoff, memory), BATON_ERR_KIND_MISMATCH);
    cr_assert_eq(baton_handoff_receive(handoff, small, &out), BATON_ERR_SIZE_MISMATCH);
    cr_assert_eq(out, small);
    cr_assert_eq(baton_handoff_local(handoff, 0, &out), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_local(handoff, 1, &out), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_cancel(handoff), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_wait(handoff, 10, NULL), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_accept(handoff, NULL, 0, NULL, NULL), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_reject(handoff, NULL), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_return(handoff), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_ack(handoff, "not json"), BATON_ERR_INVALID_ARGUMENT);
    static char large[65540];
    memset(large, '1', sizeof(large) - 1);
    cr_assert_eq(baton_handoff_ack(handoff, large), BATON_ERR_TOO_LARGE);
    cr_assert_eq(baton_handoff_ack(handoff, "1"), BATON_OK);
    cr_assert_eq(baton_handoff_ack(handoff, "1"), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_nack(handoff, "1"), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);

    made = test_make_offer(pair.a, "pool", memory, NULL); /* completes with its bytes */
    handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_ack(handoff, "1"), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_nack(handoff, NULL), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_OK);
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);

    made = NULL;
    cr_assert_eq(baton_offer_writable(pair.a, "pool", &memory, 1, NULL, &made), BATON_OK);
    handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_accept(handoff, NULL, 0, NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_receive(handoff, NULL, &out), BATON_ERR_KIND_MISMATCH);
    cr_assert_eq(baton_handoff_send(handoff, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_ERR_REJECTED);
    baton_descriptor_release(small);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(handoff, null_is_refused_or_of_no_effect)
{
    baton_descriptor *out = NULL;
    baton_metadata_descriptor remote;
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_handoff_accept(NULL, NULL, 0, NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_transfer(NULL, NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_receive(NULL, NULL, &out), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_send(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_local(NULL, 0, &out), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_remote(NULL, 0, &remote), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_ack(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_nack(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_reject(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_return(NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_cancel(NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_wait(NULL, 0, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_handoff_get_outcome(NULL, &outcome), BATON_ERR_INVALID_ARGUMENT);
    baton_handoff_keep(NULL);
    baton_handoff_destroy(NULL);
    baton_service_stop(NULL);
}

Test(handoff, deadline_ends_one_that_nobody_decides)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", NULL, NULL, NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, OPTIONS(.deadline_ms = 300));
    baton_handoff *handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_ERR_DEADLINE);
    cr_assert_eq(baton_handoff_accept(handoff, NULL, 0, NULL, NULL), BATON_ERR_WRONG_STATE);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_ERR_DEADLINE);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(handoff, a_late_accept_is_refused_by_the_origin)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", NULL, NULL, NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    baton_handoff *handoff = test_next_handoff(service);
    baton_offer_destroy(made); /* gone at the origin */
    baton_status status = baton_handoff_transfer(handoff, NULL, 0);
    cr_assert(status == BATON_ERR_UNKNOWN_OPERATION || status == BATON_ERR_PEER_CANCELLED ||
                  status == BATON_ERR_EXPIRED,
              "%s", baton_error_text());
    baton_handoff_destroy(handoff);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

/* Repeats what a raw client hears on a subject. */
static void repeat(test_raw *raw, const char *text, test_raw_message *heard)
{
    cr_assert(test_raw_find(raw, text, 5000, heard), "no %s was heard", text);
    test_raw_publish(raw, heard->subject, heard->data);
}

Test(handoff, a_repeated_offer_is_served_once)
{
    test_pair pair;
    test_pair_start(&pair);
    test_raw raw;
    test_raw_message heard;
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.offer.pool.*", NULL);
    baton_service *service = test_serve(pair.b, "pool", SERVE(.concurrency = 4), NULL, NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made = test_make_offer(pair.a, "pool", memory, NULL);
    baton_handoff *handoff = test_next_handoff(service);
    repeat(&raw, "\"offer\"", &heard); /* while it is here */
    TEST_WAIT_FOR(test_stats(pair.b).refused_duplicate == 1);
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK);
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);
    test_raw_publish(&raw, heard.subject, heard.data); /* and after its end */
    TEST_WAIT_FOR(test_stats(pair.b).refused_duplicate == 2);
    cr_assert_eq(baton_service_next(service, 50, &handoff), BATON_ERR_TIMED_OUT);
    test_raw_free(&heard);
    test_raw_close(&raw);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

Test(handoff, a_repeated_acknowledgement_is_confirmed_again)
{
    test_pair pair;
    test_pair_start(&pair);
    test_raw raw;
    test_raw_message heard;
    test_raw_message answer;
    test_raw_connect(&raw, test_nats_port(pair.server));
    test_raw_subscribe(&raw, "baton.v1.done.a.*", NULL);
    test_raw_subscribe(&raw, "baton.v1.to.b.*", NULL);
    (void)test_serve(pair.b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(1000, seed);
    test_expect(test_make_offer(pair.a, "pool", memory, OPTIONS(APPLICATION)), BATON_OK);
    repeat(&raw, "\"done\"", &heard);
    cr_assert_not_null(strstr(heard.data, "\"result\":{\"ok\":true}"));
    cr_assert_str_eq(heard.subject, "baton.v1.done.a.b");
    cr_assert(test_raw_find(&raw, "\"commit\"", 5000, &answer));
    cr_assert_str_eq(answer.subject, "baton.v1.to.b.a");
    test_raw_free(&answer);
    test_raw_free(&heard);
    test_raw_close(&raw);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledgements of record that are collected: one message, many hand-offs, none lost and none twice. */
#include "handoff.h"

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 300 };

typedef struct scene {
    test_pair pair;
    test_raw raw;
    baton_descriptor *memory;
} scene;

static unsigned char seed = 9;

static void begin_with(scene *self, const char *config)
{
    test_pair_start_with(&self->pair, config);
    test_raw_connect(&self->raw, test_nats_port(self->pair.server));
    test_raw_subscribe(&self->raw, "baton.v1.done.a.*", NULL);
    self->memory = test_memory(1000, seed);
}

static void begin(scene *self)
{
    begin_with(self, NULL);
}

static void end(scene *self)
{
    baton_worker_stats stats = test_stats(self->pair.a);
    cr_expect_eq(stats.refused_key + stats.refused_attempt + stats.refused_unknown + stats.refused_malformed, 0);
    baton_descriptor_release(self->memory);
    test_raw_close(&self->raw);
    test_pair_stop(&self->pair);
}

/* How often the message names the offer, as its own or as one of the others. */
static int count_of(const test_raw_message *message, const char *id)
{
    int count = 0;
    for (const char *at = message->data; (at = strstr(at, id)) != NULL; at += strlen(id)) {
        count++;
    }
    return count;
}

Test(handoff_record, many_handoffs_are_acknowledged_once_each_by_few_messages)
{
    static char ids[MANY][BATON_UUID_TEXT_SIZE];
    static baton_offer *offers[MANY];
    int acknowledged = 0;
    int messages = 0;
    scene self = {0};
    begin(&self);
    (void)test_serve(self.pair.b, "pool", SERVE(.concurrency = 16), test_take, &seed);
    for (int i = 0; i < MANY; i++) {
        offers[i] = test_make_offer(self.pair.a, "pool", self.memory, NULL);
        baton_uuid id = baton_offer_id(offers[i]);
        baton_uuid_print(&id, ids[i]);
    }
    for (int i = 0; i < MANY; i++) {
        test_expect(offers[i], BATON_OK);
    }
    for (; acknowledged < MANY; messages++) {
        test_raw_message heard;
        cr_assert(test_raw_find(&self.raw, "\"done\"", 5000, &heard), "%d of %d", acknowledged, MANY);
        for (int i = 0; i < MANY; i++) {
            int count = count_of(&heard, ids[i]);
            cr_assert_leq(count, 1);
            acknowledged += count;
        }
        test_raw_free(&heard);
    }
    cr_expect_eq(acknowledged, MANY);
    cr_expect_lt(messages, MANY / 2, "%d messages", messages);
    end(&self);
}

Test(handoff_record, a_result_has_a_message_of_its_own)
{
    enum { COUNT = 20 };
    baton_offer *offers[COUNT];
    scene self = {0};
    begin(&self);
    (void)test_serve(self.pair.b, "pool", NULL, test_take, &seed);
    for (int i = 0; i < COUNT; i++) {
        offers[i] = test_make_offer(self.pair.a, "pool", self.memory, OPTIONS(APPLICATION));
    }
    for (int i = 0; i < COUNT; i++) {
        test_expect(offers[i], BATON_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        test_raw_message heard;
        cr_assert(test_raw_find(&self.raw, "\"result\":{\"ok\":true}", 5000, &heard));
        cr_expect_null(strstr(heard.data, "\"more\""));
        test_raw_free(&heard);
    }
    end(&self);
}

Test(handoff_record, a_worker_that_ends_sends_what_it_has_collected)
{
    scene self = {0};
    begin(&self);
    (void)test_serve(self.pair.b, "pool", NULL, test_take, &seed);
    baton_offer *offer = test_make_offer(self.pair.a, "pool", self.memory, NULL);
    char text[BATON_UUID_TEXT_SIZE];
    baton_uuid id = baton_offer_id(offer);
    baton_uuid_print(&id, text);
    test_expect(offer, BATON_OK);
    baton_worker_destroy(self.pair.b);
    self.pair.b = NULL;
    test_raw_message heard;
    cr_assert(test_raw_find(&self.raw, text, 5000, &heard));
    test_raw_free(&heard);
    end(&self);
}

/* Acknowledged by the consumer over NATS alone, as if the endpoint were lost. */
static void acknowledge_by_nats(void *context)
{
    baton_handoff *handoff = context;
    handoff->given = BATON__ANSWER_ACK;
    baton__handoff_report(handoff, false);
}

static baton_handoff *transfer(baton_service *service)
{
    baton_handoff *handoff = test_next_handoff(service);
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    return handoff;
}

Test(handoff_record, each_of_a_message_ends_its_attempt)
{
    enum { COUNT = 5 };
    baton_offer *offers[COUNT];
    baton_handoff *handoffs[COUNT];
    baton_service *service = NULL;
    test_raw_message heard;
    scene self = {0};
    begin(&self);
    cr_assert_eq(baton_worker_serve(self.pair.b, "pool", SERVE(.concurrency = COUNT), NULL, NULL, &service), BATON_OK);
    for (int i = 0; i < COUNT; i++) {
        offers[i] = test_make_offer(self.pair.a, "pool", self.memory,
                                    OPTIONS(APPLICATION, .nobody = BATON_ABSENCE_WAIT));
    }
    for (int i = 0; i < COUNT; i++) {
        handoffs[i] = transfer(service);
    }
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(baton__session_call(handoffs[i]->session, acknowledge_by_nats, handoffs[i]), BATON_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        test_expect(offers[i], BATON_OK);
        baton_handoff_destroy(handoffs[i]);
    }
    cr_assert(test_raw_find(&self.raw, "\"more\"", 5000, &heard));
    test_raw_free(&heard);
    end(&self);
}

typedef struct several {
    baton_handoff *handoffs[MANY];
    int count;
} several;

static void acknowledge_all(void *context)
{
    several *all = context;
    for (int i = 0; i < all->count; i++) {
        acknowledge_by_nats(all->handoffs[i]);
    }
}

Test(handoff_record, a_server_of_small_messages_gets_small_messages)
{
    enum { COUNT = 60 };
    static several all = {.count = COUNT};
    baton_offer *offers[COUNT];
    baton_service *service = NULL;
    scene self = {0};
    begin_with(&self, "max_payload: 4000\n");
    cr_assert_eq(baton_worker_serve(self.pair.b, "pool", SERVE(.concurrency = COUNT), NULL, NULL, &service), BATON_OK);
    for (int i = 0; i < COUNT; i++) {
        offers[i] = test_make_offer(self.pair.a, "pool", self.memory,
                                    OPTIONS(APPLICATION, .nobody = BATON_ABSENCE_WAIT));
    }
    for (int i = 0; i < COUNT; i++) {
        all.handoffs[i] = transfer(service);
    }
    cr_assert_eq(baton__session_call(all.handoffs[0]->session, acknowledge_all, &all), BATON_OK);
    for (int i = 0; i < COUNT; i++) {
        test_expect(offers[i], BATON_OK);
        baton_handoff_destroy(all.handoffs[i]);
    }
    end(&self);
}

static void note_release(void *pointer, size_t size, void *context)
{
    (void)pointer;
    (void)size;
    baton__event_set(context);
}

/* As if there were one already: then its timer is not started. */
static void hold_records(void *context)
{
    ((baton__session *)context)->reports_count++;
}

static void send_records(void *context)
{
    baton__session *session = context;
    session->reports_count--;
    cr_expect_eq(session->reports_count, 1, "it was collected, and not sent");
    baton__handoffs_send_records(session);
    cr_expect_eq(session->reports_count, 0);
}

/* Its buffer is free for the next one with the end of the handoff, and not with the message. */
Test(handoff_record, what_is_collected_keeps_no_memory)
{
    static unsigned char bytes[1000];
    baton__event released = BATON__EVENT_INIT;
    baton_descriptor *buffer = NULL;
    baton_service *service = NULL;
    test_raw_message heard;
    scene self = {0};
    begin(&self);
    cr_assert_eq(baton_worker_serve(self.pair.b, "pool", NULL, NULL, NULL, &service), BATON_OK);
    baton_offer *offer = test_make_offer(self.pair.a, "pool", self.memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT));
    baton_handoff *handoff = test_next_handoff(service);
    baton__session *session = handoff->session;
    cr_assert_eq(baton__session_call(session, hold_records, session), BATON_OK);
    cr_assert_eq(baton_descriptor_from_pointer(bytes, sizeof(bytes), BATON_DEVICE_HOST, note_release, &released, &buffer),
                 BATON_OK);
    cr_assert_eq(baton_handoff_transfer(handoff, &buffer, 1), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK, "%s", baton_error_text());
    baton_descriptor_release(buffer);
    baton_handoff_destroy(handoff);
    cr_expect(baton__event_wait(&released, 5000));
    cr_assert_eq(baton__session_call(session, send_records, session), BATON_OK);
    test_expect(offer, BATON_OK);
    cr_assert(test_raw_find(&self.raw, "\"done\"", 5000, &heard));
    test_raw_free(&heard);
    end(&self);
}

/* Its answer was given, and before it left the operation ended otherwise, as with a lease that runs out in the same turn. */
static void answer_and_fail(void *context)
{
    baton_handoff *handoff = context;
    handoff->given = BATON__ANSWER_ACK;
    baton__handoff_report(handoff, false);
    baton__handoff_stop_operation(handoff, BATON_ERR_EXPIRED);
}

/* What follows on the connection of b shows that nothing came behind the FAIL. */
Test(handoff_record, what_ends_otherwise_is_not_acknowledged)
{
    baton_service *service = NULL;
    test_raw_message heard;
    scene self = {0};
    begin(&self);
    cr_assert_eq(baton_worker_serve(self.pair.b, "pool", NULL, NULL, NULL, &service), BATON_OK);
    baton_offer *offer = test_make_offer(self.pair.a, "pool", self.memory,
                                         OPTIONS(APPLICATION, .attempts = 1, .nobody = BATON_ABSENCE_WAIT));
    baton_handoff *handoff = transfer(service);
    cr_assert_eq(baton__session_call(handoff->session, answer_and_fail, handoff), BATON_OK);
    cr_assert(test_raw_find(&self.raw, "\"fail\"", 5000, &heard));
    test_raw_free(&heard);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_expect_neq(baton_offer_wait(offer, 5000, &outcome), BATON_OK);
    cr_expect_eq(outcome.status, BATON_OPERATION_ERRORED);
    baton_offer_destroy(offer);
    baton_handoff_destroy(handoff);
    baton_worker_destroy(self.pair.b);
    self.pair.b = NULL;
    cr_expect_not(test_raw_find(&self.raw, "\"done\"", 100, &heard));
    end(&self);
}

Test(handoff_record, what_is_forged_in_a_message_is_refused_and_the_rest_is_not_lost)
{
    scene self = {0};
    begin(&self);
    static const char message[] = "{\"v\":1,\"type\":\"done\",\"id\":\"00000000-0000-4000-8000-000000000001\",\"attempt\":1,"
                                  "\"origin\":\"a\",\"worker\":\"b\",\"key\":\"00000000000000000000000000000000\",\"more\":["
                                  "\"00000000-0000-4000-8000-000000000002/1/00000000000000000000000000000000\","
                                  "\"00000000-0000-4000-8000-000000000003/2/00000000000000000000000000000000\"]}";
    test_raw_publish(&self.raw, "baton.v1.done.a.b", message);
    TEST_WAIT_FOR(test_stats(self.pair.a).refused_unknown == 3);
    baton_descriptor_release(self.memory);
    test_raw_close(&self.raw);
    test_pair_stop(&self.pair);
}

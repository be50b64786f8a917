/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over NATS where the endpoint does not serve any more. The endpoint is fine here; the
 * messages are made as if it were not. */
#include "handoff.h"

#include "support/child.h"
#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A hand-off in application mode whose data has moved, and somebody who listens in. */
typedef struct scene {
    test_pair pair;
    test_raw raw;
    test_raw_message heard;
    baton_service *service;
    baton_descriptor *memory;
    baton_offer *offer;
    baton_handoff *handoff;
} scene;

static void begin(scene *self, uint32_t lease_ms, const char *subject)
{
    test_pair_start(&self->pair);
    test_raw_connect(&self->raw, test_nats_port(self->pair.server));
    test_raw_subscribe(&self->raw, subject, NULL);
    cr_assert_eq(baton_worker_serve(self->pair.b, "pool", NULL, NULL, NULL, &self->service),
                 BATON_OK);
    test_sleep_ms(50);
    self->memory = test_memory(1000, 3);
    cr_assert_eq(
        test_offer(self->pair.a, "pool", self->memory,
                   OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION, .lease_ms = lease_ms),
                   &self->offer),
        BATON_OK);
    cr_assert_eq(baton_service_next(self->service, 5000, &self->handoff), BATON_OK);
    cr_assert_eq(baton_handoff_transfer(self->handoff, NULL, 0), BATON_OK, "%s",
                 baton_error_text());
}

static void end(scene *self)
{
    baton_handoff_destroy(self->handoff);
    baton_offer_destroy(self->offer);
    baton_descriptor_release(self->memory);
    test_raw_close(&self->raw);
    test_pair_stop(&self->pair);
}

static void on_owner(scene *self, void (*run)(void *handoff))
{
    cr_assert_eq(baton__session_call(self->handoff->session, run, self->handoff), BATON_OK);
}

static void send_done(void *context)
{
    baton_handoff *handoff = context;
    handoff->given = BATON__ANSWER_ACK;
    handoff->result = strdup("{\"by\":\"nats\"}");
    baton__handoff_report(handoff, true);
}

Test(handoff_report, done_over_nats_ends_the_attempt_and_is_confirmed_over_nats)
{
    scene self = {0};
    begin(&self, 5000, "baton.v1.to.b.*");
    on_owner(&self, send_done);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(self.offer, 5000, &outcome), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(outcome.result_json, "{\"by\":\"nats\"}");
    cr_assert_eq(outcome.attempts, 1);
    cr_assert(test_raw_find(&self.raw, "\"commit\"", 5000, &self.heard));
    test_raw_free(&self.heard);
    end(&self);
}

static void send_nack(void *context)
{
    baton_handoff *handoff = context;
    handoff->given = BATON__ANSWER_NACK;
    baton__handoff_report(handoff, true);
}

Test(handoff_report, nack_over_nats_ends_the_attempt_and_is_confirmed_over_nats)
{
    scene self = {0};
    begin(&self, 5000, "baton.v1.to.b.*");
    on_owner(&self, send_nack);
    cr_assert_eq(baton_offer_wait(self.offer, 5000, NULL), BATON_ERR_NACKED);
    cr_assert(test_raw_find(&self.raw, "\"nacked\"", 5000, &self.heard));
    test_raw_free(&self.heard);
    end(&self);
}

static void send_failure(void *context)
{
    baton__handoff_report_failure(context, BATON_ERR_TRANSPORT);
}

Test(handoff_report, failure_over_nats_begins_the_next_attempt)
{
    scene self = {0};
    begin(&self, 5000, "baton.v1.offer.pool.*");
    on_owner(&self, send_failure);
    cr_assert(test_raw_find(&self.raw, "\"attempt\":2", 5000, &self.heard));
    test_raw_free(&self.heard);
    cr_assert_eq(test_stats(self.pair.a).attempts_failed, 1);
    cr_assert_neq(baton_handoff_wait(self.handoff, 5000, NULL), BATON_OK);
    end(&self);
}

static void fall_silent(void *context)
{
    baton_handoff *handoff = context;
    handoff->silent = true;
    baton__handoff_begin_repeat(handoff);
}

Test(handoff_report, a_silent_endpoint_brings_signs_of_life_and_then_the_answer)
{
    scene self = {0};
    begin(&self, 300, "baton.v1.done.a.*");
    on_owner(&self, fall_silent);
    for (int i = 0; i < 4; i++) {
        cr_assert(test_raw_find(&self.raw, "\"progress\"", 5000, &self.heard));
        test_raw_free(&self.heard);
    }
    cr_assert_not(baton_offer_is_over(self.offer));
    baton_worker_stats stats = test_stats(self.pair.a);
    cr_assert_eq(stats.refused_key + stats.refused_attempt + stats.refused_unknown, 0);
    cr_assert_eq(baton_handoff_ack(self.handoff, "7"), BATON_OK);
    cr_assert_eq(baton_offer_wait(self.offer, 5000, NULL), BATON_OK);
    cr_assert(test_raw_find(&self.raw, "\"done\"", 500, &self.heard)); /* at once */
    test_raw_free(&self.heard);
    cr_assert_eq(baton_handoff_wait(self.handoff, 5000, NULL), BATON_OK);
    end(&self);
}

static void consumer_that_falls_silent(const char *url)
{
    baton_worker *worker = test_child_worker("silent", url);
    baton_service *service = NULL;
    baton_handoff *handoff = NULL;
    if (baton_worker_serve(worker, "pool", NULL, NULL, NULL, &service) != BATON_OK) {
        abort();
    }
    test_sleep_ms(50);
    test_child_say('s');
    if (baton_service_next(service, 20000, &handoff) != BATON_OK ||
        baton_handoff_transfer(handoff, NULL, 0) != BATON_OK ||
        baton__session_call(handoff->session, fall_silent, handoff) != BATON_OK) {
        abort();
    }
    test_child_say('r');
    (void)pause();
}

/* The consumer is stopped, so nothing else renews its lease. */
Test(handoff_report, leases_that_nats_renews_pause_while_the_origin_has_no_connection)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(NULL);
    test_child silent = test_child_start(consumer_that_falls_silent, test_nats_url(server));
    cr_assert_eq(test_child_hear(&silent), 's');
    baton_worker *a = test_worker("a", test_nats_url(server), NULL);
    baton_descriptor *memory = test_memory(1000, 3);
    baton_offer *made = NULL;
    cr_assert_eq(test_offer(a, "pool", memory,
                            OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION, .lease_ms = 600,
                                    .attempts = 1),
                            &made),
                 BATON_OK);
    cr_assert_eq(test_child_hear(&silent), 'r');
    TEST_WAIT_FOR(test_stats(a).messages_received >= 2); /* signs of life */
    test_child_signal(&silent, SIGSTOP);
    test_nats_kill(server);
    test_sleep_ms(2000); /* some leases long */
    cr_assert_not(baton_offer_is_over(made));
    test_nats_restart(server);
    cr_assert_eq(baton_offer_wait(made, 10000, NULL), BATON_ERR_EXPIRED, "%s", baton_error_text());
    baton_offer_destroy(made);
    test_child_end(&silent);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    test_nats_stop(server);
}

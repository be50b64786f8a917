/* SPDX-License-Identifier: Apache-2.0 */
/* What happens by itself when processes die, stop and come back. The other side is a process of its
 * own. */
#include <baton/baton.h>

#include "support/child.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned char seed = 3;

/* Receives, says so, and then thinks for ever, or until it was stopped and continued. */
static void receive_and_think(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *data = NULL;
    if (baton_handoff_receive(handoff, NULL, &data) != BATON_OK) {
        test_child_say('f');
        return;
    }
    baton_descriptor_release(data);
    test_child_say('r');
    baton_status status = baton_handoff_wait(handoff, 30000, NULL);
    test_child_say(status == BATON_ERR_EXPIRED || status == BATON_ERR_PEER_LOST ? 'x' : '?');
}

static void consumer_that_thinks(const char *url)
{
    baton_worker *worker = test_child_worker("thinker", url);
    if (baton_worker_serve(worker, "pool", NULL, receive_and_think, NULL, NULL) != BATON_OK) {
        abort();
    }
    test_sleep_ms(50);
    test_child_say('s');
    (void)pause();
}

static void take_in_child(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *data = NULL;
    if (baton_handoff_receive(handoff, NULL, &data) != BATON_OK) {
        return;
    }
    const char *answer = test_memory_is(data, seed) ? "\"right\"" : "\"wrong\"";
    baton_descriptor_release(data);
    if (baton_handoff_acknowledge(handoff) == BATON_ACKNOWLEDGE_APPLICATION &&
        baton_handoff_ack(handoff, answer) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
    }
}

static void consumer_that_takes(const char *url)
{
    baton_worker *worker = test_child_worker("taker", url);
    if (baton_worker_serve(worker, "pool", SERVE(.concurrency = 4), take_in_child, NULL, NULL) !=
        BATON_OK) {
        abort();
    }
    test_sleep_ms(50);
    test_child_say('s');
    (void)pause();
}

static void serve_here(baton_worker *worker)
{
    cr_assert_eq(
        baton_worker_serve(worker, "pool", SERVE(.concurrency = 4), test_take, &seed, NULL),
        BATON_OK);
    test_sleep_ms(50);
}

static baton_test_nats *server_or_skip(void)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    return test_nats_start(NULL);
}

Test(failures, a_consumer_that_is_killed_is_replaced)
{
    baton_test_nats *server = server_or_skip();
    test_child thinker = test_child_start(consumer_that_thinks, test_nats_url(server));
    cr_assert_eq(test_child_hear(&thinker), 's');
    baton_worker *a = test_worker("a", test_nats_url(server), NULL);
    baton_worker *b = test_worker("b", test_nats_url(server), NULL);
    baton_descriptor *memory = test_memory(3000000, seed);
    baton_offer *made = NULL;
    cr_assert_eq(test_offer(a, "pool", memory,
                            OPTIONS(APPLICATION, .lease_ms = 1000, .claim_ms = 50), &made),
                 BATON_OK);
    cr_assert_eq(test_child_hear(&thinker), 'r');
    serve_here(b);
    test_child_signal(&thinker, SIGKILL);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(made, 20000, &outcome), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(outcome.attempts, 2);
    cr_assert_str_eq(outcome.peer, "b");
    baton_offer_destroy(made);
    test_child_end(&thinker);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

Test(failures, a_consumer_that_is_stopped_is_fenced_and_ends_expired)
{
    baton_test_nats *server = server_or_skip();
    test_child thinker = test_child_start(consumer_that_thinks, test_nats_url(server));
    cr_assert_eq(test_child_hear(&thinker), 's');
    baton_worker *a = test_worker("a", test_nats_url(server), NULL);
    baton_worker *b = test_worker("b", test_nats_url(server), NULL);
    baton_descriptor *memory = test_memory(3000000, seed);
    baton_offer *made = NULL;
    cr_assert_eq(
        test_offer(a, "pool", memory, OPTIONS(APPLICATION, .lease_ms = 500, .claim_ms = 50), &made),
        BATON_OK);
    cr_assert_eq(test_child_hear(&thinker), 'r');
    serve_here(b);
    test_child_signal(&thinker, SIGSTOP);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(made, 20000, &outcome), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(outcome.attempts, 2);
    cr_assert_str_eq(outcome.peer, "b");
    test_child_signal(&thinker, SIGCONT);
    cr_assert_eq(test_child_hear(&thinker), 'x'); /* never a false success */
    baton_offer_destroy(made);
    test_child_end(&thinker);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

Test(failures, the_last_attempt_ends_it_with_its_reason)
{
    baton_test_nats *server = server_or_skip();
    test_child thinker = test_child_start(consumer_that_thinks, test_nats_url(server));
    cr_assert_eq(test_child_hear(&thinker), 's');
    baton_worker *a = test_worker("a", test_nats_url(server), NULL);
    baton_descriptor *memory = test_memory(1000, seed);
    baton_offer *made = NULL;
    cr_assert_eq(
        test_offer(a, "pool", memory, OPTIONS(APPLICATION, .attempts = 1, .lease_ms = 1000), &made),
        BATON_OK);
    cr_assert_eq(test_child_hear(&thinker), 'r');
    test_child_signal(&thinker, SIGKILL);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    baton_status status = baton_offer_wait(made, 20000, &outcome);
    cr_assert(status == BATON_ERR_PEER_LOST || status == BATON_ERR_EXPIRED, "%s",
              baton_error_text());
    cr_assert_eq(outcome.attempts, 1);
    cr_assert_eq(outcome.status, BATON_OPERATION_ERRORED);
    cr_assert_not_null(strstr(outcome.text, "attempt 1 of at most 1"));
    baton_offer_destroy(made);
    test_child_end(&thinker);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    test_nats_stop(server);
}

static void origin_that_offers(const char *url)
{
    baton_worker *worker = test_child_worker("origin", url);
    baton_descriptor *memory = test_memory(3000000, seed);
    baton_offer *made = NULL;
    if (test_offer(worker, "pool", memory,
                   OPTIONS(APPLICATION, .nobody = BATON_ABSENCE_WAIT, .lease_ms = 1000),
                   &made) != BATON_OK) {
        abort();
    }
    test_child_say('s');
    (void)pause();
}

Test(failures, an_origin_that_is_killed_ends_the_hand_off)
{
    baton_test_nats *server = server_or_skip();
    test_child origin = test_child_start(origin_that_offers, test_nats_url(server));
    cr_assert_eq(test_child_hear(&origin), 's');
    baton_worker *b = test_worker("b", test_nats_url(server), NULL);
    baton_service *service = NULL;
    baton_handoff *handoff = NULL;
    cr_assert_eq(baton_worker_serve(b, "pool", NULL, NULL, NULL, &service), BATON_OK);
    cr_assert_eq(baton_service_next(service, 5000, &handoff), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    test_child_signal(&origin, SIGKILL);
    baton_status status = baton_handoff_wait(handoff, 10000, NULL);
    cr_assert(status == BATON_ERR_PEER_LOST || status == BATON_ERR_EXPIRED, "%s",
              baton_error_text());
    baton_descriptor *local = NULL;
    cr_assert_eq(baton_handoff_local(handoff, 0, &local), BATON_OK);
    cr_assert(test_memory_is(local, seed)); /* its own again */
    baton_descriptor_release(local);
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_ERR_WRONG_STATE);
    baton_handoff_destroy(handoff);
    test_child_end(&origin);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

Test(failures, one_of_two_workers_is_stopped_from_the_start_and_nothing_is_lost)
{
    baton_test_nats *server = server_or_skip();
    test_child stopped = test_child_start(consumer_that_takes, test_nats_url(server));
    cr_assert_eq(test_child_hear(&stopped), 's');
    test_child_signal(&stopped, SIGSTOP);
    baton_worker *a = test_worker("a", test_nats_url(server), NULL);
    baton_worker *b = test_worker("b", test_nats_url(server), NULL);
    serve_here(b);
    baton_descriptor *memory = test_memory(10000, seed);
    enum { MANY = 20 };
    baton_offer *made[MANY];
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(test_offer(a, "pool", memory,
                                OPTIONS(APPLICATION, .claim_ms = 50, .attempts = 1), &made[i]),
                     BATON_OK);
    }
    for (int i = 0; i < MANY; i++) {
        baton_outcome outcome = BATON_OUTCOME_INIT;
        cr_assert_eq(baton_offer_wait(made[i], 20000, &outcome), BATON_OK, "%s",
                     baton_error_text());
        cr_assert_eq(outcome.attempts, 1);
        cr_assert_str_eq(outcome.peer, "b");
        baton_offer_destroy(made[i]);
    }
    test_child_end(&stopped);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

static void write_and_think(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *local = test_memory((size_t)baton_handoff_size(handoff), 77);
    if (baton_handoff_send(handoff, local) == BATON_OK) {
        test_child_say('r');
        test_child_say(baton_handoff_wait(handoff, 30000, NULL) == BATON_OK ? 'k' : 'x');
    }
    baton_descriptor_release(local);
}

static void consumer_that_writes(const char *url)
{
    baton_worker *worker = test_child_worker("writer", url);
    if (baton_worker_serve(worker, "pool", NULL, write_and_think, NULL, NULL) != BATON_OK) {
        abort();
    }
    test_sleep_ms(50);
    test_child_say('s');
    (void)pause();
}

static void write_here(baton_handoff *handoff, void *context)
{
    cr_assert_eq(baton_handoff_send(handoff, context), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_OK);
}

Test(failures, a_writable_goes_out_again_and_holds_what_the_last_writer_wrote)
{
    baton_test_nats *server = server_or_skip();
    test_child writer = test_child_start(consumer_that_writes, test_nats_url(server));
    cr_assert_eq(test_child_hear(&writer), 's');
    baton_worker *a = test_worker("a", test_nats_url(server), NULL);
    baton_worker *b = test_worker("b", test_nats_url(server), NULL);
    baton_descriptor *memory = test_memory(3000000, 1);
    baton_descriptor *right = test_memory(3000000, seed);
    baton_offer *made = NULL;
    cr_assert_eq(
        baton_offer_writable(a, "pool", &memory, 1, OPTIONS(APPLICATION, .lease_ms = 1000), &made),
        BATON_OK);
    cr_assert_eq(test_child_hear(&writer), 'r');
    cr_assert_eq(baton_worker_serve(b, "pool", NULL, write_here, right, NULL), BATON_OK);
    test_sleep_ms(50);
    test_child_signal(&writer, SIGKILL);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(made, 20000, &outcome), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(outcome.attempts, 2);
    cr_assert(test_memory_is(memory, seed));
    baton_offer_destroy(made);
    test_child_end(&writer);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    baton_descriptor_release(right);
    test_nats_stop(server);
}

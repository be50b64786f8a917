/* SPDX-License-Identifier: Apache-2.0 */
/* What a server does to workers that are connected: it goes and comes back, and it denies. */
#include <baton/baton.h>

#include "support/workers.h"
#include <criterion/criterion.h>

static unsigned char seed = 3;

Test(worker_server, a_server_that_restarts_costs_nothing)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", SERVE(.concurrency = 8), NULL, NULL);
    baton_descriptor *memory = test_memory(2000000, seed);
    baton_handoff *handoff = NULL;
    baton_offer *running = test_make_offer(pair.a, "pool", memory, OPTIONS(APPLICATION));
    cr_assert_eq(baton_service_next(service, 5000, &handoff), BATON_OK);
    test_nats_kill(pair.server);
    TEST_WAIT_FOR(!baton_worker_is_connected(pair.a) && !baton_worker_is_connected(pair.b));
    cr_assert_eq(test_stats(pair.a).nats_disconnects, 1);
    /* What runs goes on, and is acknowledged in-band; the acknowledgement of record is kept. */
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_ack(handoff, "1"), BATON_OK);
    cr_assert_eq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK);
    baton_handoff_destroy(handoff);
    test_expect(running, BATON_OK);
    TEST_WAIT_FOR(test_stats(pair.b).messages_held == 1);
    baton_offer *refused = NULL;
    cr_assert_eq(test_offer(pair.a, "pool", memory, NULL, &refused), BATON_ERR_NATS_DISCONNECTED);
    /* What waits is offered once there is a server again, though its workers may come back later.
     */
    baton_offer *waiting =
        test_make_offer(pair.a, "pool", memory, OPTIONS(.offline = BATON_ABSENCE_WAIT));
    uint64_t received = test_stats(pair.a).messages_received;
    test_nats_restart(pair.server);
    cr_assert_eq(baton_service_next(service, 10000, &handoff), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    baton_handoff_destroy(handoff);
    test_expect(waiting, BATON_OK);
    TEST_WAIT_FOR(test_stats(pair.a).messages_received >= received + 2); /* two of record */
    cr_assert_eq(test_stats(pair.a).refused_unknown, 0);
    cr_assert_eq(test_stats(pair.a).nats_connects, 2);
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

Test(worker_server, the_published_permissions_suffice_and_denials_end_offers)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(permissions);
    baton_worker *a = permitted_worker("a", test_nats_url(server));
    baton_worker *b = permitted_worker("b", test_nats_url(server));
    (void)test_serve(b, "pool", NULL, test_take, &seed);
    baton_descriptor *memory = test_memory(1000, seed);
    test_expect(test_make_offer(a, "pool", memory, OPTIONS(APPLICATION)), BATON_OK);
    baton_offer *made = NULL;
    cr_assert_eq(test_offer(a, "elsewhere", memory, OPTIONS(.nobody = BATON_ABSENCE_WAIT), &made),
                 BATON_OK);
    test_expect(made, BATON_ERR_NATS_DENIED);
    cr_assert_eq(test_offer(b, "pool", memory, NULL, &made), BATON_OK);
    test_expect(made, BATON_ERR_NATS_DENIED);
    TEST_WAIT_FOR(test_stats(a).messages_received == 1);
    baton_descriptor_release(memory);
    baton_worker_destroy(a);
    baton_worker_destroy(b);
    test_nats_stop(server);
}

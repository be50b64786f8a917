/* SPDX-License-Identifier: Apache-2.0 */
/* Offers of memory that lies in a pool. */
#include <baton/baton.h>

#include "support/workers.h"
#include <criterion/criterion.h>
#include <string.h>

enum { SIZE = 3 * 1024 * 1024 };

static unsigned char seed = 7;

static baton_worker *worker_of_group(const char *name, const char *url, const char *group)
{
    baton_connector_options connector = BATON_CONNECTOR_OPTIONS_INIT;
    connector.map_group = group;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    options.connector = &connector;
    return test_worker(name, url, &options);
}

static void offer_and_expect(baton_worker *origin, baton_pool *pool, const char *path)
{
    baton_descriptor *piece = NULL;
    cr_assert_eq(baton_pool_allocate(pool, SIZE, &piece), BATON_OK, "%s", baton_error_text());
    baton_descriptor *pattern = test_memory(SIZE, seed);
    memcpy(baton_descriptor_pointer(piece), baton_descriptor_pointer(pattern), SIZE);
    baton_descriptor_release(pattern);
    baton_offer *made = NULL;
    cr_assert_eq(test_offer(origin, "pool", piece, NULL, &made), BATON_OK, "%s", baton_error_text());
    baton_outcome outcome = BATON_OUTCOME_INIT;
    cr_assert_eq(baton_offer_wait(made, 20000, &outcome), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(outcome.path, path);
    baton_offer_destroy(made);
    baton_descriptor_release(piece);
}

/* The callback of the consumer checks the bytes. */
static void hand_over(const char *consumers_group, const char *path)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(NULL);
    baton_worker *origin = worker_of_group("origin", test_nats_url(server), NULL);
    baton_worker *consumer = worker_of_group("consumer", test_nats_url(server), consumers_group);
    cr_assert_eq(baton_worker_serve(consumer, "pool", NULL, test_take, &seed, NULL), BATON_OK);
    test_sleep_ms(50);
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.group = "embeddings";
    baton_pool *pool = NULL;
    cr_assert_eq(baton_pool_create(&options, &pool), BATON_OK, "%s", baton_error_text());
    offer_and_expect(origin, pool, path);
    offer_and_expect(origin, pool, path);
    baton_worker_destroy(origin);
    baton_worker_destroy(consumer);
    baton_pool_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_pool_get_stats(pool, &stats), BATON_OK);
    cr_assert_eq(stats.pieces, 0);
    baton_pool_destroy(pool);
    test_nats_stop(server);
}

Test(offer_pool, a_consumer_of_the_group_maps)
{
    hand_over("embeddings", "map");
}

Test(offer_pool, another_one_gets_messages)
{
    hand_over(NULL, "am");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes, as in process_case.h, and a pool of a trust group in each. */
#ifndef BATON_TEST_POOL_CASE_H
#define BATON_TEST_POOL_CASE_H

#include "support/process_case.h"

#include <stdio.h>

static baton_pool *pool;

static inline void pool_case_begin(const char *peers_group, const char *ours)
{
    (void)unsetenv("UCX_TLS");
    (void)setenv("BATON_TEST_GROUP", peers_group, 1);
    peer_start(&peer, "sdk_peer", NULL);
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.name = "test";
    options.map_group = ours;
    cr_assert_eq(baton_connector_create(&options, &connector), BATON_OK, "%s", baton_error_text());
    baton_pool_options pool_options = BATON_POOL_OPTIONS_INIT;
    pool_options.capacity_bytes = (size_t)512 * MIB;
    pool_options.group = "secret";
    cr_assert_eq(baton_pool_create(&pool_options, &pool), BATON_OK, "%s", baton_error_text());
}

static inline void pool_case_end(void)
{
    case_end();
    baton_pool_destroy(pool);
}

static inline baton_connector_stats stats_of(void)
{
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_connector_get_stats(connector, &stats), BATON_OK);
    return stats;
}

static inline uint64_t pieces(void)
{
    baton_pool_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_pool_get_stats(pool, &stats), BATON_OK);
    return stats.pieces;
}

static inline void wait_for_pieces(uint64_t wanted)
{
    for (int i = 0; i < SOON_MS && pieces() != wanted; i++) {
        (void)poll(NULL, 0, 1);
    }
    cr_assert_eq(pieces(), wanted);
}

static inline baton_operation_report report_of(const own *o)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    cr_assert_eq(baton_operation_get_report(o->operation, &report), BATON_OK);
    return report;
}

/* A readable of ours that lies in the pool. */
static inline own offer_piece(size_t size, unsigned seed, uint32_t lease_ms)
{
    own o = {.seed = seed};
    cr_assert_eq(baton_pool_allocate(pool, size, &o.descriptor), BATON_OK);
    pattern_fill(own_memory(&o), size, seed);
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.lease_ms = lease_ms;
    options.completion = BATON_COMPLETION_COMMIT;
    cr_assert_eq(baton_connector_create_readable(connector, &o.descriptor, 1, &options, &o.operation), BATON_OK);
    return o;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A view of the consumer's over the fake transport, with real pools. */
#ifndef BATON_TEST_VIEW_PAIR_H
#define BATON_TEST_VIEW_PAIR_H

#include "core/engine.h"
#include "memory/pool.h"
#include "support/fake_pair.h"

#include <poll.h>

enum { POOLS = BATON__MAP_POOLS_MAX + 1 };

static handed h;
static baton_pool *pools[POOLS];

static inline void view_open(void)
{
    pair_open();
    for (int i = 0; i < 2; i++) {
        connectors[i]->has_map_group = true;
        connectors[i]->map_group = baton__group_key("group");
    }
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.capacity_bytes = 4 * 1024 * 1024;
    options.group = "group";
    for (int i = 0; i < POOLS; i++) {
        cr_assert_eq(baton_pool_create(&options, &pools[i]), BATON_OK, "%s", baton_error_text());
    }
}

static inline void view_close(void)
{
    pair_close();
    for (int i = 0; i < POOLS; i++) {
        baton_pool_destroy(pools[i]);
    }
}

static inline baton_metadata *view_offer(size_t count, size_t of_pools, size_t size, baton_completion completion,
                                         uint32_t lease_ms)
{
    h = (handed){.count = count, .size = size, .read = true};
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(baton_pool_allocate(pools[i % of_pools], size, &h.source[i]), BATON_OK, "%s", baton_error_text());
        pattern_fill(baton_descriptor_pointer(h.source[i]), size, i);
    }
    baton_operation_options options = pair_options(&h, completion, lease_ms);
    cr_assert_eq(baton_connector_create_readable(connectors[ORIGIN], h.source, count, &options, &h.passive), BATON_OK);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(h.passive, &metadata), BATON_OK);
    return metadata;
}

/* Pieces of so many pools, one after the other. The consumer wants to view them; nothing has moved at return. */
static inline void view_begin(size_t count, size_t of_pools, size_t size, baton_completion completion, uint32_t lease_ms)
{
    baton_metadata *metadata = view_offer(count, of_pools, size, completion, lease_ms);
    baton_operation_options options = pair_options(&h, BATON_COMPLETION_BYTES, 0);
    cr_assert_eq(baton_connector_begin_view(connectors[CONSUMER], metadata, &options, &h.active), BATON_OK, "%s", baton_error_text());
    baton_metadata_destroy(metadata);
}

/* The application has it, and sees what the origin sees. */
static inline void view_expect_readable(void)
{
    for (size_t i = 0; i < h.count; i++) {
        const void *pointer = NULL;
        size_t size = 0;
        cr_assert_eq(baton_operation_view(h.active, i, &pointer, &size), BATON_OK, "%s", baton_error_text());
        cr_assert_eq(size, h.size);
        cr_assert_neq(pointer, baton_descriptor_pointer(h.source[i]), "a mapping of its own");
        cr_assert(pattern_is(pointer, size, i));
    }
    cr_assert_eq(baton_operation_wait_view(h.active, 0), BATON_OK);
    cr_assert_eq(pair_stats(CONSUMER).views, 1);
}

/* It is held, nothing is over. */
static inline void view_take(size_t size, baton_completion completion, uint32_t lease_ms)
{
    view_begin(2, 2, size, completion, lease_ms);
    pair_pump();
    cr_assert_neq(h.events & 1U << BATON_EVENT_MOVED, 0);
    view_expect_readable();
    cr_assert_eq(baton_operation_get_status(h.passive), BATON_OPERATION_IN_PROGRESS);
    cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_IN_PROGRESS);
}

static inline uint64_t view_pieces(void)
{
    uint64_t pieces = 0;
    for (int i = 0; i < POOLS; i++) {
        baton_pool_stats stats = {.struct_size = sizeof(stats)};
        cr_assert_eq(baton_pool_get_stats(pools[i], &stats), BATON_OK);
        pieces += stats.pieces;
    }
    return pieces;
}

/* Both handles and the descriptors of the test's own go. */
static inline void view_drop(void)
{
    pair_end(&h);
    cr_assert_eq(pair_stats(CONSUMER).views, 0);
}

/* All of it is over, and nothing is held back. */
static inline void view_end(baton_status passive, baton_status active)
{
    pair_expect(&h, passive, active);
    view_drop();
    cr_assert_eq(view_pieces(), 0);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
}

#endif

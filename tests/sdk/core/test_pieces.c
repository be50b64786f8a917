/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of many pieces between two real processes, laid out differently on the two sides. */
#include "support/process_case.h"
#include "support/shape.h"

typedef struct pieces {
    size_t count;
    size_t size;
    uint64_t sizes;      /* 0: all the same */
    uint64_t own_layout; /* 0: one behind the other */
    uint64_t peer_layout;
} pieces;

static void tell_shape(const pieces *p)
{
    peer_say(&peer, "shape %zu %zu %llu %llu", p->count, p->size, (unsigned long long)p->sizes, (unsigned long long)p->peer_layout);
    (void)peer_line(&peer, "shaped", SOON_MS);
}

static shape own_shape(const pieces *p, uint64_t fill)
{
    size_t *sizes = shape_sizes(p->count, p->size, p->sizes);
    shape s = shape_make(sizes, p->count, p->own_layout);
    free(sizes);
    if (fill != 0) {
        shape_fill(&s, fill);
    }
    return s;
}

static void end_well(baton_operation *operation, const shape *s, unsigned seed, int number)
{
    cr_assert_eq(baton_operation_wait(operation, 3 * SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_str_eq(peer_end(&peer, number, SOON_MS), "COMPLETE OK right");
    cr_assert(shape_is_right(s, seed));
    baton_operation_destroy(operation);
}

/* The own side is passive. */
static void offer(const pieces *p, bool readable, int number)
{
    unsigned seed = (unsigned)number + 1;
    shape s = own_shape(p, readable ? seed : 0);
    baton_operation *operation = NULL;
    baton_status status = readable ? baton_connector_create_readable(connector, s.descriptors, s.count, NULL, &operation)
                                   : baton_connector_create_writable(connector, s.descriptors, s.count, NULL, &operation);
    cr_assert_eq(status, BATON_OK);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(operation, &metadata), BATON_OK);
    peer_take(&peer, readable ? "read" : "write", metadata, seed, 60000);
    baton_metadata_destroy(metadata);
    end_well(operation, &s, seed, number);
    shape_free(&s);
}

/* The peer is. */
static void take(const pieces *p, bool readable, int number)
{
    unsigned seed = (unsigned)number + 1;
    baton_metadata *metadata = peer_offers(readable ? "readable" : "writable", 1, seed, 0, BATON_COMPLETION_COMMIT);
    cr_assert_eq(baton_metadata_count(metadata), p->count);
    shape s = own_shape(p, readable ? 0 : seed);
    baton_operation *operation = NULL;
    baton_status status = readable
                              ? baton_connector_begin_read(connector, metadata, s.descriptors, s.count, NULL, &operation)
                              : baton_connector_begin_write(connector, metadata, s.descriptors, s.count, NULL, &operation);
    cr_assert_eq(status, BATON_OK, "%s", baton_error_text());
    baton_metadata_destroy(metadata);
    end_well(operation, &s, seed, number);
    shape_free(&s);
}

static void four_directions(const pieces *p, int first)
{
    tell_shape(p);
    offer(p, true, first);
    offer(p, false, first + 1);
    take(p, true, first + 2);
    take(p, false, first + 3);
}

PROCESS_CASE(blocks_of_a_cache_into_one_piece_and_back)
{
    four_directions(&(pieces){4032, 32 * 1024, 0, 5, 0}, 0);
    four_directions(&(pieces){4032, 32 * 1024, 0, 0, 6}, 4);
    peer_quit(&peer);
}

PROCESS_CASE(fifteen_thousand_of_any_size)
{
    four_directions(&(pieces){15000, 6600, 9, 1, 2}, 0);
    peer_quit(&peer);
}

PROCESS_CASE(pieces_cut_differently_on_both_sides)
{
    uint64_t state = 1;
    for (int round = 0; round < 10; round++) {
        size_t count = 2 + (size_t)(shape_next(&state) % 300);
        size_t size = 1 + (size_t)(shape_next(&state) % (round % 2 == 0 ? 100 : 60000));
        four_directions(&(pieces){count, size, shape_next(&state), shape_next(&state), shape_next(&state)}, 4 * round);
    }
    peer_quit(&peer);
}

/* A strided descriptor is one for the other side. */
PROCESS_CASE(a_strided_descriptor_pairs_with_one_piece)
{
    enum { SEGMENT = 3000, STRIDE = 4096, SEGMENTS = 2000 };
    uint8_t *memory = calloc(SEGMENTS, STRIDE);
    cr_assert_not_null(memory);
    baton_descriptor *strided = NULL;
    cr_assert_eq(baton_descriptor_create_strided(memory, SEGMENT, STRIDE, SEGMENTS, BATON_DEVICE_HOST, NULL, NULL, &strided), BATON_OK);
    baton_metadata *metadata = peer_offers("readable", (size_t)SEGMENT * SEGMENTS, 3, 0, BATON_COMPLETION_COMMIT);
    baton_operation *operation = NULL;
    cr_assert_eq(baton_connector_begin_read(connector, metadata, &strided, 1, NULL, &operation), BATON_OK);
    cr_assert_eq(baton_operation_wait(operation, SOON_MS), BATON_OK);
    uint8_t *row = malloc((size_t)SEGMENT * SEGMENTS);
    cr_assert_not_null(row);
    for (size_t i = 0; i < SEGMENTS; i++) {
        memcpy(row + i * SEGMENT, memory + i * STRIDE, SEGMENT);
        for (size_t k = SEGMENT; k < STRIDE; k++) {
            cr_assert_eq(memory[i * STRIDE + k], 0);
        }
    }
    cr_assert(pattern_is(row, (size_t)SEGMENT * SEGMENTS, 3));
    free(row);
    baton_operation_destroy(operation);
    baton_metadata_destroy(metadata);
    baton_descriptor_release(strided);
    free(memory);
    peer_quit(&peer);
}

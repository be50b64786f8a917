/* SPDX-License-Identifier: Apache-2.0 */
/* Offers of thousands of pieces of memory over a real server with its default max_payload. */
#include <baton/baton.h>

#include "support/shape.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <stdlib.h>

enum { COUNT = 15000, SIZE = 6600, FILL = 3 };

/* The consumer's, laid out differently from the origin's. */
static shape taken;

static void take(baton_handoff *handoff, void *context)
{
    (void)context;
    cr_assert_eq(baton_handoff_count(handoff), taken.count);
    cr_assert_eq(baton_handoff_size(handoff), taken.total);
    cr_assert_eq(baton_handoff_transfer(handoff, taken.descriptors, taken.count), BATON_OK, "%s", baton_error_text());
}

static void hand_over(size_t count, size_t size, uint64_t sizes_seed, bool readable)
{
    test_pair pair;
    test_pair_start(&pair);
    size_t *sizes = shape_sizes(count, size, sizes_seed);
    shape offered = shape_make(sizes, count, 11);
    taken = shape_make(sizes, count, 12);
    free(sizes);
    shape_fill(readable ? &offered : &taken, FILL);
    baton_service *service = test_serve(pair.b, "pool", NULL, take, NULL);
    baton_offer *made = NULL;
    baton_status status = readable ? baton_offer_readable(pair.a, "pool", offered.descriptors, count, NULL, &made)
                                   : baton_offer_writable(pair.a, "pool", offered.descriptors, count, NULL, &made);
    cr_assert_eq(status, BATON_OK, "%s", baton_error_text());
    test_expect(made, BATON_OK);
    baton_service_stop(service);
    cr_assert(shape_is_right(readable ? &taken : &offered, FILL));
    test_pair_stop(&pair);
    shape_free(&offered);
    shape_free(&taken);
}

Test(offer_pieces, fifteen_thousand_of_any_size_are_read)
{
    hand_over(COUNT, SIZE, 5, true);
}

Test(offer_pieces, fifteen_thousand_of_any_size_are_written)
{
    hand_over(COUNT, SIZE, 6, false);
}

Test(offer_pieces, as_many_as_an_operation_may_have)
{
    hand_over(BATON_DESCRIPTORS_MAX, 200, 7, true);
}

/* Tensors that are alike are named once. */
Test(offer_pieces, thousands_of_tensors)
{
    static baton_descriptor *blocks[COUNT];
    static uint8_t memory[4096];
    const baton_tensor tensor = {.type_code = 2, .type_bits = 16, .type_lanes = 1, .dimensions = 3, .shape = {16, 8, 16}};
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(baton_descriptor_from_tensor(memory, sizeof(memory), BATON_DEVICE_HOST, &tensor, NULL, NULL, &blocks[i]),
                     BATON_OK);
    }
    test_pair pair;
    test_pair_start(&pair);
    baton_service *service = test_serve(pair.b, "pool", NULL, NULL, NULL);
    baton_offer *made = NULL;
    cr_assert_eq(baton_offer_readable(pair.a, "pool", blocks, COUNT, NULL, &made), BATON_OK, "%s", baton_error_text());
    baton_handoff *handoff = test_next_handoff(service);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_not_null(baton_handoff_tensor(handoff, i));
        cr_assert_eq(baton_handoff_tensor(handoff, i)->shape[2], 16);
    }
    cr_assert_eq(baton_handoff_transfer(handoff, NULL, 0), BATON_OK, "%s", baton_error_text());
    baton_handoff_destroy(handoff);
    test_expect(made, BATON_OK);
    baton_service_stop(service);
    test_pair_stop(&pair);
    for (size_t i = 0; i < COUNT; i++) {
        baton_descriptor_release(blocks[i]);
    }
}

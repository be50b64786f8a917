/* SPDX-License-Identifier: Apache-2.0 */
/* Whole hand-offs over NATS with memory of a device on either side; the runtime of CUDA is the stand-in. */
#include <baton/baton.h>

#include "support/any_memory.h"
#include "support/workers.h"
#include <criterion/criterion.h>

enum { SIZE = 3 * 1024 * 1024 + 7, SEED = 5, BLOCKS = 4032, BLOCK = 32 * 1024 };

static const baton_device device = {BATON_DEVICE_KIND_CUDA, 0};
static baton_descriptor *taken[BLOCKS]; /* of the consumer */
static size_t taken_count;
static unsigned calls;

static baton_descriptor *memory_on(bool on_device, size_t size)
{
    baton_descriptor *made = NULL;
    cr_assert_eq(baton_descriptor_allocate(size, on_device ? device : BATON_DEVICE_HOST, &made), BATON_OK, "%s", baton_error_text());
    return made;
}

static void take(baton_handoff *handoff, void *context)
{
    (void)context;
    calls++;
    cr_assert_eq(baton_handoff_transfer(handoff, taken, taken_count), BATON_OK, "%s", baton_error_text());
}

/* Gives the first attempt up once it has the bytes, and takes the second. */
static void take_at_second_try(baton_handoff *handoff, void *context)
{
    take(handoff, context);
    if (baton_handoff_attempt(handoff) > 1) {
        cr_assert_eq(baton_handoff_ack(handoff, NULL), BATON_OK, "%s", baton_error_text());
        return;
    }
    cr_assert_eq(baton_handoff_cancel(handoff), BATON_OK);
    cr_assert_neq(baton_handoff_wait(handoff, 5000, NULL), BATON_OK);
}

static void hand_over(bool readable, bool origin_on_device, bool consumer_on_device, bool twice)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *offered = memory_on(origin_on_device, SIZE);
    taken[0] = memory_on(consumer_on_device, SIZE);
    taken_count = 1;
    calls = 0;
    any_fill(readable ? offered : taken[0], SEED);
    baton_service *service = test_serve(pair.b, "pool", NULL, twice ? take_at_second_try : take, NULL);
    baton_offer *made = NULL;
    const baton_offer_options options = {BATON_OFFER_DEFAULTS,
                                         .acknowledge = twice ? BATON_ACKNOWLEDGE_APPLICATION : BATON_ACKNOWLEDGE_MOVED};
    baton_status status = readable ? baton_offer_readable(pair.a, "pool", &offered, 1, &options, &made)
                                   : baton_offer_writable(pair.a, "pool", &offered, 1, &options, &made);
    cr_assert_eq(status, BATON_OK, "%s", baton_error_text());
    baton_outcome outcome = test_outcome(made, BATON_OK);
    cr_assert_str_eq(outcome.path, origin_on_device ? "staged" : "am");
    cr_assert_eq(calls, twice ? 2 : 1);
    cr_assert(any_is_right(readable ? taken[0] : offered, SEED));
    baton_offer_destroy(made);
    baton_service_stop(service);
    test_pair_stop(&pair);
    baton_descriptor_release(offered);
    baton_descriptor_release(taken[0]);
}

Test(handoff_cuda, either_side_or_both)
{
    for (int where = 1; where < 4; where++) {
        hand_over(true, (where & 1) != 0, (where & 2) != 0, false);
        hand_over(false, (where & 1) != 0, (where & 2) != 0, false);
    }
}

Test(handoff_cuda, is_redelivered)
{
    hand_over(true, true, true, true);
    hand_over(false, true, false, true);
}

/* The blocks of a paged cache: on the device at one stride, on the other side in one piece. */
Test(handoff_cuda, four_thousand_blocks)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *whole = memory_on(true, (size_t)BLOCKS * 2 * BLOCK);
    static baton_descriptor *blocks[BLOCKS];
    any_fill(whole, SEED);
    for (size_t i = 0; i < BLOCKS; i++) {
        uint8_t *at = (uint8_t *)baton_descriptor_pointer(whole) + i * 2 * BLOCK;
        cr_assert_eq(baton_descriptor_from_pointer(at, BLOCK, device, NULL, NULL, &blocks[i]), BATON_OK, "%s", baton_error_text());
        taken[i] = memory_on(false, BLOCK);
    }
    taken_count = BLOCKS;
    calls = 0;
    baton_service *service = test_serve(pair.b, "pool", NULL, take, NULL);
    baton_offer *made = NULL;
    cr_assert_eq(baton_offer_readable(pair.a, "pool", blocks, BLOCKS, NULL, &made), BATON_OK, "%s", baton_error_text());
    (void)test_outcome(made, BATON_OK);
    uint8_t *bytes = any_look(whole);
    for (size_t i = 0; i < BLOCKS; i++) {
        cr_assert_eq(memcmp(baton_descriptor_pointer(taken[i]), bytes + i * 2 * BLOCK, BLOCK), 0, "block %zu", i);
        baton_descriptor_release(blocks[i]);
        baton_descriptor_release(taken[i]);
    }
    any_done(bytes);
    baton_offer_destroy(made);
    baton_service_stop(service);
    test_pair_stop(&pair);
    baton_descriptor_release(whole);
}

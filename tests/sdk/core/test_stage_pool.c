/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-offs of pieces of pools of CUDA memory and of pinned memory: the right bytes, and no piece is given out again while a copy may touch it. */
#include "support/cuda_pair.h"

#include <baton/pool.h>

enum { CHUNK = BATON__CHUNK_BYTES, PIECE = 16 * CHUNK };

static baton_pool *pools[2]; /* of CUDA memory, and pinned */

/* Each has room for `pieces` of them. */
static void open_pools(size_t pieces)
{
    static const baton_pool_kind kinds[2] = {BATON_POOL_CUDA, BATON_POOL_PINNED};
    cuda_pair_open();
    for (int i = 0; i < 2; i++) {
        baton_pool_options options = BATON_POOL_OPTIONS_INIT;
        options.kind = kinds[i];
        options.capacity_bytes = pieces * PIECE;
        cr_assert_eq(baton_pool_create(&options, &pools[i]), BATON_OK, "%s", baton_error_text());
    }
}

static void close_pools(void)
{
    baton_pool_destroy(pools[0]);
    baton_pool_destroy(pools[1]);
    cuda_pair_close();
}

static void open_one(void)
{
    open_pools(1);
}

static void open_two(void)
{
    open_pools(2);
}

static baton_descriptor *piece_of(baton_pool *pool, size_t size)
{
    baton_descriptor *piece = NULL;
    cr_assert_eq(baton_pool_allocate(pool, size, &piece), BATON_OK, "%s", baton_error_text());
    return piece;
}

static void begin(handed *h, bool read, baton_pool *source, baton_pool *target)
{
    *h = (handed){.count = 1, .size = PIECE, .read = read};
    h->source[0] = piece_of(source, PIECE);
    h->target[0] = piece_of(target, PIECE);
    cuda_pair_fill(h->source[0], 0);
    pair_offer(h, BATON_COMPLETION_COMMIT, 0);
}

TestSuite(stage_pool, .init = open_two, .fini = close_pools, .timeout = 120);
TestSuite(stage_pool_of_one, .init = open_one, .fini = close_pools, .timeout = 120);

Test(stage_pool, pieces_are_handed_over_from_and_to_every_kind)
{
    static handed h;
    fake_cuda_counts counts;
    for (int mode = 0; mode < 8; mode++) {
        size_t sides = (mode & 2) == 0 ? 1 : 0; /* that are of a device */
        sides += (mode & 4) == 0 ? 1 : 0;
        (void)fake_cuda_leaks(&counts);
        size_t copied = counts.copied_bytes;
        begin(&h, (mode & 1) != 0, pools[(mode & 2) != 0], pools[(mode & 4) != 0]);
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
        pair_expect(&h, BATON_OK, BATON_OK);
        cr_assert(cuda_pair_is_right(&h), "mode %d", mode);
        (void)fake_cuda_leaks(&counts);
        cr_assert_eq(counts.copied_bytes - copied, sides * PIECE, "pinned memory is sent from where it lies");
        pair_end(&h);
    }
}

Test(stage_pool, the_report_says_which_way_and_why_not_map)
{
    static handed h;
    char text[512];
    begin(&h, true, pools[0], pools[0]);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    (void)baton_operation_explain(h.active, text, sizeof(text));
    cr_assert_not_null(strstr(text, "staged over"), "%s", text);
    cr_assert_not_null(strstr(text, "not map: "), "%s", text);
    pair_end(&h);
    begin(&h, true, pools[1], pools[1]);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    (void)baton_operation_explain(h.active, text, sizeof(text));
    cr_assert_not_null(strstr(text, "am over"), "%s", text);
    cr_assert_not_null(strstr(text, "not map: not every descriptor is of a pool with a group"), "%s", text);
    pair_end(&h);
}

/* The only piece of a pool, once it is to be had. */
static baton_descriptor *try(baton_pool *pool)
{
    baton_descriptor *piece = NULL;
    baton_status status = baton_pool_allocate(pool, PIECE, &piece);
    cr_assert(status == BATON_OK || status == BATON_ERR_LIMIT, "%s", baton_error_text());
    return piece;
}

static size_t copies_so_far(void)
{
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    return counts.copies;
}

static void drop(handed *h)
{
    baton_operation_destroy(h->active);
    baton_operation_destroy(h->passive);
    baton_descriptor_release(h->source[0]);
    baton_descriptor_release(h->target[0]);
}

/* Nothing of what was begun before touches it any more. */
static void expect_untouched(baton_descriptor *piece)
{
    size_t copies = copies_so_far();
    cuda_pair_fill(piece, 77);
    cr_assert_not(baton__stage_is_busy(connectors[ORIGIN]) || baton__stage_is_busy(connectors[CONSUMER]));
    pair_pump();
    cr_assert_eq(copies_so_far(), copies);
    uint8_t *bytes = cuda_pair_bytes(piece);
    cr_assert(pattern_is(bytes, PIECE, 77));
    free(bytes);
}

static void cancel_at(bool read, unsigned turns)
{
    static handed h;
    begin(&h, read, pools[1], pools[0]);
    for (unsigned i = 0; i < turns; i++) {
        cuda_pair_turn();
    }
    cr_assert_eq(baton_operation_cancel(turns % 2 == 0 ? h.active : h.passive), BATON_OK);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    drop(&h); /* and there is its piece at once: the operation was not over before */
    baton_descriptor *again = try(pools[0]);
    cr_assert_not_null(again, "after %u turns", turns);
    expect_untouched(again);
    baton_descriptor_release(again);
}

Test(stage_pool_of_one, a_cancelled_piece_comes_back_when_no_copy_touches_it)
{
    fake_cuda_set_copy_delay_us(300);
    for (unsigned turns = 0; turns < 40; turns++) {
        cancel_at(turns % 3 != 0, turns);
    }
}

/* A device that does not end its copy: the operation ends without it, in quarantine, and the piece stays out all the same. */
Test(stage_pool_of_one, a_copy_that_goes_on_keeps_its_piece)
{
    static handed h;
    baton_descriptor *again = NULL;
    unsigned refused = 0;
    fake_cuda_set_copy_delay_us(500000);
    begin(&h, true, pools[1], pools[0]);
    CUDA_PAIR_UNTIL(baton__stage_is_busy(connectors[CONSUMER]));
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    fake_break();
    for (int i = 0; i < 500 && !cuda_pair_is_over(&h); i++) {
        fake_clock_advance_ms(10);
        cuda_pair_turn();
    }
    cr_assert(cuda_pair_is_over(&h));
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_QUARANTINED);
    cr_assert(baton__stage_is_busy(connectors[CONSUMER]), "the copy has not even begun");
    drop(&h);
    CUDA_PAIR_UNTIL((again = try(pools[0])) != NULL || (refused++, false));
    cr_assert_gt(refused, 0);
    expect_untouched(again);
    baton_descriptor_release(again);
}

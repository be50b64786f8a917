/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-offs of memory of devices that the fake transport takes from where it lies, by the stand-in's own look at it; of every chunk that failed it says that
 * the peer may still have it open. */
#ifndef BATON_TEST_DIRECT_PAIR_H
#define BATON_TEST_DIRECT_PAIR_H

#include "support/cuda_pair.h"

enum { CHUNK = BATON__CHUNK_BYTES, BOTH = SOURCE_ON_DEVICE | TARGET_ON_DEVICE };

static inline void direct_open(void)
{
    cr_assert(fake_cuda_set_devices(2));
    cuda_pair_open();
    cuda_pair_use_pool();
    fake_reach_devices(fake_cuda_peek, fake_cuda_poke);
}

static inline baton_operation_report report_of(const baton_operation *op)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    cr_assert_eq(baton_operation_get_report(op, &report), BATON_OK);
    return report;
}

static inline void finish(handed *h)
{
    CUDA_PAIR_UNTIL(cuda_pair_is_over(h));
    pair_expect(h, BATON_OK, BATON_OK);
    cr_assert(cuda_pair_is_right(h));
}

static inline void hand_over(bool read, baton_completion completion, size_t count, size_t size, int on)
{
    static handed h;
    cuda_pair_begin(&h, read, count, size, completion, 0, on);
    finish(&h);
    pair_end(&h);
}

/* Pieces of the pool that are out, to the test or to an operation. */
static inline size_t on_device(void)
{
    baton_pool_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_pool_get_stats(cuda_pair_pool, &stats), BATON_OK);
    return (size_t)stats.pieces;
}

/* A chunk is under way between the two, and nothing comes through any more. */
static inline void cut_in_the_middle(handed *h, bool read)
{
    hand_over(read, BATON_COMPLETION_COMMIT, 1, CHUNK, BOTH);
    fake_plan(read ? BATON__FRAME_DATA : BATON__FRAME_WRITE, FAKE_HOLD, 1);
    cuda_pair_begin(h, read, 1, CHUNK, BATON_COMPLETION_COMMIT, 0, BOTH);
    CUDA_PAIR_UNTIL(h->active->inflight + h->passive->inflight != 0);
    pair_pump();
    fake_set_cut(true);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The path rma with memory of CUDA devices, as with GPUDirect; over the fake transport and its fake device, which reaches them by the stand-in's own
 * look. A host access of device memory would end the test with a fault. */
#include "support/cuda_pair.h"

#include "support/rma_pair.h" /* which has an `h` of its own */

enum { BOTH = SOURCE_ON_DEVICE | TARGET_ON_DEVICE };

static void begin(void)
{
    cuda_pair_choose_runtime();
    fake_cuda_set_forbid_sync(true);
    fake_rma_reset();
    fake_rma_reach_devices(fake_cuda_peek, fake_cuda_poke);
    open_pair(true, true);
    cuda_pair_use_pool();
}

static void end(void)
{
    close_both();
    baton_pool_destroy(cuda_pair_pool);
}

TestSuite(rma_cuda, .init = begin, .fini = end, .timeout = 60);

static void hand_over(bool read, int on)
{
    cuda_pair_begin(&h, read, 2, SIZE, BATON_COMPLETION_COMMIT, 0, on);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(cuda_pair_is_right(&h));
}

Test(rma_cuda, a_device_that_registers_cuda_memory_reaches_it_on_either_side)
{
    for (int on = SOURCE_ON_DEVICE; on <= BOTH; on++) {
        for (int read = 0; read < 2; read++) {
            hand_over(read != 0, on);
            went("rma");
            cr_assert_str_eq(report(h.active).why_staged, "");
            pair_end(&h);
        }
    }
    cr_assert_eq(fake_cuda_calls("cudaMemcpyAsync"), 0);
}

Test(rma_cuda, without_gpudirect_it_is_staged_and_says_so)
{
    pair_close();
    fake_rma_reach_devices(NULL, NULL);
    open_pair(true, true);
    hand_over(true, TARGET_ON_DEVICE);
    cr_assert_str_eq(report(h.active).path, "staged");
    why_not("not rma: memory of this side is of a CUDA device, which the verbs device cannot reach: GPUDirect (nvidia_peermem) is missing");
    pair_end(&h);
    hand_over(true, SOURCE_ON_DEVICE);
    why_not("not rma: the peer has rma switched off, no verbs device, or memory that it cannot reach");
    pair_end(&h);
}

/* Other threads ask for metadata while the connector ends, and its device is closed. */
Test(rma_cuda, what_the_device_reaches_is_known_without_it)
{
    baton_descriptor *memory = cuda_pair_memory(SIZE, true);
    baton_operation *op = NULL;
    cr_assert_eq(baton_connector_create_readable(connectors[ORIGIN], &memory, 1, NULL, &op), BATON_OK);
    cr_assert_null(baton__rma_why_not_memory(op));
    pair_close();
    cr_assert_null(baton__rma_why_not_memory(op));
    baton_operation_destroy(op);
    baton_descriptor_release(memory);
}

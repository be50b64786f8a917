/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that waits for a stream or an event of the application: not touched before, in time after; over the fake transport and the stand-in
 * of the CUDA runtime, or on a GPU. */
#include "support/cuda_pair.h"

#include <cuda_runtime_api.h>

enum { CHUNK = BATON__CHUNK_BYTES, VALUE = 0x5A, KERNEL_MS = 200, MANY_TURNS = 2000 };

static cudaStream_t stream;

static void open_all(void)
{
    cuda_pair_open();
    cr_assert_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
}

static void close_all(void)
{
    cr_assert_eq(cudaStreamDestroy(stream), cudaSuccess);
    cuda_pair_close();
}

TestSuite(stage_gate, .init = open_all, .fini = close_all, .timeout = 120);

/* A hand-off whose memory on one side waits for what is on the stream. Without that nothing of it has moved. */
static void begin_gated(handed *h, bool read, size_t size, int on, baton_descriptor **gated)
{
    *h = (handed){.count = 1, .size = size, .read = read};
    h->source[0] = cuda_pair_memory(size, (on & SOURCE_ON_DEVICE) != 0);
    h->target[0] = cuda_pair_memory(size, (on & TARGET_ON_DEVICE) != 0);
    cuda_pair_fill(h->source[0], 0);
    *gated = h->source[0];
}

static bool is_all(const baton_descriptor *memory, uint8_t value)
{
    uint8_t *bytes = cuda_pair_bytes(memory);
    bool all = true;
    for (size_t i = 0; i < baton_descriptor_size(memory); i++) {
        all = all && bytes[i] == value;
    }
    free(bytes);
    return all;
}

static void turn_often(void)
{
    for (int i = 0; i < MANY_TURNS; i++) {
        cuda_pair_turn();
    }
}

static void read_what_a_kernel_fills(bool read, size_t size, bool by_event)
{
    static handed h;
    baton_descriptor *gated = NULL;
    begin_gated(&h, read, size, SOURCE_ON_DEVICE, &gated);
    cr_assert_eq(cuda_control_fill(baton_descriptor_pointer(gated), size, VALUE, KERNEL_MS, stream), 0);
    if (by_event) {
        cudaEvent_t event;
        cr_assert_eq(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
        cr_assert_eq(cudaEventRecord(event, stream), cudaSuccess);
        cr_assert_eq(baton_descriptor_after_event(gated, event), BATON_OK, "%s", baton_error_text());
        cr_assert_eq(cudaEventDestroy(event), cudaSuccess); /* of no use any more */
    } else {
        cr_assert_eq(baton_descriptor_after_stream(gated, stream), BATON_OK, "%s", baton_error_text());
    }
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(is_all(h.target[0], VALUE), "read %d, %zu bytes: something was read before the kernel had written it", read, size);
    pair_end(&h);
}

Test(stage_gate, nothing_is_read_before_the_kernel_that_fills_it_is_over)
{
    static const size_t sizes[] = {100, 8192, 6 * CHUNK};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        read_what_a_kernel_fills(true, sizes[i], false);
        read_what_a_kernel_fills(false, sizes[i], true);
    }
}

/* Opened by the test alone. */
static void hold_back(handed *h, bool read, size_t size, int on, bool target)
{
    baton_descriptor *gated = NULL;
    begin_gated(h, read, size, on, &gated);
    gated = target ? h->target[0] : gated;
    cr_assert_eq(cuda_control_hold(stream), 0);
    cr_assert_eq(baton_descriptor_after_stream(gated, stream), BATON_OK, "%s", baton_error_text());
    pair_offer(h, BATON_COMPLETION_COMMIT, 0);
    turn_often();
    cr_assert_eq(baton_operation_get_status(h->passive), BATON_OPERATION_IN_PROGRESS, "it is granted all the same");
    cr_assert_eq(h->active->bytes_moved, 0);
}

Test(stage_gate, nothing_is_written_before_either)
{
    static handed h;
    static const size_t sizes[] = {100, 6 * CHUNK};
    for (int on = 0; on <= (SOURCE_ON_DEVICE | TARGET_ON_DEVICE); on++) {
        for (unsigned i = 0; i < 4; i++) {
            hold_back(&h, i % 2 == 0, sizes[i / 2], on, true);
            uint8_t *before = cuda_pair_bytes(h.target[0]);
            turn_often();
            uint8_t *now = cuda_pair_bytes(h.target[0]);
            cr_assert_arr_eq(now, before, h.size);
            free(before);
            free(now);
            cr_assert_eq(cuda_control_release(stream), 0);
            CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
            pair_expect(&h, BATON_OK, BATON_OK);
            cr_assert(cuda_pair_is_right(&h), "on %d, case %u", on, i);
            pair_end(&h);
        }
    }
}

/* As memory that a kernel or a copy of the application fills. */
Test(stage_gate, memory_of_the_host_waits_too_and_then_goes_straight)
{
    static handed h;
    baton_operation_report report = {.struct_size = sizeof(report)};
    hold_back(&h, true, 6 * CHUNK, ON_HOST, false);
    cr_assert_eq(cuda_control_release(stream), 0);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(cuda_pair_is_right(&h));
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_OK);
    cr_assert_str_eq(report.path, "am");
    pair_end(&h);
}

Test(stage_gate, a_cancel_does_not_wait_for_it)
{
    static handed h;
    for (unsigned i = 0; i < 8; i++) {
        hold_back(&h, i % 2 == 0, 4 * CHUNK, SOURCE_ON_DEVICE | TARGET_ON_DEVICE, i / 2 % 2 == 0);
        cr_assert_eq(baton_operation_cancel(i / 4 == 0 ? h.active : h.passive), BATON_OK);
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
        pair_end(&h);
        cr_assert_eq(cuda_control_release(stream), 0);
        turn_often(); /* whoever was told that it is open finds nothing to do */
    }
}

Test(stage_gate, a_lost_session_does_not_open_it)
{
    static handed h;
    for (unsigned i = 0; i < 4; i++) {
        hold_back(&h, i % 2 == 0, 4 * CHUNK, SOURCE_ON_DEVICE, i / 2 == 0);
        fake_break();
        turn_often();
        cr_assert_eq(h.active->bytes_moved, 0);
        cr_assert_eq(cuda_control_release(stream), 0);
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
        pair_expect(&h, BATON_OK, BATON_OK);
        cr_assert(cuda_pair_is_right(&h));
        pair_end(&h);
    }
}

Test(stage_gate, an_operation_that_fails_at_once_waits_for_nothing)
{
    static handed h;
    fake_set_unreachable(true);
    baton_descriptor *gated = NULL;
    begin_gated(&h, true, 4 * CHUNK, TARGET_ON_DEVICE, &gated);
    cr_assert_eq(cuda_control_hold(stream), 0);
    cr_assert_eq(baton_descriptor_after_stream(h.target[0], stream), BATON_OK, "%s", baton_error_text());
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    CUDA_PAIR_UNTIL(baton_operation_is_over(h.active));
    cr_assert_neq(baton_operation_reason(h.active), BATON_OK);
    fake_set_unreachable(false);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    pair_end(&h);
    cr_assert_eq(cuda_control_release(stream), 0);
    turn_often();
    fake_clock_advance_ms(1000);
    turn_often(); /* a timer of it would be gone with its memory */
}

Test(stage_gate, the_deadline_ends_what_waits_for_ever)
{
    static handed h;
    hold_back(&h, true, 4 * CHUNK, SOURCE_ON_DEVICE, false);
    fake_clock_advance_ms(3600 * 1000);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_DEADLINE);
    pair_end(&h);
    cr_assert_eq(cuda_control_release(stream), 0);
}

Test(stage_gate, the_end_of_the_connector_does_not_wait_for_it)
{
    static handed h;
    hold_back(&h, true, 4 * CHUNK, SOURCE_ON_DEVICE, false);
    baton_connector_destroy(connectors[ORIGIN]);
    connectors[ORIGIN] = NULL;
    cr_assert(baton_operation_is_over(h.passive));
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_SHUT_DOWN);
    baton_connector_destroy(connectors[CONSUMER]);
    connectors[CONSUMER] = NULL;
    baton_operation_destroy(h.passive);
    baton_operation_destroy(h.active);
    baton_descriptor_release(h.source[0]);
    baton_descriptor_release(h.target[0]);
    cr_assert_eq(cuda_control_release(stream), 0);
}

Test(stage_gate, only_an_operation_that_is_complete_is_waited_for_by_a_stream)
{
    static handed h;
    hold_back(&h, true, CHUNK, SOURCE_ON_DEVICE | TARGET_ON_DEVICE, false);
    cr_assert_eq(baton_operation_stream_wait(h.active, stream), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_operation_stream_wait(NULL, stream), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(cuda_control_release(stream), 0);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    cr_assert_eq(baton_operation_stream_wait(h.active, stream), BATON_OK, "%s", baton_error_text());
    pair_end(&h);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a device on one side or both, through pinned buffers; over the fake transport and the stand-in of the CUDA runtime, whose
 * copies are real and take their time, or on a GPU. A host access of device memory would end the test with a fault. */
#include "support/cuda_pair.h"

enum { CHUNK = BATON__CHUNK_BYTES };

TestSuite(stage, .init = cuda_pair_open, .fini = cuda_pair_close, .timeout = 120);

static void hand_over(bool read, baton_completion completion, size_t count, size_t size, int on)
{
    static handed h;
    cuda_pair_begin(&h, read, count, size, completion, 0, on);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h) || (completion == BATON_COMPLETION_ACK && (h.events & 1U << BATON_EVENT_MOVED) != 0));
    if (completion == BATON_COMPLETION_ACK) {
        cr_assert_eq(baton_operation_ack(h.active, "yes", 3), BATON_OK);
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    }
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(cuda_pair_is_right(&h), "read %d, completion %d, %zu times %zu bytes, on %d", read, (int)completion, count, size, on);
    pair_end(&h);
}

Test(stage, every_operation_brings_the_right_bytes_wherever_they_are)
{
    static const size_t sizes[] = {1, 8192, 8193, CHUNK, 7 * CHUNK + 5};
    for (int on = SOURCE_ON_DEVICE; on <= (SOURCE_ON_DEVICE | TARGET_ON_DEVICE); on++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            for (int mode = 0; mode < 6; mode++) {
                hand_over(mode % 2 == 0, (baton_completion)(mode / 2), 1 + i % 3, sizes[i], on);
            }
        }
    }
}

Test(stage, the_report_names_the_path)
{
    static handed h;
    baton_operation_report report = {.struct_size = sizeof(report)};
    char text[512];
    cuda_pair_begin(&h, true, 1, 4 * CHUNK, BATON_COMPLETION_COMMIT, 0, SOURCE_ON_DEVICE | TARGET_ON_DEVICE);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_OK);
    cr_assert_str_eq(report.path, "staged");
    cr_assert_eq(report.chunk_depth, BATON__STAGED_DEPTH);
    (void)baton_operation_explain(h.active, text, sizeof(text));
    cr_assert_not_null(strstr(text, "staged over"), "%s", text);
    cr_assert_eq(baton_operation_get_report(h.passive, &report), BATON_OK);
    cr_assert_str_eq(report.path, "staged");
    pair_end(&h);
}

#ifndef BATON_TEST_ON_GPU /* the copies are slowed down */
/* Three steps at once: while one chunk is copied from the device, others travel. */
Test(stage, copies_and_transfers_overlap)
{
    static handed h;
    uint32_t most = 0;
    bool both_copied = false;
    cuda_control_slow_copies(500);
    cuda_pair_begin(&h, true, 1, 32 * CHUNK, BATON_COMPLETION_COMMIT, 0, SOURCE_ON_DEVICE | TARGET_ON_DEVICE);
    while (!cuda_pair_is_over(&h)) {
        cuda_pair_turn();
        uint32_t now = h.passive->inflight + h.active->inflight;
        most = now > most ? now : most;
        both_copied = both_copied || (baton__stage_is_busy(connectors[ORIGIN]) && baton__stage_is_busy(connectors[CONSUMER]));
    }
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(cuda_pair_is_right(&h));
    cr_assert_geq(most, 3);
    cr_assert(both_copied, "never a copy on both sides at the same time");
    pair_end(&h);
}
#endif

/* Far more chunks than buffers: those of the peers wait where they are. */
Test(stage, what_finds_no_buffer_waits_and_comes_later)
{
    enum { MANY = 24 };
    static handed all[MANY];
    cuda_control_slow_copies(200);
    for (int i = 0; i < MANY; i++) {
        cuda_pair_begin(&all[i], i % 2 == 0, 1, 6 * CHUNK, BATON_COMPLETION_COMMIT, 0, 1 + i % 3);
    }
    for (int i = 0; i < MANY; i++) {
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&all[i]));
        pair_expect(&all[i], BATON_OK, BATON_OK);
        cr_assert(cuda_pair_is_right(&all[i]), "hand-off %d", i);
    }
#ifndef BATON_TEST_ON_GPU
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    cr_assert_leq(counts.pinned_bytes, 2 * 16 * 1024 * 1024, "of two connectors");
#endif
    for (int i = 0; i < MANY; i++) {
        pair_end(&all[i]);
    }
}

/* Either side's buffers hold what the other one has to fetch: some are kept for what comes in. */
Test(stage, two_sides_that_fill_each_other_do_not_wait_for_ever)
{
    enum { EACH = 16 };
    static handed all[2 * EACH];
    for (int i = 0; i < 2 * EACH; i++) { /* half of them read by the consumer, half written by it */
        cuda_pair_begin(&all[i], i % 2 == 0, 1, 12 * CHUNK, BATON_COMPLETION_COMMIT, 0, SOURCE_ON_DEVICE | TARGET_ON_DEVICE);
    }
    for (int i = 0; i < 2 * EACH; i++) {
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&all[i]));
        pair_expect(&all[i], BATON_OK, BATON_OK);
        cr_assert(cuda_pair_is_right(&all[i]), "hand-off %d", i);
        pair_end(&all[i]);
    }
}

static void cancel_at(bool read, int on, unsigned turns)
{
    static handed h;
    cuda_pair_begin(&h, read, 1, 16 * CHUNK, BATON_COMPLETION_COMMIT, 0, on);
    for (unsigned i = 0; i < turns; i++) {
        cuda_pair_turn();
    }
    baton_operation *whose = turns % 2 == 0 ? h.active : h.passive;
    cr_assert_eq(baton_operation_cancel(whose), BATON_OK);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    cr_assert_eq(h.active->inflight, 0);
    cr_assert_eq(h.passive->inflight, 0);
    pair_end(&h);
}

Test(stage, a_cancel_at_any_moment_ends_both_sides_with_quiet_memory)
{
    cuda_control_slow_copies(100);
    for (int on = SOURCE_ON_DEVICE; on <= (SOURCE_ON_DEVICE | TARGET_ON_DEVICE); on++) {
        for (unsigned turns = 0; turns < 40; turns++) {
            cancel_at(turns % 3 != 0, on, turns);
        }
    }
}

Test(stage, a_lost_session_is_made_good)
{
    static handed h;
    cuda_control_slow_copies(100);
    hand_over(true, BATON_COMPLETION_COMMIT, 1, 1, SOURCE_ON_DEVICE); /* the two know each other */
    for (unsigned turns = 1; turns < 30; turns++) {
        cuda_pair_begin(&h, turns % 2 == 0, 1, 16 * CHUNK, BATON_COMPLETION_COMMIT, 0, 1 + (int)(turns % 3));
        for (unsigned i = 0; i < turns; i++) {
            cuda_pair_turn();
        }
        fake_break();
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
        pair_expect(&h, BATON_OK, BATON_OK);
        cr_assert(cuda_pair_is_right(&h), "broken after %u turns", turns);
        pair_end(&h);
    }
}

#ifndef BATON_TEST_ON_GPU /* calls are made to fail */
/* The side whose device fails says so, the other one that its peer failed; nothing else suffers. */
static void fail_a_copy(bool read, int on, const char *rules)
{
    static handed h;
    cr_assert(fake_cuda_set_fail(rules));
    cuda_pair_begin(&h, read, 1, 8 * CHUNK, BATON_COMPLETION_COMMIT, 0, on);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    cr_assert(fake_cuda_set_fail(NULL));
    cr_log_info("read %d, on %d, %s", read, on, rules);
    bool source_is_active = !read;
    bool active_failed = (on == SOURCE_ON_DEVICE) == source_is_active;
    pair_expect(&h, active_failed ? BATON_ERR_PEER_FAILED : BATON_ERR_DEVICE, active_failed ? BATON_ERR_DEVICE : BATON_ERR_PEER_FAILED);
    pair_end(&h);
    hand_over(read, BATON_COMPLETION_COMMIT, 1, 4 * CHUNK, on);
}

Test(stage, a_copy_that_fails_ends_its_operation_alone)
{
    static const char *const rules[] = {"cudaMemcpyAsync:3:1", "cudaEventRecord:2:1", "cudaMemcpyAsync:1:1"};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        for (int on = SOURCE_ON_DEVICE; on <= TARGET_ON_DEVICE; on++) {
            fail_a_copy(true, on, rules[i]);
            fail_a_copy(false, on, rules[i]);
        }
    }
}

Test(stage, without_pinned_memory_the_operation_says_so)
{
    static handed h;
    cr_assert(fake_cuda_set_fail("cudaHostAlloc:0:2"));
    cuda_pair_begin(&h, true, 1, CHUNK, BATON_COMPLETION_COMMIT, 0, SOURCE_ON_DEVICE);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    cr_assert(fake_cuda_set_fail(NULL));
    pair_expect(&h, BATON_ERR_OUT_OF_MEMORY, BATON_ERR_PEER_FAILED);
    pair_end(&h);
}
#endif

Test(stage, strided_memory_is_gathered_and_scattered)
{
    enum { SEGMENT = 32 * 1024, STRIDE = 40 * 1024, SEGMENTS = 100 };
    static handed h;
    baton_device device = {BATON_DEVICE_KIND_CUDA, 0};
    baton_descriptor *whole = cuda_pair_memory((size_t)STRIDE * SEGMENTS, true);
    baton_descriptor *strided = NULL;
    cuda_pair_fill(whole, 7);
    cr_assert_eq(baton_descriptor_create_strided(baton_descriptor_pointer(whole), SEGMENT, STRIDE, SEGMENTS, device, NULL, NULL, &strided),
                 BATON_OK);
    h = (handed){.count = 1, .size = (size_t)SEGMENT * SEGMENTS, .read = true};
    h.source[0] = strided;
    h.target[0] = cuda_pair_memory(h.size, true);
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    pair_expect(&h, BATON_OK, BATON_OK);
    uint8_t *from = cuda_pair_bytes(whole);
    uint8_t *to = cuda_pair_bytes(h.target[0]);
    for (size_t i = 0; i < SEGMENTS; i++) {
        cr_assert_arr_eq(to + i * SEGMENT, from + i * STRIDE, SEGMENT);
    }
    free(from);
    free(to);
    pair_end(&h);
    baton_descriptor_release(whole);
}

#ifndef BATON_TEST_ON_GPU /* copies are slowed down, and memory is counted */
static size_t live_on_device(void)
{
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    return counts.device_allocations;
}

/* The device takes far longer for a copy than anybody waits, by the clock of the connectors: the operation ends, and its memory stays until the device is done. */
Test(stage, a_device_that_does_not_end_a_copy_keeps_the_memory)
{
    static handed h;
    hand_over(true, BATON_COMPLETION_COMMIT, 1, CHUNK, SOURCE_ON_DEVICE); /* the two know each other */
    fake_cuda_set_copy_delay_us(1500000);
    cuda_pair_begin(&h, true, 1, CHUNK, BATON_COMPLETION_COMMIT, 0, SOURCE_ON_DEVICE);
    CUDA_PAIR_UNTIL(baton__stage_is_busy(connectors[ORIGIN]));
    fake_set_cut(true);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    for (int i = 0; i < 1000 && !baton_operation_is_over(h.passive); i++) {
        fake_clock_advance_ms(20);
        cuda_pair_turn(); /* it does not come to rest while the copy is under way */
    }
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
    cr_assert(baton__stage_is_busy(connectors[ORIGIN]), "the copy was over before anybody gave it up");
    baton_descriptor_release(h.source[0]);
    h.source[0] = NULL;
    cr_assert_eq(live_on_device(), 1, "given back while the device reads it");
    fake_cuda_set_copy_delay_us(0);
    fake_set_cut(false);
    fake_release();
    CUDA_PAIR_UNTIL(live_on_device() == 0);
    for (int i = 0; i < 100 && !baton_operation_is_over(h.active); i++) {
        pair_advance_ms(100);
    }
    pair_end(&h);
}
#endif

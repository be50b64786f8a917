/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of devices that the transport takes from where it lies. A host access of it would end the test with a fault. test_probe.c has what is held
 * when such a chunk fails. */
#include "support/direct_pair.h"

#include <cuda_runtime_api.h>

TestSuite(direct, .init = direct_open, .fini = cuda_pair_close, .timeout = 120);

static uint64_t copies(void)
{
    return fake_cuda_calls("cudaMemcpyAsync") + fake_cuda_calls("cudaMemcpy2DAsync");
}

Test(direct, between_two_devices_nothing_is_staged)
{
    static const size_t sizes[] = {BATON__DIRECT_MIN, CHUNK, 3 * CHUNK, BATON__DIRECT_CHUNK + 2 * CHUNK};
    static handed h;
    uint64_t before = copies();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int mode = 0; mode < 4; mode++) {
            cuda_pair_begin(&h, mode % 2 == 0, 1, sizes[i], (baton_completion)(mode / 2), 0, BOTH);
            finish(&h);
            baton_operation_report report = report_of(h.active);
            cr_assert_str_eq(report.path, "am");
            cr_assert_str_eq(report.why_staged, "");
            cr_assert_eq(report.chunk_bytes, sizes[i] > CHUNK ? BATON__DIRECT_CHUNK : CHUNK);
            cr_assert_str_eq(report_of(h.passive).path, "am");
            pair_end(&h);
        }
    }
    cr_assert_eq(copies(), before);
}

Test(direct, what_is_small_is_staged)
{
    static handed h;
    cuda_pair_begin(&h, true, 1, BATON__DIRECT_MIN - 1, BATON_COMPLETION_COMMIT, 0, BOTH);
    finish(&h);
    cr_assert_str_eq(report_of(h.active).path, "staged");
    cr_assert_str_eq(report_of(h.passive).why_staged, "its chunks are small");
    pair_end(&h);
}

/* cuda_ipc is of no use there: the CPU's side has nothing that a device could open. */
Test(direct, between_a_device_and_a_host_it_is_staged_and_says_why)
{
    static handed h;
    for (int mode = 0; mode < 4; mode++) {
        int on = mode < 2 ? SOURCE_ON_DEVICE : TARGET_ON_DEVICE;
        cuda_pair_begin(&h, mode % 2 == 0, 1, 4 * CHUNK, BATON_COMPLETION_COMMIT, 0, on);
        finish(&h);
        bool device_is_active = (on == SOURCE_ON_DEVICE) != h.read;
        baton_operation_report report = report_of(device_is_active ? h.active : h.passive);
        cr_assert_str_eq(report.path, "staged");
        const char *why = on == SOURCE_ON_DEVICE ? "the fake's lane is between devices" : "the peer sends from memory of the host";
        cr_assert_str_eq(report.why_staged, why);
        cr_assert_str_eq(report_of(device_is_active ? h.passive : h.active).why_staged, "");
        pair_end(&h);
    }
}

Test(direct, without_a_lane_on_either_side_it_goes_on_with_small_chunks)
{
    static handed h;
    for (unsigned side = 0; side < 4; side++) {
        fake_reset();
        fake_reach_devices(fake_cuda_peek, fake_cuda_poke);
        fake_take_lane(side / 2);
        cuda_pair_begin(&h, side % 2 == 0, 1, 8 * CHUNK, BATON_COMPLETION_COMMIT, 0, BOTH);
        finish(&h);
        cr_assert_eq(report_of(h.active).chunk_bytes, CHUNK, "side %u", side);
        cr_assert_str_eq(report_of(side / 2 == 0 ? h.passive : h.active).path, "staged");
        pair_end(&h);
    }
}

Test(direct, chunks_of_several_pieces_are_staged_and_the_others_are_not)
{
    static handed h;
    cuda_pair_begin(&h, true, 3, 2 * CHUNK + 100, BATON_COMPLETION_COMMIT, 0, BOTH);
    finish(&h);
    baton_operation_report report = report_of(h.passive);
    char text[512];
    cr_assert_str_eq(report.path, "am");
    cr_assert_str_eq(report.why_staged, "its chunks are of several pieces");
    (void)baton_operation_explain(h.passive, text, sizeof(text));
    cr_assert_not_null(strstr(text, "in part staged: its chunks are of several pieces"), "%s", text);
    pair_end(&h);
}

Test(direct, managed_memory_what_nobody_else_can_open_and_a_mixture_are_staged)
{
    static handed h;
    void *managed = NULL;
    cr_assert_eq((int)cudaMallocManaged(&managed, 2 * CHUNK, cudaMemAttachGlobal), 0);
    h = (handed){.count = 1, .size = 2 * CHUNK, .read = true};
    h.target[0] = cuda_pair_memory(2 * CHUNK, true);
    cr_assert_eq(baton_descriptor_from_pointer(managed, 2 * CHUNK, (baton_device){BATON_DEVICE_KIND_CUDA, 0}, NULL, NULL, &h.source[0]),
                 BATON_OK, "%s", baton_error_text());
    cuda_pair_fill(h.source[0], 0);
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    finish(&h);
    cr_assert_str_eq(report_of(h.passive).why_staged, "its memory is managed by CUDA, and may be on either side");
    pair_end(&h);
    cr_assert_eq((int)cudaFree(managed), 0);
    h = (handed){.count = 1, .size = 2 * CHUNK, .read = true};
    h.target[0] = cuda_pair_memory(2 * CHUNK, true);
    cr_assert_eq(baton_descriptor_allocate(2 * CHUNK, (baton_device){BATON_DEVICE_KIND_CUDA, 0}, &h.source[0]), BATON_OK); /* by cudaMallocAsync */
    cuda_pair_fill(h.source[0], 0);
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    finish(&h);
    cr_assert_not_null(strstr(report_of(h.passive).why_staged, "CUDA lets nobody else into its memory"));
    pair_end(&h);
    h = (handed){.count = 2, .size = 2 * CHUNK, .read = true};
    for (size_t i = 0; i < 2; i++) {
        h.source[i] = cuda_pair_memory(2 * CHUNK, i == 1);
        h.target[i] = cuda_pair_memory(2 * CHUNK, true);
        cuda_pair_fill(h.source[i], i);
    }
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    finish(&h);
    cr_assert_str_eq(report_of(h.passive).why_staged, "some of its memory is the host's");
    pair_end(&h);
}

/* What the transport calls of CUDA belongs to one. */
Test(direct, memory_whose_owner_would_not_hear_of_its_end_is_staged)
{
    static handed h;
    void *memory = NULL;
    h = (handed){.count = 1, .size = 2 * CHUNK, .read = true};
    h.target[0] = cuda_pair_memory(2 * CHUNK, true);
    cr_assert_eq((int)cudaMalloc(&memory, 2 * CHUNK), 0);
    cr_assert_eq(baton_descriptor_from_pointer(memory, 2 * CHUNK, (baton_device){BATON_DEVICE_KIND_CUDA, 0}, NULL, NULL, &h.source[0]), BATON_OK);
    cuda_pair_fill(h.source[0], 0);
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    finish(&h);
    cr_assert_not_null(strstr(report_of(h.passive).why_staged, "no release callback"));
    pair_end(&h);
    cr_assert_eq((int)cudaFree(memory), 0);
}

static void free_memory(void *memory, size_t size, void *context)
{
    (void)size;
    (void)context;
    (void)cudaFree(memory);
}

Test(direct, memory_of_two_devices_in_one_operation_is_staged)
{
    static handed h;
    h = (handed){.count = 2, .size = 2 * CHUNK, .read = true};
    for (size_t i = 0; i < 2; i++) {
        void *memory = NULL;
        h.target[i] = cuda_pair_memory(2 * CHUNK, true);
        cr_assert_eq((int)cudaSetDevice((int)i), 0);
        cr_assert_eq((int)cudaMalloc(&memory, 2 * CHUNK), 0);
        cr_assert_eq(baton_descriptor_from_pointer(memory, 2 * CHUNK, (baton_device){BATON_DEVICE_KIND_CUDA, (uint32_t)i}, free_memory, NULL,
                                                   &h.source[i]), BATON_OK);
        cuda_pair_fill(h.source[i], i);
    }
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    finish(&h);
    cr_assert_str_eq(report_of(h.passive).path, "staged");
    cr_assert_str_eq(report_of(h.passive).why_staged, "its memory is of several devices");
    pair_end(&h);
}

Test(direct, a_lost_session_is_made_good_and_holds_nothing)
{
    static handed h;
    hand_over(true, BATON_COMPLETION_COMMIT, 1, CHUNK, BOTH); /* the two know each other */
    for (unsigned turns = 1; turns < 12; turns++) {
        cuda_pair_begin(&h, turns % 2 == 0, 1, 5 * (size_t)BATON__DIRECT_CHUNK / 4, BATON_COMPLETION_COMMIT, 0, BOTH);
        for (unsigned i = 0; i < turns; i++) {
            cuda_pair_turn();
        }
        fake_break();
        finish(&h);
        cr_assert_eq(pair_stats(ORIGIN).quarantined + pair_stats(CONSUMER).quarantined, 0);
        pair_end(&h);
    }
}

Test(direct, a_cancel_at_any_moment_ends_both_sides_and_holds_nothing)
{
    static handed h;
    for (unsigned turns = 0; turns < 24; turns++) {
        cuda_pair_begin(&h, turns % 3 != 0, 1, 8 * CHUNK, BATON_COMPLETION_COMMIT, 0, BOTH);
        for (unsigned i = 0; i < turns; i++) {
            cuda_pair_turn();
        }
        cr_assert_eq(baton_operation_cancel(turns % 2 == 0 ? h.active : h.passive), BATON_OK);
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
        cr_assert_eq(pair_stats(ORIGIN).quarantined + pair_stats(CONSUMER).quarantined, 0);
        pair_end(&h);
    }
}

/* UCX would not tell it from a peer that is lost, and the session would be made anew again and again. */
Test(direct, a_device_that_fails_ends_the_operation_and_says_so)
{
    static handed h;
    hand_over(true, BATON_COMPLETION_COMMIT, 1, CHUNK, BOTH);
    for (int read = 0; read < 2; read++) {
        cuda_pair_begin(&h, read != 0, 1, 2 * CHUNK, BATON_COMPLETION_COMMIT, 0, BOTH);
        cr_assert(fake_cuda_set_fail("cudaPointerGetAttributes:0:1"));
        CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
        cr_assert(fake_cuda_set_fail(NULL));
        pair_expect(&h, read != 0 ? BATON_ERR_DEVICE : BATON_ERR_PEER_FAILED, read != 0 ? BATON_ERR_PEER_FAILED : BATON_ERR_DEVICE);
        cr_assert_eq(pair_stats(ORIGIN).quarantined + pair_stats(CONSUMER).quarantined, 0);
        pair_end(&h);
    }
    hand_over(true, BATON_COMPLETION_COMMIT, 1, CHUNK, BOTH);
}

/* Operation after operation over the same descriptors: a CUDA call for each of thousands would take longer than the rest. */
Test(direct, cuda_is_asked_about_a_descriptor_once)
{
    static handed h;
    cuda_pair_begin(&h, true, 4, CHUNK, BATON_COMPLETION_COMMIT, 0, BOTH);
    finish(&h);
    baton_operation_destroy(h.active);
    baton_operation_destroy(h.passive);
    uint64_t asked = fake_cuda_calls("cudaIpcGetMemHandle");
    uint64_t looked = fake_cuda_calls("cudaPointerGetAttributes");
    pair_offer(&h, BATON_COMPLETION_COMMIT, 0);
    cr_assert_eq(fake_cuda_calls("cudaIpcGetMemHandle"), asked);
    cr_assert_eq(fake_cuda_calls("cudaPointerGetAttributes"), looked);
    CUDA_PAIR_UNTIL(cuda_pair_is_over(&h));
    h.active_over = h.passive_over = 1;
    pair_end(&h);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream or an event attached to a descriptor promises, between two processes: a kernel takes 200 ms before it fills the memory, and no
 * operation reads or writes it before. */
#include "support/cuda_control.h"
#include "support/process_case.h"

#include <cuda_runtime_api.h>

enum { KERNEL_MS = 200, SEED = 9, KERNEL_SEED = 77, GARBAGE = 0x5A };

static const size_t sizes[] = {8, 8192, 20 * MIB};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static cudaStream_t stream;
static uint64_t launched_ns;

static void begin_order(void)
{
    case_begin(NULL);
    cr_assert_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
}

static void end_order(void)
{
    cr_assert_eq(cudaStreamDestroy(stream), cudaSuccess);
    case_end();
}

TestSuite(gpu_order, .init = begin_order, .fini = end_order, .timeout = 120);

static uint64_t now_ns(void)
{
    return baton_loop_now_ns(baton_connector_loop(connector));
}

/* By the stream, or by an event that nobody has any more when the operation begins. */
static void attach(baton_descriptor *memory, bool by_event)
{
    cudaEvent_t event;
    if (!by_event) {
        cr_assert_eq(baton_descriptor_after_stream(memory, stream), BATON_OK, "%s", baton_error_text());
        return;
    }
    cr_assert_eq(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
    cr_assert_eq(cudaEventRecord(event, stream), cudaSuccess);
    cr_assert_eq(baton_descriptor_after_event(memory, event), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(cudaEventDestroy(event), cudaSuccess);
}

/* Memory that holds the wrong bytes until the kernel is over. */
static own begin_source(size_t size, bool by_event)
{
    own source = own_new(size, SEED, true);
    launched_ns = now_ns();
    cr_assert_eq(cuda_control_pattern(baton_descriptor_pointer(source.descriptor), size, KERNEL_SEED, KERNEL_MS, stream), 0);
    attach(source.descriptor, by_event);
    source.seed = KERNEL_SEED;
    return source;
}

static void check_waited(void)
{
    cr_assert_geq(now_ns() - launched_ns, (uint64_t)KERNEL_MS * BATON__NS_PER_MS, "it was over before the kernel");
}

Test(gpu_order, a_peer_reads_what_the_kernel_wrote)
{
    for (unsigned i = 0; i < 2 * SIZES; i++) {
        own offered = begin_source(sizes[i / 2], i % 2 == 0);
        baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
        cr_assert_eq(baton_connector_create_readable(connector, &offered.descriptor, 1, &options, &offered.operation), BATON_OK);
        peer_takes(&offered, KERNEL_SEED, 30000);
        cr_assert_str_eq(peer_end(&peer, (int)i, SOON_MS), "COMPLETE OK right", "%zu bytes, case %u", sizes[i / 2], i);
        check_waited();
        cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK);
        own_end(&offered);
    }
    peer_quit(&peer);
}

Test(gpu_order, what_the_kernel_wrote_is_written_to_a_peer)
{
    for (unsigned i = 0; i < 2 * SIZES; i++) {
        baton_metadata *metadata = peer_offers("writable", sizes[i / 2], KERNEL_SEED, 0, BATON_COMPLETION_BYTES);
        own source = begin_source(sizes[i / 2], i % 2 == 0);
        own_begin(&source, metadata, 30000);
        baton_metadata_destroy(metadata);
        cr_assert_eq(own_wait(&source, SOON_MS), BATON_OK, "%s", baton_error_text());
        check_waited();
        cr_assert_str_eq(peer_end(&peer, (int)i, SOON_MS), "COMPLETE OK right", "%zu bytes, case %u", sizes[i / 2], i);
        own_end(&source);
    }
    peer_quit(&peer);
}

/* A kernel that still writes to the memory: what comes in comes after it. */
static own begin_target(size_t size, bool by_event)
{
    own target = own_new(size, SEED, false);
    launched_ns = now_ns();
    cr_assert_eq(cuda_control_fill(baton_descriptor_pointer(target.descriptor), size, GARBAGE, KERNEL_MS, stream), 0);
    attach(target.descriptor, by_event);
    return target;
}

Test(gpu_order, what_is_read_from_a_peer_comes_after_the_kernel)
{
    for (unsigned i = 0; i < 2 * SIZES; i++) {
        baton_metadata *metadata = peer_offers("readable", sizes[i / 2], SEED, 0, BATON_COMPLETION_BYTES);
        own target = begin_target(sizes[i / 2], i % 2 == 0);
        own_begin(&target, metadata, 30000);
        baton_metadata_destroy(metadata);
        cr_assert_eq(own_wait(&target, SOON_MS), BATON_OK, "%s", baton_error_text());
        check_waited();
        cr_assert(own_is_right(&target), "%zu bytes, case %u", sizes[i / 2], i);
        own_end(&target);
    }
    peer_quit(&peer);
}

Test(gpu_order, what_a_peer_writes_comes_after_the_kernel)
{
    for (unsigned i = 0; i < 2 * SIZES; i++) {
        own target = begin_target(sizes[i / 2], i % 2 == 0);
        baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
        cr_assert_eq(baton_connector_create_writable(connector, &target.descriptor, 1, &options, &target.operation), BATON_OK);
        peer_takes(&target, SEED, 30000);
        cr_assert_str_eq(peer_end(&peer, (int)i, SOON_MS), "COMPLETE OK right");
        cr_assert_eq(own_wait(&target, SOON_MS), BATON_OK);
        check_waited();
        cr_assert(own_is_right(&target), "%zu bytes, case %u", sizes[i / 2], i);
        own_end(&target);
    }
    peer_quit(&peer);
}

/* A stream of the application takes over where an operation has ended. */
Test(gpu_order, a_stream_works_on_what_has_come)
{
    enum { SIZE = 20 * MIB };
    baton_metadata *metadata = peer_offers("readable", SIZE, SEED, 0, BATON_COMPLETION_BYTES);
    own target = own_take(metadata, SEED, 30000);
    own copy = own_new(SIZE, SEED, false);
    baton_metadata_destroy(metadata);
    cr_assert_eq(own_wait(&target, SOON_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_operation_stream_wait(target.operation, stream), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(cudaMemcpyAsync(baton_descriptor_pointer(copy.descriptor), baton_descriptor_pointer(target.descriptor), SIZE,
                                 cudaMemcpyDefault, stream),
                 cudaSuccess);
    cr_assert_eq(cudaStreamSynchronize(stream), cudaSuccess);
    cr_assert(own_is_right(&copy));
    own_end(&copy);
    own_end(&target);
    peer_quit(&peer);
}

/* Nobody waits for the kernel when nothing will be moved. */
Test(gpu_order, a_cancel_does_not_wait_for_the_kernel)
{
    baton_metadata *metadata = peer_offers("readable", MIB, SEED, 0, BATON_COMPLETION_BYTES);
    own target = own_new(MIB, SEED, false);
    cr_assert_eq(cuda_control_hold(stream), 0);
    attach(target.descriptor, true);
    own_begin(&target, metadata, 30000);
    baton_metadata_destroy(metadata);
    cr_assert_eq(baton_operation_close(target.operation, SOON_MS), BATON_OK);
    cr_assert_eq(baton_operation_reason(target.operation), BATON_ERR_CANCELLED);
    cr_assert_eq(cudaStreamQuery(stream), cudaErrorNotReady, "the kernel is over");
    cr_assert_eq(cuda_control_release(stream), 0);
    cr_assert_eq(cudaStreamSynchronize(stream), cudaSuccess);
    own_end(&target);
    peer_quit(&peer);
}

/* The other process dies while this one waits for its kernel. */
Test(gpu_order, a_peer_that_is_killed_while_the_kernel_runs_is_noticed)
{
    baton_metadata *metadata = peer_offers("readable", 20 * MIB, SEED, 0, BATON_COMPLETION_BYTES);
    own target = begin_target(20 * MIB, false);
    own_begin(&target, metadata, 30000);
    baton_metadata_destroy(metadata);
    peer_kill(&peer);
    baton_status status = own_wait(&target, SOON_MS);
    cr_assert(status == BATON_ERR_PEER_LOST || status == BATON_ERR_UNREACHABLE, "%s", baton_error_text());
    cr_assert_eq(cudaStreamSynchronize(stream), cudaSuccess);
    own_stays_quiet(&target, 100);
    own_end(&target);
}

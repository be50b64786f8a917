/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and events of the stand-in, and failures in them. */
#include "fake_cuda_case.h"

Test(fake_cuda_stream, a_kernel_comes_before_the_copy_behind_it)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 0);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_fill(memory, SIZE, 42, 200, stream));
    WORKS(cudaMemcpyAsync(pinned, memory, SIZE, cudaMemcpyDeviceToHost, stream));
    FAILS(cudaStreamQuery(stream), cudaErrorNotReady);
    WORKS(cudaStreamSynchronize(stream));
    cr_assert(pinned[0] == 42 && pinned[SIZE - 1] == 42);
}

Test(fake_cuda_stream, an_event_orders_two_streams)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 0);
    cudaStream_t first = new_stream();
    cudaStream_t second = new_stream();
    cudaEvent_t event = new_event();
    WORKS(fake_cuda_launch_hold(first));
    WORKS(fake_cuda_launch_fill(memory, SIZE, 42, 0, first));
    WORKS(cudaEventRecord(event, first));
    WORKS(cudaStreamWaitEvent(second, event, 0));
    WORKS(cudaMemcpyAsync(pinned, memory, SIZE, cudaMemcpyDeviceToHost, second));
    FAILS(cudaEventQuery(event), cudaErrorNotReady);
    FAILS(cudaStreamQuery(second), cudaErrorNotReady);
    WORKS(fake_cuda_release(first));
    WORKS(cudaStreamSynchronize(second));
    WORKS(cudaEventQuery(event));
    cr_assert_eq(pinned[SIZE - 1], 42);
}

/* The streams have nothing to do with each other: one is done while the other is held. */
Test(fake_cuda_stream, streams_run_beside_each_other)
{
    uint8_t *memory = device_memory(SIZE);
    cudaStream_t held = new_stream();
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(held));
    WORKS(cudaMemsetAsync(memory, 1, SIZE, stream));
    WORKS(cudaStreamSynchronize(stream));
    FAILS(cudaStreamQuery(held), cudaErrorNotReady);
    WORKS(fake_cuda_release(held));
    WORKS(cudaDeviceSynchronize());
    WORKS(cudaStreamQuery(held));
}

Test(fake_cuda_stream, the_default_stream_takes_turns_with_blocking_ones)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 0);
    cudaStream_t blocking = NULL;
    cudaStream_t free_running = new_stream();
    WORKS(cudaStreamCreate(&blocking));
    WORKS(fake_cuda_launch_hold(blocking));
    WORKS(cudaMemsetAsync(memory, 1, SIZE, blocking));
    WORKS(cudaMemcpyAsync(pinned, memory, SIZE, cudaMemcpyDefault, cudaStreamLegacy));
    WORKS(cudaMemsetAsync(memory, 2, SIZE, blocking));
    WORKS(cudaMemsetAsync(pinned + SIZE - 1, 9, 1, free_running));
    WORKS(cudaStreamSynchronize(free_running));
    cr_assert_eq(pinned[SIZE - 1], 9);
    FAILS(cudaStreamQuery(NULL), cudaErrorNotReady);
    WORKS(fake_cuda_release(blocking));
    WORKS(cudaStreamSynchronize(cudaStreamPerThread));
    WORKS(cudaStreamSynchronize(blocking));
    cr_assert_eq(pinned[0], 1);
    cr_assert_eq(byte_at(memory), 2);
}

Test(fake_cuda_stream, an_event_that_was_never_recorded_is_over)
{
    cudaEvent_t event = new_event();
    cudaStream_t stream = new_stream();
    WORKS(cudaEventQuery(event));
    WORKS(cudaEventSynchronize(event));
    WORKS(cudaStreamWaitEvent(stream, event, 0));
    WORKS(cudaStreamQuery(stream));
    FAILS(cudaEventCreateWithFlags(&event, cudaEventInterprocess), cudaErrorInvalidValue);
    FAILS(cudaEventCreateWithFlags(&event, 0x80), cudaErrorInvalidValue);
    FAILS(cudaStreamCreateWithFlags(&stream, 0x80), cudaErrorInvalidValue);
}

/* A wait is for the record before it, not for one after it. */
Test(fake_cuda_stream, an_event_is_recorded_again)
{
    cudaEvent_t event = new_event();
    cudaStream_t first = new_stream();
    cudaStream_t second = new_stream();
    WORKS(fake_cuda_launch_hold(first));
    WORKS(cudaEventRecord(event, first));
    WORKS(cudaStreamWaitEvent(second, event, 0));
    WORKS(fake_cuda_launch_hold(first));
    WORKS(cudaEventRecord(event, first));
    WORKS(fake_cuda_release(first));
    WORKS(cudaStreamSynchronize(second));
    FAILS(cudaEventQuery(event), cudaErrorNotReady);
    WORKS(fake_cuda_release(first));
    WORKS(cudaEventSynchronize(event));
    WORKS(cudaEventQuery(event));
}

Test(fake_cuda_stream, work_goes_on_after_its_stream_and_its_event_are_destroyed)
{
    uint8_t *memory = device_memory(SIZE);
    cudaStream_t stream = new_stream();
    cudaStream_t other = new_stream();
    cudaEvent_t event = new_event();
    WORKS(fake_cuda_launch_fill(memory, SIZE, 3, 30, stream));
    WORKS(cudaEventRecord(event, stream));
    WORKS(cudaStreamWaitEvent(other, event, 0));
    WORKS(cudaEventDestroy(event));
    WORKS(cudaStreamDestroy(stream));
    WORKS(cudaStreamSynchronize(other));
    cr_assert_eq(byte_at(memory), 3);
}

Test(fake_cuda_stream, stale_handles_are_known)
{
    cudaStream_t stream = new_stream();
    cudaStream_t untouched = stream;
    cudaEvent_t event = new_event();
    int unknown = 0;
    WORKS(cudaStreamDestroy(stream));
    WORKS(cudaEventDestroy(event));
    cudaStream_t next = new_stream();
    cr_assert_neq(next, untouched);
    FAILS(cudaStreamDestroy(stream), cudaErrorInvalidResourceHandle);
    FAILS(cudaStreamQuery(stream), cudaErrorInvalidResourceHandle);
    FAILS(cudaStreamSynchronize(stream), cudaErrorInvalidResourceHandle);
    FAILS(cudaEventRecord(event, next), cudaErrorInvalidResourceHandle);
    FAILS(cudaEventQuery(event), cudaErrorInvalidResourceHandle);
    FAILS(cudaEventDestroy(event), cudaErrorInvalidResourceHandle);
    FAILS(cudaStreamQuery((cudaStream_t)(void *)&unknown), cudaErrorInvalidResourceHandle);
    FAILS(cudaStreamDestroy(NULL), cudaErrorInvalidResourceHandle);
    FAILS(cudaEventQuery(NULL), cudaErrorInvalidResourceHandle);
}

Test(fake_cuda_stream, an_event_and_its_stream_are_of_one_device)
{
    int device = -1;
    cr_assert(fake_cuda_set_devices(2));
    cudaStream_t first = new_stream();
    cudaEvent_t of_first = new_event();
    WORKS(cudaSetDevice(1));
    cudaStream_t second = new_stream();
    FAILS(cudaEventRecord(of_first, second), cudaErrorInvalidResourceHandle);
    FAILS(cudaEventRecord(of_first, NULL), cudaErrorInvalidResourceHandle);
    WORKS(cudaEventRecord(of_first, first));
    WORKS(cudaStreamWaitEvent(second, of_first, 0));
    WORKS(cudaEventSynchronize(of_first));
    FAILS(fake_cuda_launch_spin(0, first), cudaErrorInvalidResourceHandle);
    WORKS(cudaStreamGetDevice(first, &device));
    cr_assert_eq(device, 0);
    WORKS(cudaStreamGetDevice(NULL, &device));
    cr_assert_eq(device, 1);
    WORKS(cudaDeviceCanAccessPeer(&device, 0, 1));
    cr_assert_eq(device, 1);
    FAILS(cudaDeviceCanAccessPeer(&device, 0, 2), cudaErrorInvalidDevice);
}

Test(fake_cuda_stream, memory_in_the_order_of_a_stream)
{
    void *memory = NULL;
    uint8_t *pinned = pinned_memory(SIZE, 0);
    fake_cuda_counts counts;
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    WORKS(cudaMallocAsync(&memory, SIZE, stream));
    WORKS(cudaMemsetAsync(memory, 5, SIZE, stream));
    WORKS(cudaMemcpyAsync(pinned, memory, SIZE, cudaMemcpyDefault, stream));
    WORKS(cudaFreeAsync(memory, stream));
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.device_allocations, 0);
    FAILS(cudaFreeAsync(memory, stream), cudaErrorInvalidValue);
    FAILS(cudaFree(memory), cudaErrorInvalidValue);
    FAILS(cudaMemsetAsync(memory, 5, SIZE, stream), cudaErrorInvalidValue);
    WORKS(fake_cuda_release(stream));
    WORKS(cudaStreamSynchronize(stream));
    cr_assert_eq(pinned[SIZE - 1], 5);
    FAILS(cudaMallocAsync(&memory, 0, stream), cudaErrorInvalidValue);
}

static void CUDART_CB call_the_runtime(void *argument)
{
    cudaError_t *error = argument;
    *error = cudaStreamQuery(NULL);
}

Test(fake_cuda_stream, a_host_function_may_not_call_the_runtime)
{
    cudaError_t error = cudaSuccess;
    cudaStream_t stream = new_stream();
    WORKS(cudaLaunchHostFunc(stream, call_the_runtime, &error));
    FAILS(cudaLaunchHostFunc(stream, NULL, &error), cudaErrorInvalidValue);
    WORKS(cudaStreamSynchronize(stream));
    cr_assert_eq(error, cudaErrorNotPermitted);
}

Test(fake_cuda_stream, a_plain_code_fails_one_call)
{
    void *memory = NULL;
    cr_assert(fake_cuda_set_fail("cudaMalloc:2:2,cudaHostAlloc:0:304"));
    cudaMalloc(&memory, SIZE);
    void *before = memory;
    FAILS(cudaMalloc(&memory, SIZE), cudaErrorMemoryAllocation);
    cr_assert_eq(memory, before);
    WORKS(cudaMalloc(&memory, SIZE));
    FAILS(cudaHostAlloc(&memory, SIZE, 0), cudaErrorOperatingSystem);
    FAILS(cudaHostAlloc(&memory, SIZE, 0), cudaErrorOperatingSystem);
    cr_assert(fake_cuda_set_fail(NULL));
    WORKS(cudaHostAlloc(&memory, SIZE, 0));
    cr_assert_not(fake_cuda_set_fail("cudaMalloc:2"));
    cr_assert_not(fake_cuda_set_fail("cudaMalloc:1:2,"
                                     "cudaFree"));
    cr_assert_not(fake_cuda_set_fail("cudaMalloc:1:2;cudaFree:1:2"));
    cr_assert_not(fake_cuda_set_fail("cudaMalloc:1:0"));
}

Test(fake_cuda_stream, a_sticky_code_stays)
{
    int count = 0;
    cr_assert(fake_cuda_set_devices(2));
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 1);
    cudaStream_t stream = new_stream();
    cudaEvent_t event = new_event();
    cr_assert(fake_cuda_set_fail("cudaMemcpyAsync:1:719"));
    FAILS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDefault, stream), cudaErrorLaunchFailure);
    FAILS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDefault, stream), cudaErrorLaunchFailure);
    FAILS(cudaEventQuery(event), cudaErrorLaunchFailure);
    FAILS(cudaGetLastError(), cudaErrorLaunchFailure);
    FAILS(cudaGetLastError(), cudaErrorLaunchFailure);
    WORKS(cudaGetDeviceCount(&count));
    /* Giving back works and says so. */
    FAILS(cudaFree(memory), cudaErrorLaunchFailure);
    FAILS(cudaFreeHost(pinned), cudaErrorLaunchFailure);
    FAILS(cudaEventDestroy(event), cudaErrorLaunchFailure);
    FAILS(cudaStreamDestroy(stream), cudaErrorLaunchFailure);
    cr_assert_eq(fake_cuda_leaks(NULL), 0);
    /* The other device has a context of its own. */
    WORKS(cudaSetDevice(1));
    WORKS(cudaFree(device_memory(SIZE)));
}

Test(fake_cuda_stream, codes_that_are_answers_are_not_sticky)
{
    uint8_t plain[16];
    WORKS(cudaHostRegister(plain, sizeof(plain), 0));
    FAILS(cudaHostRegister(plain, sizeof(plain), 0), cudaErrorHostMemoryAlreadyRegistered);
    WORKS(cudaHostUnregister(plain));
    cr_assert(fake_cuda_set_fail("cudaMalloc:1:712"));
    void *memory = NULL;
    FAILS(cudaMalloc(&memory, SIZE), cudaErrorHostMemoryAlreadyRegistered);
    WORKS(cudaMalloc(&memory, SIZE));
}

Test(fake_cuda_stream, a_failing_copy_fails_its_stream)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 1);
    cudaStream_t stream = new_stream();
    cudaStream_t other = new_stream();
    cudaEvent_t event = new_event();
    cudaEvent_t early = new_event();
    cudaError_t error = cudaSuccess;
    cr_assert(fake_cuda_set_fail("copy:2:999"));
    WORKS(fake_cuda_launch_hold(stream));
    WORKS(cudaMemcpyAsync(memory, pinned, 1, cudaMemcpyDefault, stream));
    WORKS(cudaEventRecord(early, stream));
    WORKS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDefault, stream));
    WORKS(cudaEventRecord(event, stream));
    WORKS(cudaLaunchHostFunc(stream, call_the_runtime, &error));
    WORKS(cudaMemsetAsync(memory, 9, SIZE, stream));
    WORKS(fake_cuda_release(stream));
    FAILS(cudaStreamSynchronize(stream), cudaErrorUnknown);
    FAILS(cudaStreamQuery(stream), cudaErrorUnknown);
    WORKS(cudaEventQuery(early));
    FAILS(cudaEventQuery(event), cudaErrorUnknown);
    FAILS(cudaEventSynchronize(event), cudaErrorUnknown);
    FAILS(cudaMemsetAsync(memory, 9, SIZE, stream), cudaErrorUnknown);
    FAILS(cudaEventRecord(event, stream), cudaErrorUnknown);
    cr_assert(byte_at(memory) == 1 && byte_at(memory + 1) == 0);
    cr_assert_eq(error, cudaSuccess);
    WORKS(cudaStreamQuery(other));
    WORKS(cudaStreamWaitEvent(other, event, 0));
    FAILS(cudaStreamSynchronize(other), cudaErrorUnknown);
}

Test(fake_cuda_stream, a_copy_that_breaks_the_context)
{
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 1);
    cudaStream_t stream = new_stream();
    cudaStream_t other = new_stream();
    cr_assert(fake_cuda_set_fail("copy:1:700"));
    WORKS(fake_cuda_launch_spin(50, other));
    WORKS(cudaMemsetAsync(memory, 9, SIZE, other));
    WORKS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDefault, stream));
    EVENTUALLY(cudaStreamQuery(other) == cudaErrorIllegalAddress);
    FAILS(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
    FAILS(cudaMalloc((void **)&memory, SIZE), cudaErrorIllegalAddress);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Gates, and descriptors that have one, over the stand-in with its asynchronous streams. */
#include "device/gate.h"
#include "memory/descriptor.h"

#include "support/cuda_case.h"

#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 4096 };

typedef struct watched {
    baton__gate_watch watch;
    int opened; /* __atomic */
} watched;

static void count_opened(baton__gate_watch *watch)
{
    (void)__atomic_fetch_add(&((watched *)watch)->opened, 1, __ATOMIC_RELAXED);
}

static int opened(const watched *it)
{
    return __atomic_load_n(&it->opened, __ATOMIC_RELAXED);
}

static watched new_watch(void)
{
    return (watched){.watch = {.opened = count_opened}};
}

static cudaStream_t new_stream(void)
{
    cudaStream_t stream = NULL;
    WORKS(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    return stream;
}

static cudaEvent_t event_on(cudaStream_t stream)
{
    cudaEvent_t event = NULL;
    WORKS(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    WORKS(cudaEventRecord(event, stream));
    return event;
}

static baton_status look(baton__gate *gate)
{
    int native = 0;
    return baton__gate_look(gate, &native);
}

static void check_opens(baton__gate *gate, cudaStream_t held)
{
    watched first = new_watch();
    watched second = new_watch();
    watched ended = new_watch();
    FAILS(look(gate), BATON_ERR_BUSY);
    cr_assert(baton__gate_watch_begin(gate, &first.watch));
    cr_assert(baton__gate_watch_begin(gate, &ended.watch));
    cr_assert(baton__gate_watch_begin(gate, &second.watch));
    baton__gate_watch_end(gate, &ended.watch);
    FAILS(look(gate), BATON_ERR_BUSY);
    WORKS(fake_cuda_release(held));
    EVENTUALLY(opened(&first) == 1 && opened(&second) == 1);
    WORKS(look(gate));
    baton__gate_watch_end(gate, &first.watch);
    baton__gate_watch_end(gate, &second.watch);
    cr_assert_eq(opened(&ended), 0);
    cr_assert_not(baton__gate_watch_begin(gate, &ended.watch));
    cr_assert_eq(opened(&first), 1);
}

Test(cuda_gate, opens_with_an_event_that_may_be_gone)
{
    baton__gate *gate = NULL;
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    cudaEvent_t event = event_on(stream);
    WORKS(baton__gate_create_after_event(event, &gate));
    WORKS(cudaEventDestroy(event));
    check_opens(gate, stream);
    baton__gate_release(gate);
}

Test(cuda_gate, opens_after_what_was_on_the_stream_before)
{
    baton__gate *gate = NULL;
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    WORKS(baton__gate_create_after_stream(stream, &gate));
    WORKS(fake_cuda_launch_hold(stream)); /* this one is not waited for */
    check_opens(gate, stream);
    FAILS(cudaStreamQuery(stream), cudaErrorNotReady);
    WORKS(fake_cuda_release(stream));
    baton__gate_release(gate);
}

Test(cuda_gate, the_default_stream_is_a_stream)
{
    baton__gate *gate = NULL;
    cuda_case_begin(1);
    WORKS(fake_cuda_launch_hold(NULL));
    WORKS(baton__gate_create_after_stream(NULL, &gate));
    check_opens(gate, NULL);
    baton__gate_release(gate);
}

Test(cuda_gate, a_stream_of_another_device_than_the_current_one)
{
    baton__gate *gate = NULL;
    int current = 77;
    cuda_case_begin(2);
    WORKS(cudaSetDevice(1));
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    cudaEvent_t event = event_on(stream);
    WORKS(cudaSetDevice(0));
    WORKS(baton__gate_create_after_stream(stream, &gate));
    baton__gate *by_event = NULL;
    WORKS(baton__gate_create_after_event(event, &by_event));
    WORKS(cudaGetDevice(&current));
    cr_assert_eq(current, 0);
    FAILS(look(by_event), BATON_ERR_BUSY);
    check_opens(gate, stream);
    EVENTUALLY(look(by_event) == BATON_OK);
    baton__gate_release(gate);
    baton__gate_release(by_event);
}

Test(cuda_gate, is_released_before_it_opens)
{
    baton__gate *gates[40];
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    for (size_t i = 0; i < 40; i++) {
        WORKS(baton__gate_create_after_stream(stream, &gates[i]));
        cr_assert_eq(baton__gate_acquire(gates[i]), gates[i]);
        baton__gate_release(gates[i]);
        baton__gate_release(gates[i]);
    }
    cr_assert_eq(fake_cuda_calls("cudaStreamCreateWithPriority"), 40);
    WORKS(fake_cuda_release(stream));
    WORKS(cudaDeviceSynchronize()); /* the host functions have run */
    for (int i = 0; i < 100; i++) { /* and what they left is used again, and the surplus destroyed */
        WORKS(baton__gate_create_after_stream(stream, &gates[0]));
        EVENTUALLY(look(gates[0]) == BATON_OK);
        baton__gate_release(gates[0]);
    }
    WORKS(cudaDeviceSynchronize());
    cr_assert_eq(fake_cuda_calls("cudaStreamCreateWithPriority"), 40);
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    cr_assert_leq(counts.streams, 18 + 1);
    cr_assert_leq(counts.events, 18);
}

Test(cuda_gate, what_is_no_event_or_stream_is_refused)
{
    static max_align_t marker;
    baton__gate *const untouched = (baton__gate *)(void *)&marker;
    baton__gate *gate = untouched;
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    cudaEvent_t event = event_on(stream);
    WORKS(cudaStreamDestroy(stream));
    WORKS(cudaEventDestroy(event));
    FAILS(baton__gate_create_after_event(NULL, &gate), BATON_ERR_INVALID_ARGUMENT);
    FAILS(baton__gate_create_after_event(event, &gate), BATON_ERR_INVALID_ARGUMENT);
    FAILS(baton__gate_create_after_stream(stream, &gate), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(gate, untouched);
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.streams + counts.events, 0);
}

Test(cuda_gate, a_stream_that_is_captured_is_refused)
{
    baton__gate *gate = NULL;
    cuda_case_load("libcudart_other.so", 1);
    cr_assert_eq(setenv("CUDART_CAPTURES", "1", 1), 0);
    FAILS(baton__gate_create_after_stream(NULL, &gate), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says("captured"), "%s", baton_error_text());
    cudaStream_t stream = new_stream();
    WORKS(baton__gate_create_after_stream(stream, &gate));
    EVENTUALLY(look(gate) == BATON_OK);
    baton__gate_release(gate);
}

Test(cuda_gate, work_that_fails_keeps_it_closed_and_is_told)
{
    baton__gate *gate = NULL;
    int native = 0;
    watched it = new_watch();
    baton_status status = BATON_OK;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, SIZE);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    cr_assert(fake_cuda_set_fail("copy:1:700"));
    WORKS(cudaMemcpyAsync(memory, memory + SIZE / 2, SIZE / 2, cudaMemcpyDeviceToDevice, stream));
    WORKS(baton__gate_create_after_stream(stream, &gate));
    cr_assert(baton__gate_watch_begin(gate, &it.watch));
    WORKS(fake_cuda_release(stream));
    EVENTUALLY((status = baton__gate_look(gate, &native)) != BATON_ERR_BUSY);
    FAILS(status, BATON_ERR_DEVICE);
    cr_assert_eq(native, 700);
    cr_assert(cuda_case_says("700"), "%s", baton_error_text());
    native = 0;
    FAILS(baton__gate_look(gate, &native), BATON_ERR_DEVICE);
    cr_assert_eq(native, 700);
    cr_assert_eq(opened(&it), 0);
    baton__gate_watch_end(gate, &it.watch);
    baton__gate_release(gate);
}

static int fail_to_create(const char *name, int code)
{
    char rule[128];
    baton__gate *gate = NULL;
    fake_cuda_counts counts;
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    (void)snprintf(rule, sizeof(rule), "%s:1:%d", name, code);
    if (!fake_cuda_set_fail(rule)) {
        return 2;
    }
    baton_status status = baton__gate_create_after_stream(stream, &gate);
    if (status != (code == 2 ? BATON_ERR_OUT_OF_MEMORY : BATON_ERR_DEVICE) || gate != NULL) {
        return 3;
    }
    (void)fake_cuda_leaks(&counts);
    return counts.streams == 1 && counts.events == 0 ? 0 : 4;
}

Test(cuda_gate, every_call_can_fail)
{
    static const char *const functions[] = {"cudaGetDevice", "cudaStreamGetDevice", "cudaStreamCreateWithPriority",
                                            "cudaEventCreateWithFlags", "cudaEventRecord", "cudaStreamWaitEvent", "cudaLaunchHostFunc"};
    static const int codes[] = {2, 719, 999};
    for (size_t i = 0; i < 3 * sizeof(functions) / sizeof(functions[0]); i++) {
        (void)fflush(NULL);
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            _exit(fail_to_create(functions[i / 3], codes[i % 3]));
        }
        int status = 0;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s with %d: step %d", functions[i / 3], codes[i % 3],
                  WEXITSTATUS(status));
    }
}

Test(cuda_gate, is_of_no_use_in_a_child_of_fork)
{
    baton__gate *gate = NULL;
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_hold(stream));
    WORKS(baton__gate_create_after_stream(stream, &gate));
    (void)fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        baton__gate *another = NULL;
        bool right = look(gate) == BATON_ERR_WRONG_PROCESS &&
                     baton__gate_create_after_stream(NULL, &another) == BATON_ERR_WRONG_PROCESS;
        baton__gate_release(gate);
        _exit(right ? 0 : 1);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    WORKS(fake_cuda_release(stream));
    EVENTUALLY(look(gate) == BATON_OK);
    baton__gate_release(gate);
}

Test(descriptor_gate, a_descriptor_keeps_the_last_gate)
{
    baton_descriptor *descriptor = NULL;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, SIZE);
    cudaStream_t stream = new_stream();
    WORKS(fake_cuda_launch_fill(memory, SIZE, 9, 20, stream));
    WORKS(baton_descriptor_from_pointer(memory, SIZE, cuda_case_device, NULL, NULL, &descriptor));
    cr_assert_null(baton__descriptor_gate(descriptor));
    WORKS(baton_descriptor_after_stream(descriptor, stream));
    baton__gate *first = baton__gate_acquire(baton__descriptor_gate(descriptor));
    WORKS(fake_cuda_launch_hold(stream));
    cudaEvent_t event = event_on(stream);
    WORKS(baton_descriptor_after_event(descriptor, event));
    cr_assert_neq(baton__descriptor_gate(descriptor), first);
    EVENTUALLY(look(first) == BATON_OK);
    FAILS(look(baton__descriptor_gate(descriptor)), BATON_ERR_BUSY);
    baton__gate_release(first);
    baton_descriptor_release(descriptor); /* before it opens */
    WORKS(fake_cuda_release(stream));
    WORKS(cudaDeviceSynchronize());
}

Test(descriptor_gate, host_memory_can_wait_for_a_device_too)
{
    baton_descriptor *descriptor = NULL;
    void *pinned = NULL;
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    WORKS(cudaHostAlloc(&pinned, SIZE, cudaHostAllocDefault));
    WORKS(baton_descriptor_from_pointer(pinned, SIZE, BATON_DEVICE_HOST, NULL, NULL, &descriptor));
    WORKS(baton_descriptor_after_stream(descriptor, stream));
    EVENTUALLY(look(baton__descriptor_gate(descriptor)) == BATON_OK);
    baton_descriptor_release(descriptor);
}

Test(descriptor_gate, what_is_refused_leaves_the_descriptor)
{
    baton_descriptor *descriptor = NULL;
    static char plain[SIZE];
    cuda_case_begin(1);
    cudaStream_t stream = new_stream();
    WORKS(baton_descriptor_from_pointer(plain, SIZE, BATON_DEVICE_HOST, NULL, NULL, &descriptor));
    WORKS(baton_descriptor_after_stream(descriptor, stream));
    const baton__gate *gate = baton__descriptor_gate(descriptor);
    FAILS(baton_descriptor_after_event(descriptor, NULL), BATON_ERR_INVALID_ARGUMENT);
    FAILS(baton_descriptor_after_event(NULL, stream), BATON_ERR_INVALID_ARGUMENT);
    FAILS(baton_descriptor_after_stream(NULL, stream), BATON_ERR_INVALID_ARGUMENT);
    FAILS(baton_descriptor_after_event(descriptor, stream), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton__descriptor_gate(descriptor), gate);
    baton_descriptor_release(descriptor);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes of copies, over the stand-in with its asynchronous streams. */
#include "device/device.h"

#include "support/cuda_case.h"
#include "support/shape.h"

#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY = 1 << 16, RUNS = 64 };

static const baton__lane_table *lanes(void)
{
    return baton__device_find(BATON_DEVICE_KIND_CUDA)->lanes;
}

static baton__lane *open_lane(uint32_t id)
{
    baton__lane *lane = NULL;
    WORKS(lanes()->open(id, &lane));
    return lane;
}

static uint8_t *pin(size_t size)
{
    void *pinned = NULL;
    WORKS(lanes()->pin(0, size, &pinned));
    return pinned;
}

static uint64_t over(baton__lane *lane)
{
    uint64_t count = 77;
    int native = 0;
    WORKS(lanes()->poll(lane, &count, &native));
    return count;
}

static void wait_over(baton__lane *lane, uint64_t count)
{
    EVENTUALLY(over(lane) == count);
}

/* One piece. */
static baton__run whole(uint8_t *memory, size_t size)
{
    return (baton__run){.base = memory, .segment = size, .stride = size, .count = 1};
}

static size_t leaks(void)
{
    return fake_cuda_leaks(NULL);
}

Test(cuda_lane, copies_out_and_in)
{
    int native = 0;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, MEMORY);
    size_t before = leaks();
    baton__lane *lane = open_lane(0);
    uint8_t *pinned = pin(MEMORY);
    baton__run run = whole(memory, MEMORY);
    baton__layout layout = {.runs = &run, .count = 1, .total = MEMORY};
    memset(pinned, 7, MEMORY);
    cr_assert_eq(over(lane), 0);
    WORKS(lanes()->copy_in(lane, pinned, &(baton__slice){&layout, 0, MEMORY}, &native));
    wait_over(lane, 1);
    memset(pinned, 0, MEMORY);
    WORKS(lanes()->copy_out(lane, &(baton__slice){&layout, 1000, 2000}, pinned, &native));
    wait_over(lane, 2);
    for (size_t i = 0; i < 3000; i++) {
        cr_assert_eq(pinned[i], i < 2000 ? 7 : 0);
    }
    lanes()->close(lane);
    lanes()->unpin(pinned, MEMORY);
    cr_assert_eq(leaks(), before);
    WORKS(cudaPeekAtLastError());
}

static uint8_t *places[MEMORY];
static baton__run runs[RUNS];

/* Strided and plain runs in device memory, by chance, without two at one place. */
static baton__layout random_layout(uint8_t *memory, uint64_t *state)
{
    baton__layout layout = {.runs = runs};
    size_t offset = 0;
    size_t wanted = 1 + (size_t)(shape_next(state) % RUNS);
    for (size_t i = 0; i < wanted; i++) {
        size_t segment = 1 + (size_t)(shape_next(state) % 40);
        size_t count = 1 + (size_t)(shape_next(state) % 12);
        size_t stride = segment + (size_t)(shape_next(state) % 20);
        offset += (size_t)(shape_next(state) % 30);
        baton__run run = {.base = memory + offset, .segment = segment, .stride = stride, .count = count};
        for (size_t k = 0; k < count * segment; k++) {
            places[layout.total + k] = run.base + k / segment * stride + k % segment;
        }
        offset += count * stride;
        baton__layout_add(runs, &layout.count, &layout.total, run);
    }
    return layout;
}

Test(cuda_lane, a_range_of_any_layout_is_copied_as_one)
{
    static uint8_t shadow[MEMORY];
    static uint8_t now[MEMORY];
    uint64_t state = 42;
    int native = 0;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, MEMORY);
    baton__lane *lane = open_lane(0);
    uint8_t *pinned = pin(MEMORY);
    WORKS(fake_cuda_poke(memory, shadow, MEMORY));
    for (uint64_t round = 0; round < 200; round++) {
        baton__layout layout = random_layout(memory, &state);
        uint64_t offset = shape_next(&state) % layout.total;
        size_t size = (size_t)(1 + shape_next(&state) % (layout.total - offset));
        baton__slice slice = {&layout, offset, size};
        for (size_t i = 0; i < size; i++) {
            pinned[i] = (uint8_t)shape_next(&state);
            shadow[places[offset + i] - memory] = pinned[i];
        }
        WORKS(lanes()->copy_in(lane, pinned, &slice, &native));
        wait_over(lane, 2 * round + 1);
        WORKS(fake_cuda_peek(memory, now, MEMORY));
        cr_assert_arr_eq(now, shadow, MEMORY);
        memset(pinned, 0, size);
        WORKS(lanes()->copy_out(lane, &slice, pinned, &native));
        wait_over(lane, 2 * round + 2);
        for (size_t i = 0; i < size; i++) {
            cr_assert_eq(pinned[i], shadow[places[offset + i] - memory]);
        }
    }
    cr_assert_gt(fake_cuda_calls("cudaMemcpy2DAsync"), 0);
    lanes()->close(lane);
    lanes()->unpin(pinned, MEMORY);
}

Test(cuda_lane, a_strided_run_takes_few_calls)
{
    int native = 0;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, MEMORY);
    baton__lane *lane = open_lane(0);
    uint8_t *pinned = pin(MEMORY);
    baton__run run = {.base = memory, .segment = 16, .stride = 64, .count = 1024};
    baton__layout layout = {.runs = &run, .count = 1, .total = 16 * 1024};
    WORKS(lanes()->copy_out(lane, &(baton__slice){&layout, 8, 16 * 1000}, pinned, &native)); /* begins and ends inside a segment */
    wait_over(lane, 1);
    cr_assert_eq(fake_cuda_calls("cudaMemcpy2DAsync"), 1);
    cr_assert_eq(fake_cuda_calls("cudaMemcpyAsync"), 2);
    lanes()->close(lane);
    lanes()->unpin(pinned, MEMORY);
}

Test(cuda_lane, one_copy_more_than_it_holds_is_refused)
{
    int native = 0;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, MEMORY);
    baton__lane *lane = open_lane(0);
    uint8_t *pinned = pin(MEMORY);
    baton__run run = whole(memory, MEMORY);
    baton__layout layout = {.runs = &run, .count = 1, .total = MEMORY};
    baton__slice slice = {&layout, 0, 64};
    for (uint64_t round = 1; round <= 3; round++) {
        for (int i = 0; i < BATON__LANE_MAX; i++) {
            WORKS(lanes()->copy_in(lane, pinned, &slice, &native));
        }
        FAILS(lanes()->copy_in(lane, pinned, &slice, &native), BATON_ERR_BUSY);
        wait_over(lane, round * BATON__LANE_MAX);
    }
    lanes()->close(lane);
    lanes()->unpin(pinned, MEMORY);
}

Test(cuda_lane, the_streams_of_the_application_do_not_hold_it_up)
{
    int native = 0;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, MEMORY);
    baton__lane *lane = open_lane(0);
    uint8_t *pinned = pin(MEMORY);
    baton__run run = whole(memory, MEMORY);
    baton__layout layout = {.runs = &run, .count = 1, .total = MEMORY};
    WORKS(fake_cuda_launch_hold(NULL)); /* the default stream */
    WORKS(lanes()->copy_out(lane, &(baton__slice){&layout, 0, 64}, pinned, &native));
    wait_over(lane, 1);
    FAILS(cudaStreamQuery(NULL), cudaErrorNotReady);
    WORKS(fake_cuda_release(NULL));
    lanes()->close(lane);
    lanes()->unpin(pinned, MEMORY);
}

static void *copy_as_own_thread(void *argument)
{
    baton__layout *layout = argument;
    baton__lane *lane = NULL;
    void *pinned = NULL;
    uint64_t count = 0;
    int native = 0;
    (void)pthread_setname_np(pthread_self(), "baton");
    WORKS(lanes()->pin(1, MEMORY, &pinned));
    WORKS(lanes()->open(1, &lane));
    WORKS(lanes()->copy_out(lane, &(baton__slice){layout, 0, MEMORY}, pinned, &native));
    EVENTUALLY(lanes()->poll(lane, &count, &native) == BATON_OK && count == 1);
    lanes()->close(lane);
    return pinned;
}

/* On the second device: the first one gets no context for it. */
Test(cuda_lane, a_connectors_thread_waits_for_nothing_and_uses_one_device)
{
    fake_cuda_counts counts;
    cuda_case_begin(2);
    WORKS(cudaSetDevice(1));
    uint8_t *memory = NULL;
    WORKS(cudaMalloc((void **)&memory, MEMORY));
    baton__run run = whole(memory, MEMORY);
    baton__layout layout = {.runs = &run, .count = 1, .total = MEMORY};
    cuda_case_as_own_thread(copy_as_own_thread, &layout);
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.contexts, 1);
}

Test(cuda_lane, an_application_keeps_its_current_device)
{
    int current = 77;
    int native = 0;
    cuda_case_begin(2);
    uint8_t *memory = cuda_case_memory(1, MEMORY);
    baton__lane *lane = open_lane(1);
    uint8_t *pinned = pin(MEMORY);
    baton__run run = whole(memory, MEMORY);
    baton__layout layout = {.runs = &run, .count = 1, .total = MEMORY};
    WORKS(lanes()->copy_out(lane, &(baton__slice){&layout, 0, MEMORY}, pinned, &native));
    wait_over(lane, 1);
    lanes()->close(lane);
    lanes()->unpin(pinned, MEMORY);
    WORKS(cudaGetDevice(&current));
    cr_assert_eq(current, 0);
}

/* Runs it in a process of its own: a broken device stays broken. */
static void in_a_process(int (*function)(const char *, int), const char *name, int code)
{
    (void)fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        _exit(function(name, code));
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s with %d: step %d", name, code, WEXITSTATUS(status));
}

/* Two pieces, of which the call given fails: what was begun before is over when the error is told. */
static int fail_a_copy(const char *name, int code)
{
    char rule[128];
    int native = 0;
    uint64_t count = 77;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, MEMORY);
    size_t before = leaks();
    baton__lane *lane = open_lane(0);
    uint8_t *pinned = pin(MEMORY);
    baton__run both[] = {whole(memory, 64), {.base = memory + 128, .start = 64, .segment = 16, .stride = 32, .count = 4}};
    baton__layout layout = {.runs = both, .count = 2, .total = 128};
    baton__slice slice = {&layout, 0, 128};
    fake_cuda_set_copy_delay_us(20000);
    (void)snprintf(rule, sizeof(rule), "%s:2:%d", name, code);
    if (!fake_cuda_set_fail(rule)) {
        return 2;
    }
    for (int i = 0; i < 3; i++) {
        baton_status status = lanes()->copy_in(lane, pinned, &slice, &native);
        if (status != BATON_OK) {
            break;
        }
        while (lanes()->poll(lane, &count, &native) == BATON_OK && count != (uint64_t)i + 1) {
            (void)poll(NULL, 0, 1);
        }
    }
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    size_t copies = counts.copies;
    if (native != code || lanes()->poll(lane, &count, &native) >= 0 || native != code) {
        return 3;
    }
    if (lanes()->copy_out(lane, &slice, pinned, &native) >= 0 || !cuda_case_says("broken")) {
        return 4;
    }
    (void)poll(NULL, 0, 50);
    (void)fake_cuda_leaks(&counts);
    if (counts.copies != copies) { /* something ran after the error */
        return 5;
    }
    lanes()->close(lane);
    lanes()->unpin(pinned, MEMORY);
    return leaks() == before ? 0 : 6;
}

Test(cuda_lane, every_call_can_fail_and_the_lane_is_quiet_then)
{
    static const char *const functions[] = {"cudaMemcpyAsync", "cudaMemcpy2DAsync", "cudaEventRecord", "cudaEventQuery", "cudaGetDevice"};
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        in_a_process(fail_a_copy, functions[i], 999);
        in_a_process(fail_a_copy, functions[i], 719);
    }
    in_a_process(fail_a_copy, "copy", 719);
}

static int fail_to_open(const char *name, int code)
{
    char rule[128];
    baton__lane *lane = NULL;
    void *pinned = NULL;
    cuda_case_begin(1);
    (void)snprintf(rule, sizeof(rule), "%s:1:%d", name, code);
    if (!fake_cuda_set_fail(rule)) {
        return 2;
    }
    bool pins = strcmp(name, "cudaHostAlloc") == 0;
    baton_status status = pins ? lanes()->pin(0, MEMORY, &pinned) : lanes()->open(0, &lane);
    if (status != (code == 2 ? BATON_ERR_OUT_OF_MEMORY : BATON_ERR_DEVICE) || lane != NULL || pinned != NULL) {
        return 3;
    }
    return leaks() == 0 ? 0 : 4;
}

Test(cuda_lane, what_is_half_open_is_given_back)
{
    static const char *const functions[] = {"cudaGetDevice", "cudaStreamCreateWithPriority", "cudaEventCreateWithFlags", "cudaHostAlloc"};
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        in_a_process(fail_to_open, functions[i], 2);
        in_a_process(fail_to_open, functions[i], 719);
    }
    in_a_process(fail_to_open, "cudaGetDeviceCount", 999);
}

/* The third copy fails on the device: the first two count, and the error comes after them. */
Test(cuda_lane, a_copy_that_fails_on_the_device_is_told_after_those_before_it)
{
    int native = 0;
    uint64_t count = 0;
    baton_status status = BATON_OK;
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, MEMORY);
    baton__lane *lane = open_lane(0);
    uint8_t *pinned = pin(MEMORY);
    baton__run run = whole(memory, MEMORY);
    baton__layout layout = {.runs = &run, .count = 1, .total = MEMORY};
    cr_assert(fake_cuda_set_fail("copy:3:999"));
    for (int i = 0; i < 3; i++) {
        WORKS(lanes()->copy_in(lane, pinned, &(baton__slice){&layout, 0, 64}, &native));
    }
    EVENTUALLY((status = lanes()->poll(lane, &count, &native)) != BATON_OK);
    FAILS(status, BATON_ERR_DEVICE);
    cr_assert_eq(native, 999);
    cr_assert_eq(count, 2);
    cr_assert(cuda_case_says("cudaErrorUnknown (999)"), "%s", baton_error_text());
    FAILS(lanes()->poll(lane, &count, &native), BATON_ERR_DEVICE);
    lanes()->close(lane);
}

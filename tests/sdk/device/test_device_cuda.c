/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices there are, what is their memory, and allocating it. */
#include "device/device.h"

#include "support/cuda_case.h"

#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 64 * 1024 };

static const baton__device_table *table(void)
{
    return baton__device_find(BATON_DEVICE_KIND_CUDA);
}

static baton_status check(uint32_t id)
{
    return baton_device_check((baton_device){BATON_DEVICE_KIND_CUDA, id});
}

Test(device_cuda, a_device_is_there_and_asking_makes_no_context)
{
    fake_cuda_counts counts;
    cuda_case_begin(2);
    WORKS(check(0));
    WORKS(check(1));
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.contexts, 0);
}

Test(device_cuda, an_id_beyond_the_count_is_refused_with_the_count)
{
    cuda_case_begin(2);
    FAILS(check(2), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says("2 devices"), "%s", baton_error_text());
    FAILS(check(UINT32_MAX), BATON_ERR_INVALID_ARGUMENT);
}

Test(device_cuda, without_a_runtime_it_says_what_was_tried)
{
    cr_assert_eq(setenv("BATON_CUDART", "/nonexistent/libcudart.so", 1), 0);
    for (int i = 0; i < 2; i++) { /* the failure is remembered */
        FAILS(check(0), BATON_ERR_NOT_SUPPORTED);
        cr_assert(cuda_case_says("/nonexistent/libcudart.so"), "%s", baton_error_text());
    }
    baton_descriptor *descriptor = NULL;
    FAILS(baton_descriptor_allocate(SIZE, cuda_case_device, &descriptor), BATON_ERR_NOT_SUPPORTED);
    WORKS(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &descriptor));
    FAILS(baton_descriptor_after_stream(descriptor, NULL), BATON_ERR_NOT_SUPPORTED);
    baton_descriptor_release(descriptor);
}

Test(device_cuda, a_library_that_is_no_runtime_is_refused)
{
    cr_assert_eq(setenv("BATON_CUDART", "libm.so.6", 1), 0);
    FAILS(check(0), BATON_ERR_NOT_SUPPORTED);
    cr_assert(cuda_case_says("libm.so.6: it has no cuda"), "%s", baton_error_text());
}

Test(device_cuda, without_a_driver_it_says_so)
{
    cuda_case_begin(-1);
    FAILS(check(0), BATON_ERR_NOT_SUPPORTED);
    cr_assert(cuda_case_says("driver"), "%s", baton_error_text());
}

Test(device_cuda, an_old_driver_is_named_with_its_version)
{
    cuda_case_begin(1);
    cr_assert(fake_cuda_set_fail("cudaGetDeviceCount:0:35"));
    FAILS(check(0), BATON_ERR_NOT_SUPPORTED);
    cr_assert(cuda_case_says("too old"), "%s", baton_error_text());
}

Test(device_cuda, without_a_device_it_says_so)
{
    cuda_case_begin(0);
    FAILS(check(0), BATON_ERR_NOT_SUPPORTED);
    cr_assert(cuda_case_says("no device"), "%s", baton_error_text());
}

Test(device_cuda, another_error_is_the_runtimes)
{
    cuda_case_begin(1);
    cr_assert(fake_cuda_set_fail("cudaGetDeviceCount:1:999"));
    FAILS(check(0), BATON_ERR_DEVICE);
    cr_assert(cuda_case_says("cudaErrorUnknown (999)"), "%s", baton_error_text());
    WORKS(cudaPeekAtLastError()); /* none of ours is left to the application */
    WORKS(check(0));              /* and it is not remembered */
}

Test(device_cuda, memory_is_believed_only_where_it_lies)
{
    void *pinned = NULL;
    void *managed = NULL;
    static char plain[SIZE];
    cuda_case_begin(2);
    uint8_t *first = cuda_case_memory(0, SIZE);
    uint8_t *second = cuda_case_memory(1, SIZE);
    WORKS(cudaHostAlloc(&pinned, SIZE, cudaHostAllocDefault));
    WORKS(cudaMallocManaged(&managed, SIZE, cudaMemAttachGlobal));
    WORKS(table()->check_memory(0, first, SIZE));
    WORKS(table()->check_memory(0, first + SIZE - 1, 1));
    WORKS(table()->check_memory(1, second, SIZE));
    WORKS(table()->check_memory(0, managed, SIZE));
    WORKS(table()->check_memory(1, managed, SIZE));
    FAILS(table()->check_memory(0, second, SIZE), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says("it is memory of cuda:1"), "%s", baton_error_text());
    FAILS(table()->check_memory(0, pinned, SIZE), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says("pinned host memory"), "%s", baton_error_text());
    FAILS(table()->check_memory(0, plain, SIZE), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says("CUDA does not know"), "%s", baton_error_text());
    FAILS(table()->check_memory(0, first, SIZE + 65536 * 1024), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says("reach beyond"), "%s", baton_error_text());
    FAILS(table()->check_memory(2, first, SIZE), BATON_ERR_INVALID_ARGUMENT);
}

Test(device_cuda, device_memory_is_not_the_hosts_once_a_device_is_used)
{
    void *pinned = NULL;
    void *managed = NULL;
    static char plain[SIZE];
    cuda_case_begin(1);
    uint8_t *memory = cuda_case_memory(0, SIZE);
    WORKS(baton__device_host.check_memory(0, memory, SIZE)); /* nobody was asked */
    WORKS(check(0));
    WORKS(baton__device_host.check_memory(0, memory, SIZE));
    cr_assert_eq(fake_cuda_calls("cudaPointerGetAttributes"), 0);
    WORKS(table()->check_memory(0, memory, SIZE));
    FAILS(baton__device_host.check_memory(0, memory, SIZE), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(cuda_case_says("it is memory of cuda:0"), "%s", baton_error_text());
    WORKS(cudaHostAlloc(&pinned, SIZE, cudaHostAllocDefault));
    WORKS(cudaMallocManaged(&managed, SIZE, cudaMemAttachGlobal));
    WORKS(cudaHostRegister(plain, SIZE / 2, cudaHostRegisterDefault));
    WORKS(baton__device_host.check_memory(0, pinned, SIZE));
    WORKS(baton__device_host.check_memory(0, managed, SIZE));
    WORKS(baton__device_host.check_memory(0, plain, SIZE));
    cr_assert(fake_cuda_set_fail("cudaPointerGetAttributes:1:700")); /* a broken device does not break the host */
    WORKS(baton__device_host.check_memory(0, plain, SIZE));
    WORKS(baton__device_host.check_memory(0, plain, SIZE));
}

static void *release_it(void *argument)
{
    (void)pthread_setname_np(pthread_self(), "baton");
    baton_descriptor_release(argument);
    return NULL;
}

static size_t live_allocations(void)
{
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    return counts.device_allocations;
}

Test(device_cuda, allocates_for_all_streams_and_frees_without_waiting)
{
    cuda_case_begin(2);
    for (int i = 0; i < 3; i++) {
        baton_descriptor *descriptor = NULL;
        int current = 77;
        WORKS(baton_descriptor_allocate(SIZE, (baton_device){BATON_DEVICE_KIND_CUDA, 1}, &descriptor));
        WORKS(cudaGetDevice(&current));
        cr_assert_eq(current, 0);
        uint8_t *memory = baton_descriptor_pointer(descriptor);
        cr_assert_eq((uintptr_t)memory % 256, 0);
        WORKS(table()->check_memory(1, memory, SIZE));
        WORKS(cudaSetDevice(1));
        WORKS(cudaMemsetAsync(memory, 3, SIZE, NULL));
        WORKS(cudaStreamSynchronize(NULL));
        WORKS(cudaSetDevice(0));
        cuda_case_as_own_thread(release_it, descriptor); /* would abort if it waited */
        cr_assert_eq(live_allocations(), 0);
    }
    cr_assert_eq(fake_cuda_calls("cudaStreamCreateWithPriority"), 1);
    cr_assert_eq(fake_cuda_calls("cudaFree"), 0);
}

Test(device_cuda, without_pools_another_thread_frees_what_a_connectors_thread_lets_go)
{
    baton_descriptor *first = NULL;
    baton_descriptor *second = NULL;
    cuda_case_load("libcudart_other.so", 1);
    WORKS(baton_descriptor_allocate(SIZE, cuda_case_device, &first));
    WORKS(baton_descriptor_allocate(SIZE, cuda_case_device, &second));
    cr_assert_eq(fake_cuda_calls("cudaMallocAsync"), 0);
    cuda_case_as_own_thread(release_it, first); /* would abort if it waited */
    EVENTUALLY(live_allocations() == 1);
    WORKS(baton_descriptor_allocate(SIZE, cuda_case_device, &first));
    cr_assert_eq(live_allocations(), 2);
    baton_descriptor_release(first);
    baton_descriptor_release(second);
    cr_assert_eq(live_allocations(), 0);
}

Test(device_cuda, too_much_is_out_of_memory)
{
    int byte = 0;
    void *pointer = &byte;
    cuda_case_begin(1);
    fake_cuda_set_memory_bytes(1 << 20);
    FAILS(table()->allocate(0, 2 << 20, &pointer), BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(pointer, &byte);
    WORKS(cudaPeekAtLastError());
    WORKS(table()->allocate(0, 1 << 19, &pointer));
    table()->deallocate(0, pointer, 1 << 19);
}

/* In a process of its own each: a broken device stays broken. 2: one call fails; 719: the device is broken. */
static void check_failing(const char *function, int code, baton_status expected)
{
    char rule[128];
    (void)fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        void *pointer = NULL;
        cuda_case_begin(1);
        (void)snprintf(rule, sizeof(rule), "%s:1:%d", function, code);
        bool right = fake_cuda_set_fail(rule) && table()->allocate(0, SIZE, &pointer) == expected && pointer == NULL &&
                     live_allocations() == 0;
        if (!right) {
            (void)fprintf(stderr, "%s: %s, %zu alive\n", rule, baton_error_text(), live_allocations());
        }
        _exit(right ? 0 : 1);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s with %d", function, code);
}

Test(device_cuda, every_call_can_fail)
{
    static const char *const functions[] = {"cudaGetDeviceCount", "cudaGetDevice", "cudaDeviceGetAttribute",
                                            "cudaStreamCreateWithPriority", "cudaMallocAsync", "cudaEventCreateWithFlags",
                                            "cudaEventRecord", "cudaEventQuery"};
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        check_failing(functions[i], 2, BATON_ERR_OUT_OF_MEMORY);
        check_failing(functions[i], 719, BATON_ERR_DEVICE);
        check_failing(functions[i], 999, BATON_ERR_DEVICE);
    }
}

Test(device_cuda, nothing_works_in_a_child_of_fork)
{
    baton_descriptor *descriptor = NULL;
    static char plain[SIZE];
    cuda_case_begin(1);
    WORKS(baton_descriptor_allocate(SIZE, cuda_case_device, &descriptor));
    (void)fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        void *pointer = NULL;
        bool right = check(0) == BATON_ERR_WRONG_PROCESS && table()->allocate(0, SIZE, &pointer) == BATON_ERR_WRONG_PROCESS &&
                     baton__device_host.check_memory(0, plain, SIZE) == BATON_OK;
        baton_descriptor_release(descriptor); /* touches nothing of the parent's */
        _exit(right ? 0 : 1);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    baton_descriptor_release(descriptor);
}

Test(device_cuda, what_there_is_can_be_described)
{
    baton_cuda_info info = {.struct_size = sizeof(info)};
    fake_cuda_counts counts;
    cuda_case_begin(2);
    WORKS(baton_cuda_describe(&info));
    cr_assert_eq(info.status, BATON_OK);
    cr_assert_str_eq(info.reason, "");
    cr_assert_not_null(strstr(info.runtime_path, "libcudart_fake.so"));
    cr_assert_geq(info.runtime_version, 12000);
    cr_assert_geq(info.driver_version, 12000);
    cr_assert_eq(info.device_count, 2);
    cr_assert_not_null(strchr(info.devices[1].pci_bus_id, ':'));
    cr_assert_str_neq(info.devices[0].pci_bus_id, info.devices[1].pci_bus_id);
    cr_assert(info.devices[1].memory_pools);
    cr_assert_str_eq(info.devices[2].pci_bus_id, "");
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.contexts, 0);
}

Test(device_cuda, describing_tells_why_there_is_nothing)
{
    baton_cuda_info info = {.struct_size = sizeof(info)};
    cuda_case_begin(-1);
    WORKS(baton_cuda_describe(&info));
    cr_assert_eq(info.status, BATON_ERR_NOT_SUPPORTED);
    cr_assert_not_null(strstr(info.reason, "driver"));
    cr_assert_str_neq(info.runtime_path, "");
    cr_assert_eq(info.device_count, 0);
    info.struct_size = 0;
    FAILS(baton_cuda_describe(&info), BATON_ERR_INVALID_ARGUMENT);
    FAILS(baton_cuda_describe(NULL), BATON_ERR_INVALID_ARGUMENT);
}

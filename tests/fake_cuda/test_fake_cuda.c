/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, memory, pointers, handles and accounts of the stand-in. */
#include "fake_cuda_case.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

Test(fake_cuda, there_is_one_device)
{
    int count = 0;
    int device = 5;
    char bus[16] = "";
    WORKS(cudaGetDeviceCount(&count));
    cr_assert_eq(count, 1);
    WORKS(cudaGetDevice(&device));
    cr_assert_eq(device, 0);
    WORKS(cudaDeviceGetPCIBusId(bus, sizeof(bus), 0));
    cr_assert_str_eq(bus, "0000:10:00.0");
    FAILS(cudaDeviceGetPCIBusId(bus, 12, 0), cudaErrorInvalidValue);
    FAILS(cudaDeviceGetPCIBusId(bus, sizeof(bus), 1), cudaErrorInvalidDevice);
    FAILS(cudaSetDevice(1), cudaErrorInvalidDevice);
    FAILS(cudaInitDevice(-1, 0, 0), cudaErrorInvalidDevice);
}

Test(fake_cuda, attributes)
{
    int value = -1;
    WORKS(cudaDeviceGetAttribute(&value, cudaDevAttrUnifiedAddressing, 0));
    cr_assert_eq(value, 1);
    WORKS(cudaDeviceGetAttribute(&value, cudaDevAttrGPUDirectRDMASupported, 0));
    cr_assert_eq(value, 0);
    FAILS(cudaDeviceGetAttribute(&value, (enum cudaDeviceAttr)0, 0), cudaErrorInvalidValue);
    FAILS(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 1), cudaErrorInvalidDevice);
}

Test(fake_cuda, a_machine_without_a_device)
{
    int count = 9;
    int version = 0;
    void *memory = NULL;
    cr_assert(fake_cuda_set_devices(0));
    FAILS(cudaGetDeviceCount(&count), cudaErrorNoDevice);
    cr_assert_eq(count, 0);
    FAILS(cudaMalloc(&memory, 1), cudaErrorNoDevice);
    WORKS(cudaDriverGetVersion(&version));
    cr_assert_eq(version, CUDART_VERSION);
    cr_assert_null(memory);
}

Test(fake_cuda, a_machine_without_a_driver)
{
    int count = 9;
    int version = 9;
    cr_assert(fake_cuda_set_devices(-1));
    FAILS(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
    cr_assert_eq(count, 0);
    FAILS(cudaSetDevice(0), cudaErrorInsufficientDriver);
    WORKS(cudaDriverGetVersion(&version));
    cr_assert_eq(version, 0);
    WORKS(cudaRuntimeGetVersion(&version));
    cr_assert_eq(version, CUDART_VERSION);
    cr_assert_not(fake_cuda_set_devices(9));
}

static void *device_of_new_thread(void *argument)
{
    (void)cudaGetDevice(argument);
    return NULL;
}

Test(fake_cuda, the_current_device_is_the_thread_s)
{
    int device = -1;
    pthread_t thread;
    cr_assert(fake_cuda_set_devices(2));
    WORKS(cudaSetDevice(1));
    cr_assert_eq(pthread_create(&thread, NULL, device_of_new_thread, &device), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(device, 0);
    WORKS(cudaGetDevice(&device));
    cr_assert_eq(device, 1);
}

Test(fake_cuda, contexts_come_with_the_first_use)
{
    int count = 0;
    fake_cuda_counts counts;
    cr_assert(fake_cuda_set_devices(3));
    WORKS(cudaGetDeviceCount(&count));
    WORKS(cudaGetDevice(&count));
    WORKS(cudaDeviceGetAttribute(&count, cudaDevAttrWarpSize, 0));
    (void)cudaGetLastError();
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.contexts, 0);
    WORKS(cudaInitDevice(2, 0, 0));
    WORKS(cudaFree(NULL));
    WORKS(cudaFree(NULL));
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.contexts, 2);
    WORKS(cudaSetDevice(1));
    (void)fake_cuda_leaks(&counts);
    cr_assert_eq(counts.contexts, 3);
}

/* How a child process ends that touches the byte. */
static int touch(uint8_t *byte, bool write_it)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {.rlim_cur = 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGSEGV, SIG_DFL);
        if (write_it) {
            *(volatile uint8_t *)byte = 1;
        }
        _exit(*(volatile uint8_t *)byte == 1 ? 0 : 1);
    }
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

Test(fake_cuda, the_host_cannot_touch_device_memory)
{
    uint8_t *memory = device_memory(SIZE);
    int status = touch(memory, false);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    status = touch(memory + SIZE - 1, true);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    uint8_t *host = pinned_memory(SIZE, 0);
    cr_assert_eq(touch(host, true), 0);
}

static void expect_kind(const void *pointer, enum cudaMemoryType type, int device, bool on_device,
                        bool on_host)
{
    struct cudaPointerAttributes attributes;
    memset(&attributes, 0xAA, sizeof(attributes));
    WORKS(cudaPointerGetAttributes(&attributes, pointer));
    cr_assert_eq(attributes.type, type);
    cr_assert_eq(attributes.device, device);
    cr_assert_eq(attributes.devicePointer, on_device ? pointer : NULL);
    cr_assert_eq(attributes.hostPointer, on_host ? pointer : NULL);
}

Test(fake_cuda, pointers_are_told_apart)
{
    void *managed = NULL;
    uint8_t plain[16];
    cr_assert(fake_cuda_set_devices(2));
    uint8_t *first = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 1);
    WORKS(cudaMallocManaged(&managed, SIZE, cudaMemAttachGlobal));
    WORKS(cudaSetDevice(1));
    uint8_t *second = device_memory(SIZE);
    expect_kind(first + 5, cudaMemoryTypeDevice, 0, true, false);
    expect_kind(second + SIZE - 1, cudaMemoryTypeDevice, 1, true, false);
    expect_kind(pinned + 7, cudaMemoryTypeHost, 0, true, true);
    expect_kind(managed, cudaMemoryTypeManaged, 0, true, true);
    expect_kind(plain, cudaMemoryTypeUnregistered, cudaInvalidDeviceId, false, true);
    WORKS(cudaHostRegister(plain, sizeof(plain), cudaHostRegisterDefault));
    expect_kind(plain + 15, cudaMemoryTypeHost, 1, true, true);
    WORKS(cudaHostUnregister(plain));
    expect_kind(plain, cudaMemoryTypeUnregistered, cudaInvalidDeviceId, false, true);
    WORKS(cudaFree(second));
    expect_kind(second, cudaMemoryTypeUnregistered, cudaInvalidDeviceId, false, true);
    WORKS(cudaGetLastError());
    FAILS(cudaPointerGetAttributes(NULL, plain), cudaErrorInvalidValue);
}

Test(fake_cuda, what_is_not_allocated_is_not_freed)
{
    int plain = 0;
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 1);
    FAILS(cudaFree(memory + 1), cudaErrorInvalidValue);
    FAILS(cudaFree(pinned), cudaErrorInvalidValue);
    FAILS(cudaFree(&plain), cudaErrorInvalidValue);
    FAILS(cudaFreeHost(memory), cudaErrorInvalidValue);
    FAILS(cudaFreeHost(&plain), cudaErrorInvalidValue);
    FAILS(cudaFreeAsync(pinned, NULL), cudaErrorInvalidValue);
    WORKS(cudaFree(memory));
    FAILS(cudaFree(memory), cudaErrorInvalidValue);
    WORKS(cudaFreeHost(pinned));
    FAILS(cudaFreeHost(pinned), cudaErrorInvalidValue);
    WORKS(cudaFree(NULL));
    WORKS(cudaFreeHost(NULL));
}

Test(fake_cuda, memory_is_bounded)
{
    size_t left = 0;
    size_t total = 0;
    void *managed = NULL;
    void *untouched = &left;
    fake_cuda_set_memory_bytes(3 * SIZE);
    uint8_t *memory = device_memory(SIZE);
    WORKS(cudaMallocManaged(&managed, SIZE, cudaMemAttachHost));
    WORKS(cudaMemGetInfo(&left, &total));
    cr_assert(left == SIZE && total == 3 * SIZE);
    FAILS(cudaMalloc(&untouched, SIZE + 1), cudaErrorMemoryAllocation);
    FAILS(cudaMallocManaged(&untouched, SIZE + 1, cudaMemAttachGlobal), cudaErrorMemoryAllocation);
    cr_assert_eq(untouched, &left);
    WORKS(cudaFree(memory));
    WORKS(cudaFree(managed));
    WORKS(cudaMalloc(&untouched, 3 * SIZE));
    FAILS(cudaMalloc(&managed, SIZE_MAX), cudaErrorMemoryAllocation);
    WORKS(cudaMalloc(&managed, 0));
    cr_assert_null(managed);
}

/* Freed addresses stay unused, and after all of them were used in turn they come again. */
Test(fake_cuda, addresses_come_again_late)
{
    enum { GIB = 1 << 30 };
    uint8_t *kept = device_memory(SIZE);
    uint8_t *first = device_memory(GIB);
    uint8_t *last = first;
    WORKS(cudaFree(first));
    for (int i = 0; i < 100; i++) {
        uint8_t *memory = device_memory(GIB);
        cr_assert_neq(memory, last);
        cr_assert(memory >= kept + SIZE || memory + GIB <= kept);
        last = memory;
        WORKS(cudaFree(memory));
    }
    cr_assert_lt(last, first + (size_t)64 * GIB);
}

Test(fake_cuda, registrations)
{
    uint8_t *memory =
        mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    FAILS(cudaHostRegister(NULL, SIZE, 0), cudaErrorInvalidValue);
    FAILS(cudaHostRegister(memory, 0, 0), cudaErrorInvalidValue);
    FAILS(cudaHostRegister(memory, SIZE, 0x100), cudaErrorInvalidValue);
    FAILS(cudaHostUnregister(memory), cudaErrorHostMemoryNotRegistered);
    WORKS(cudaHostRegister(memory, SIZE, cudaHostRegisterPortable));
    FAILS(cudaHostRegister(memory + SIZE - 1, SIZE, 0), cudaErrorHostMemoryAlreadyRegistered);
    FAILS(cudaHostUnregister(memory + 1), cudaErrorHostMemoryNotRegistered);
    FAILS(cudaFreeHost(memory), cudaErrorInvalidValue);
    WORKS(cudaHostRegister(memory + SIZE, SIZE, 0));
    WORKS(cudaHostUnregister(memory));
    WORKS(cudaHostUnregister(memory + SIZE));
    FAILS(cudaHostUnregister(memory), cudaErrorHostMemoryNotRegistered);
    cr_assert_eq(munmap(memory, 2 * SIZE), 0);
    FAILS(cudaHostRegister(memory, SIZE, 0), cudaErrorInvalidValue);
    FAILS(cudaHostRegister(device_memory(SIZE), SIZE, 0), cudaErrorInvalidValue);
}

Test(fake_cuda, pools)
{
    cudaMemPool_t first = NULL;
    cudaMemPool_t pool = NULL;
    void *memory = NULL;
    uint64_t threshold = UINT64_MAX;
    struct cudaMemPoolProps properties = {.allocType = cudaMemAllocationTypePinned,
                                          .location = {.type = cudaMemLocationTypeDevice, .id = 0},
                                          .maxSize = SIZE};
    WORKS(cudaDeviceGetDefaultMemPool(&first, 0));
    FAILS(cudaDeviceGetDefaultMemPool(&first, 1), cudaErrorInvalidDevice);
    FAILS(cudaMemPoolDestroy(first), cudaErrorInvalidValue);
    WORKS(cudaMemPoolSetAttribute(first, cudaMemPoolAttrReleaseThreshold, &threshold));
    FAILS(cudaMemPoolSetAttribute(first, cudaMemPoolAttrUsedMemCurrent, &threshold),
          cudaErrorInvalidValue);
    WORKS(cudaMemPoolCreate(&pool, &properties));
    cr_assert_eq(fake_cuda_leaks(NULL), 1);
    WORKS(cudaMallocFromPoolAsync(&memory, SIZE, pool, NULL));
    FAILS(cudaMallocFromPoolAsync(&memory, 1, pool, NULL), cudaErrorMemoryAllocation);
    WORKS(cudaMemPoolDestroy(pool));
    FAILS(cudaMallocFromPoolAsync(&memory, 1, pool, NULL), cudaErrorInvalidValue);
    expect_kind(memory, cudaMemoryTypeDevice, 0, true, false);
    WORKS(cudaFree(memory));
    FAILS(cudaMemPoolDestroy(pool), cudaErrorInvalidValue);
    cr_assert_eq(fake_cuda_leaks(NULL), 0);
    properties.location.id = 1;
    FAILS(cudaMemPoolCreate(&pool, &properties), cudaErrorInvalidDevice);
}

Test(fake_cuda, what_is_left_is_counted)
{
    fake_cuda_counts counts;
    void *managed = NULL;
    uint8_t plain[16];
    uint8_t *memory = device_memory(SIZE);
    uint8_t *pinned = pinned_memory(SIZE, 1);
    cudaStream_t stream = new_stream();
    cudaEvent_t event = new_event();
    WORKS(cudaMallocManaged(&managed, SIZE, cudaMemAttachGlobal));
    WORKS(cudaHostRegister(plain, sizeof(plain), 0));
    cr_assert_eq(fake_cuda_leaks(&counts), 6);
    cr_assert(counts.device_allocations == 1 && counts.device_bytes == SIZE);
    cr_assert(counts.managed_allocations == 1 && counts.managed_bytes == SIZE);
    cr_assert(counts.pinned_allocations == 1 && counts.pinned_bytes == SIZE);
    cr_assert(counts.registered_ranges == 1 && counts.registered_bytes == sizeof(plain));
    cr_assert(counts.streams == 1 && counts.events == 1 && counts.pools == 0);
    WORKS(cudaMemcpyAsync(memory, pinned, SIZE, cudaMemcpyDefault, stream));
    WORKS(cudaMemcpyAsync(pinned, memory, SIZE, cudaMemcpyDefault, stream));
    WORKS(cudaStreamSynchronize(stream));
    WORKS(cudaFree(memory));
    WORKS(cudaFree(managed));
    WORKS(cudaFreeHost(pinned));
    WORKS(cudaHostUnregister(plain));
    WORKS(cudaEventDestroy(event));
    WORKS(cudaStreamDestroy(stream));
    cr_assert_eq(fake_cuda_leaks(&counts), 0);
    cr_assert(counts.copies == 2 && counts.copied_bytes == 2 * SIZE);
    cr_assert_eq(fake_cuda_calls("cudaMemcpyAsync"), 2);
    cr_assert_eq(fake_cuda_calls("cudaFree"), 2);
    cr_assert_eq(fake_cuda_calls("cudaMemcpy"), 0);
}

Test(fake_cuda, errors_have_names)
{
    cr_assert_str_eq(cudaGetErrorName(cudaErrorInvalidValue), "cudaErrorInvalidValue");
    cr_assert_str_eq(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
    cr_assert_str_eq(cudaGetErrorName((cudaError_t)12345), "unrecognized error code");
}

Test(fake_cuda, the_last_error_is_kept_until_it_is_asked_for)
{
    FAILS(cudaSetDevice(7), cudaErrorInvalidDevice);
    WORKS(cudaFree(NULL));
    FAILS(cudaPeekAtLastError(), cudaErrorInvalidDevice);
    FAILS(cudaGetLastError(), cudaErrorInvalidDevice);
    WORKS(cudaGetLastError());
    WORKS(cudaPeekAtLastError());
}

Test(fake_cuda, a_child_of_fork_has_no_runtime)
{
    int status = 0;
    WORKS(cudaFree(NULL));
    pid_t child = fork();
    if (child == 0) {
        void *memory = NULL;
        bool refused = cudaMalloc(&memory, SIZE) == cudaErrorInitializationError &&
                       cudaSetDevice(0) == cudaErrorInitializationError &&
                       cudaGetLastError() == cudaErrorInitializationError;
        _exit(refused ? 0 : 1);
    }
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

Test(fake_cuda, handles_for_other_processes)
{
    cudaIpcMemHandle_t handle;
    void *ordered = NULL;
    void *managed = NULL;
    static int plain;
    uint8_t *memory = device_memory(4096);
    uint8_t *pinned = pinned_memory(4096, 0);
    WORKS(cudaMallocAsync(&ordered, 4096, NULL));
    WORKS(cudaMallocManaged(&managed, 4096, cudaMemAttachGlobal));
    WORKS(cudaIpcGetMemHandle(&handle, memory));
    WORKS(cudaIpcGetMemHandle(&handle, memory + 100));
    FAILS(cudaIpcGetMemHandle(&handle, ordered), cudaErrorInvalidValue);
    FAILS(cudaIpcGetMemHandle(&handle, managed), cudaErrorInvalidValue);
    FAILS(cudaIpcGetMemHandle(&handle, pinned), cudaErrorInvalidValue);
    FAILS(cudaIpcGetMemHandle(&handle, &plain), cudaErrorInvalidValue);
    FAILS(cudaIpcGetMemHandle(NULL, memory), cudaErrorInvalidValue);
    WORKS(cudaFree(memory));
    FAILS(cudaIpcGetMemHandle(&handle, memory), cudaErrorInvalidValue);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of CUDA memory and of pinned memory, over the stand-in for the runtime. */
#include "support/cuda_case.h"

#include "memory/pool.h"

#include <baton/pool.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, PIECES = 64 };

static max_align_t marker;
static baton_pool *const untouched = (baton_pool *)(void *)&marker;

static baton_status try(baton_pool_kind kind, uint32_t id, size_t capacity, baton_pool **pool_out)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.kind = kind;
    options.cuda_id = id;
    options.capacity_bytes = capacity;
    return baton_pool_create(&options, pool_out);
}

static baton_pool *make(baton_pool_kind kind, uint32_t id, size_t capacity)
{
    baton_pool *pool = NULL;
    WORKS(try(kind, id, capacity, &pool));
    return pool;
}

static baton_descriptor *take(baton_pool *pool, size_t size)
{
    baton_descriptor *piece = NULL;
    WORKS(baton_pool_allocate(pool, size, &piece));
    return piece;
}

static baton_pool_stats stats_of(baton_pool *pool)
{
    baton_pool_stats stats = {.struct_size = sizeof(stats)};
    WORKS(baton_pool_get_stats(pool, &stats));
    return stats;
}

static fake_cuda_counts counts_now(void)
{
    fake_cuda_counts counts;
    (void)fake_cuda_leaks(&counts);
    return counts;
}

static size_t live(void)
{
    fake_cuda_counts counts = counts_now();
    return counts.device_allocations + counts.pinned_allocations;
}

Test(pool_cuda, gives_pieces_of_the_device)
{
    cuda_case_begin(2);
    baton_pool *pool = make(BATON_POOL_CUDA, 1, MIB + 1);
    cr_assert_eq(counts_now().device_bytes, 2 * MIB);
    baton_descriptor *first = take(pool, 1000);
    baton_descriptor *second = take(pool, 1);
    cr_assert(baton_device_equal(baton_descriptor_device(first), (baton_device){BATON_DEVICE_KIND_CUDA, 1}));
    cr_assert_eq(baton_descriptor_size(first), 1000);
    cr_assert_eq((uintptr_t)baton_descriptor_pointer(second) % 256, 0);
    cr_assert_null(baton__pool_share(first));
    /* It is memory as any other of the device. */
    baton_descriptor *described = NULL;
    WORKS(baton_descriptor_from_pointer(baton_descriptor_pointer(first), 1000, baton_descriptor_device(first), NULL, NULL, &described));
    baton_descriptor_release(described);
    baton_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.kind, BATON_POOL_CUDA);
    cr_assert(baton_device_equal(stats.device, (baton_device){BATON_DEVICE_KIND_CUDA, 1}));
    cr_assert_eq(stats.capacity_bytes, 2 * MIB);
    cr_assert_eq(stats.used_bytes, 1024 + 256);
    cr_assert_eq(stats.pieces, 2);
    baton_descriptor_release(first);
    baton_descriptor_release(second);
    cr_assert_eq(stats_of(pool).used_bytes, 0);
    baton_pool_destroy(pool);
    cr_assert_eq(live(), 0);
}

Test(pool_cuda, gives_pinned_pieces_of_the_host)
{
    struct cudaPointerAttributes attributes;
    cuda_case_begin(2);
    WORKS(cudaSetDevice(1));
    baton_pool *pool = make(BATON_POOL_PINNED, 0, MIB - 1);
    baton_descriptor *piece = take(pool, 1000);
    cr_assert(baton_device_equal(baton_descriptor_device(piece), BATON_DEVICE_HOST));
    cr_assert_eq((uintptr_t)baton_descriptor_pointer(piece) % 64, 0);
    memset(baton_descriptor_pointer(piece), 7, 1000);
    WORKS(cudaPointerGetAttributes(&attributes, baton_descriptor_pointer(piece)));
    cr_assert_eq(attributes.type, cudaMemoryTypeHost);
    cr_assert_eq(counts_now().contexts, 1, "no other device than the current one has a context for it");
    baton_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.kind, BATON_POOL_PINNED);
    cr_assert(baton_device_equal(stats.device, BATON_DEVICE_HOST));
    cr_assert_eq(stats.capacity_bytes, MIB);
    cr_assert_not(stats.exportable);
    cr_assert_not(baton_descriptor_is_exportable(piece));
    baton_descriptor_release(piece);
    baton_pool_destroy(pool);
    cr_assert_eq(live(), 0);
}

Test(pool_cuda, pins_where_baton_is_at_work_already)
{
    cuda_case_begin(2);
    baton_pool *first = make(BATON_POOL_CUDA, 1, MIB);
    cr_assert_eq(counts_now().contexts, 2, "going back to device 0 gives it one");
    baton_pool *second = make(BATON_POOL_PINNED, 0, MIB);
    int current = 77;
    WORKS(cudaGetDevice(&current));
    cr_assert_eq(current, 0);
    baton_pool_destroy(first);
    baton_pool_destroy(second);
}

/* Another process can open what cudaMalloc gave, and nothing else. */
Test(pool_cuda, tells_what_can_be_exported)
{
    void *managed = NULL;
    baton_descriptor *other = NULL;
    cuda_case_begin(1);
    baton_pool *pool = make(BATON_POOL_CUDA, 0, MIB);
    baton_descriptor *piece = take(pool, MIB);
    cr_assert(stats_of(pool).exportable);
    uint64_t asked = fake_cuda_calls("cudaIpcGetMemHandle");
    cr_assert(baton_descriptor_is_exportable(piece));
    cr_assert_eq(fake_cuda_calls("cudaIpcGetMemHandle"), asked, "it is known");
    WORKS(baton_descriptor_allocate(MIB, cuda_case_device, &other)); /* by cudaMallocAsync */
    cr_assert_not(baton_descriptor_is_exportable(other));
    baton_descriptor_release(other);
    WORKS(baton_descriptor_from_pointer((uint8_t *)baton_descriptor_pointer(piece) + 4096, 4096, cuda_case_device, NULL, NULL, &other));
    cr_assert(baton_descriptor_is_exportable(other));
    cr_assert(fake_cuda_set_fail("cudaIpcGetMemHandle:0:801"));
    cr_assert_not(baton_descriptor_is_exportable(other));
    cr_assert(fake_cuda_set_fail(NULL));
    baton_descriptor_release(other);
    WORKS(cudaMallocManaged(&managed, 4096, cudaMemAttachGlobal));
    WORKS(baton_descriptor_from_pointer(managed, 4096, cuda_case_device, NULL, NULL, &other));
    cr_assert_not(baton_descriptor_is_exportable(other));
    WORKS(cudaPeekAtLastError()); /* no question of ours is left to the application as an error */
    baton_descriptor_release(other);
    baton_descriptor_release(piece);
    baton_pool_destroy(pool);
}

Test(pool_cuda, where_nothing_can_be_exported_the_pool_says_so)
{
    cuda_case_begin(1);
    cr_assert(fake_cuda_set_fail("cudaIpcGetMemHandle:1:801"));
    baton_pool *pool = make(BATON_POOL_CUDA, 0, MIB);
    baton_descriptor *piece = take(pool, 1);
    cr_assert_not(stats_of(pool).exportable);
    cr_assert_not(baton_descriptor_is_exportable(piece));
    WORKS(cudaPeekAtLastError());
    baton_descriptor_release(piece);
    baton_pool_destroy(pool);
}

Test(pool_cuda, pieces_come_and_go_without_a_call_of_cudas)
{
    static const baton_pool_kind kinds[] = {BATON_POOL_CUDA, BATON_POOL_PINNED};
    baton_descriptor *pieces[PIECES];
    cuda_case_begin(1);
    for (int k = 0; k < 2; k++) {
        baton_pool *pool = make(kinds[k], 0, 4 * MIB);
        cr_assert(fake_cuda_set_fail("cudaGetDevice:0:719,cudaSetDevice:0:719,cudaPointerGetAttributes:0:719,cudaGetDeviceCount:0:719"));
        uint64_t before = fake_cuda_calls("cudaGetDevice") + fake_cuda_calls("cudaPointerGetAttributes");
        for (int i = 0; i < PIECES; i++) {
            pieces[i] = take(pool, 1 + (size_t)i * 1000);
        }
        for (int i = 0; i < PIECES; i++) {
            baton_descriptor_release(pieces[i]);
        }
        cr_assert_eq(fake_cuda_calls("cudaGetDevice") + fake_cuda_calls("cudaPointerGetAttributes"), before);
        cr_assert(fake_cuda_set_fail(NULL));
        baton_pool_destroy(pool);
    }
    cr_assert_eq(live(), 0);
}

Test(pool_cuda, says_when_it_is_full)
{
    cuda_case_begin(1);
    baton_pool *pool = make(BATON_POOL_CUDA, 0, 2 * MIB);
    baton_descriptor *all = take(pool, 2 * MIB);
    baton_descriptor *more = NULL;
    FAILS(baton_pool_allocate(pool, 1, &more), BATON_ERR_LIMIT);
    cr_assert_null(more);
    cr_assert_eq(stats_of(pool).refused, 1);
    baton_descriptor_release(all);
    baton_descriptor_release(take(pool, 2 * MIB));
    baton_pool_destroy(pool);
}

Test(pool_cuda, more_than_the_device_has_is_out_of_memory)
{
    baton_pool *pool = untouched;
    cuda_case_begin(1);
    fake_cuda_set_memory_bytes(4 * MIB);
    FAILS(try(BATON_POOL_CUDA, 0, 4 * MIB + 1, &pool), BATON_ERR_OUT_OF_MEMORY);
    cr_assert(cuda_case_says("cudaMalloc of 6291456 bytes on cuda:0"), "%s", baton_error_text());
    FAILS(try(BATON_POOL_CUDA, 0, SIZE_MAX / 2, &pool), BATON_ERR_OUT_OF_MEMORY);
    FAILS(try(BATON_POOL_PINNED, 0, SIZE_MAX / 2, &pool), BATON_ERR_OUT_OF_MEMORY);
    FAILS(try(BATON_POOL_CUDA, 1, MIB, &pool), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(pool, untouched);
    WORKS(cudaPeekAtLastError());
    cr_assert_eq(live(), 0);
    baton_pool_destroy(make(BATON_POOL_CUDA, 0, 4 * MIB));
    cr_assert_eq(live(), 0);
}

Test(pool_cuda, an_alignment_that_cuda_does_not_give_is_refused)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    baton_pool *pool = untouched;
    cr_assert_eq(setenv("CUDART_SHIFTS", "1", 1), 0);
    cuda_case_load("libcudart_other.so", 1);
    options.kind = BATON_POOL_PINNED;
    options.alignment_bytes = 512;
    FAILS(baton_pool_create(&options, &pool), BATON_ERR_NOT_SUPPORTED);
    cr_assert(cuda_case_says("512"), "%s", baton_error_text());
    cr_assert_eq(pool, untouched);
    cr_assert_eq(live(), 0);
    options.alignment_bytes = 256;
    WORKS(baton_pool_create(&options, &pool));
    baton_pool_destroy(pool);
    cr_assert_eq(live(), 0);
}

static void *release_it(void *argument)
{
    (void)pthread_setname_np(pthread_self(), "baton");
    baton_descriptor_release(argument);
    return NULL;
}

static void *destroy_it(void *argument)
{
    (void)pthread_setname_np(pthread_self(), "baton");
    baton_pool_destroy(argument);
    return NULL;
}

/* cudaFree and cudaFreeHost wait for kernels, which may themselves wait for a connector's thread. */
static void outlive(baton_pool_kind kind, void *(*last)(void *))
{
    baton_pool *pool = make(kind, 0, MIB);
    baton_descriptor *piece = take(pool, 4096);
    void *argument = piece;
    WORKS(fake_cuda_launch_hold(NULL)); /* the device has something to do until we say so */
    if (last == destroy_it) {
        baton_descriptor_release(piece);
        argument = pool;
    } else {
        baton_pool_destroy(pool);
    }
    cr_assert_eq(live(), 1);
    cuda_case_as_own_thread(last, argument); /* would abort if it waited, and hang */
    FAILS(cudaStreamQuery(NULL), cudaErrorNotReady);
    WORKS(fake_cuda_release(NULL));
    EVENTUALLY(live() == 0);
}

Test(pool_cuda, no_connectors_thread_waits_for_a_device)
{
    cuda_case_begin(1);
    for (int i = 0; i < 3; i++) {
        outlive(BATON_POOL_CUDA, release_it);
        outlive(BATON_POOL_CUDA, destroy_it);
        outlive(BATON_POOL_PINNED, release_it);
        outlive(BATON_POOL_PINNED, destroy_it);
    }
}

/* Nor does anybody else who happens to hold the last piece. */
Test(pool_cuda, the_last_piece_is_released_at_once)
{
    cuda_case_begin(1);
    baton_pool *pool = make(BATON_POOL_CUDA, 0, MIB);
    baton_descriptor *piece = take(pool, 4096);
    WORKS(fake_cuda_launch_hold(NULL));
    baton_pool_destroy(pool);
    baton_descriptor_release(piece); /* would hang */
    WORKS(fake_cuda_release(NULL));
    EVENTUALLY(live() == 0);
}

/* In a process of its own each: a broken device stays broken. */
static bool fails_cleanly(baton_pool_kind kind, const char *rule, baton_status expected)
{
    baton_pool *pool = untouched;
    cuda_case_begin(1);
    baton_status status = fake_cuda_set_fail(rule) ? try(kind, 0, MIB, &pool) : BATON_OK;
    bool right = status == expected && pool == untouched && live() == 0;
    if (!right) {
        (void)fprintf(stderr, "%s: %d, %s, %zu alive\n", rule, (int)status, baton_error_text(), live());
    }
    return right;
}

static bool frees_all_the_same(baton_pool_kind kind, const char *rule)
{
    cuda_case_begin(1);
    baton_pool *pool = make(kind, 0, MIB);
    baton_descriptor *piece = take(pool, 1);
    cr_assert(fake_cuda_set_fail(rule));
    baton_descriptor_release(piece);
    baton_pool_destroy(pool);
    return true;
}

static void in_a_process(baton_pool_kind kind, const char *function, int code, baton_status expected)
{
    char rule[128];
    int status = 0;
    (void)snprintf(rule, sizeof(rule), "%s:1:%d", function, code);
    (void)fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        bool right = expected != BATON_OK ? fails_cleanly(kind, rule, expected) : frees_all_the_same(kind, rule);
        _exit(right ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "kind %d, %s", (int)kind, rule);
}

Test(pool_cuda, every_call_can_fail)
{
    static const int codes[] = {1, 46, 100, 201, 209, 304, 400, 700, 719, 800, 801, 802, 999};
    static const char *const both[] = {"cudaGetDeviceCount", "cudaGetDevice"};
    static const char *const last[] = {"cudaHostAlloc", "cudaMalloc"};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        bool no_device = codes[i] == 100;
        for (int kind = BATON_POOL_PINNED; kind <= BATON_POOL_CUDA; kind++) {
            in_a_process((baton_pool_kind)kind, both[0], codes[i], no_device ? BATON_ERR_NOT_SUPPORTED : BATON_ERR_DEVICE);
            in_a_process((baton_pool_kind)kind, both[1], codes[i], BATON_ERR_DEVICE);
            in_a_process((baton_pool_kind)kind, last[kind - 1], codes[i], BATON_ERR_DEVICE);
            in_a_process((baton_pool_kind)kind, last[kind - 1], 2, BATON_ERR_OUT_OF_MEMORY);
            in_a_process((baton_pool_kind)kind, kind == BATON_POOL_CUDA ? "cudaFree" : "cudaFreeHost", codes[i], BATON_OK);
        }
    }
}

Test(pool_cuda, nothing_works_in_a_child_of_fork)
{
    static const baton_pool_kind kinds[] = {BATON_POOL_CUDA, BATON_POOL_PINNED};
    cuda_case_begin(1);
    for (int i = 0; i < 2; i++) {
        baton_pool *pool = make(kinds[i], 0, MIB);
        baton_descriptor *piece = take(pool, 1);
        (void)fflush(NULL);
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            baton_descriptor *more = NULL;
            bool right = baton_pool_allocate(pool, 1, &more) == BATON_ERR_WRONG_PROCESS && more == NULL;
            baton_descriptor_release(piece); /* touches nothing of the parent's */
            baton_pool_destroy(pool);
            _exit(right ? 0 : 1);
        }
        int status = 0;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        cr_assert_eq(stats_of(pool).pieces, 1);
        baton_descriptor_release(piece);
        baton_pool_destroy(pool);
    }
    cr_assert_eq(live(), 0);
}

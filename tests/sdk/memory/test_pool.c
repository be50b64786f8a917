/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/pool.h"

#include <baton/sdk.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, THREADS = 4, ROUNDS = 2000 };

static baton_pool *make(size_t capacity, size_t alignment, const char *group)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.capacity_bytes = capacity;
    options.alignment_bytes = alignment;
    options.group = group;
    baton_pool *pool = NULL;
    cr_assert_eq(baton_pool_create(&options, &pool), BATON_OK, "%s", baton_error_text());
    return pool;
}

static baton_pool_stats stats_of(baton_pool *pool)
{
    baton_pool_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_pool_get_stats(pool, &stats), BATON_OK);
    return stats;
}

static baton_descriptor *take(baton_pool *pool, size_t size)
{
    baton_descriptor *piece = NULL;
    cr_assert_eq(baton_pool_allocate(pool, size, &piece), BATON_OK, "%s", baton_error_text());
    return piece;
}

Test(pool, gives_memory_and_takes_it_back)
{
    baton_pool *pool = make(MIB, 256, NULL);
    baton_descriptor *first = take(pool, 1000);
    baton_descriptor *second = take(pool, 1);
    cr_assert_eq(baton_descriptor_size(first), 1000);
    cr_assert_eq((uintptr_t)baton_descriptor_pointer(first) % 256, 0);
    cr_assert_eq((uintptr_t)baton_descriptor_pointer(second) % 256, 0);
    memset(baton_descriptor_pointer(first), 1, 1000);
    memset(baton_descriptor_pointer(second), 2, 1);
    cr_assert_eq(*(uint8_t *)baton_descriptor_pointer(first), 1);
    baton_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.capacity_bytes, MIB);
    cr_assert_eq(stats.used_bytes, 1024 + 256);
    cr_assert_eq(stats.pieces, 2);
    baton_descriptor_release(first);
    baton_descriptor_release(second);
    stats = stats_of(pool);
    cr_assert_eq(stats.used_bytes, 0);
    cr_assert_eq(stats.peak_bytes, 1024 + 256);
    cr_assert_eq(stats.allocations, 2);
    baton_pool_destroy(pool);
}

Test(pool, says_when_it_is_full)
{
    baton_pool *pool = make(MIB, 64, NULL);
    baton_descriptor *all = take(pool, MIB);
    baton_descriptor *more = NULL;
    cr_assert_eq(baton_pool_allocate(pool, 1, &more), BATON_ERR_LIMIT);
    cr_assert_null(more);
    cr_assert_eq(baton_pool_allocate(pool, SIZE_MAX, &more), BATON_ERR_LIMIT);
    cr_assert_eq(stats_of(pool).refused, 2);
    baton_descriptor_release(all);
    baton_descriptor_release(take(pool, MIB));
    baton_pool_destroy(pool);
}

Test(pool, outlives_its_handle_while_a_piece_is_out)
{
    baton_pool *pool = make(MIB, 64, "secret");
    baton_descriptor *piece = take(pool, 4096);
    baton_pool_destroy(pool);
    memset(baton_descriptor_pointer(piece), 3, 4096);
    cr_assert_not_null(baton__pool_share(piece));
    cr_assert(baton_descriptor_is_exportable(piece));
    baton_descriptor_release(piece);
}

Test(pool, only_a_pool_with_a_group_is_shared)
{
    baton_pool *pool = make(MIB, 64, NULL);
    baton_descriptor *piece = take(pool, 64);
    baton_descriptor *other = NULL;
    cr_assert_eq(baton_descriptor_allocate(64, BATON_DEVICE_HOST, &other), BATON_OK);
    cr_assert_null(baton__pool_share(piece));
    cr_assert_null(baton__pool_share(other));
    cr_assert_not(baton_descriptor_is_exportable(piece));
    cr_assert_not(baton_descriptor_is_exportable(other));
    baton_descriptor_release(piece);
    baton_descriptor_release(other);
    baton_pool_destroy(pool);
    baton_pool_destroy(NULL);
}

Test(pool, refuses_what_makes_no_sense)
{
    static char long_secret[300];
    memset(long_secret, 'x', sizeof(long_secret) - 1);
    const struct {
        size_t capacity;
        size_t alignment;
        const char *group;
    } cases[] = {{0, 64, NULL},    {SIZE_MAX, 64, NULL}, {MIB, 0, NULL},  {MIB, 8, NULL},
                 {MIB, 100, NULL}, {MIB, 8192, NULL},    {MIB, 64, ""}, {MIB, 64, long_secret}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        baton_pool_options options = BATON_POOL_OPTIONS_INIT;
        options.capacity_bytes = cases[i].capacity;
        options.alignment_bytes = cases[i].alignment;
        options.group = cases[i].group;
        baton_pool *pool = NULL;
        cr_assert_eq(baton_pool_create(&options, &pool), BATON_ERR_INVALID_ARGUMENT, "%zu", i);
        cr_assert_null(pool);
    }
    baton_pool_options unset = {0};
    baton_pool *pool = NULL;
    cr_assert_eq(baton_pool_create(&unset, &pool), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_pool_create(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_pool_create(NULL, &pool), BATON_OK);
    baton_descriptor *piece = NULL;
    cr_assert_eq(baton_pool_allocate(pool, 0, &piece), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_pool_allocate(NULL, 1, &piece), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_pool_allocate(pool, 1, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_pool_stats stats = {0};
    cr_assert_eq(baton_pool_get_stats(pool, &stats), BATON_ERR_INVALID_ARGUMENT);
    baton_pool_destroy(pool);
}

/* What has to do with CUDA has its own tests (test_pool_cuda.c); without it, it says so as a device does. */
Test(pool, without_cuda_it_says_why)
{
    static const baton_pool_kind kinds[] = {BATON_POOL_PINNED, BATON_POOL_CUDA};
    cr_assert_eq(setenv("BATON_CUDART", "/nonexistent/libcudart.so", 1), 0);
    baton_status expected = baton_device_check((baton_device){BATON_DEVICE_KIND_CUDA, 0});
    cr_assert(expected == BATON_ERR_NOT_BUILT_IN || expected == BATON_ERR_NOT_SUPPORTED);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        baton_pool_options options = BATON_POOL_OPTIONS_INIT;
        baton_pool *pool = NULL;
        options.kind = kinds[i];
        cr_assert_eq(baton_pool_create(&options, &pool), expected);
        cr_assert_str_neq(baton_error_text(), "");
        cr_assert_null(pool);
    }
}

Test(pool, refuses_what_does_not_go_together)
{
    const struct {
        int kind;
        uint32_t cuda_id;
        const char *group;
    } cases[] = {{BATON_POOL_CUDA + 1, 0, NULL}, {-1, 0, NULL}, {BATON_POOL_SHARED, 1, NULL}, {BATON_POOL_PINNED, 1, NULL},
                 {BATON_POOL_PINNED, 0, "secret"}, {BATON_POOL_CUDA, 0, "secret"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        baton_pool_options options = BATON_POOL_OPTIONS_INIT;
        baton_pool *pool = NULL;
        memcpy(&options.kind, &cases[i].kind, sizeof(options.kind));
        options.cuda_id = cases[i].cuda_id;
        options.group = cases[i].group;
        cr_assert_eq(baton_pool_create(&options, &pool), BATON_ERR_INVALID_ARGUMENT, "%zu", i);
        cr_assert_null(pool);
    }
}

/* A program that was built before there were kinds. */
Test(pool, a_shorter_struct_asks_for_shared_memory)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    baton_pool *pool = NULL;
    options.kind = BATON_POOL_CUDA;
    options.struct_size = offsetof(baton_pool_options, kind);
    cr_assert_eq(baton_pool_create(&options, &pool), BATON_OK);
    baton_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.kind, BATON_POOL_SHARED);
    cr_assert(baton_device_equal(stats.device, BATON_DEVICE_HOST));
    cr_assert_not(stats.exportable);
    baton_pool_destroy(pool);
}

/* More than the system gives. */
Test(pool, says_which_limit_of_the_system_is_in_the_way)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.capacity_bytes = SIZE_MAX / 4;
    baton_pool *pool = NULL;
    cr_assert_eq(baton_pool_create(&options, &pool), BATON_ERR_OUT_OF_MEMORY);
    cr_assert_not_null(strstr(baton_error_text(), "shmmax"), "%s", baton_error_text());
}

/* A key maps the same memory. */
Test(pool, the_key_leads_to_the_same_memory)
{
    baton_pool *pool = make(MIB, 64, "secret");
    baton_descriptor *piece = take(pool, 4096);
    const baton__share *share = baton__pool_share(piece);
    uint8_t *here = baton_descriptor_pointer(piece);
    here[7] = 0xa5;
    baton__mapping *mapping = NULL;
    cr_assert_eq(baton__mapping_create(share->segment->key, share->segment->key_size,
                                       (uint64_t)(uintptr_t)share->segment->pointer, share->segment->size, &mapping),
                 BATON_OK, "%s", baton_error_text());
    const uint8_t *there = mapping->pointer + (here - (uint8_t *)share->segment->pointer);
    cr_assert_neq(there, here);
    cr_assert_eq(there[7], 0xa5);
    here[8] = 0x5a;
    cr_assert_eq(there[8], 0x5a);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "x", 1), 1);
    cr_assert_eq(read(ends[0], (void *)(uintptr_t)(there + 8), 1), -1, "it is read only here");
    cr_assert_eq(errno, EFAULT);
    cr_assert_eq(there[8], 0x5a);
    baton__mapping_destroy(mapping);
    uint8_t broken[BATON__SEGMENT_KEY_MAX + 1] = {9, 1, 2};
    mapping = NULL;
    cr_assert_eq(baton__mapping_create(broken, 13, 0, 4096, &mapping), BATON_ERR_MALFORMED);
    cr_assert_eq(baton__mapping_create(share->segment->key, 1, 0, 4096, &mapping), BATON_ERR_MALFORMED);
    cr_assert_eq(baton__mapping_create(share->segment->key, sizeof(broken), 0, 4096, &mapping), BATON_ERR_MALFORMED);
    cr_assert_null(mapping);
    baton_descriptor_release(piece);
    baton_pool_destroy(pool);
}

/* A peer that lies about its memory crashes nobody. */
Test(pool, a_mapping_believes_no_size_and_no_address)
{
    static const int64_t bases[] = {4096, -4096, INT64_C(1) << 40, 1};
    baton_pool *pool = make(MIB, 64, "secret");
    baton_descriptor *piece = take(pool, 4096);
    const baton__segment *segment = baton__pool_share(piece)->segment;
    uint64_t base = (uint64_t)(uintptr_t)segment->pointer;
    uint64_t sizes[] = {segment->size + 4096, segment->size + 1, UINT64_MAX, 0, UINT64_MAX - 7, UINT64_C(1) << 47};
    baton__mapping *mapping = NULL;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        cr_assert_eq(baton__mapping_create(segment->key, segment->key_size, base, sizes[i], &mapping), BATON_ERR_MALFORMED, "%zu", i);
    }
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        cr_assert_eq(baton__mapping_create(segment->key, segment->key_size, base + (uint64_t)bases[i], 4096, &mapping),
                     BATON_ERR_MALFORMED, "%zu", i);
    }
    cr_assert_null(mapping);
    ((uint8_t *)segment->pointer)[0] = 1; /* ours is writable as before */
    baton_descriptor_release(piece);
    baton_pool_destroy(pool);
}

static void *take_and_give(void *context)
{
    baton_pool *pool = context;
    for (int i = 0; i < ROUNDS; i++) {
        baton_descriptor *piece = NULL;
        if (baton_pool_allocate(pool, (size_t)(i * 37 % 5000 + 1), &piece) == BATON_OK) {
            memset(baton_descriptor_pointer(piece), i, baton_descriptor_size(piece));
            baton_descriptor_release(piece);
        }
    }
    return NULL;
}

Test(pool, many_threads_may_use_it)
{
    baton_pool *pool = make(MIB, 16, NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_give, pool), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    baton_pool_stats stats = stats_of(pool);
    cr_assert_eq(stats.used_bytes, 0);
    cr_assert_eq(stats.pieces, 0);
    cr_assert_eq(stats.allocations + stats.refused, THREADS * ROUNDS);
    baton_descriptor_release(take(pool, MIB));
    baton_pool_destroy(pool);
}

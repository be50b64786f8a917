/* SPDX-License-Identifier: Apache-2.0 */
/* The steady state of hand-overs allocates nothing: every malloc of this process is counted, UCX's too. */
#include "support/no_memory.h"

#include <baton/sdk.h>
#include <criterion/criterion.h>
#include <dlfcn.h>

enum { SIZE = 4096, WARM = 20000, ROUNDS = 2000 };

#if NO_MEMORY_POSSIBLE
/* The C library's own, under the names that it keeps for those who replace them. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static uint64_t allocations; /* atomic */

static void count_one(void)
{
    (void)__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count_one();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_one();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    count_one();
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    count_one();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count_one();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    count_one();
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? 12 : 0;
}
#else
static uint64_t allocations;
#endif

static uint8_t bytes[2][SIZE];
static baton_connector *connectors[2];
static baton_descriptor *memory[2];

static void open_two(baton_progress progress)
{
    for (int i = 0; i < 2; i++) {
        baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
        options.progress = progress;
        cr_assert_eq(baton_connector_create(&options, &connectors[i]), BATON_OK);
        cr_assert_eq(baton_descriptor_from_pointer(bytes[i], SIZE, BATON_DEVICE_HOST, NULL, NULL, &memory[i]),
                     BATON_OK);
    }
}

static void close_two(void)
{
    for (int i = 0; i < 2; i++) {
        baton_descriptor_release(memory[i]);
        baton_connector_destroy(connectors[i]);
    }
}

static void finish(baton_operation *operation)
{
    while (!baton_operation_is_over(operation)) {
        (void)baton_connector_progress(connectors[0]);
        (void)baton_connector_progress(connectors[1]);
    }
    cr_assert_eq(baton_operation_reason(operation), BATON_OK);
}

static void hand_over(bool readable)
{
    baton_operation *passive = NULL;
    baton_operation *active = NULL;
    baton_metadata *metadata = NULL;
    cr_assert_eq(readable ? baton_connector_create_readable(connectors[0], &memory[0], 1, NULL, &passive)
                          : baton_connector_create_writable(connectors[0], &memory[0], 1, NULL, &passive),
                 BATON_OK);
    cr_assert_eq(baton_operation_metadata(passive, &metadata), BATON_OK);
    cr_assert_eq(readable ? baton_connector_begin_read(connectors[1], metadata, &memory[1], 1, NULL, &active)
                          : baton_connector_begin_write(connectors[1], metadata, &memory[1], 1, NULL, &active),
                 BATON_OK);
    finish(active);
    finish(passive);
    baton_operation_destroy(active);
    baton_operation_destroy(passive);
    baton_metadata_destroy(metadata);
}

static void expect_none(bool readable)
{
    if (!no_memory_is_possible()) {
        cr_skip_test("malloc cannot be counted in this build");
    }
    open_two(BATON_PROGRESS_APPLICATION);
    for (int i = 0; i < WARM; i++) {
        hand_over(readable);
    }
    uint64_t before = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    for (int i = 0; i < ROUNDS; i++) {
        hand_over(readable);
    }
    uint64_t after = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    close_two();
    cr_expect_eq(after - before, 0, "%llu allocations in %d hand-overs", (unsigned long long)(after - before), ROUNDS);
}

Test(allocations, a_read_makes_none)
{
    expect_none(true);
}

Test(allocations, a_write_makes_none)
{
    expect_none(false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is registered with UCX, and when, as the counters of a connector tell. */
#include "base/clock.h"

#include "support/pattern.h"

#include <baton/sdk.h>
#include <criterion/criterion.h>
#include <sys/mman.h>

enum { PATIENCE_MS = 20000, SIZE = 1 << 20, BUFFERS = 1265 };

static baton_connector *left;
static baton_connector *right;
static baton_descriptor *to;

static void set_up(void)
{
    cr_assert_eq(baton_connector_create(NULL, &left), BATON_OK);
    cr_assert_eq(baton_connector_create(NULL, &right), BATON_OK);
    cr_assert_eq(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &to), BATON_OK);
}

static void tear_down(void)
{
    baton_descriptor_release(to);
    baton_connector_destroy(left);
    baton_connector_destroy(right);
}

static baton_connector_stats stats_of(const baton_connector *connector)
{
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_connector_get_stats(connector, &stats), BATON_OK);
    return stats;
}

/* What is dropped is undone in the owner's next turns. */
static void await_live(uint64_t live)
{
    uint64_t end = baton__clock_now(&baton__clock_boottime) + (uint64_t)PATIENCE_MS * BATON__NS_PER_MS;
    while (stats_of(left).registrations_live != live) {
        cr_assert_lt(baton__clock_now(&baton__clock_boottime), end, "%llu are live",
                     (unsigned long long)stats_of(left).registrations_live);
    }
}

/* Left offers, right reads, and the bytes are right. */
static void hand_over(baton_descriptor *from, uint64_t seed)
{
    baton_operation *readable = NULL;
    baton_operation *read = NULL;
    baton_metadata *metadata = NULL;
    pattern_fill(baton_descriptor_pointer(from), SIZE, seed);
    cr_assert_eq(baton_connector_create_readable(left, &from, 1, NULL, &readable), BATON_OK);
    cr_assert_eq(baton_operation_metadata(readable, &metadata), BATON_OK);
    cr_assert_eq(baton_connector_begin_read(right, metadata, &to, 1, NULL, &read), BATON_OK);
    cr_assert_eq(baton_operation_wait(read, PATIENCE_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_operation_wait(readable, PATIENCE_MS), BATON_OK, "%s", baton_error_text());
    cr_assert(pattern_is(baton_descriptor_pointer(to), SIZE, seed));
    baton_metadata_destroy(metadata);
    baton_operation_destroy(read);
    baton_operation_destroy(readable);
}

static void *map_at(void *where)
{
    void *memory = mmap(where, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (where != NULL ? MAP_FIXED : 0), -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    return memory;
}

static baton_descriptor *describe(void *memory, size_t size)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_pointer(memory, size, BATON_DEVICE_HOST, NULL, NULL, &descriptor), BATON_OK);
    return descriptor;
}

Test(registrations, the_same_tensor_offered_again_registers_nothing)
{
    set_up();
    void *memory = map_at(NULL);
    baton_descriptor *tensor = describe(memory, SIZE);
    for (uint64_t i = 0; i < 20; i++) {
        hand_over(tensor, i);
    }
    baton_descriptor *again = describe(memory, SIZE); /* another descriptor of it */
    hand_over(again, 99);
    cr_assert_eq(stats_of(left).registrations, 1);
    cr_assert_eq(stats_of(left).registrations_live, 1);
    cr_assert_eq(stats_of(right).registrations, 1);
    baton_descriptor_release(tensor);
    baton_descriptor_release(again);
    await_live(0);
    (void)munmap(memory, SIZE);
    tear_down();
}

Test(registrations, memory_that_is_mapped_anew_is_registered_anew)
{
    set_up();
    void *memory = NULL;
    baton_descriptor *part = NULL;
    for (uint64_t i = 0; i < 20; i++) {
        memory = map_at(memory);
        baton_descriptor *tensor = describe(memory, SIZE);
        hand_over(tensor, i);
        cr_assert_eq(stats_of(left).registrations, i + 1);
        if (i == 5) {
            part = describe((char *)memory + 4096, 4096); /* its user outlives that of the whole */
            baton_operation *op = NULL;
            cr_assert_eq(baton_connector_create_readable(left, &part, 1, NULL, &op), BATON_OK);
            baton_operation_destroy(op);
        }
        baton_descriptor_release(tensor);
        cr_assert_eq(munmap(memory, SIZE), 0);
    }
    baton_descriptor_release(part);
    await_live(0);
    tear_down();
}

/* Best of some runs: the machine is shared. */
Test(registrations, many_buffers_are_registered_in_no_time)
{
    static baton_descriptor *buffers[BUFFERS];
    uint64_t best_ns = UINT64_MAX;
    set_up();
    uint8_t *memory = map_at(NULL);
    for (int run = 0; run < 10; run++) {
        for (size_t i = 0; i < BUFFERS; i++) {
            buffers[i] = describe(memory + i * 800, 700);
        }
        uint64_t before = stats_of(left).registrations;
        uint64_t begin = baton__clock_now(&baton__clock_boottime);
        baton_operation *op = NULL;
        cr_assert_eq(baton_connector_create_readable(left, buffers, BUFFERS, NULL, &op), BATON_OK);
        while (stats_of(left).registrations != before + BUFFERS) {
        }
        uint64_t spent = baton__clock_now(&baton__clock_boottime) - begin;
        best_ns = spent < best_ns ? spent : best_ns;
        baton_operation_destroy(op);
        for (size_t i = 0; i < BUFFERS; i++) {
            baton_descriptor_release(buffers[i]);
        }
        await_live(0);
    }
    cr_assert_lt(best_ns, 20 * BATON__NS_PER_MS, "%llu ns", (unsigned long long)best_ns);
    (void)munmap(memory, SIZE);
    tear_down();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations by range, over a transport that only counts. */
#include "memory/registration.h"

#include "support/shape.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

static uint8_t memory[4096];
static baton__registrations *registrations;
static unsigned made;
static unsigned undone;
static unsigned wakes; /* atomic */
static size_t last_size;
static bool refuses;

static baton_status count_register(baton__transport *transport, void *pointer, size_t size, baton__memory **memory_out)
{
    (void)transport;
    if (refuses) {
        return BATON_ERR_TRANSPORT;
    }
    made++;
    last_size = size;
    *memory_out = pointer;
    return BATON_OK;
}

static void count_deregister(baton__transport *transport, baton__memory *pointer)
{
    (void)transport;
    (void)pointer;
    undone++;
}

static void wake(void *context)
{
    cr_assert_eq(context, memory);
    (void)__atomic_add_fetch(&wakes, 1, __ATOMIC_RELAXED);
}

static const baton__transport_table table = {.memory_register = count_register, .memory_deregister = count_deregister};

static void begin(void)
{
    cr_assert_eq(baton__registrations_create(&table, NULL, wake, memory, &registrations), BATON_OK);
}

static void end(void)
{
    baton__registrations_end(registrations);
    cr_assert_eq(undone, made);
}

TestSuite(registration, .init = begin, .fini = end);

static baton_descriptor *describe(size_t offset, size_t size)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_from_pointer(memory + offset, size, BATON_DEVICE_HOST, NULL, NULL, &descriptor), BATON_OK);
    return descriptor;
}

static baton_descriptor *need(size_t offset, size_t size)
{
    baton_descriptor *descriptor = describe(offset, size);
    cr_assert_eq(baton__registration_need(registrations, descriptor), BATON_OK);
    return descriptor;
}

static void drop(baton_descriptor *descriptor)
{
    baton_descriptor_release(descriptor);
    baton__registrations_work(registrations);
}

Test(registration, the_same_descriptor_is_registered_once)
{
    baton_descriptor *descriptor = need(0, 100);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(baton__registration_need(registrations, descriptor), BATON_OK);
    }
    cr_assert_eq(made, 1);
    cr_assert_eq(baton__registrations_made(registrations), 1);
    cr_assert_eq(baton__registrations_live(registrations), 1);
    cr_assert_eq(wakes, 0);
    baton_descriptor_release(descriptor);
    cr_assert_eq(wakes, 1);
    cr_assert_eq(undone, 0, "the transport is the owner thread's");
    baton__registrations_work(registrations);
    cr_assert_eq(undone, 1);
    cr_assert_eq(baton__registrations_live(registrations), 0);
}

Test(registration, the_same_range_and_ranges_inside_share)
{
    baton_descriptor *all = need(0, 1000);
    baton_descriptor *same = need(0, 1000);
    baton_descriptor *inside = need(100, 50);
    baton_descriptor *tail = need(999, 1);
    cr_assert_eq(made, 1);
    drop(all);
    baton_descriptor *late = need(200, 1); /* there is another one of the whole range */
    cr_assert_eq(made, 1);
    drop(same);
    drop(inside);
    drop(tail);
    cr_assert_eq(undone, 0);
    drop(late);
    cr_assert_eq(undone, 1);
}

Test(registration, what_reaches_beyond_is_registered_anew)
{
    baton_descriptor *first = need(100, 100);
    baton_descriptor *behind = need(150, 100);
    baton_descriptor *before = need(50, 100);
    baton_descriptor *beside = need(200, 100);
    cr_assert_eq(made, 4);
    baton_descriptor *between = need(150, 50);
    cr_assert_eq(made, 4);
    drop(first);
    drop(behind);
    drop(before);
    drop(beside);
    drop(between);
    cr_assert_eq(undone, 4);
}

/* Its owner has let go of the range: what lies there now may be other memory. */
Test(registration, a_released_range_serves_nobody_new)
{
    baton_descriptor *all = need(0, 1000);
    baton_descriptor *inside = need(100, 50);
    drop(all);
    cr_assert_eq(undone, 0, "one of it goes on");
    baton_descriptor *anew = need(0, 1000);
    cr_assert_eq(made, 2);
    baton_descriptor *elsewhere = need(500, 1);
    cr_assert_eq(made, 2, "that of the new one");
    drop(inside);
    cr_assert_eq(undone, 1);
    drop(anew);
    baton_descriptor *stale = need(500, 1);
    cr_assert_eq(made, 3, "the new one is released too");
    drop(elsewhere);
    drop(stale);
    cr_assert_eq(undone, 3);
}

Test(registration, a_larger_one_serves_for_the_smaller_ones_inside)
{
    baton_descriptor *small = need(100, 50);
    baton_descriptor *large = need(0, 1000);
    baton_descriptor *again = need(100, 50);
    cr_assert_eq(made, 2);
    cr_assert_eq(last_size, 1000);
    drop(small);
    cr_assert_eq(undone, 1);
    drop(large);
    drop(again);
    cr_assert_eq(undone, 2);
}

Test(registration, strided_memory_is_registered_from_the_first_byte_to_the_last)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_create_strided(memory, 10, 100, 5, BATON_DEVICE_HOST, NULL, NULL, &descriptor), BATON_OK);
    cr_assert_eq(baton__registration_need(registrations, descriptor), BATON_OK);
    cr_assert_eq(last_size, 410);
    drop(descriptor);
}

Test(registration, a_refused_one_leaves_nothing)
{
    baton_descriptor *descriptor = describe(0, 100);
    refuses = true;
    cr_assert_eq(baton__registration_need(registrations, descriptor), BATON_ERR_TRANSPORT);
    cr_assert_eq(baton__registrations_live(registrations), 0);
    refuses = false;
    cr_assert_eq(baton__registration_need(registrations, descriptor), BATON_OK);
    cr_assert_eq(made, 1);
    drop(descriptor);
}

/* Descriptors outlive a connector, and serve another one. */
Test(registration, the_end_of_one_table_leaves_the_other_alone)
{
    baton__registrations *other = NULL;
    cr_assert_eq(baton__registrations_create(&table, NULL, wake, memory, &other), BATON_OK);
    baton_descriptor *descriptor = need(0, 100);
    cr_assert_eq(baton__registration_need(other, descriptor), BATON_OK);
    cr_assert_eq(made, 2);
    baton__registrations_end(other);
    cr_assert_eq(undone, 1);
    cr_assert_eq(baton__registration_need(registrations, descriptor), BATON_OK);
    cr_assert_eq(made, 2);
    drop(descriptor);
    cr_assert_eq(undone, 2);
}

Test(registration, one_release_for_many_that_are_dropped_together)
{
    enum { MANY = 1265 };
    static baton_descriptor *descriptors[MANY];
    uint64_t state = 9;
    for (size_t i = 0; i < MANY; i++) {
        size_t offset = (size_t)(shape_next(&state) % 4000);
        descriptors[i] = need(offset, 1 + (size_t)(shape_next(&state) % 90));
    }
    unsigned before = made;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(baton__registration_need(registrations, descriptors[i]), BATON_OK);
        baton_descriptor_release(descriptors[i]);
    }
    cr_assert_eq(made, before);
    cr_assert_eq(wakes, 1);
    baton__registrations_work(registrations);
    cr_assert_eq(undone, made);
    cr_assert_eq(baton__registrations_live(registrations), 0);
}

static void *release_all(void *list)
{
    baton_descriptor **descriptors = list;
    for (size_t i = 0; descriptors[i] != NULL; i++) {
        baton_descriptor_release(descriptors[i]);
    }
    return NULL;
}

/* While the owner thread registers others, and undoes what is dropped. */
Test(registration, descriptors_are_released_on_any_thread)
{
    enum { MANY = 2000 };
    static baton_descriptor *descriptors[MANY + 1];
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < MANY; i++) {
            descriptors[i] = need(i % 4000, 1 + i % 50);
        }
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, release_all, descriptors), 0);
        for (size_t i = 0; i < MANY; i++) {
            drop(need(i % 4000, 1 + i % 50));
        }
        cr_assert_eq(pthread_join(thread, NULL), 0);
        baton__registrations_work(registrations);
        cr_assert_eq(baton__registrations_live(registrations), 0);
    }
}

/* Between its segments is somebody else's memory, which may have been mapped since. */
Test(registration, strided_memory_vouches_for_nothing_inside_of_it)
{
    baton_descriptor *strided = NULL;
    cr_assert_eq(baton_descriptor_create_strided(memory, 10, 100, 5, BATON_DEVICE_HOST, NULL, NULL, &strided), BATON_OK);
    cr_assert_eq(baton__registration_need(registrations, strided), BATON_OK);
    baton_descriptor *between = need(50, 20);
    cr_assert_eq(made, 2);
    baton_descriptor *around = need(0, 1000);
    cr_assert_eq(made, 3);
    drop(around);
    drop(between);
    drop(strided);
    cr_assert_eq(undone, 3);
}

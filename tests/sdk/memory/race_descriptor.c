/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counted references under ThreadSanitizer: threads acquire and release, write to the memory while
 * they hold a reference, and the release callback, whoever runs it, reads what all of them wrote.
 * Metadata too, whose copies are references.
 */
#include "support/metadata_sample.h"

#include <baton/descriptor.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 500, THREADS = 4, TURNS = 20 };

typedef struct shared_of {
    baton_descriptor *descriptor;
    const baton_metadata *metadata;
    int slots[THREADS];
    int next_slot; /* __atomic */
    int released;
} shared_of;

static int failures; /* __atomic */

static void fail(void)
{
    (void)__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

static void read_all(void *pointer, size_t size_bytes, void *argument)
{
    shared_of *shared = argument;
    (void)size_bytes;
    for (int i = 0; i < THREADS; i++) {
        if (((int *)pointer)[i] != TURNS) {
            fail();
        }
    }
    shared->released++;
}

static void *use(void *argument)
{
    shared_of *shared = argument;
    int slot = __atomic_fetch_add(&shared->next_slot, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < TURNS; i++) {
        baton_metadata *copy = NULL;
        baton_descriptor *mine = baton_descriptor_acquire(shared->descriptor);
        ((int *)baton_descriptor_pointer(mine))[slot]++;
        if (baton_metadata_copy(shared->metadata, &copy) != BATON_OK ||
            baton_metadata_count(copy) != 1) {
            fail();
        }
        baton_metadata_destroy(copy);
        baton_descriptor_release(mine);
    }
    baton_descriptor_release(shared->descriptor); /* the reference that this thread was given */
    return NULL;
}

static baton_metadata *make_metadata(void)
{
    static const baton_metadata_descriptor descriptor = {{BATON_DEVICE_KIND_HOST, 0}, 1, 1};
    uint8_t block[SAMPLE_BUFFER_SIZE];
    baton_metadata *metadata = NULL;
    size_t size = sample_encoded_block(block);
    if (baton_metadata_create(BATON_METADATA_READABLE, &descriptor, 1, "", block, size,
                              &metadata) != BATON_OK) {
        abort();
    }
    return metadata;
}

static void one_round(baton_metadata *metadata)
{
    pthread_t threads[THREADS];
    shared_of shared = {.metadata = metadata};
    if (baton_descriptor_from_pointer(shared.slots, sizeof(shared.slots), BATON_DEVICE_HOST,
                                      read_all, &shared, &shared.descriptor) != BATON_OK) {
        abort();
    }
    for (int i = 0; i < THREADS; i++) {
        (void)baton_descriptor_acquire(shared.descriptor);
        if (pthread_create(&threads[i], NULL, use, &shared) != 0) {
            abort();
        }
    }
    baton_descriptor_release(shared.descriptor);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    if (shared.released != 1) {
        fail();
    }
}

int main(void)
{
    baton_metadata *metadata = make_metadata();
    for (int i = 0; i < ROUNDS; i++) {
        one_round(metadata);
    }
    baton_metadata_destroy(metadata);
    if (failures != 0) {
        (void)fprintf(stderr, "%d failures\n", failures);
        return 1;
    }
    return 0;
}

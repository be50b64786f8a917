/* SPDX-License-Identifier: Apache-2.0 */
/* The list of all memory that the runtime knows, of every kind. */
#include "state.h"

#include <stdlib.h>
#include <sys/mman.h>

fake_block *fake_blocks;

cudaError_t fake_block_add(const fake_block *value, fake_block **block_out)
{
    fake_block *block = malloc(sizeof(*block));
    if (block == NULL) {
        return cudaErrorMemoryAllocation;
    }
    *block = *value;
    block->references = 1;
    block->next = fake_blocks;
    fake_blocks = block;
    *block_out = block;
    return cudaSuccess;
}

fake_block *fake_block_overlapping(const void *pointer, size_t size)
{
    uintptr_t first = (uintptr_t)pointer;
    for (fake_block *block = fake_blocks; block != NULL; block = block->next) {
        uintptr_t start = (uintptr_t)block->start;
        if (first < start + block->size && (start < first || start - first < size)) {
            return block;
        }
    }
    return NULL;
}

/* Memory that is being freed is not known any more. */
fake_block *fake_block_at(const void *pointer)
{
    fake_block *block = fake_block_overlapping(pointer, 1);
    return block != NULL && !block->freeing ? block : NULL;
}

fake_block *fake_block_starting(const void *pointer)
{
    fake_block *block = fake_block_at(pointer);
    return block != NULL && block->start == pointer ? block : NULL;
}

void fake_block_release(fake_block *block)
{
    if (--block->references == 0) {
        free(block);
    }
}

static void give_back(const fake_block *block)
{
    switch (block->kind) {
    case FAKE_DEVICE:
        fake_device_give_back(block);
        break;
    case FAKE_MANAGED:
        fake_devices[block->device].used_bytes -= block->size;
        (void)munmap(block->start, block->size);
        break;
    case FAKE_PINNED:
        (void)munmap(block->start, block->size);
        break;
    case FAKE_REGISTERED:
        break;
    }
    if (block->pool != NULL) {
        fake_pool_give_back(block->pool, block->size);
    }
}

void fake_block_drop(fake_block *block)
{
    fake_block **link = &fake_blocks;
    while (*link != block) {
        link = &(*link)->next;
    }
    *link = block->next;
    give_back(block);
    fake_block_release(block);
}

void fake_block_wait_unused(const fake_block *block)
{
    while (block->references > 1) {
        (void)pthread_cond_wait(&fake_changed, &fake_lock);
    }
}

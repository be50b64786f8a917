/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include "base/poison.h"
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK_LEAST = 16384, BLOCK_MOST = 8 << 20, HUGE_LEAST = 4 << 20, LINE = 64 };

struct baton__slab_object {
    baton__slab_object *next;
};

struct baton__slab_block {
    alignas(LINE) struct baton__slab_block *next;
    alignas(LINE) uint8_t objects[];
};

void baton__slab_init(baton__slab *slab, size_t object_size)
{
    size_t align = alignof(max_align_t);
    size_t least = object_size < sizeof(baton__slab_object) ? sizeof(baton__slab_object) : object_size;
    *slab = (baton__slab){.object_size = (least + align - 1) / align * align};
}

void baton__slab_fini(baton__slab *slab)
{
    while (slab->blocks != NULL) {
        struct baton__slab_block *block = slab->blocks;
        slab->blocks = block->next;
        free(block);
    }
    baton__slab_init(slab, slab->object_size);
}

/* Larger than the smallest huge page by so much that there is one in it, wherever it lies. */
static void ask_for_huge_pages(void *block, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)block + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)block + size) / page * page;
    int result = madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    (void)result; /* a kernel without them */
}

static bool add_block(baton__slab *slab)
{
    size_t wanted = slab->bytes / 4;
    wanted = wanted < BLOCK_LEAST ? BLOCK_LEAST : wanted > BLOCK_MOST ? BLOCK_MOST : wanted;
    size_t count = wanted / slab->object_size + 1;
    size_t size = (sizeof(struct baton__slab_block) + count * slab->object_size + LINE - 1) / LINE * LINE;
    struct baton__slab_block *block = aligned_alloc(LINE, size);
    if (block == NULL) {
        return false;
    }
    if (size >= HUGE_LEAST) {
        ask_for_huge_pages(block, size);
    }
    block->next = slab->blocks;
    slab->blocks = block;
    slab->uncut = block->objects;
    slab->uncut_count = count;
    slab->bytes += size;
    BATON__POISON(slab->uncut, count * slab->object_size);
    return true;
}

static void fetch(const baton__slab *slab, const void *object)
{
    for (size_t at = 0; object != NULL && at < slab->object_size; at += LINE) {
        __builtin_prefetch((const uint8_t *)object + at, 1);
    }
}

static void *take_uncut(baton__slab *slab)
{
    if (slab->uncut_count == 0 && !add_block(slab)) {
        return NULL;
    }
    void *object = slab->uncut;
    BATON__UNPOISON(object, slab->object_size);
    slab->uncut += slab->object_size;
    slab->uncut_count--;
    return object;
}

void *baton__slab_take_raw(baton__slab *slab)
{
    baton__slab_object *object = slab->free;
    if (object == NULL) {
        return take_uncut(slab);
    }
    BATON__UNPOISON(object, slab->object_size);
    slab->free = object->next;
    fetch(slab, slab->free);
    return object;
}

void *baton__slab_take(baton__slab *slab)
{
    void *object = baton__slab_take_raw(slab);
    return object == NULL ? NULL : memset(object, 0, slab->object_size);
}

void baton__slab_give(baton__slab *slab, void *memory)
{
    if (memory == NULL) {
        return;
    }
    baton__slab_object *object = memory;
    object->next = slab->free;
    slab->free = object;
    BATON__POISON(object, slab->object_size);
}

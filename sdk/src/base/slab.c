/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include "base/poison.h"
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct baton__slab_object {
    baton__slab_object *next;
};

struct baton__slab_block {
    alignas(max_align_t) struct baton__slab_block *next;
    alignas(max_align_t) uint8_t objects[];
};

enum { BLOCK_BYTES = 16384 };

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
    slab->free = NULL;
}

static void push(baton__slab *slab, void *memory)
{
    baton__slab_object *object = memory;
    object->next = slab->free;
    slab->free = object;
    BATON__POISON(object, slab->object_size);
}

static void add_block(baton__slab *slab)
{
    size_t count = BLOCK_BYTES / slab->object_size + 1;
    struct baton__slab_block *block = malloc(sizeof(*block) + count * slab->object_size);
    if (block == NULL) {
        return;
    }
    block->next = slab->blocks;
    slab->blocks = block;
    for (size_t i = count; i-- > 0;) {
        push(slab, block->objects + i * slab->object_size);
    }
}

void *baton__slab_take(baton__slab *slab)
{
    if (slab->free == NULL) {
        add_block(slab);
    }
    baton__slab_object *object = slab->free;
    if (object == NULL) {
        return NULL;
    }
    BATON__UNPOISON(object, slab->object_size);
    slab->free = object->next;
    return memset(object, 0, slab->object_size);
}

void baton__slab_give(baton__slab *slab, void *object)
{
    if (object != NULL) {
        push(slab, object);
    }
}

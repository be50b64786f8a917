/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plan.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

baton_status baton__plan_init(baton__plan *plan, uint64_t total, uint64_t chunk_size)
{
    if (chunk_size < BATON__CHUNK_MIN || chunk_size > BATON__CHUNK_MAX ||
        (chunk_size & (chunk_size - 1)) != 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "chunk size %llu: a power of two from 4096 to 2^30 is needed",
                           (unsigned long long)chunk_size);
    }
    uint64_t chunks = total / chunk_size + (total % chunk_size != 0);
    if (chunks > BATON__CHUNKS_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "an operation of more than %u chunks of %llu bytes",
                           BATON__CHUNKS_MAX, (unsigned long long)chunk_size);
    }
    *plan = (baton__plan){.chunk_size = chunk_size, .total = total, .chunks = (uint32_t)chunks};
    return BATON_OK;
}

baton__slice baton__plan_slice(const baton__plan *plan, const baton__layout *layout, uint32_t index)
{
    uint64_t offset = index * plan->chunk_size;
    uint64_t left = plan->total - offset;
    return (baton__slice){
        .layout = layout,
        .offset = offset,
        .size = (size_t)(left < plan->chunk_size ? left : plan->chunk_size),
    };
}

baton_status baton__bits_init(baton__bits *bits, uint32_t size)
{
    uint64_t *words = NULL;
    if (size > 64) {
        words = calloc((size + 63u) / 64u, sizeof(*words));
        if (words == NULL) {
            return baton__fail_memory("a bitmap of chunks");
        }
    }
    *bits = (baton__bits){.size = size, .words = words};
    return BATON_OK;
}

void baton__bits_fini(baton__bits *bits)
{
    free(bits->words);
    *bits = (baton__bits){0};
}

static uint64_t *word_of(const baton__bits *bits, uint32_t index)
{
    return bits->words != NULL ? &bits->words[index / 64] : (uint64_t *)&bits->word;
}

bool baton__bits_get(const baton__bits *bits, uint32_t index)
{
    return (*word_of(bits, index) >> (index % 64) & 1) != 0;
}

bool baton__bits_set(baton__bits *bits, uint32_t index)
{
    if (baton__bits_get(bits, index)) {
        return false;
    }
    *word_of(bits, index) |= UINT64_C(1) << (index % 64);
    bits->set++;
    return true;
}

void baton__bits_clear(baton__bits *bits, uint32_t index)
{
    if (baton__bits_get(bits, index)) {
        *word_of(bits, index) &= ~(UINT64_C(1) << (index % 64));
        bits->set--;
    }
}

uint32_t baton__bits_next_clear(const baton__bits *bits, uint32_t index)
{
    while (index < bits->size) {
        uint64_t clear = ~*word_of(bits, index) >> (index % 64);
        if (clear != 0) {
            index += (uint32_t)__builtin_ctzll(clear);
            break;
        }
        index = (index / 64 + 1) * 64;
    }
    return index < bits->size ? index : bits->size;
}

void baton__bits_copy(baton__bits *to, const baton__bits *from)
{
    to->set = from->set;
    to->word = from->word;
    if (to->words != NULL) {
        memcpy(to->words, from->words, (size_t)((to->size + 63u) / 64u) * sizeof(*to->words));
    }
}

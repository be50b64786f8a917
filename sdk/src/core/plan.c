/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plan.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

static uint64_t chunks_of(size_t size, uint64_t chunk_size)
{
    return size / chunk_size + (size % chunk_size != 0);
}

baton_status baton__plan_init(baton__plan *plan, baton_descriptor *const *descriptors, uint32_t count,
                              uint64_t chunk_size)
{
    if (chunk_size < BATON__CHUNK_MIN || chunk_size > BATON__CHUNK_MAX ||
        (chunk_size & (chunk_size - 1)) != 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "chunk size %llu: a power of two from 4096 to 2^30 is needed",
                           (unsigned long long)chunk_size);
    }
    uint32_t *first = NULL;
    if (count > 1) {
        first = malloc(((size_t)count + 1) * sizeof(*first));
        if (first == NULL) {
            return baton__fail_memory("a plan of chunks");
        }
    }
    uint64_t chunks = 0;
    for (uint32_t i = 0; i < count && chunks <= BATON__CHUNKS_MAX; i++) {
        if (first != NULL) {
            first[i] = (uint32_t)chunks;
        }
        chunks += chunks_of(baton_descriptor_size(descriptors[i]), chunk_size);
    }
    if (chunks > BATON__CHUNKS_MAX) {
        free(first);
        return baton__fail(BATON_ERR_TOO_LARGE, "an operation of more than %u chunks of %llu bytes",
                           BATON__CHUNKS_MAX, (unsigned long long)chunk_size);
    }
    if (first != NULL) {
        first[count] = (uint32_t)chunks;
    }
    *plan = (baton__plan){
        .chunk_size = chunk_size, .chunks = (uint32_t)chunks, .count = count, .first_chunk = first};
    return BATON_OK;
}

void baton__plan_fini(baton__plan *plan)
{
    free(plan->first_chunk);
    *plan = (baton__plan){0};
}

/* The last descriptor whose first chunk is not behind index. */
static uint32_t find_descriptor(const baton__plan *plan, uint32_t index)
{
    uint32_t low = 0;
    uint32_t high = plan->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (plan->first_chunk[middle] <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t baton__plan_which(const baton__plan *plan, uint32_t index)
{
    return plan->first_chunk != NULL ? find_descriptor(plan, index) : 0;
}

baton_descriptor *baton__plan_descriptor(const baton__plan *plan, baton_descriptor *const *descriptors,
                                         uint32_t index)
{
    return descriptors[baton__plan_which(plan, index)];
}

baton__piece baton__plan_piece(const baton__plan *plan, baton_descriptor *const *descriptors,
                               uint32_t index)
{
    uint32_t which = 0;
    if (plan->first_chunk != NULL) {
        which = find_descriptor(plan, index);
        index -= plan->first_chunk[which];
    }
    uint64_t offset = index * plan->chunk_size;
    uint64_t left = baton_descriptor_size(descriptors[which]) - offset;
    return (baton__piece){
        .pointer = (uint8_t *)baton_descriptor_pointer(descriptors[which]) + offset,
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_buffers.h"

#include "perf_failure.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct perf_buffers {
    size_t size;
    size_t segments;
    size_t slots;
    unsigned char **memory;         /* of each slot */
    baton_descriptor **descriptors; /* segments of slot 0, of slot 1, ... */
    baton_pool *pool;               /* NULL: malloc'ed */
};

enum { ALIGNMENT = 4096, WORD = sizeof(uint64_t) };

/* splitmix64: one word of the data. */
static uint64_t word_at(uint64_t slot, uint64_t index)
{
    uint64_t z =
        (slot + 1) * UINT64_C(0xd1342543de82ef95) + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool is_affordable(uint64_t size_bytes, uint64_t slots)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    return pages <= 0 || page <= 0 || size_bytes <= (uint64_t)pages * (uint64_t)page / 2 / slots;
}

static baton_status describe(perf_buffers *buffers, size_t slot)
{
    size_t each = buffers->size / buffers->segments;
    for (size_t i = 0; i < buffers->segments; i++) {
        size_t begin = i * each;
        size_t size = i + 1 == buffers->segments ? buffers->size - begin : each;
        baton_status status = baton_descriptor_from_pointer(
            buffers->memory[slot] + begin, size, BATON_DEVICE_HOST, NULL, NULL,
            &buffers->descriptors[slot * buffers->segments + i]);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "a descriptor");
        }
    }
    return BATON_OK;
}

static baton_status allocate(perf_buffers *buffers)
{
    size_t rounded = (buffers->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    buffers->memory = calloc(buffers->slots, sizeof(*buffers->memory));
    buffers->descriptors = calloc(buffers->slots * buffers->segments, sizeof(baton_descriptor *));
    bool is_there = buffers->memory != NULL && buffers->descriptors != NULL;
    for (size_t slot = 0; is_there && slot < buffers->slots; slot++) {
        buffers->memory[slot] = aligned_alloc(ALIGNMENT, rounded);
        is_there = buffers->memory[slot] != NULL;
        baton_status status = is_there ? describe(buffers, slot) : BATON_OK;
        if (status != BATON_OK) {
            return status;
        }
    }
    return is_there ? BATON_OK
                    : perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for %zu buffers of %zu bytes",
                                buffers->slots, buffers->size);
}

static baton_status take_pieces(perf_buffers *buffers)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    size_t rounded = (buffers->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    options.capacity_bytes = rounded * buffers->slots;
    options.alignment_bytes = ALIGNMENT;
    options.group = PERF_GROUP;
    buffers->memory = calloc(buffers->slots, sizeof(*buffers->memory));
    buffers->descriptors = calloc(buffers->slots, sizeof(baton_descriptor *));
    if (buffers->memory == NULL || buffers->descriptors == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory");
    }
    baton_status status = baton_pool_create(&options, &buffers->pool);
    for (size_t slot = 0; status == BATON_OK && slot < buffers->slots; slot++) {
        status = baton_pool_allocate(buffers->pool, buffers->size, &buffers->descriptors[slot]);
        if (status == BATON_OK) {
            buffers->memory[slot] = baton_descriptor_pointer(buffers->descriptors[slot]);
        }
    }
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "a pool");
}

static baton_status create(uint64_t size_bytes, uint64_t segments, uint64_t slots,
                           baton_status (*fill)(perf_buffers *), perf_buffers **buffers_out)
{
    if (!is_affordable(size_bytes, slots)) {
        return perf_fail(
            BATON_ERR_OUT_OF_MEMORY,
            "%" PRIu64 " buffers of %" PRIu64
            " bytes are more than half of the memory of this machine; try less --size or --depth",
            slots, size_bytes);
    }
    perf_buffers *buffers = calloc(1, sizeof(*buffers));
    if (buffers == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory");
    }
    buffers->size = (size_t)size_bytes;
    buffers->segments = (size_t)segments;
    buffers->slots = (size_t)slots;
    baton_status status = fill(buffers);
    if (status != BATON_OK) {
        perf_buffers_destroy(buffers);
        return status;
    }
    *buffers_out = buffers;
    return BATON_OK;
}

baton_status perf_buffers_create(uint64_t size_bytes, uint64_t segments, uint64_t slots,
                                 perf_buffers **buffers_out)
{
    return create(size_bytes, segments, slots, allocate, buffers_out);
}

baton_status perf_buffers_create_shared(uint64_t size_bytes, uint64_t slots, perf_buffers **buffers_out)
{
    return create(size_bytes, 1, slots, take_pieces, buffers_out);
}

void perf_buffers_destroy(perf_buffers *buffers)
{
    if (buffers == NULL) {
        return;
    }
    for (size_t i = 0; buffers->descriptors != NULL && i < buffers->slots * buffers->segments;
         i++) {
        baton_descriptor_release(buffers->descriptors[i]);
    }
    for (size_t slot = 0; buffers->pool == NULL && buffers->memory != NULL && slot < buffers->slots; slot++) {
        free(buffers->memory[slot]);
    }
    baton_pool_destroy(buffers->pool);
    free(buffers->descriptors);
    free(buffers->memory);
    free(buffers);
}

baton_descriptor *const *perf_buffers_slot(const perf_buffers *buffers, uint64_t slot)
{
    return &buffers->descriptors[slot * buffers->segments];
}

size_t perf_buffers_segments(const perf_buffers *buffers)
{
    return buffers->segments;
}

void perf_buffers_fill(perf_buffers *buffers)
{
    for (size_t slot = 0; slot < buffers->slots; slot++) {
        for (size_t at = 0; at < buffers->size; at += WORD) {
            uint64_t word = word_at(slot, at / WORD);
            size_t left = buffers->size - at;
            memcpy(buffers->memory[slot] + at, &word, left < WORD ? left : WORD);
        }
    }
}

void perf_buffers_spoil(perf_buffers *buffers)
{
    for (size_t slot = 0; slot < buffers->slots; slot++) {
        memset(buffers->memory[slot], 0xa5, buffers->size);
    }
}

baton_status perf_buffers_check(const perf_buffers *buffers, uint64_t slot, const char *what)
{
    return perf_memory_check(buffers->memory[slot], buffers->size, slot, what);
}

baton_status perf_memory_check(const void *memory, size_t size, uint64_t slot, const char *what)
{
    const unsigned char *bytes = memory;
    for (size_t at = 0; at < size; at += WORD) {
        uint64_t word = word_at(slot, at / WORD);
        size_t left = size - at;
        if (memcmp(bytes + at, &word, left < WORD ? left : WORD) != 0) {
            return perf_fail(BATON_ERR_CHECKSUM,
                             "the data of the %s transfer is wrong from byte %zu on", what, at);
        }
    }
    return BATON_OK;
}

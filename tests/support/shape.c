/* SPDX-License-Identifier: Apache-2.0 */
#include "support/shape.h"

#include "support/pattern.h"
#include <stdlib.h>
#include <sys/mman.h>

enum { GUARD = 0xA7, GAP_MAX = 64, SEGMENTS_MAX = 12 };

uint64_t shape_next(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void *need(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

size_t *shape_sizes(size_t count, size_t size, uint64_t seed)
{
    size_t *sizes = need(malloc(count * sizeof(*sizes)));
    uint64_t state = seed;
    for (size_t i = 0; i < count; i++) {
        sizes[i] = seed == 0 ? size : 1 + (size_t)(shape_next(&state) % (2 * size));
    }
    return sizes;
}

/* Where a descriptor comes to lie. */
typedef struct plot {
    size_t offset;
    size_t segment;
    size_t stride;
    size_t segments;
} plot;

static size_t *order_of(size_t count, uint64_t *state)
{
    size_t *order = need(malloc(count * sizeof(*order)));
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; *state != 0 && i > 1; i--) {
        size_t other = (size_t)(shape_next(state) % i);
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    return order;
}

static plot cut(size_t size, uint64_t *state)
{
    plot p = {.segment = size, .stride = size, .segments = 1};
    size_t segments = *state == 0 ? 1 : 1 + (size_t)(shape_next(state) % SEGMENTS_MAX);
    if (size % segments == 0) {
        p.segments = segments;
        p.segment = size / segments;
        p.stride = p.segment + (*state == 0 ? 0 : (size_t)(shape_next(state) % GAP_MAX));
    }
    return p;
}

static plot *plan(const size_t *sizes, size_t count, uint64_t seed, size_t *end_out)
{
    uint64_t state = seed;
    size_t *order = order_of(count, &state);
    plot *plots = need(malloc(count * sizeof(*plots)));
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        plot *p = &plots[order[i]];
        *p = cut(sizes[order[i]], &state);
        if (seed != 0 && shape_next(&state) % 3 != 0) {
            end += 1 + (size_t)(shape_next(&state) % GAP_MAX);
        }
        p->offset = end;
        end += (p->segments - 1) * p->stride + p->segment;
    }
    free(order);
    *end_out = end;
    return plots;
}

shape shape_make(const size_t *sizes, size_t count, uint64_t seed)
{
    shape s = {.count = count, .descriptors = need(calloc(count, sizeof(baton_descriptor *)))};
    plot *plots = plan(sizes, count, seed, &s.memory_size);
    s.memory_size += GAP_MAX;
    s.memory = mmap(NULL, s.memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s.memory == MAP_FAILED) {
        abort();
    }
    memset(s.memory, GUARD, s.memory_size);
    for (size_t i = 0; i < count; i++) {
        const plot *p = &plots[i];
        if (baton_descriptor_create_strided(s.memory + p->offset, p->segment, p->stride, p->segments, BATON_DEVICE_HOST, NULL, NULL,
                                            &s.descriptors[i]) != BATON_OK) {
            abort();
        }
        s.total += sizes[i];
    }
    free(plots);
    return s;
}

shape shape_of_pool(const size_t *sizes, size_t count, baton_pool *pool)
{
    shape s = {.count = count, .descriptors = need(calloc(count, sizeof(baton_descriptor *)))};
    for (size_t i = 0; i < count; i++) {
        if (baton_pool_allocate(pool, sizes[i], &s.descriptors[i]) != BATON_OK) {
            abort();
        }
        s.total += sizes[i];
    }
    return s;
}

void shape_free(shape *s)
{
    for (size_t i = 0; i < s->count; i++) {
        baton_descriptor_release(s->descriptors[i]);
    }
    free(s->descriptors);
    if (s->memory != NULL) {
        (void)munmap(s->memory, s->memory_size);
    }
    *s = (shape){0};
}

/* Calls on every segment, in the order of the descriptors' bytes. */
static void each(const shape *s, void (*on)(uint8_t *at, size_t size, void *context), void *context)
{
    for (size_t i = 0; i < s->count; i++) {
        size_t segment;
        size_t stride;
        size_t segments = baton_descriptor_segments(s->descriptors[i], &segment, &stride);
        for (size_t k = 0; k < segments; k++) {
            on((uint8_t *)baton_descriptor_pointer(s->descriptors[i]) + k * stride, segment, context);
        }
    }
}

static void put(uint8_t *at, size_t size, void *context)
{
    const uint8_t **from = context;
    memcpy(at, *from, size);
    *from += size;
}

static void get(uint8_t *at, size_t size, void *context)
{
    uint8_t **to = context;
    memcpy(*to, at, size);
    *to += size;
    memset(at, GUARD, size); /* so that all of the memory is guard then */
}

void shape_fill(const shape *s, uint64_t seed)
{
    uint8_t *row = need(malloc(s->total));
    const uint8_t *from = row;
    pattern_fill(row, s->total, seed);
    each(s, put, &from);
    free(row);
}

static bool is_guard(const shape *s)
{
    for (size_t i = 0; i < s->memory_size; i++) {
        if (s->memory[i] != GUARD) {
            return false;
        }
    }
    return true;
}

bool shape_is_right(const shape *s, uint64_t seed)
{
    uint8_t *row = need(malloc(s->total));
    uint8_t *to = row;
    each(s, get, &to);
    bool right = pattern_is(row, s->total, seed) && is_guard(s);
    const uint8_t *from = row;
    each(s, put, &from);
    free(row);
    return right;
}

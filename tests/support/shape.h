/* SPDX-License-Identifier: Apache-2.0 */
/* Memory in many pieces, laid out by chance, with guards between them: for tests that gather and scatter. */
#ifndef BATON_TEST_SHAPE_H
#define BATON_TEST_SHAPE_H

#include <baton/descriptor.h>
#include <baton/pool.h>
#include <stdbool.h>

typedef struct shape {
    size_t count;
    baton_descriptor **descriptors;
    uint64_t total; /* bytes of all of them */
    uint8_t *memory;
    size_t memory_size;
} shape;

/* A generator of numbers that is the same on every machine. */
uint64_t shape_next(uint64_t *state);

/*
 * Sizes of a number of descriptors: all of them `size` where seed is 0, else from 1 to twice that. The two sides of a transfer
 * make them alike. The result is the caller's.
 */
size_t *shape_sizes(size_t count, size_t size, uint64_t seed);

/*
 * Lays descriptors of these sizes out: where seed is 0 one behind the other, else in an order of chance, with gaps or without,
 * each in one piece or in equal segments at a stride. Everything between them is a guard. Aborts without memory.
 */
shape shape_make(const size_t *sizes, size_t count, uint64_t seed);
/* As a pool gives them out, each in one piece. */
shape shape_of_pool(const size_t *sizes, size_t count, baton_pool *pool);
void shape_free(shape *s);
/* The descriptors' bytes, one behind the other, are pattern_fill's of that seed. */
void shape_fill(const shape *s, uint64_t seed);
/* They are, and no guard has changed. */
bool shape_is_right(const shape *s, uint64_t seed);

#endif

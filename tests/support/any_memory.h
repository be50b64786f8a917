/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the host or of a device, for programs that are run with either: where BATON_TEST_DEVICE says so, `here` in the test, `there` in the
 * process beside it, or `both`; with BATON_TEST_POOL pieces of a pool, of CUDA memory or of pinned memory. The bytes of a device are reached by the
 * runtime that BATON_CUDART names: by the stand-in's own way where it is that, since a look must be possible on a connector's thread too, else, or
 * with BATON_TEST_MEMCPY, by cudaMemcpy.
 */
#ifndef BATON_TEST_ANY_MEMORY_H
#define BATON_TEST_ANY_MEMORY_H

#include "support/pattern.h"

#include <baton/pool.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static inline baton_device any_device(const char *side)
{
    const char *where = getenv("BATON_TEST_DEVICE");
    bool on_device = where != NULL && (strcmp(where, side) == 0 || strcmp(where, "both") == 0);
    return on_device ? (baton_device){BATON_DEVICE_KIND_CUDA, 0} : BATON_DEVICE_HOST;
}

static inline baton_status any_allocate(size_t size, const char *side, baton_descriptor **memory_out)
{
    static baton_pool *pool; /* as long as the process */
    baton_device device = any_device(side);
    baton_status status = BATON_OK;
    if (getenv("BATON_TEST_POOL") == NULL) {
        return baton_descriptor_allocate(size, device, memory_out);
    }
    if (pool == NULL) {
        baton_pool_options options = BATON_POOL_OPTIONS_INIT;
        options.capacity_bytes = (size_t)1024 * 1024 * 1024;
        options.kind = device.kind == BATON_DEVICE_KIND_CUDA ? BATON_POOL_CUDA : BATON_POOL_PINNED;
        status = baton_pool_create(&options, &pool);
    }
    return status == BATON_OK ? baton_pool_allocate(pool, size, memory_out) : status;
}

/* Chunks of a device's memory are large, and cannot be taken back; the stand-in moves them as slowly as a CPU does. */
static inline uint32_t any_drain_ms(uint32_t otherwise)
{
    const char *said = getenv("BATON_TEST_DRAIN_MS");
    return said != NULL ? (uint32_t)atoi(said) : getenv("BATON_TEST_PATH") != NULL ? 2000 : otherwise;
}

/* NULL where the runtime has none. */
static inline void *any_function(const char *name)
{
    static void *library;
    const char *path = getenv("BATON_CUDART");
    if (library == NULL && path != NULL) {
        library = dlopen(path, RTLD_NOW);
    }
    return library == NULL ? NULL : dlsym(library, name);
}

/* When it returns the bytes are there. */
static inline int any_copy_by_runtime(void *to, const void *from, size_t size)
{
    enum { COPY_DEFAULT = 4 }; /* cudaMemcpyDefault */
    int (*copy)(void *, const void *, size_t, int);
    int (*finish)(void *); /* from pageable memory a copy may still be under way */
    *(void **)&copy = any_function("cudaMemcpy");
    *(void **)&finish = any_function("cudaStreamSynchronize");
    if (copy == NULL || finish == NULL) {
        return -1;
    }
    int result = copy(to, from, size, COPY_DEFAULT);
    return result != 0 ? result : finish(NULL);
}

static inline void any_copy(void *to, const void *from, size_t size, bool to_device)
{
    int (*poke)(void *, const void *, size_t) = NULL;
    int (*peek)(const void *, void *, size_t) = NULL;
    if (getenv("BATON_TEST_MEMCPY") == NULL) {
        *(void **)&poke = any_function("fake_cuda_poke");
        *(void **)&peek = any_function("fake_cuda_peek");
    }
    int result = poke == NULL || peek == NULL ? any_copy_by_runtime(to, from, size)
                 : to_device                  ? poke(to, from, size)
                                              : peek(from, to, size);
    if (result != 0) {
        (void)fprintf(stderr, "memory of a device cannot be reached: %d\n", result);
        abort();
    }
}

static inline bool any_is_host(const baton_descriptor *memory)
{
    return baton_descriptor_device(memory).kind == BATON_DEVICE_KIND_HOST;
}

/* The bytes as they are now; any_done gives them back. */
static inline uint8_t *any_look(const baton_descriptor *memory)
{
    size_t size = baton_descriptor_size(memory);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        abort();
    }
    if (any_is_host(memory)) {
        memcpy(bytes, baton_descriptor_pointer(memory), size);
        return bytes;
    }
    any_copy(bytes, baton_descriptor_pointer(memory), size, false);
    return bytes;
}

static inline void any_done(uint8_t *bytes)
{
    free(bytes);
}

static inline void any_fill(const baton_descriptor *memory, uint64_t seed)
{
    size_t size = baton_descriptor_size(memory);
    if (any_is_host(memory)) {
        pattern_fill(baton_descriptor_pointer(memory), size, seed);
        return;
    }
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        abort();
    }
    pattern_fill(bytes, size, seed);
    any_copy(baton_descriptor_pointer(memory), bytes, size, true);
    free(bytes);
}

static inline bool any_is_right(const baton_descriptor *memory, uint64_t seed)
{
    size_t size = baton_descriptor_size(memory);
    if (any_is_host(memory)) {
        return pattern_is(baton_descriptor_pointer(memory), size, seed);
    }
    uint8_t *bytes = any_look(memory);
    bool right = pattern_is(bytes, size, seed);
    any_done(bytes);
    return right;
}

#endif

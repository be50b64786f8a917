/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/pool.h"

#include "base/error.h"
#include "base/options.h"
#include "base/siphash.h"
#include "memory/descriptor.h"
#include "memory/space.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct baton_pool {
    uint32_t references; /* __atomic: the handle and every piece */
    baton__segment *segment;
    size_t unit; /* the alignment */
    bool shared;
    baton__share share;
    pthread_mutex_t lock; /* for the rest */
    baton__space space;
    baton_pool_stats stats;
};

baton_key baton__group_key(const char *secret)
{
    static const uint8_t key[16] = "baton map group";
    baton_key made;
    baton__siphash_128(key, secret, strlen(secret), made.bytes);
    return made;
}

const baton__share *baton__pool_share(const baton_descriptor *descriptor)
{
    return descriptor->pool != NULL && descriptor->pool->shared ? &descriptor->pool->share : NULL;
}

static baton_status check(const baton_pool_options *options)
{
    size_t alignment = options->alignment_bytes;
    if (options->capacity_bytes == 0 || options->capacity_bytes > SIZE_MAX / 2) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool options: a capacity of %zu bytes", options->capacity_bytes);
    }
    if (alignment < 16 || alignment > 4096 || (alignment & (alignment - 1)) != 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool options: an alignment of %zu; a power of two from 16 to 4096", alignment);
    }
    if (options->group != NULL && (options->group[0] == '\0' || strlen(options->group) > BATON__GROUP_MAX)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool options: a group's secret has 1 to %d bytes", BATON__GROUP_MAX);
    }
    return BATON_OK;
}

static void unref(baton_pool *pool)
{
    if (__atomic_sub_fetch(&pool->references, 1, __ATOMIC_ACQ_REL) == 0) {
        baton__space_fini(&pool->space);
        baton__segment_destroy(pool->segment);
        (void)pthread_mutex_destroy(&pool->lock);
        free(pool);
    }
}

static baton_status fill(baton_pool *pool, const baton_pool_options *options)
{
    baton_status status = baton__segment_create(options->capacity_bytes, &pool->segment);
    if (status != BATON_OK) {
        return status;
    }
    if (!baton__space_init(&pool->space, pool->segment->size / options->alignment_bytes)) {
        baton__segment_destroy(pool->segment);
        return baton__fail_memory("a pool");
    }
    int error = pthread_mutex_init(&pool->lock, NULL);
    if (error != 0) {
        baton__space_fini(&pool->space);
        baton__segment_destroy(pool->segment);
        return baton__fail_errno(error, "pool: no lock");
    }
    pool->references = 1;
    pool->unit = options->alignment_bytes;
    pool->stats.capacity_bytes = pool->segment->size;
    pool->shared = options->group != NULL;
    if (pool->shared) {
        pool->share = (baton__share){.id = baton_uuid_random(),
                                     .segment = pool->segment,
                                     .group = baton__group_key(options->group)};
    }
    return BATON_OK;
}

baton_status baton_pool_create(const baton_pool_options *given, baton_pool **pool_out)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    if (pool_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool: no place for the result");
    }
    if (given != NULL && !baton__options_copy(&options, sizeof(options), given)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool options: struct_size is not set, or they ask for what this "
                           "version does not know");
    }
    baton_status status = check(&options);
    if (status != BATON_OK) {
        return status;
    }
    baton_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        return baton__fail_memory("a pool");
    }
    status = fill(pool, &options);
    if (status != BATON_OK) {
        free(pool);
        return status;
    }
    *pool_out = pool;
    return BATON_OK;
}

void baton_pool_destroy(baton_pool *pool)
{
    if (pool != NULL) {
        unref(pool);
    }
}

static void give_back(void *pointer, size_t size_bytes, void *context)
{
    (void)pointer;
    (void)size_bytes;
    baton__part *part = context;
    baton_pool *pool = part->owner;
    (void)pthread_mutex_lock(&pool->lock);
    pool->stats.used_bytes -= part->units * pool->unit;
    pool->stats.pieces--;
    baton__space_give(&pool->space, part);
    (void)pthread_mutex_unlock(&pool->lock);
    unref(pool);
}

static baton__part *take(baton_pool *pool, uint64_t units, bool *no_memory_out)
{
    (void)pthread_mutex_lock(&pool->lock);
    baton__part *part = baton__space_take(&pool->space, units, no_memory_out);
    baton_pool_stats *stats = &pool->stats;
    if (part != NULL) {
        stats->allocations++;
        stats->pieces++;
        stats->used_bytes += units * pool->unit;
        stats->peak_bytes = stats->used_bytes > stats->peak_bytes ? stats->used_bytes : stats->peak_bytes;
    } else {
        stats->refused++;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return part;
}

baton_status baton_pool_allocate(baton_pool *pool, size_t size_bytes, baton_descriptor **descriptor_out)
{
    if (pool == NULL || descriptor_out == NULL || size_bytes == 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_pool_allocate: NULL or 0 bytes");
    }
    bool no_memory = false;
    uint64_t units = ((uint64_t)size_bytes - 1) / pool->unit + 1; /* at least 16 bytes each: below 2^60 */
    baton__part *part = take(pool, units, &no_memory);
    if (part == NULL) {
        return no_memory ? baton__fail_memory("a piece of a pool")
                         : baton__fail(BATON_ERR_LIMIT, "the pool of %zu bytes has no room for %zu", pool->segment->size, size_bytes);
    }
    part->owner = pool;
    (void)__atomic_add_fetch(&pool->references, 1, __ATOMIC_RELAXED);
    baton_status status = baton_descriptor_from_pointer((uint8_t *)pool->segment->pointer + part->offset * pool->unit, size_bytes,
                                                        BATON_DEVICE_HOST, give_back, part, descriptor_out);
    if (status != BATON_OK) {
        give_back(NULL, 0, part);
        return status;
    }
    (*descriptor_out)->pool = pool;
    return BATON_OK;
}

baton_status baton_pool_get_stats(baton_pool *pool, baton_pool_stats *stats_out)
{
    if (pool == NULL || stats_out == NULL || !baton__output_is_sized(stats_out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "pool statistics: struct_size must be set");
    }
    (void)pthread_mutex_lock(&pool->lock);
    baton_pool_stats stats = pool->stats;
    (void)pthread_mutex_unlock(&pool->lock);
    baton__output_copy(stats_out, &stats, sizeof(stats));
    return BATON_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/pool.h"

#include "base/error.h"
#include "base/options.h"
#include "base/siphash.h"
#include "device/device.h"
#include "memory/descriptor.h"
#include "memory/pool_memory.h"
#include "memory/space.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct baton_pool {
    uint32_t references; /* __atomic: the handle and every piece */
    baton__pool_memory memory;
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

/* wait: the caller may wait for a device. */
static void unref(baton_pool *pool, bool wait)
{
    if (__atomic_sub_fetch(&pool->references, 1, __ATOMIC_ACQ_REL) == 0) {
        baton__space_fini(&pool->space);
        baton__pool_memory_destroy(&pool->memory, wait);
        (void)pthread_mutex_destroy(&pool->lock);
        free(pool);
    }
}

static void describe(baton_pool *pool, const baton_pool_options *options)
{
    pool->references = 1;
    pool->stats.capacity_bytes = pool->memory.size_bytes;
    pool->stats.kind = options->kind;
    pool->stats.device = pool->memory.device;
    pool->stats.exportable = pool->memory.exportable;
    pool->shared = options->group != NULL;
    if (pool->shared) {
        pool->share = (baton__share){.id = baton_uuid_random(),
                                     .segment = pool->memory.segment,
                                     .group = baton__group_key(options->group)};
    }
}

static baton_status fill(baton_pool *pool, const baton_pool_options *options)
{
    baton_status status = baton__pool_memory_create(options, &pool->memory);
    if (status != BATON_OK) {
        return status;
    }
    if (!baton__space_init(&pool->space, pool->memory.size_bytes / pool->memory.unit)) {
        baton__pool_memory_destroy(&pool->memory, true);
        return baton__fail_memory("a pool");
    }
    int error = pthread_mutex_init(&pool->lock, NULL);
    if (error != 0) {
        baton__space_fini(&pool->space);
        baton__pool_memory_destroy(&pool->memory, true);
        return baton__fail_errno(error, "pool: no lock");
    }
    describe(pool, options);
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
        unref(pool, true);
    }
}

static void give_back(void *pointer, size_t size_bytes, void *context)
{
    (void)pointer;
    (void)size_bytes;
    baton__part *part = context;
    baton_pool *pool = part->owner;
    (void)pthread_mutex_lock(&pool->lock);
    pool->stats.used_bytes -= part->units * pool->memory.unit;
    pool->stats.pieces--;
    baton__space_give(&pool->space, part);
    (void)pthread_mutex_unlock(&pool->lock);
    unref(pool, false); /* often on a connector's thread */
}

static baton__part *take(baton_pool *pool, uint64_t units, bool *no_memory_out)
{
    (void)pthread_mutex_lock(&pool->lock);
    baton__part *part = baton__space_take(&pool->space, units, no_memory_out);
    baton_pool_stats *stats = &pool->stats;
    if (part != NULL) {
        stats->allocations++;
        stats->pieces++;
        stats->used_bytes += units * pool->memory.unit;
        stats->peak_bytes = stats->used_bytes > stats->peak_bytes ? stats->used_bytes : stats->peak_bytes;
    } else {
        stats->refused++;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return part;
}

/* No question to CUDA about memory that is known. */
static baton_status describe_piece(baton_pool *pool, baton__part *part, size_t size_bytes, baton_descriptor **descriptor_out)
{
    baton_status status = baton_device_check(pool->memory.runtime);
    if (status == BATON_OK) {
        uint8_t *pointer = (uint8_t *)pool->memory.pointer + part->offset * pool->memory.unit;
        status = baton__descriptor_make_known(pointer, size_bytes, pool->memory.device, give_back, part, descriptor_out);
    }
    return status;
}

baton_status baton_pool_allocate(baton_pool *pool, size_t size_bytes, baton_descriptor **descriptor_out)
{
    if (pool == NULL || descriptor_out == NULL || size_bytes == 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_pool_allocate: NULL or 0 bytes");
    }
    bool no_memory = false;
    uint64_t units = ((uint64_t)size_bytes - 1) / pool->memory.unit + 1; /* at least 16 bytes each: below 2^60 */
    baton__part *part = take(pool, units, &no_memory);
    if (part == NULL) {
        return no_memory ? baton__fail_memory("a piece of a pool")
                         : baton__fail(BATON_ERR_LIMIT, "the pool of %zu bytes has no room for %zu", pool->memory.size_bytes, size_bytes);
    }
    part->owner = pool;
    (void)__atomic_add_fetch(&pool->references, 1, __ATOMIC_RELAXED);
    baton_status status = describe_piece(pool, part, size_bytes, descriptor_out);
    if (status != BATON_OK) {
        give_back(NULL, 0, part);
        return status;
    }
    (*descriptor_out)->pool = pool;
    return BATON_OK;
}

bool baton_descriptor_is_exportable(const baton_descriptor *descriptor)
{
    if (descriptor->pool != NULL) {
        return descriptor->pool->memory.exportable;
    }
    return baton__device_find(descriptor->device.kind)->can_export(descriptor->device.id, descriptor->pointer);
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

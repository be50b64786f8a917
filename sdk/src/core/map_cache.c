/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of the pools of peers. They are kept for a while: mapping anew costs the page faults of all that is read. */
#include "core/engine.h"

#include "base/error.h"
#include "base/stream_copy.h"
#include "transport/segment.h"
#include <stdlib.h>
#include <string.h>

struct baton__mapped {
    baton_uuid pool;
    UT_hash_handle hh;
    baton__mapping *mapping;
    uint64_t base; /* what its owner said of it, the first time */
    uint64_t size;
    size_t key_size;
    uint8_t key[BATON__SEGMENT_KEY_MAX];
    uint32_t uses;
    bool orphaned; /* its connector is gone; the last view undoes it */
    uint64_t idle_ns; /* since when nobody uses it */
};

static void undo(baton_connector *connector, baton__mapped *mapped)
{
    HASH_DELETE(hh, connector->mapped, mapped);
    BATON__UNCOUNT(connector, pools_mapped);
    baton__mapping_destroy(mapped->mapping);
    free(mapped);
}

static baton_status map_anew(const baton_uuid *pool, const void *key, size_t key_size, uint64_t base, uint64_t size,
                             baton__mapped **mapped_out)
{
    baton__mapped *mapped = calloc(1, sizeof(*mapped));
    if (mapped == NULL) {
        return baton__fail_memory("a mapping");
    }
    baton_status status = baton__mapping_create(key, key_size, base, size, &mapped->mapping);
    if (status != BATON_OK) {
        free(mapped);
        return status;
    }
    mapped->pool = *pool;
    mapped->base = base;
    mapped->size = size;
    mapped->key_size = key_size;
    memcpy(mapped->key, key, key_size);
    *mapped_out = mapped;
    return BATON_OK;
}

/* Whoever knows the name of another one's pool gets no other memory for it. */
static bool is_same(const baton__mapped *mapped, const void *key, size_t key_size, uint64_t base, uint64_t size)
{
    return mapped->base == base && mapped->size == size && mapped->key_size == key_size &&
           memcmp(mapped->key, key, key_size) == 0;
}

baton_status baton__mapped_get(baton_connector *connector, const baton_uuid *pool, const void *key, size_t key_size,
                               uint64_t base, uint64_t size, baton__mapped **mapped_out)
{
    baton__mapped *mapped;
    HASH_FIND(hh, connector->mapped, pool, sizeof(*pool), mapped);
    if (mapped != NULL && !is_same(mapped, key, key_size, base, size)) {
        return baton__fail(BATON_ERR_MALFORMED, "the keys of a pool are not those that came before");
    }
    if (mapped == NULL) {
        baton_status status = map_anew(pool, key, key_size, base, size, &mapped);
        if (status != BATON_OK) {
            return status;
        }
        HASH_ADD(hh, connector->mapped, pool, sizeof(*pool), mapped);
        if (mapped->hh.tbl == NULL) {
            baton__mapping_destroy(mapped->mapping);
            free(mapped);
            return baton__fail_memory("a mapping");
        }
        BATON__COUNT(connector, pools_mapped);
    }
    mapped->uses++;
    *mapped_out = mapped;
    return BATON_OK;
}

const uint8_t *baton__mapped_at(const baton__mapped *mapped, uint64_t offset, uint64_t size)
{
    return offset > mapped->size || size > mapped->size - offset ? NULL : mapped->mapping->pointer + offset;
}

static void watch(baton_connector *connector)
{
    if (connector->mapped_timer.slot_ == 0) {
        /* Without a timer they stay until the next one. */
        (void)!baton_loop_timer_start(connector->loop, &connector->mapped_timer,
                                      baton__after_ms(connector, BATON__MAP_IDLE_MS));
    }
}

void baton__mapped_put(baton_connector *connector, baton__mapped *mapped)
{
    if (--mapped->uses != 0) {
        return;
    }
    if (mapped->orphaned) {
        baton__mapping_destroy(mapped->mapping);
        free(mapped);
    } else {
        mapped->idle_ns = baton__now(connector);
        watch(connector);
    }
}

static void on_timer(baton_timer *timer)
{
    baton_connector *connector = (baton_connector *)((char *)timer - offsetof(baton_connector, mapped_timer));
    uint64_t now = baton__now(connector);
    bool more = false;
    baton__mapped *mapped;
    baton__mapped *next;
    HASH_ITER(hh, connector->mapped, mapped, next)
    {
        if (mapped->uses == 0 && now - mapped->idle_ns >= BATON__MAP_IDLE_MS * BATON__NS_PER_MS) {
            undo(connector, mapped);
        } else {
            more = more || mapped->uses == 0;
        }
    }
    if (more) {
        watch(connector);
    }
}

void baton__mapped_init(baton_connector *connector)
{
    connector->mapped_timer.fire = on_timer;
    connector->stream_copy_min = baton__stream_copy_min();
}

void baton__mapped_fini(baton_connector *connector)
{
    baton_loop_timer_stop(connector->loop, &connector->mapped_timer);
    baton__mapped *mapped;
    baton__mapped *next;
    HASH_ITER(hh, connector->mapped, mapped, next)
    {
        if (mapped->uses == 0) {
            undo(connector, mapped);
            continue;
        }
        HASH_DELETE(hh, connector->mapped, mapped);
        BATON__UNCOUNT(connector, pools_mapped);
        mapped->orphaned = true;
    }
}

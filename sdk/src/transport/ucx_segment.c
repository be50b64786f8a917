/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory of UCT, the lower layer of UCX: sysv where it can be had, since its pages are made when they are first
 * touched (posix makes them all at once), else posix. UCT rather than ucp_mem_map and
 * ucp_rkey_ptr, which do the same: there a mapping belongs to a worker and an endpoint, and ends with them.
 */
#include "transport/segment.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mapped_range.h"
#include "transport/ucx.h"
#include "transport/ucx_domain.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <uct/api/uct.h>

/* In the order of their preference; a key begins with the index. */
static const char *const kinds[] = {"sysv", "posix"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

typedef struct segment {
    baton__segment base;
    uct_md_h md;
    uct_allocated_memory_t memory;
} segment;

typedef struct mapping {
    baton__mapping base;
    uct_component_h component;
    uct_rkey_bundle_t key;
} mapping;

static uct_component_h find_component(const char *name)
{
    uct_component_h *list;
    unsigned count;
    uct_component_h found = NULL;
    if (uct_query_components(&list, &count) != UCS_OK) {
        return NULL;
    }
    for (unsigned i = 0; i < count && found == NULL; i++) {
        uct_component_attr_t attributes = {.field_mask = UCT_COMPONENT_ATTR_FIELD_NAME};
        if (uct_component_query(list[i], &attributes) == UCS_OK && strcmp(attributes.name, name) == 0) {
            found = list[i];
        }
    }
    uct_release_component_list(list);
    return found;
}

static ucs_status_t allocate(segment *s, size_t size)
{
    static const uct_alloc_method_t method = UCT_ALLOC_METHOD_MD;
    uct_mem_alloc_params_t params = {
        .field_mask = UCT_MEM_ALLOC_PARAM_FIELD_FLAGS | UCT_MEM_ALLOC_PARAM_FIELD_MDS |
                      UCT_MEM_ALLOC_PARAM_FIELD_MEM_TYPE | UCT_MEM_ALLOC_PARAM_FIELD_NAME,
        .flags = UCT_MD_MEM_ACCESS_ALL,
        .mds = {.mds = &s->md, .count = 1},
        .mem_type = UCS_MEMORY_TYPE_HOST,
        .name = "baton pool",
    };
    ucs_status_t status = uct_mem_alloc(size, &method, 1, &params, &s->memory);
    if (status == UCS_OK) {
        s->base.pointer = s->memory.address;
        s->base.size = s->memory.length;
    }
    return status;
}

static ucs_status_t make_key(segment *s, uint8_t kind)
{
    uct_md_attr_t attributes;
    ucs_status_t status = uct_md_query(s->md, &attributes);
    if (status == UCS_OK && attributes.rkey_packed_size + 1 > sizeof(s->base.key)) {
        status = UCS_ERR_EXCEEDS_LIMIT;
    }
    if (status == UCS_OK) {
        s->base.key[0] = kind;
        s->base.key_size = attributes.rkey_packed_size + 1;
        status = uct_md_mkey_pack(s->md, s->memory.memh, s->base.key + 1);
    }
    return status;
}

/* posix takes all pages at once, and fills what there is before it fails: everybody else would be without. */
static bool has_room(const char *kind, size_t size)
{
    struct sysinfo machine;
    struct statvfs files;
    if (sysinfo(&machine) == 0 && size / machine.mem_unit > machine.totalram) {
        return false;
    }
    return strcmp(kind, "posix") != 0 || statvfs("/dev/shm", &files) != 0 || size / files.f_frsize < files.f_bavail;
}

static ucs_status_t create(segment *s, size_t size, uint8_t kind)
{
    if (!has_room(kinds[kind], size)) {
        return UCS_ERR_NO_MEMORY;
    }
    uct_component_h component = find_component(kinds[kind]);
    if (component == NULL) {
        return UCS_ERR_UNSUPPORTED;
    }
    ucs_status_t status = baton__ucx_open_domain(component, kinds[kind], &s->md);
    if (status != UCS_OK) {
        s->md = NULL;
        return status;
    }
    status = allocate(s, size);
    if (status == UCS_OK) {
        status = make_key(s, kind);
    }
    if (status != UCS_OK) {
        if (s->base.pointer != NULL) {
            (void)uct_mem_free(&s->memory);
        }
        uct_md_close(s->md);
        memset(s, 0, sizeof(*s));
    }
    return status;
}

baton_status baton__segment_create(size_t size, baton__segment **segment_out)
{
    baton__ucx_set_up_process();
    segment *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return baton__fail_memory("a segment");
    }
    ucs_status_t status = UCS_ERR_UNSUPPORTED;
    for (uint8_t kind = 0; kind < KINDS; kind++) {
        ucs_status_t now = create(s, size, kind);
        if (now == UCS_OK) {
            *segment_out = &s->base;
            return BATON_OK;
        }
        BATON__DEBUG("ucx: %zu bytes of %s: %s", size, kinds[kind], ucs_status_string(now));
        status = now == UCS_ERR_UNSUPPORTED ? status : now;
    }
    free(s);
    if (status == UCS_ERR_UNSUPPORTED) {
        return baton__fail(BATON_ERR_NOT_SUPPORTED, "this UCX has no shared memory");
    }
    return baton__fail(BATON_ERR_OUT_OF_MEMORY, "no %zu bytes of shared memory: %s. kernel.shmmax and the size of /dev/shm are the "
                       "usual limits", size, ucs_status_string(status));
}

void baton__segment_destroy(baton__segment *base)
{
    segment *s = (segment *)base;
    (void)uct_mem_free(&s->memory);
    uct_md_close(s->md);
    free(s);
}

/* Nothing of what a peer says about its memory is believed: it has to be a mapping that was not there before, from its first byte on, and
 * large enough. Then nothing of ours writes to it by mistake. */
static baton_status check_mapping(const baton__mapped_ranges *before, const uint8_t *pointer, uint64_t size)
{
    size_t there = baton__mapped_range_new(before, pointer);
    if (size == 0 || size > there || size % sizeof(uint64_t) != 0 || !baton__mapped_end_is_readable(pointer + size)) {
        return baton__fail(BATON_ERR_MALFORMED, "shared memory of a peer: it says %llu bytes, and %zu are there",
                           (unsigned long long)size, there);
    }
    if (mprotect((void *)(uintptr_t)pointer, there, PROT_READ) != 0) {
        return baton__fail_errno(errno, "shared memory of a peer cannot be made read-only");
    }
    return BATON_OK;
}

static baton_status attach(mapping *m, const void *key, uint64_t base, uint64_t size)
{
    baton__mapped_ranges before;
    if (!baton__mapped_ranges_init(&before)) {
        return baton__fail_memory("a look at what is mapped");
    }
    ucs_status_t status = m->component == NULL ? UCS_ERR_UNSUPPORTED : uct_rkey_unpack(m->component, key, &m->key);
    if (status != UCS_OK) {
        baton__mapped_ranges_fini(&before);
        return baton__fail(BATON_ERR_UNREACHABLE, "shared memory of a peer cannot be mapped: %s", ucs_status_string(status));
    }
    void *pointer = NULL;
    status = uct_rkey_ptr(m->component, &m->key, base, &pointer);
    baton_status result = status == UCS_OK ? check_mapping(&before, pointer, size)
                                           : baton__fail(BATON_ERR_UNREACHABLE, "shared memory of a peer has no address here: %s",
                                                         ucs_status_string(status));
    baton__mapped_ranges_fini(&before);
    if (result != BATON_OK) {
        (void)uct_rkey_release(m->component, &m->key);
        return result;
    }
    m->base.pointer = pointer;
    return BATON_OK;
}

baton_status baton__mapping_create(const void *key, size_t key_size, uint64_t base, uint64_t size, baton__mapping **mapping_out)
{
    const uint8_t *bytes = key;
    if (key_size < 2 || key_size > BATON__SEGMENT_KEY_MAX || bytes[0] >= KINDS) {
        return baton__fail(BATON_ERR_MALFORMED, "a key of shared memory that nobody can have made");
    }
    baton__ucx_set_up_process();
    /* UCT reads as much as it needs: never beyond our copy. */
    uint8_t copy[BATON__SEGMENT_KEY_MAX] = {0};
    memcpy(copy, bytes + 1, key_size - 1);
    mapping *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return baton__fail_memory("a mapping");
    }
    m->component = find_component(kinds[bytes[0]]);
    baton_status status = attach(m, copy, base, size);
    if (status != BATON_OK) {
        free(m);
        return status;
    }
    *mapping_out = &m->base;
    return BATON_OK;
}

void baton__mapping_destroy(baton__mapping *base)
{
    mapping *m = (mapping *)base;
    (void)uct_rkey_release(m->component, &m->key);
    free(m);
}

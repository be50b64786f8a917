/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_buffers.h"

#include "perf_failure.h"
#include "perf_mirror.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct perf_buffers {
    size_t size;
    size_t segments;
    size_t stride;      /* 0: each segment is a descriptor */
    size_t count;       /* descriptors of a slot */
    size_t slots;
    baton_device device;
    unsigned char **memory;         /* malloc'ed, of each slot */
    baton_descriptor **blocks;      /* of a device, of each slot */
    baton_descriptor **descriptors; /* of slot 0, of slot 1, ... */
    baton_pool *pool;               /* NULL: malloc'ed */
};

enum { ALIGNMENT = 4096, LINE = 64, WORD = sizeof(uint64_t) };

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

static size_t round_up(size_t size, size_t to)
{
    return (size + to - 1) / to * to;
}

/* Where the segments of a row of bytes begin: none differs from another one by more than a byte. */
static size_t begin_of(const perf_buffers *buffers, size_t segment)
{
    return (size_t)((uint64_t)buffers->size * segment / buffers->segments);
}

/* Room for one of many segments, and a gap, so that no two are one piece. */
static size_t place_size(const perf_buffers *buffers)
{
    return round_up(buffers->size / buffers->segments + 1, LINE) + LINE;
}

/* Segments that follow each other lie far apart, as the blocks of a cache do: a prime that does not divide their number takes
 * every place once. */
static size_t place_of(const perf_buffers *buffers, size_t segment)
{
    size_t prime = buffers->segments % 7919 != 0 ? 7919 : 7907;
    return (size_t)((uint64_t)segment * prime % buffers->segments);
}

static uint64_t memory_size(const perf_buffers *buffers)
{
    if (buffers->stride != 0) {
        return (uint64_t)buffers->stride * buffers->segments;
    }
    return buffers->segments == 1 ? buffers->size : (uint64_t)place_size(buffers) * buffers->segments;
}

static bool is_of_host(const perf_buffers *buffers)
{
    return buffers->device.kind == BATON_DEVICE_KIND_HOST;
}

/* What describes a block of a device's memory keeps it, until nobody reaches it any more. */
static void let_go(void *pointer, size_t size, void *context)
{
    (void)pointer;
    (void)size;
    baton_descriptor_release(context);
}

static baton_status describe(perf_buffers *buffers, size_t slot, unsigned char *memory)
{
    baton_descriptor **list = &buffers->descriptors[slot * buffers->count];
    baton_descriptor *block = buffers->blocks[slot]; /* NULL: of the host */
    baton_release_fn release = block != NULL ? let_go : NULL;
    baton_status status = BATON_OK;
    for (size_t i = 0; status == BATON_OK && i < buffers->count; i++) {
        if (buffers->stride != 0) {
            status = baton_descriptor_create_strided(memory, buffers->size / buffers->segments, buffers->stride, buffers->segments,
                                                     buffers->device, release, block, list);
        } else {
            status = baton_descriptor_from_pointer(memory + place_of(buffers, i) * place_size(buffers),
                                                   begin_of(buffers, i + 1) - begin_of(buffers, i), buffers->device, release, block,
                                                   &list[i]);
        }
        if (status == BATON_OK && block != NULL) {
            (void)baton_descriptor_acquire(block);
        }
    }
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "a descriptor");
}

static baton_status allocate(perf_buffers *buffers)
{
    size_t rounded = round_up((size_t)memory_size(buffers), ALIGNMENT);
    baton_status status = BATON_OK;
    for (size_t slot = 0; status == BATON_OK && slot < buffers->slots; slot++) {
        buffers->memory[slot] = aligned_alloc(ALIGNMENT, rounded);
        status = buffers->memory[slot] != NULL
                     ? describe(buffers, slot, buffers->memory[slot])
                     : perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for %zu buffers of %zu bytes", buffers->slots, buffers->size);
    }
    return status;
}

/* From a pool, since UCX's cuda_ipc can let the other process into that memory, or from what it cannot. */
static baton_status reserve_on_device(perf_buffers *buffers, size_t size)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.kind = BATON_POOL_CUDA;
    options.cuda_id = buffers->device.id;
    options.alignment_bytes = ALIGNMENT;
    options.capacity_bytes = round_up(size, ALIGNMENT) * buffers->slots;
    return baton_pool_create(&options, &buffers->pool);
}

static baton_status allocate_on_device(perf_buffers *buffers, bool is_staged)
{
    char what[BATON_DEVICE_TEXT_SIZE + 16] = "memory of ";
    size_t size = (size_t)memory_size(buffers);
    baton_status status = is_staged ? BATON_OK : reserve_on_device(buffers, size);
    for (size_t slot = 0; status == BATON_OK && slot < buffers->slots; slot++) {
        baton_descriptor **block = &buffers->blocks[slot];
        status = is_staged ? baton_descriptor_allocate(size, buffers->device, block) : baton_pool_allocate(buffers->pool, size, block);
        if (status == BATON_OK) {
            status = describe(buffers, slot, baton_descriptor_pointer(*block));
        }
    }
    baton_device_print(buffers->device, what + strlen(what));
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, what);
}

static baton_status take_pieces(perf_buffers *buffers)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.alignment_bytes = buffers->segments == 1 ? ALIGNMENT : LINE;
    options.capacity_bytes =
        round_up(buffers->size / buffers->segments + 1, options.alignment_bytes) * buffers->segments * buffers->slots;
    options.group = PERF_GROUP;
    baton_status status = baton_pool_create(&options, &buffers->pool);
    for (size_t i = 0; status == BATON_OK && i < buffers->slots * buffers->segments; i++) {
        size_t segment = i % buffers->segments;
        status = baton_pool_allocate(buffers->pool, begin_of(buffers, segment + 1) - begin_of(buffers, segment),
                                     &buffers->descriptors[i]);
    }
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "a pool");
}

/* Memory of a device has a limit of its own; its mirror is one slot. */
static baton_status check_size(const perf_buffers *buffers)
{
    uint64_t size = is_of_host(buffers) ? memory_size(buffers) : buffers->size;
    size_t count = is_of_host(buffers) ? buffers->slots : 1;
    return is_affordable(size, count)
               ? BATON_OK
               : perf_fail(BATON_ERR_OUT_OF_MEMORY,
                           "%zu buffers of %" PRIu64
                           " bytes are more than half of the memory of this machine; try less --size, --stride or --depth",
                           count, size);
}

static baton_status fill_in(perf_buffers *buffers, const perf_shape *shape)
{
    buffers->memory = calloc(buffers->slots, sizeof(*buffers->memory));
    buffers->blocks = calloc(buffers->slots, sizeof(baton_descriptor *));
    buffers->descriptors = calloc(buffers->slots * buffers->count, sizeof(baton_descriptor *));
    if (buffers->memory == NULL || buffers->blocks == NULL || buffers->descriptors == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory");
    }
    if (!is_of_host(buffers)) {
        return allocate_on_device(buffers, shape->is_staged);
    }
    return shape->is_shared ? take_pieces(buffers) : allocate(buffers);
}

baton_status perf_buffers_create(const perf_shape *shape, perf_buffers **buffers_out)
{
    const perf_buffers asked = {.size = (size_t)shape->size_bytes,
                                .segments = (size_t)shape->segments,
                                .stride = (size_t)shape->stride_bytes,
                                .count = shape->stride_bytes != 0 ? 1 : (size_t)shape->segments,
                                .slots = (size_t)shape->slots,
                                .device = shape->device};
    baton_status status = check_size(&asked);
    if (status != BATON_OK) {
        return status;
    }
    perf_buffers *buffers = malloc(sizeof(*buffers));
    if (buffers == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory");
    }
    *buffers = asked;
    status = fill_in(buffers, shape);
    if (status != BATON_OK) {
        perf_buffers_destroy(buffers);
        return status;
    }
    *buffers_out = buffers;
    return BATON_OK;
}

void perf_buffers_destroy(perf_buffers *buffers)
{
    if (buffers == NULL) {
        return;
    }
    for (size_t i = 0; buffers->descriptors != NULL && i < buffers->slots * buffers->count;
         i++) {
        baton_descriptor_release(buffers->descriptors[i]);
    }
    for (size_t slot = 0; slot < buffers->slots; slot++) {
        baton_descriptor_release(buffers->blocks != NULL ? buffers->blocks[slot] : NULL);
        free(buffers->memory != NULL ? buffers->memory[slot] : NULL);
    }
    baton_pool_destroy(buffers->pool);
    free(buffers->descriptors);
    free(buffers->blocks);
    free(buffers->memory);
    free(buffers);
}

baton_descriptor *const *perf_buffers_slot(const perf_buffers *buffers, uint64_t slot)
{
    return &buffers->descriptors[slot * buffers->count];
}

size_t perf_buffers_count(const perf_buffers *buffers)
{
    return buffers->count;
}

/* The bytes of the row from at on. */
static void expected_at(uint64_t slot, size_t at, unsigned char *bytes, size_t size)
{
    while (size != 0) {
        uint64_t word = word_at(slot, at / WORD);
        size_t skip = at % WORD;
        size_t part = size < WORD - skip ? size : WORD - skip;
        memcpy(bytes, (const unsigned char *)&word + skip, part);
        bytes += part;
        at += part;
        size -= part;
    }
}

typedef size_t (*piece_fn)(size_t slot, size_t at, unsigned char *bytes, size_t size);

/* Each piece of memory of a slot, in the order of its bytes, until one is refused. Returns what was not refused. */
static size_t walk(const perf_buffers *buffers, size_t slot, piece_fn on)
{
    size_t at = 0;
    for (size_t i = 0; i < buffers->count; i++) {
        const baton_descriptor *descriptor = buffers->descriptors[slot * buffers->count + i];
        size_t segment;
        size_t stride;
        size_t segments = baton_descriptor_segments(descriptor, &segment, &stride);
        for (size_t k = 0; k < segments; k++) {
            size_t good = on(slot, at, (unsigned char *)baton_descriptor_pointer(descriptor) + k * stride, segment);
            at += good;
            if (good != segment) {
                return at;
            }
        }
    }
    return at;
}

static size_t fill_piece(size_t slot, size_t at, unsigned char *bytes, size_t size)
{
    expected_at(slot, at, bytes, size);
    return size;
}

static size_t spoil_piece(size_t slot, size_t at, unsigned char *bytes, size_t size)
{
    (void)slot;
    (void)at;
    memset(bytes, 0xa5, size);
    return size;
}

static size_t check_piece(size_t slot, size_t at, unsigned char *bytes, size_t size)
{
    unsigned char expected[512];
    for (size_t done = 0; done < size;) {
        size_t part = size - done < sizeof(expected) ? size - done : sizeof(expected);
        expected_at(slot, at + done, expected, part);
        for (size_t i = 0; memcmp(bytes + done, expected, part) != 0 && i < part; i++) {
            if (bytes[done + i] != expected[i]) {
                return done + i;
            }
        }
        done += part;
    }
    return size;
}

/* Writes all slots. */
static baton_status write_all(const perf_buffers *buffers, piece_fn on)
{
    perf_mirror *mirror = NULL;
    baton_status status = is_of_host(buffers) ? BATON_OK : perf_mirror_create(buffers->size, &mirror);
    for (size_t slot = 0; status == BATON_OK && slot < buffers->slots; slot++) {
        if (mirror == NULL) {
            (void)walk(buffers, slot, on);
        } else {
            (void)on(slot, 0, perf_mirror_memory(mirror), buffers->size);
            status = perf_mirror_put(mirror, perf_buffers_slot(buffers, slot), buffers->count);
        }
    }
    perf_mirror_destroy(mirror);
    return status;
}

baton_status perf_buffers_fill(perf_buffers *buffers)
{
    return write_all(buffers, fill_piece);
}

baton_status perf_buffers_spoil(perf_buffers *buffers)
{
    return write_all(buffers, spoil_piece);
}

static baton_status verdict(size_t right, size_t size, const char *what)
{
    return right == size ? BATON_OK
                         : perf_fail(BATON_ERR_CHECKSUM, "the data of the %s transfer is wrong from byte %zu on", what, right);
}

baton_status perf_buffers_check(const perf_buffers *buffers, uint64_t slot, const char *what)
{
    perf_mirror *mirror = NULL;
    if (is_of_host(buffers)) {
        return verdict(walk(buffers, (size_t)slot, check_piece), buffers->size, what);
    }
    baton_status status = perf_mirror_create(buffers->size, &mirror);
    if (status == BATON_OK) {
        status = perf_mirror_get(mirror, perf_buffers_slot(buffers, slot), buffers->count);
    }
    if (status == BATON_OK) {
        status = perf_memory_check(perf_mirror_memory(mirror), buffers->size, slot, what);
    }
    perf_mirror_destroy(mirror);
    return status;
}

baton_status perf_memory_check(const void *memory, size_t size, uint64_t slot, const char *what)
{
    return verdict(check_piece((size_t)slot, 0, (unsigned char *)memory, size), size, what);
}

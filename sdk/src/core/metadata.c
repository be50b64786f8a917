/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RdmaMetadata and its binary form, version 1. Little-endian, no padding.
 *
 *   offset  bytes  field
 *        0      4  magic "BTNM"
 *        4      2  version, 1
 *        6      4  length: bytes that follow the checksum, to the end
 *       10      4  CRC-32C of these bytes
 *       14      1  kind: 1 readable, 2 writable
 *       15      1  k, 0 .. 255: length of the notification key
 *       16      k  notification key, printable ASCII
 *   16 + k      4  c, 1 .. 65536: number of descriptors
 * c up to 64:
 *   20 + k   21 c  descriptors, each:
 *                    1  device kind: 1 host, 2 CUDA
 *                    4  device id
 *                    8  address, not 0
 *                    8  size, not 0; address + size is below 2^64
 * c from 65 on, without addresses:
 *   20 + k      4  l: length of the list
 *   24 + k      l  devices and sizes, folded (base/descriptor_list.h); no size is 0
 *
 *      ...      4  b, 1 .. 16896: length of the transport block
 *      ...      b  transport block (metadata_block.c)
 *
 * Nothing may follow. The sum of the sizes is below 2^64. A value has one encoding, so what decodes
 * encodes to the same bytes again.
 *
 * In memory it is one allocation: the struct, the descriptors, the transport block. It never
 * changes, so a copy is one more reference.
 */
#include "core/metadata.h"
#include "core/metadata_memory.h"

#include "base/envelope.h"
#include "base/error.h"
#include "base/wire.h"
#include "device/device.h"

#include <assert.h>
#include <stdlib.h>

static const baton__envelope envelope = {{'B', 'T', 'N', 'M'}, 1, "metadata"};

enum {
    /* What a metadata has besides key, descriptors and block. */
    METADATA_FIXED_SIZE = BATON__ENVELOPE_SIZE + 1 + 1 + 4 + 4,
    /* Each descriptor in a group of its own: the head, a byte, an id of up to 32 bits, a size of up to 64. */
    LIST_MAX = (1 + 1 + 5 + 10) * BATON_DESCRIPTORS_MAX,
    METADATA_MAX = METADATA_FIXED_SIZE + BATON_NOTIFICATION_KEY_MAX + 4 + LIST_MAX + BATON__BLOCK_MAX,
};

struct baton_metadata {
    size_t memory_size; /* of all of it */
    uint32_t references; /* __atomic */
    baton_metadata_kind kind;
    uint64_t total_size;
    size_t count;
    size_t list_size;         /* bytes of the descriptors when they are encoded */
    uint8_t *transport_block; /* behind the descriptors */
    size_t transport_block_size;
    baton__block block;
    char notification_key[BATON_NOTIFICATION_KEY_MAX + 1];
    baton_metadata_descriptor descriptors[];
};

/* Room for count descriptors and the block; nothing of it is filled in. */
static baton_metadata *allocate(size_t count, size_t transport_block_size)
{
    size_t descriptors_size = count * sizeof(baton_metadata_descriptor);
    size_t size = sizeof(baton_metadata) + descriptors_size + transport_block_size;
    baton_metadata *metadata = baton__metadata_memory_take(size);
    if (metadata == NULL) {
        (void)baton__fail_memory("a metadata");
        return NULL;
    }
    metadata->memory_size = size;
    metadata->references = 1;
    metadata->total_size = 0;
    metadata->count = count;
    metadata->transport_block = (uint8_t *)metadata->descriptors + descriptors_size;
    metadata->transport_block_size = transport_block_size;
    return metadata;
}

static baton_status check_sizes(size_t count, size_t key_length, size_t transport_block_size)
{
    if (count > BATON_DESCRIPTORS_MAX || key_length > BATON_NOTIFICATION_KEY_MAX ||
        transport_block_size > BATON__BLOCK_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE,
                           "a metadata of %zu descriptors, a notification key of %zu bytes and a "
                           "transport block of %zu bytes",
                           count, key_length, transport_block_size);
    }
    return BATON_OK;
}

static bool is_possible(const baton_metadata *metadata, const baton_metadata_descriptor *descriptor)
{
    return descriptor->size_bytes != 0 &&
           (!baton__metadata_has_addresses(metadata->count) ||
            (descriptor->address != 0 && descriptor->size_bytes <= UINT64_MAX - descriptor->address));
}

/* refusal: the status for what is wrong. Sums up the sizes. */
static baton_status check_descriptors(baton_metadata *metadata, baton_status refusal)
{
    for (size_t i = 0; i < metadata->count; i++) {
        const baton_metadata_descriptor *descriptor = &metadata->descriptors[i];
        if (!baton__device_is_wellformed(descriptor->device)) {
            return baton__fail(refusal, "descriptor %zu: unknown device", i);
        }
        if (!is_possible(metadata, descriptor)) {
            return baton__fail(refusal, "descriptor %zu: no valid address and size", i);
        }
        if (__builtin_add_overflow(metadata->total_size, descriptor->size_bytes,
                                   &metadata->total_size)) {
            return baton__fail(BATON_ERR_TOO_LARGE, "the sum of all sizes passes 2^64");
        }
    }
    return BATON_OK;
}

static bool is_printable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* Everything is copied into it: is it valid? refusal: the status for what is wrong. */
static baton_status check(baton_metadata *metadata, size_t key_length, baton_status refusal)
{
    if (metadata->kind != BATON_METADATA_READABLE && metadata->kind != BATON_METADATA_WRITABLE) {
        return baton__fail(refusal, "%d is no kind of metadata", (int)metadata->kind);
    }
    if (metadata->count == 0) {
        return baton__fail(refusal, "a metadata needs a descriptor");
    }
    if (!is_printable(metadata->notification_key, key_length)) {
        return baton__fail(refusal, "the notification key is not printable ASCII");
    }
    baton_status status = check_descriptors(metadata, refusal);
    if (status != BATON_OK) {
        return status;
    }
    return baton__block_decode(metadata->transport_block, metadata->transport_block_size,
                               &metadata->block);
}

baton_status baton_metadata_create(baton_metadata_kind kind,
                                   const baton_metadata_descriptor *descriptors, size_t count,
                                   const char *notification_key, const void *transport_block,
                                   size_t transport_block_size, baton_metadata **metadata_out)
{
    if (descriptors == NULL || notification_key == NULL || transport_block == NULL ||
        metadata_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_metadata_create: NULL");
    }
    size_t key_length = strnlen(notification_key, BATON_NOTIFICATION_KEY_MAX + 1);
    baton_status status = check_sizes(count, key_length, transport_block_size);
    if (status != BATON_OK) {
        return status;
    }
    baton_metadata *metadata = allocate(count, transport_block_size);
    if (metadata == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    metadata->kind = kind;
    memcpy(metadata->notification_key, notification_key, key_length + 1);
    memcpy(metadata->descriptors, descriptors, count * sizeof(*descriptors));
    for (size_t i = 0; i < count && !baton__metadata_has_addresses(count); i++) {
        metadata->descriptors[i].address = 0;
    }
    metadata->list_size = baton__metadata_list_size(metadata->descriptors, count);
    memcpy(metadata->transport_block, transport_block, transport_block_size);
    status = check(metadata, key_length, BATON_ERR_INVALID_ARGUMENT);
    if (status != BATON_OK) {
        baton__metadata_memory_give(metadata, metadata->memory_size);
        return status;
    }
    *metadata_out = metadata;
    return BATON_OK;
}

baton_status baton_metadata_copy(const baton_metadata *metadata, baton_metadata **metadata_out)
{
    if (metadata == NULL || metadata_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_metadata_copy: NULL");
    }
    baton_metadata *shared = (baton_metadata *)metadata; /* only the count changes */
    uint32_t before = __atomic_fetch_add(&shared->references, 1, __ATOMIC_RELAXED);
    assert(before != 0 && before != UINT32_MAX);
    (void)before;
    *metadata_out = shared;
    return BATON_OK;
}

void baton_metadata_destroy(baton_metadata *metadata)
{
    if (metadata != NULL && __atomic_fetch_sub(&metadata->references, 1, __ATOMIC_ACQ_REL) == 1) {
        baton__metadata_memory_give(metadata, metadata->memory_size);
    }
}

size_t baton_metadata_encoded_size(const baton_metadata *metadata)
{
    return METADATA_FIXED_SIZE + strlen(metadata->notification_key) +
           metadata->list_size + metadata->transport_block_size;
}

static void write_fields(baton__writer *writer, const baton_metadata *metadata)
{
    size_t key_length = strlen(metadata->notification_key);
    baton__write_u8(writer, (uint8_t)metadata->kind);
    baton__write_u8(writer, (uint8_t)key_length);
    baton__write_bytes(writer, metadata->notification_key, key_length);
    baton__write_u32(writer, (uint32_t)metadata->count);
    baton__metadata_list_write(writer, metadata->descriptors, metadata->count);
    baton__write_u32(writer, (uint32_t)metadata->transport_block_size);
    baton__write_bytes(writer, metadata->transport_block, metadata->transport_block_size);
}

baton_status baton_metadata_encode(const baton_metadata *metadata, void *buffer, size_t capacity,
                                   size_t *size_out)
{
    if (metadata == NULL || buffer == NULL || size_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_metadata_encode: NULL");
    }
    size_t size = baton_metadata_encoded_size(metadata);
    if (size > capacity) {
        return baton__fail(BATON_ERR_TOO_LARGE, "a metadata of %zu bytes, a buffer of %zu", size,
                           capacity);
    }
    size_t length = size - BATON__ENVELOPE_SIZE;
    baton__writer fields = baton__writer_make((uint8_t *)buffer + BATON__ENVELOPE_SIZE, length);
    write_fields(&fields, metadata);
    assert(!fields.failed && fields.used == length);
    baton__envelope_seal(&envelope, buffer, length);
    *size_out = size;
    return BATON_OK;
}

/* Where the fields of a variable length are. */
typedef struct metadata_parts {
    uint8_t kind;
    size_t key_length;
    const uint8_t *key;
    size_t count;
    size_t list_size;
    const uint8_t *list;
    size_t block_size;
    const uint8_t *block;
} metadata_parts;

/* Nothing is allocated for a count or a length before it is known that so much is there. */
static baton_status read_parts(baton__reader *reader, metadata_parts *parts)
{
    parts->kind = baton__read_u8(reader);
    parts->key_length = baton__read_u8(reader);
    parts->key = baton__read_view(reader, parts->key_length);
    parts->count = baton__read_u32(reader);
    baton_status status = check_sizes(parts->count, parts->key_length, 0);
    if (status != BATON_OK) {
        return status;
    }
    parts->list = baton__metadata_list_view(reader, parts->count, &parts->list_size);
    parts->block_size = baton__read_u32(reader);
    status = check_sizes(parts->count, parts->key_length, parts->block_size);
    if (status != BATON_OK) {
        return status;
    }
    parts->block = baton__read_view(reader, parts->block_size);
    if (reader->failed || baton__reader_left(reader) != 0) {
        return baton__fail(BATON_ERR_MALFORMED, "metadata whose lengths do not fit");
    }
    return BATON_OK;
}

static baton_status copy_parts(const metadata_parts *parts, baton_metadata *metadata)
{
    metadata->kind = (baton_metadata_kind)parts->kind;
    memcpy(metadata->notification_key, parts->key, parts->key_length);
    metadata->notification_key[parts->key_length] = '\0';
    memcpy(metadata->transport_block, parts->block, parts->block_size);
    if (!baton__metadata_list_read(parts->list, parts->list_size, metadata->descriptors, metadata->count)) {
        return baton__fail(BATON_ERR_MALFORMED, "metadata whose list of descriptors is malformed");
    }
    metadata->list_size = baton__metadata_list_size(metadata->descriptors, metadata->count);
    return check(metadata, parts->key_length, BATON_ERR_MALFORMED);
}

baton_status baton_metadata_decode(const void *data, size_t size, baton_metadata **metadata_out)
{
    if (data == NULL || metadata_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_metadata_decode: NULL");
    }
    if (size > METADATA_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "a metadata of %zu bytes", size);
    }
    baton__reader reader = baton__reader_make(data, size);
    metadata_parts parts = {0};
    baton_status status = baton__envelope_open(&envelope, &reader);
    if (status == BATON_OK) {
        status = read_parts(&reader, &parts);
    }
    if (status != BATON_OK) {
        return status;
    }
    baton_metadata *metadata = allocate(parts.count, parts.block_size);
    if (metadata == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    status = copy_parts(&parts, metadata);
    if (status != BATON_OK) {
        baton__metadata_memory_give(metadata, metadata->memory_size);
        return status;
    }
    *metadata_out = metadata;
    return BATON_OK;
}

baton_metadata_kind baton_metadata_get_kind(const baton_metadata *metadata)
{
    return metadata->kind;
}

size_t baton_metadata_count(const baton_metadata *metadata)
{
    return metadata->count;
}

const baton_metadata_descriptor *baton_metadata_descriptor_at(const baton_metadata *metadata,
                                                              size_t index)
{
    return index < metadata->count ? &metadata->descriptors[index] : NULL;
}

uint64_t baton_metadata_total_size(const baton_metadata *metadata)
{
    return metadata->total_size;
}

const char *baton_metadata_notification_key(const baton_metadata *metadata)
{
    return metadata->notification_key;
}

const void *baton_metadata_transport_block(const baton_metadata *metadata, size_t *size_out)
{
    if (size_out != NULL) {
        *size_out = metadata->transport_block_size;
    }
    return metadata->transport_block;
}

baton_uuid baton_metadata_operation_id(const baton_metadata *metadata)
{
    return metadata->block.operation_id;
}

const baton__block *baton__metadata_block(const baton_metadata *metadata)
{
    return &metadata->block;
}

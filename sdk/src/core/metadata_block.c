/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport block of a metadata, version 1. Little-endian, no padding.
 *
 *   offset  bytes  field
 *        0      4  magic "BTNB"
 *        4      2  version, 1
 *        6      4  length: bytes that follow the checksum, to the end of the block
 *       10      4  CRC-32C of these bytes
 *       14     16  instance: UUID of the passive connector
 *       30      8  epoch of the passive connector
 *       38     16  operation id: UUID
 *       54     16  claim token
 *       70      4  attempt
 *       74      2  major version of the passive side's UCX
 *       76      2  minor version of the passive side's UCX
 *       78     16  boot id of the passive side's host, all zero if it is unknown
 *       94      8  inode of its PID namespace
 *      102      4  its pid there
 *      106      8  start time of its process, clock ticks since the boot (proc(5), stat, field 22)
 *      114      4  how often the passive connector has changed its address: the highest one counts
 *      118      4  flags: bit 0, every descriptor is of a pool with a group; all others 0
 *      122      1  n, 1 .. 63: length of the name
 *      123      n  name of the passive connector: A-Z a-z 0-9 _ -
 *  123 + n      2  a, 1 .. 16384: length of the address
 *  125 + n      a  worker address of UCX
 *
 * Nothing may follow. A block has one encoding, so what decodes encodes to the same bytes again.
 */
#include "core/metadata.h"

#include "base/envelope.h"
#include "base/error.h"
#include "base/name.h"
#include "base/wire.h"

#include <assert.h>

static const baton__envelope envelope = {{'B', 'T', 'N', 'B'}, 1, "transport block"};

enum {
    /* What a block has besides the bytes of its name and its address. */
    BLOCK_FIXED_SIZE = 125,
    BLOCK_NAME_MAX = 63,
};

_Static_assert(BLOCK_FIXED_SIZE + BLOCK_NAME_MAX + BATON__ADDRESS_MAX <= BATON__BLOCK_MAX,
               "BATON__BLOCK_MAX holds every block");
_Static_assert(BATON__ADDRESS_MAX <= UINT16_MAX, "the length of the address has two bytes");

size_t baton__block_size(const baton__block *block)
{
    return BLOCK_FIXED_SIZE + strlen(block->name) + block->address_size;
}

static void write_fields(baton__writer *writer, const baton__block *block)
{
    size_t name_length = strlen(block->name);
    baton__write_bytes(writer, block->instance.bytes, sizeof(block->instance.bytes));
    baton__write_u64(writer, block->epoch);
    baton__write_bytes(writer, block->operation_id.bytes, sizeof(block->operation_id.bytes));
    baton__write_bytes(writer, block->claim_token.bytes, sizeof(block->claim_token.bytes));
    baton__write_u32(writer, block->attempt);
    baton__write_u16(writer, block->transport_major);
    baton__write_u16(writer, block->transport_minor);
    baton__write_bytes(writer, block->process.boot_id, sizeof(block->process.boot_id));
    baton__write_u64(writer, block->process.pid_namespace);
    baton__write_u32(writer, block->process.pid);
    baton__write_u64(writer, block->process.start_ticks);
    baton__write_u32(writer, block->address_version);
    baton__write_u32(writer, block->flags);
    baton__write_u8(writer, (uint8_t)name_length);
    baton__write_bytes(writer, block->name, name_length);
    baton__write_u16(writer, (uint16_t)block->address_size);
    baton__write_bytes(writer, block->address, block->address_size);
}

baton_status baton__block_encode(const baton__block *block, void *buffer, size_t capacity,
                                 size_t *size_out)
{
    if (!baton__name_is_valid(block->name) || block->address == NULL || block->address_size == 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "a block needs a name and an address");
    }
    size_t size = baton__block_size(block);
    if (block->address_size > BATON__ADDRESS_MAX || size > capacity) {
        return baton__fail(BATON_ERR_TOO_LARGE,
                           "a block with an address of %zu bytes does not fit into %zu bytes",
                           block->address_size, capacity);
    }
    size_t length = size - BATON__ENVELOPE_SIZE;
    baton__writer fields = baton__writer_make((uint8_t *)buffer + BATON__ENVELOPE_SIZE, length);
    write_fields(&fields, block);
    assert(!fields.failed && fields.used == length);
    baton__envelope_seal(&envelope, buffer, length);
    *size_out = size;
    return BATON_OK;
}

/* A zero inside would hide the rest of the name: the length is compared with what is_valid saw. */
static bool read_name(baton__reader *reader, char name[64])
{
    size_t length = baton__read_u8(reader);
    const uint8_t *bytes = length > BLOCK_NAME_MAX ? NULL : baton__read_view(reader, length);
    if (bytes == NULL) {
        return false;
    }
    memcpy(name, bytes, length);
    name[length] = '\0';
    return baton__name_is_valid(name) && strlen(name) == length;
}

static baton_status read_fields(baton__reader *reader, baton__block *block)
{
    baton__read_bytes(reader, block->instance.bytes, sizeof(block->instance.bytes));
    block->epoch = baton__read_u64(reader);
    baton__read_bytes(reader, block->operation_id.bytes, sizeof(block->operation_id.bytes));
    baton__read_bytes(reader, block->claim_token.bytes, sizeof(block->claim_token.bytes));
    block->attempt = baton__read_u32(reader);
    block->transport_major = baton__read_u16(reader);
    block->transport_minor = baton__read_u16(reader);
    baton__read_bytes(reader, block->process.boot_id, sizeof(block->process.boot_id));
    block->process.pid_namespace = baton__read_u64(reader);
    block->process.pid = baton__read_u32(reader);
    block->process.start_ticks = baton__read_u64(reader);
    block->address_version = baton__read_u32(reader);
    block->flags = baton__read_u32(reader);
    if ((block->flags & ~(BATON__BLOCK_MAPPABLE | BATON__BLOCK_REACHABLE)) != 0) {
        return baton__fail(BATON_ERR_MALFORMED, "transport block with unknown flags");
    }
    if (!read_name(reader, block->name)) {
        return baton__fail(BATON_ERR_MALFORMED, "transport block with an invalid name");
    }
    block->address_size = baton__read_u16(reader);
    if (block->address_size > BATON__ADDRESS_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "transport block with an address of %zu bytes",
                           block->address_size);
    }
    block->address = baton__read_view(reader, block->address_size);
    if (block->address_size == 0 || reader->failed || baton__reader_left(reader) != 0) {
        return baton__fail(BATON_ERR_MALFORMED, "transport block with a broken address");
    }
    return BATON_OK;
}

baton_status baton__block_decode(const void *data, size_t size, baton__block *block_out)
{
    if (data == NULL) {
        return baton__fail(BATON_ERR_MALFORMED, "there is no transport block");
    }
    if (size > BATON__BLOCK_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "a transport block of %zu bytes", size);
    }
    baton__reader reader = baton__reader_make(data, size);
    baton__block block = {0};
    baton_status status = baton__envelope_open(&envelope, &reader);
    if (status == BATON_OK) {
        status = read_fields(&reader, &block);
    }
    if (status == BATON_OK) {
        *block_out = block;
    }
    return status;
}

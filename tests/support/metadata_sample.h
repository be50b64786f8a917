/* SPDX-License-Identifier: Apache-2.0 */
/* A transport block and a metadata with known contents, for the tests and the fuzzers of the
 * codecs. */
#ifndef BATON_TEST_METADATA_SAMPLE_H
#define BATON_TEST_METADATA_SAMPLE_H

#include "base/crc32c.h"
#include "core/metadata.h"

#include <string.h>

enum { SAMPLE_ADDRESS_SIZE = 40, SAMPLE_BUFFER_SIZE = 1024, SAMPLE_ENVELOPE_SIZE = 14 };

static inline baton__block sample_block(const uint8_t address[SAMPLE_ADDRESS_SIZE])
{
    baton__block block = {
        .epoch = UINT64_C(0x0102030405060708),
        .attempt = 0x11121314,
        .transport_major = 0x2122,
        .transport_minor = 0x3132,
        .process = {.pid_namespace = UINT64_C(0x4142434445464748),
                    .pid = 0x51525354,
                    .start_ticks = UINT64_C(0x6162636465666768)},
        .name = "Encode_7-b",
        .address = address,
        .address_size = SAMPLE_ADDRESS_SIZE,
    };
    memset(block.instance.bytes, 0xa1, sizeof(block.instance.bytes));
    memset(block.operation_id.bytes, 0xa2, sizeof(block.operation_id.bytes));
    memset(block.process.boot_id, 0xa4, sizeof(block.process.boot_id));
    memset(block.claim_token.bytes, 0xa3, sizeof(block.claim_token.bytes));
    return block;
}

/* The encoded sample block; returns its size, 0 if it cannot be encoded. */
static inline size_t sample_encoded_block(uint8_t buffer[SAMPLE_BUFFER_SIZE])
{
    uint8_t address[SAMPLE_ADDRESS_SIZE];
    size_t size = 0;
    for (size_t i = 0; i < sizeof(address); i++) {
        address[i] = (uint8_t)(0xc0 + i);
    }
    baton__block block = sample_block(address);
    if (baton__block_encode(&block, buffer, SAMPLE_BUFFER_SIZE, &size) != BATON_OK) {
        return 0;
    }
    return size;
}

static inline void sample_put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Makes length and checksum right again after a change, so that it gets past them. size: 14 or
 * more. */
static inline void sample_reseal(uint8_t *data, size_t size)
{
    size_t length = size - SAMPLE_ENVELOPE_SIZE;
    sample_put_u32(data + 6, (uint32_t)length);
    sample_put_u32(data + 10, baton__crc32c(0, data + SAMPLE_ENVELOPE_SIZE, length));
}

#endif

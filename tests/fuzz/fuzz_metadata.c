/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the decoders of metadata and of transport blocks. What is accepted must encode to the very
 * same bytes: so no field is read leniently, and no byte goes unread.
 *
 * The first byte of the input says what the rest is: a metadata or a block, and whether lengths and
 * checksums are made right first. Without that hardly an input would get past them; in a metadata
 * it is done for the block inside too.
 */
#include "support/metadata_sample.h"

#include <stdlib.h>

enum { IS_BLOCK = 1, RESEAL = 2 };

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void decode_block(const uint8_t *data, size_t size)
{
    baton__block block;
    if (baton__block_decode(data, size, &block) != BATON_OK) {
        return;
    }
    check(block.address >= data && block.address + block.address_size == data + size);
    check(size > SAMPLE_ENVELOPE_SIZE && baton__block_size(&block) == size);
    uint8_t *again = malloc(size);
    size_t again_size = 0;
    check(again != NULL);
    check(baton__block_encode(&block, again, size, &again_size) == BATON_OK);
    check(again_size == size && memcmp(again, data, size) == 0);
    free(again);
}

/* The value that all accessors give, made anew from its parts, must be the same value. */
static baton_metadata *rebuild(const baton_metadata *metadata)
{
    baton_metadata *again = NULL;
    size_t block_size = 0;
    uint64_t total = 0;
    const void *block = baton_metadata_transport_block(metadata, &block_size);
    size_t count = baton_metadata_count(metadata);
    const baton_metadata_descriptor *first = baton_metadata_descriptor_at(metadata, 0);
    for (size_t i = 0; i < count; i++) {
        total += baton_metadata_descriptor_at(metadata, i)->size_bytes;
    }
    check(total == baton_metadata_total_size(metadata));
    check(baton_metadata_create(baton_metadata_get_kind(metadata), first, count,
                                baton_metadata_notification_key(metadata), block, block_size,
                                &again) == BATON_OK);
    return again;
}

static void decode_metadata(const uint8_t *data, size_t size)
{
    baton_metadata *metadata = NULL;
    if (baton_metadata_decode(data, size, &metadata) != BATON_OK) {
        return;
    }
    check(size > SAMPLE_ENVELOPE_SIZE && baton_metadata_encoded_size(metadata) == size);
    uint8_t *again = malloc(size);
    size_t again_size = 0;
    check(again != NULL);
    baton_metadata *rebuilt = rebuild(metadata);
    check(baton_metadata_encode(rebuilt, again, size, &again_size) == BATON_OK);
    check(again_size == size && memcmp(again, data, size) == 0);
    free(again);
    baton_metadata_destroy(rebuilt);
    baton_metadata_destroy(metadata);
}

/* Finds the block by its magic, as the codec does not tell where it is in what it refuses. */
static void reseal_inner_block(uint8_t *data, size_t size)
{
    for (size_t at = SAMPLE_ENVELOPE_SIZE; at + SAMPLE_ENVELOPE_SIZE <= size; at++) {
        if (memcmp(data + at, "BTNB", 4) == 0) {
            sample_put_u32(data + at - 4, (uint32_t)(size - at));
            sample_reseal(data + at, size - at);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    unsigned flags = data[0];
    size_t rest = size - 1;
    uint8_t *copy = malloc(rest == 0 ? 1 : rest); /* of its exact size, for AddressSanitizer */
    check(copy != NULL);
    memcpy(copy, data + 1, rest);
    if ((flags & RESEAL) != 0 && rest >= SAMPLE_ENVELOPE_SIZE) {
        if ((flags & IS_BLOCK) == 0) {
            reseal_inner_block(copy, rest);
        }
        sample_reseal(copy, rest);
    }
    if ((flags & IS_BLOCK) != 0) {
        decode_block(copy, rest);
    } else {
        decode_metadata(copy, rest);
    }
    free(copy);
    return 0;
}

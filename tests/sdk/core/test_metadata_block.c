/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metadata.h"

#include "support/metadata_sample.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static uint8_t encoded[SAMPLE_BUFFER_SIZE];

enum { NAME_AT = 122, NAME_LENGTH = 10, ADDRESS_AT = NAME_AT + 1 + NAME_LENGTH };

/* In a buffer of exactly its size, so that a read beyond the end is seen. */
static baton_status decode_copy(const uint8_t *data, size_t size, baton__block *block)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    cr_assert_not_null(copy);
    memcpy(copy, data, size);
    baton_status status = baton__block_decode(copy, size, block);
    free(copy);
    return status;
}

static void check_refused(const uint8_t *data, size_t size, baton_status expected)
{
    baton__block block;
    baton__block before;
    memset(&block, 0x5a, sizeof(block));
    before = block;
    cr_assert_eq(decode_copy(data, size, &block), expected, "%s", baton_error_text());
    cr_assert_eq(memcmp(&block, &before, sizeof(block)), 0);
}

Test(metadata_block, decodes_to_what_was_encoded)
{
    baton__block block;
    size_t size = sample_encoded_block(encoded);
    cr_assert_eq(baton__block_decode(encoded, size, &block), BATON_OK);
    baton__block expected = sample_block(block.address);
    cr_assert(baton_uuid_equal(&block.instance, &expected.instance));
    cr_assert_eq(block.epoch, expected.epoch);
    cr_assert(baton_uuid_equal(&block.operation_id, &expected.operation_id));
    cr_assert(baton_key_equal(&block.claim_token, &expected.claim_token));
    cr_assert_eq(block.attempt, expected.attempt);
    cr_assert_eq(block.transport_major, expected.transport_major);
    cr_assert_eq(block.transport_minor, expected.transport_minor);
    cr_assert_arr_eq(block.process.boot_id, expected.process.boot_id, sizeof(block.process.boot_id));
    cr_assert_eq(block.process.pid_namespace, expected.process.pid_namespace);
    cr_assert_eq(block.process.pid, expected.process.pid);
    cr_assert_eq(block.process.start_ticks, expected.process.start_ticks);
    cr_assert_str_eq(block.name, expected.name);
    cr_assert_eq(block.address_size, SAMPLE_ADDRESS_SIZE);
    cr_assert_eq(block.address[0], 0xc0);
    cr_assert_eq(block.address[SAMPLE_ADDRESS_SIZE - 1], 0xc0 + SAMPLE_ADDRESS_SIZE - 1);
}

Test(metadata_block, the_address_is_a_view_into_the_block)
{
    baton__block block;
    size_t size = sample_encoded_block(encoded);
    cr_assert_eq(baton__block_decode(encoded, size, &block), BATON_OK);
    cr_assert_eq(block.address, encoded + size - SAMPLE_ADDRESS_SIZE);
}

/* As the comment in metadata_block.c says, byte by byte. */
Test(metadata_block, the_layout_is_as_documented)
{
    size_t size = sample_encoded_block(encoded);
    cr_assert_eq(size, 125 + NAME_LENGTH + SAMPLE_ADDRESS_SIZE);
    cr_assert_arr_eq(encoded, "BTNB\x01\x00", 6);
    cr_assert_eq(encoded[6], size - 14);
    cr_assert_arr_eq(encoded + 7, "\0\0\0", 3);
    for (size_t i = 14; i < 30; i++) {
        cr_assert_eq(encoded[i], 0xa1);
    }
    cr_assert_arr_eq(encoded + 30, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    for (size_t i = 38; i < 54; i++) {
        cr_assert_eq(encoded[i], 0xa2);
        cr_assert_eq(encoded[i + 16], 0xa3);
    }
    cr_assert_arr_eq(encoded + 70, "\x14\x13\x12\x11\x22\x21\x32\x31", 8);
    for (size_t i = 78; i < 94; i++) {
        cr_assert_eq(encoded[i], 0xa4);
    }
    cr_assert_arr_eq(encoded + 94, "\x48\x47\x46\x45\x44\x43\x42\x41", 8);
    cr_assert_arr_eq(encoded + 102, "\x54\x53\x52\x51", 4);
    cr_assert_arr_eq(encoded + 106, "\x68\x67\x66\x65\x64\x63\x62\x61", 8);
    cr_assert_eq(encoded[NAME_AT], NAME_LENGTH);
    cr_assert_arr_eq(encoded + NAME_AT + 1, "Encode_7-b", NAME_LENGTH);
    cr_assert_eq(encoded[ADDRESS_AT], SAMPLE_ADDRESS_SIZE);
    cr_assert_eq(encoded[ADDRESS_AT + 1], 0);
    cr_assert_eq(encoded[ADDRESS_AT + 2], 0xc0);
}

Test(metadata_block, every_truncation_is_refused)
{
    size_t size = sample_encoded_block(encoded);
    for (size_t shorter = 0; shorter < size; shorter++) {
        check_refused(encoded, shorter, BATON_ERR_MALFORMED);
    }
}

/* A cut whose length and checksum are right: the fields themselves must notice. */
Test(metadata_block, every_truncation_with_a_right_checksum_is_refused)
{
    for (size_t shorter = 14; shorter < sample_encoded_block(encoded); shorter++) {
        sample_reseal(encoded, shorter);
        check_refused(encoded, shorter, BATON_ERR_MALFORMED);
    }
}

Test(metadata_block, trailing_bytes_are_refused)
{
    size_t size = sample_encoded_block(encoded);
    encoded[size] = 0;
    check_refused(encoded, size + 1, BATON_ERR_MALFORMED);
    sample_reseal(encoded, size + 1);
    check_refused(encoded, size + 1, BATON_ERR_MALFORMED);
}

Test(metadata_block, every_bit_flip_is_refused)
{
    size_t size = sample_encoded_block(encoded);
    for (size_t bit = 0; bit < size * 8; bit++) {
        size_t byte = bit / 8;
        encoded[byte] ^= (uint8_t)(1U << (bit % 8));
        check_refused(encoded, size,
                      byte < 4    ? BATON_ERR_MALFORMED
                      : byte < 6  ? BATON_ERR_VERSION
                      : byte < 10 ? BATON_ERR_MALFORMED
                                  : BATON_ERR_CHECKSUM);
        encoded[byte] ^= (uint8_t)(1U << (bit % 8));
    }
}

Test(metadata_block, invalid_names_are_refused)
{
    size_t size = sample_encoded_block(encoded);
    static const char others[] = {'\0', ' ', '.', '*', '>', '\n', '\x7f', '\xff'};
    for (size_t i = 0; i < sizeof(others); i++) {
        for (size_t at = 0; at < NAME_LENGTH; at++) {
            (void)sample_encoded_block(encoded);
            encoded[NAME_AT + 1 + at] = (uint8_t)others[i];
            sample_reseal(encoded, size);
            check_refused(encoded, size, BATON_ERR_MALFORMED);
        }
    }
}

Test(metadata_block, lengths_of_the_name_outside_its_limits_are_refused)
{
    static const uint8_t lengths[] = {0, 64, 255};
    size_t size = sample_encoded_block(encoded);
    for (size_t i = 0; i < sizeof(lengths); i++) {
        encoded[NAME_AT] = lengths[i];
        sample_reseal(encoded, size);
        check_refused(encoded, size, BATON_ERR_MALFORMED);
    }
}

/* The bytes are there, and all of them are letters: only the limit stands before the name's 64
 * bytes. */
Test(metadata_block, a_name_longer_than_its_limit_is_refused_though_the_block_has_it)
{
    uint8_t address[400];
    memset(address, 'n', sizeof(address));
    baton__block block = sample_block(address);
    block.address_size = sizeof(address);
    for (int length = 64; length < 256; length++) {
        size_t size = 0;
        cr_assert_eq(baton__block_encode(&block, encoded, sizeof(encoded), &size), BATON_OK);
        encoded[NAME_AT] = (uint8_t)length;
        memset(encoded + NAME_AT + 1, 'n', size - NAME_AT - 1);
        sample_reseal(encoded, size);
        check_refused(encoded, size, BATON_ERR_MALFORMED);
    }
}

Test(metadata_block, an_empty_address_is_refused)
{
    (void)sample_encoded_block(encoded);
    encoded[ADDRESS_AT] = 0;
    sample_reseal(encoded, ADDRESS_AT + 2);
    check_refused(encoded, ADDRESS_AT + 2, BATON_ERR_MALFORMED);
}

static uint8_t large_address[BATON__ADDRESS_MAX + 1];

Test(metadata_block, the_largest_block_fits_its_limit)
{
    uint8_t *buffer = malloc(BATON__BLOCK_MAX);
    baton__block block = sample_block(large_address);
    baton__block again;
    size_t size = 0;
    cr_assert_not_null(buffer);
    memset(block.name, 'n', 63);
    block.name[63] = '\0';
    block.address_size = BATON__ADDRESS_MAX;
    cr_assert_eq(baton__block_encode(&block, buffer, BATON__BLOCK_MAX, &size), BATON_OK);
    cr_assert_eq(size, baton__block_size(&block));
    cr_assert_eq(baton__block_decode(buffer, size, &again), BATON_OK);
    cr_assert_eq(again.address_size, BATON__ADDRESS_MAX);
    cr_assert_str_eq(again.name, block.name);
    free(buffer);
}

Test(metadata_block, what_is_too_large_is_refused)
{
    static uint8_t buffer[BATON__BLOCK_MAX + 1];
    size_t size = sample_encoded_block(encoded);
    check_refused(buffer, sizeof(buffer), BATON_ERR_TOO_LARGE);
    memcpy(buffer, encoded, size);
    buffer[ADDRESS_AT] = (BATON__ADDRESS_MAX + 1) & 0xff;
    buffer[ADDRESS_AT + 1] = (BATON__ADDRESS_MAX + 1) >> 8;
    sample_reseal(buffer, ADDRESS_AT + 2 + BATON__ADDRESS_MAX + 1);
    check_refused(buffer, ADDRESS_AT + 2 + BATON__ADDRESS_MAX + 1, BATON_ERR_TOO_LARGE);
}

Test(metadata_block, null_is_malformed)
{
    baton__block block;
    cr_assert_eq(baton__block_decode(NULL, 0, &block), BATON_ERR_MALFORMED);
}

static void check_not_encoded(const baton__block *block, size_t capacity, baton_status expected)
{
    uint8_t buffer[SAMPLE_BUFFER_SIZE];
    size_t size = 7;
    memset(buffer, 0x5a, sizeof(buffer));
    cr_assert_eq(baton__block_encode(block, buffer, capacity, &size), expected);
    cr_assert_eq(size, 7);
    for (size_t i = 0; i < sizeof(buffer); i++) {
        cr_assert_eq(buffer[i], 0x5a);
    }
}

Test(metadata_block, encoding_needs_enough_room)
{
    baton__block block = sample_block(large_address);
    size_t size = baton__block_size(&block);
    for (size_t capacity = 0; capacity < size; capacity++) {
        check_not_encoded(&block, capacity, BATON_ERR_TOO_LARGE);
    }
    cr_assert_eq(baton__block_encode(&block, encoded, size, &size), BATON_OK);
}

Test(metadata_block, encoding_refuses_what_could_not_be_decoded)
{
    baton__block block = sample_block(large_address);
    block.address_size = BATON__ADDRESS_MAX + 1;
    check_not_encoded(&block, SIZE_MAX, BATON_ERR_TOO_LARGE);
    block.address_size = 0;
    check_not_encoded(&block, SAMPLE_BUFFER_SIZE, BATON_ERR_INVALID_ARGUMENT);
    block = sample_block(NULL);
    check_not_encoded(&block, SAMPLE_BUFFER_SIZE, BATON_ERR_INVALID_ARGUMENT);
    block = sample_block(large_address);
    block.name[0] = '\0';
    check_not_encoded(&block, SAMPLE_BUFFER_SIZE, BATON_ERR_INVALID_ARGUMENT);
    memset(block.name, 'n', sizeof(block.name));
    check_not_encoded(&block, SAMPLE_BUFFER_SIZE, BATON_ERR_INVALID_ARGUMENT);
}

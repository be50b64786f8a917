/* SPDX-License-Identifier: Apache-2.0 */
/* What decoding a metadata refuses: everything but the one encoding of a valid value. */
#include "core/metadata.h"

#include "support/metadata_sample.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdlib.h>

enum { LARGE = 64 * 1024 };

static uint8_t block[SAMPLE_BUFFER_SIZE];
static size_t block_size;
static uint8_t encoded[LARGE];

static const char key[] = "a key, 7";
enum { KEY_LENGTH = sizeof(key) - 1, KIND_AT = 14, KEY_AT = 15 };
enum { COUNT_AT = KEY_AT + 1 + KEY_LENGTH, DESCRIPTOR_AT = COUNT_AT + 4 };
enum { ADDRESS_AT = DESCRIPTOR_AT + 5, SIZE_AT = ADDRESS_AT + 8, BLOCK_AT = DESCRIPTOR_AT + 42 };

static max_align_t marker;
static baton_metadata *const untouched = (baton_metadata *)(void *)&marker;

static size_t encode_sample(void)
{
    static const baton_metadata_descriptor descriptors[] = {
        {{BATON_DEVICE_KIND_HOST, 0}, 4096, 100}, {{BATON_DEVICE_KIND_CUDA, 1}, 8192, 200}};
    baton_metadata *metadata = NULL;
    size_t size = 0;
    block_size = sample_encoded_block(block);
    cr_assert_eq(baton_metadata_create(BATON_METADATA_READABLE, descriptors, 2, key, block,
                                       block_size, &metadata),
                 BATON_OK);
    cr_assert_eq(baton_metadata_encode(metadata, encoded, sizeof(encoded), &size), BATON_OK);
    baton_metadata_destroy(metadata);
    return size;
}

/* In a buffer of exactly its size, so that a read beyond the end is seen. */
static void check_refused(size_t size, baton_status expected)
{
    baton_metadata *metadata = untouched;
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    cr_assert_not_null(copy);
    memcpy(copy, encoded, size);
    cr_assert_eq(baton_metadata_decode(copy, size, &metadata), expected, "%s", baton_error_text());
    cr_assert_eq(metadata, untouched);
    free(copy);
}

/* One byte is changed, and length and checksum made right again. */
static void check_byte(size_t at, uint8_t value, baton_status expected)
{
    size_t size = encode_sample();
    encoded[at] = value;
    sample_reseal(encoded, size);
    check_refused(size, expected);
}

static void check_u64(size_t at, uint64_t value, baton_status expected)
{
    size_t size = encode_sample();
    sample_put_u32(encoded + at, (uint32_t)value);
    sample_put_u32(encoded + at + 4, (uint32_t)(value >> 32));
    sample_reseal(encoded, size);
    check_refused(size, expected);
}

Test(metadata_decode, null_is_refused)
{
    baton_metadata *metadata = untouched;
    size_t size = encode_sample();
    cr_assert_eq(baton_metadata_decode(NULL, size, &metadata), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_metadata_decode(encoded, size, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(metadata, untouched);
}

Test(metadata_decode, every_truncation_is_refused)
{
    size_t size = encode_sample();
    for (size_t shorter = 0; shorter < size; shorter++) {
        check_refused(shorter, BATON_ERR_MALFORMED);
    }
}

Test(metadata_decode, every_truncation_with_a_right_checksum_is_refused)
{
    size_t size = encode_sample();
    for (size_t shorter = 14; shorter < size; shorter++) {
        sample_reseal(encoded, shorter);
        check_refused(shorter, BATON_ERR_MALFORMED);
    }
}

Test(metadata_decode, trailing_bytes_are_refused)
{
    size_t size = encode_sample();
    encoded[size] = 0;
    check_refused(size + 1, BATON_ERR_MALFORMED);
    sample_reseal(encoded, size + 1);
    check_refused(size + 1, BATON_ERR_MALFORMED);
}

Test(metadata_decode, every_bit_flip_is_refused)
{
    size_t size = encode_sample();
    for (size_t bit = 0; bit < size * 8; bit++) {
        size_t byte = bit / 8;
        encoded[byte] ^= (uint8_t)(1U << (bit % 8));
        check_refused(size, byte < 4    ? BATON_ERR_MALFORMED
                            : byte < 6  ? BATON_ERR_VERSION
                            : byte < 10 ? BATON_ERR_MALFORMED
                                        : BATON_ERR_CHECKSUM);
        encoded[byte] ^= (uint8_t)(1U << (bit % 8));
    }
}

/* Either refused, or another value that encodes to just these bytes: nothing is read leniently. */
Test(metadata_decode, every_bit_flip_behind_a_right_checksum_is_refused_or_means_itself)
{
    static uint8_t again[SAMPLE_BUFFER_SIZE];
    size_t size = encode_sample();
    for (size_t bit = SAMPLE_ENVELOPE_SIZE * (size_t)8; bit < size * 8; bit++) {
        baton_metadata *metadata = untouched;
        (void)encode_sample();
        encoded[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        sample_reseal(encoded, size);
        if (baton_metadata_decode(encoded, size, &metadata) == BATON_OK) {
            size_t again_size = 0;
            cr_assert_eq(baton_metadata_encode(metadata, again, sizeof(again), &again_size),
                         BATON_OK);
            cr_assert_eq(again_size, size);
            cr_assert_arr_eq(again, encoded, size);
            baton_metadata_destroy(metadata);
        } else {
            cr_assert_eq(metadata, untouched);
        }
    }
}

Test(metadata_decode, unknown_kinds_are_refused)
{
    for (int kind = 0; kind < 256; kind++) {
        if (kind != 1 && kind != 2) {
            check_byte(KIND_AT, (uint8_t)kind, BATON_ERR_MALFORMED);
        }
    }
}

Test(metadata_decode, a_key_with_a_zero_or_another_unprintable_byte_is_refused)
{
    for (int c = 0; c < 256; c++) {
        if (c < 0x20 || c > 0x7e) {
            check_byte(KEY_AT + 1, (uint8_t)c, BATON_ERR_MALFORMED);
            check_byte(KEY_AT + KEY_LENGTH, (uint8_t)c, BATON_ERR_MALFORMED);
        }
    }
}

Test(metadata_decode, unknown_devices_are_refused)
{
    for (int kind = 0; kind < 256; kind++) {
        if (kind != 1 && kind != 2) {
            check_byte(DESCRIPTOR_AT, (uint8_t)kind, BATON_ERR_MALFORMED);
        }
    }
    check_byte(DESCRIPTOR_AT + 1, 1, BATON_ERR_MALFORMED); /* the host has only the id 0 */
}

Test(metadata_decode, addresses_and_sizes_that_cannot_be_are_refused)
{
    check_u64(ADDRESS_AT, 0, BATON_ERR_MALFORMED);
    check_u64(SIZE_AT, 0, BATON_ERR_MALFORMED);
    check_u64(ADDRESS_AT, UINT64_MAX - 99, BATON_ERR_MALFORMED); /* ends at 2^64 */
    check_u64(SIZE_AT, UINT64_MAX - 4095, BATON_ERR_MALFORMED);
    check_u64(SIZE_AT, UINT64_MAX, BATON_ERR_MALFORMED);
}

Test(metadata_decode, sizes_whose_sum_overflows_are_refused)
{
    size_t size = encode_sample();
    sample_put_u32(encoded + SIZE_AT + 4, UINT32_MAX);
    sample_put_u32(encoded + SIZE_AT + 21 + 4, UINT32_MAX);
    sample_reseal(encoded, size);
    check_refused(size, BATON_ERR_TOO_LARGE);
}

Test(metadata_decode, counts_that_do_not_fit_are_refused)
{
    check_byte(COUNT_AT, 0, BATON_ERR_MALFORMED);
    check_byte(COUNT_AT, 1, BATON_ERR_MALFORMED);
    check_byte(COUNT_AT, 3, BATON_ERR_TOO_LARGE); /* what follows is no length of a block */
    check_byte(COUNT_AT + 1, 0xff, BATON_ERR_MALFORMED);
    check_byte(COUNT_AT + 2, 1, BATON_ERR_TOO_LARGE);
    check_byte(COUNT_AT + 3, 0xff, BATON_ERR_TOO_LARGE);
}

Test(metadata_decode, lengths_of_the_block_that_do_not_fit_are_refused)
{
    check_byte(BLOCK_AT, 0, BATON_ERR_MALFORMED);
    check_byte(BLOCK_AT, 1, BATON_ERR_MALFORMED);
    check_byte(BLOCK_AT + 1, 1, BATON_ERR_MALFORMED);
    check_byte(BLOCK_AT + 2, 1, BATON_ERR_TOO_LARGE);
    check_byte(BLOCK_AT + 3, 0xff, BATON_ERR_TOO_LARGE);
}

Test(metadata_decode, the_block_is_checked_too)
{
    check_byte(BLOCK_AT + 4, 'X', BATON_ERR_MALFORMED);
    check_byte(BLOCK_AT + 8, 2, BATON_ERR_VERSION);
    check_byte(BLOCK_AT + 4 + 40, 0x77, BATON_ERR_CHECKSUM);
}

/* A long list, which is folded: its count, its length and its one group. */
enum { LONG = 100, LENGTH_AT = COUNT_AT + 4, GROUP_AT = LENGTH_AT + 4 };

static size_t encode_long(void)
{
    static baton_metadata_descriptor descriptors[LONG];
    baton_metadata *metadata = NULL;
    size_t size = 0;
    block_size = sample_encoded_block(block);
    for (size_t i = 0; i < LONG; i++) {
        descriptors[i] = (baton_metadata_descriptor){BATON_DEVICE_HOST, 4096, 100};
    }
    cr_assert_eq(baton_metadata_create(BATON_METADATA_READABLE, descriptors, LONG, key, block, block_size, &metadata), BATON_OK);
    cr_assert_eq(baton_metadata_descriptor_at(metadata, 7)->address, 0, "a long one names none");
    cr_assert_eq(baton_metadata_encode(metadata, encoded, sizeof(encoded), &size), BATON_OK);
    baton_metadata_destroy(metadata);
    cr_assert_eq(encoded[LENGTH_AT], 5); /* c9 01, the kind, the id, the size */
    return size;
}

static void check_long_byte(size_t at, uint8_t value, baton_status expected)
{
    size_t size = encode_long();
    encoded[at] = value;
    sample_reseal(encoded, size);
    check_refused(size, expected);
}

Test(metadata_decode, a_long_list_that_does_not_fit_is_refused)
{
    check_long_byte(COUNT_AT, LONG - 1, BATON_ERR_MALFORMED);
    check_long_byte(COUNT_AT, LONG + 1, BATON_ERR_MALFORMED);
    check_long_byte(COUNT_AT, 64, BATON_ERR_MALFORMED); /* that is a short one */
    check_long_byte(COUNT_AT + 1, 0xff, BATON_ERR_MALFORMED);
    check_long_byte(COUNT_AT + 2, 1, BATON_ERR_TOO_LARGE);
    check_long_byte(COUNT_AT + 3, 1, BATON_ERR_TOO_LARGE);
    check_long_byte(LENGTH_AT, 0, BATON_ERR_TOO_LARGE); /* what follows is no length of a block */
    check_long_byte(LENGTH_AT, 4, BATON_ERR_TOO_LARGE);
    check_long_byte(LENGTH_AT + 3, 0xff, BATON_ERR_MALFORMED);
    check_long_byte(GROUP_AT, 0xc8, BATON_ERR_MALFORMED);
    check_long_byte(GROUP_AT + 1, 0xff, BATON_ERR_MALFORMED);
    check_long_byte(GROUP_AT + 2, 3, BATON_ERR_MALFORMED);
    check_long_byte(GROUP_AT + 3, 1, BATON_ERR_MALFORMED); /* the host has only the id 0 */
    check_long_byte(GROUP_AT + 4, 0, BATON_ERR_MALFORMED); /* sizes of 0 */
    check_long_byte(GROUP_AT + 4, 0x80, BATON_ERR_MALFORMED);
}

Test(metadata_decode, a_long_list_cut_off_anywhere_is_refused)
{
    size_t size = encode_long();
    for (size_t shorter = 14; shorter < size; shorter++) {
        sample_reseal(encoded, shorter);
        check_refused(shorter, BATON_ERR_MALFORMED);
    }
}

/* 2^57 bytes a descriptor, 100 times. */
Test(metadata_decode, a_long_list_whose_sum_overflows_is_refused)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    size_t size = encode_long();
    size_t at = GROUP_AT + 4;
    memmove(encoded + at + sizeof(huge), encoded + at + 1, size - at - 1);
    memcpy(encoded + at, huge, sizeof(huge));
    size += sizeof(huge) - 1;
    encoded[LENGTH_AT] = 4 + sizeof(huge);
    sample_reseal(encoded, size);
    check_refused(size, BATON_ERR_TOO_LARGE);
}

Test(metadata_decode, no_descriptors_are_refused)
{
    (void)encode_sample();
    sample_put_u32(encoded + COUNT_AT, 0);
    sample_put_u32(encoded + COUNT_AT + 4, (uint32_t)block_size);
    memcpy(encoded + COUNT_AT + 8, block, block_size);
    sample_reseal(encoded, COUNT_AT + 8 + block_size);
    check_refused(COUNT_AT + 8 + block_size, BATON_ERR_MALFORMED);
}

Test(metadata_decode, what_is_larger_than_any_metadata_is_refused_unread)
{
    static const uint8_t byte = 0;
    baton_metadata *metadata = untouched;
    cr_assert_eq(baton_metadata_decode(&byte, SIZE_MAX, &metadata), BATON_ERR_TOO_LARGE);
    cr_assert_eq(baton_metadata_decode(&byte, SIZE_MAX / 2, &metadata), BATON_ERR_TOO_LARGE);
    cr_assert_eq(metadata, untouched);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metadata.h"

#include "support/metadata_sample.h"
#include "base/recycler.h"
#include "support/no_memory.h"

#include <criterion/criterion.h>
#include <stddef.h>

static uint8_t block[SAMPLE_BUFFER_SIZE];
static size_t block_size;
static uint8_t encoded[SAMPLE_BUFFER_SIZE];

static const char key[] = "a key, 7";
enum { KEY_LENGTH = sizeof(key) - 1, KEY_AT = 15, COUNT_AT = KEY_AT + 1 + KEY_LENGTH };
enum { DESCRIPTORS_AT = COUNT_AT + 4, BLOCK_AT = DESCRIPTORS_AT + 2 * 21 };

static const baton_metadata_descriptor descriptors[] = {
    {{BATON_DEVICE_KIND_HOST, 0}, UINT64_C(0x0102030405060708), UINT64_C(0x1112131415161718)},
    {{BATON_DEVICE_KIND_CUDA, 0x21222324}, 1, 2},
};

static max_align_t marker;
static baton_metadata *const untouched = (baton_metadata *)(void *)&marker;

static baton_metadata *sample(void)
{
    baton_metadata *metadata = NULL;
    block_size = sample_encoded_block(block);
    cr_assert_eq(baton_metadata_create(BATON_METADATA_READABLE, descriptors, 2, key, block,
                                       block_size, &metadata),
                 BATON_OK, "%s", baton_error_text());
    return metadata;
}

static size_t encode_sample(void)
{
    size_t size = 0;
    baton_metadata *metadata = sample();
    cr_assert_eq(baton_metadata_encode(metadata, encoded, sizeof(encoded), &size), BATON_OK);
    baton_metadata_destroy(metadata);
    return size;
}

static void check_is_sample(const baton_metadata *metadata)
{
    size_t size = 0;
    cr_assert_eq(baton_metadata_get_kind(metadata), BATON_METADATA_READABLE);
    cr_assert_eq(baton_metadata_count(metadata), 2);
    for (size_t i = 0; i < 2; i++) {
        const baton_metadata_descriptor *it = baton_metadata_descriptor_at(metadata, i);
        cr_assert(baton_device_equal(it->device, descriptors[i].device));
        cr_assert_eq(it->address, descriptors[i].address);
        cr_assert_eq(it->size_bytes, descriptors[i].size_bytes);
    }
    cr_assert_null(baton_metadata_descriptor_at(metadata, 2));
    cr_assert_null(baton_metadata_descriptor_at(metadata, SIZE_MAX));
    cr_assert_eq(baton_metadata_total_size(metadata), UINT64_C(0x1112131415161718) + 2);
    cr_assert_str_eq(baton_metadata_notification_key(metadata), key);
    cr_assert_neq(baton_metadata_transport_block(metadata, NULL), block);
    cr_assert_arr_eq(baton_metadata_transport_block(metadata, &size), block, block_size);
    cr_assert_eq(size, block_size);
    baton_uuid id = baton_metadata_operation_id(metadata);
    cr_assert_eq(id.bytes[0], 0xa2);
    cr_assert_eq(id.bytes[15], 0xa2);
}

Test(metadata, keeps_what_it_was_made_of)
{
    baton_metadata *metadata = sample();
    check_is_sample(metadata);
    baton_metadata_destroy(metadata);
}

Test(metadata, has_its_block_decoded)
{
    baton_metadata *metadata = sample();
    const baton__block *decoded = baton__metadata_block(metadata);
    const uint8_t *kept = baton_metadata_transport_block(metadata, NULL);
    cr_assert_str_eq(decoded->name, "Encode_7-b");
    cr_assert_eq(decoded->address, kept + block_size - SAMPLE_ADDRESS_SIZE);
    baton_metadata_destroy(metadata);
}

Test(metadata, copies_everything_it_is_made_of)
{
    baton_metadata_descriptor mine = descriptors[1];
    char mutable_key[] = "key";
    baton_metadata *metadata = NULL;
    block_size = sample_encoded_block(block);
    cr_assert_eq(baton_metadata_create(BATON_METADATA_WRITABLE, &mine, 1, mutable_key, block,
                                       block_size, &metadata),
                 BATON_OK);
    memset(&mine, 0, sizeof(mine));
    memset(mutable_key, 0, sizeof(mutable_key));
    memset(block, 0, sizeof(block));
    cr_assert_eq(baton_metadata_get_kind(metadata), BATON_METADATA_WRITABLE);
    cr_assert_eq(baton_metadata_descriptor_at(metadata, 0)->address, 1);
    cr_assert_str_eq(baton_metadata_notification_key(metadata), "key");
    cr_assert_eq(baton__metadata_block(metadata)->address[0], 0xc0);
    baton_metadata_destroy(metadata);
}

Test(metadata, a_copy_outlives_the_original)
{
    baton_metadata *metadata = sample();
    baton_metadata *copy = NULL;
    cr_assert_eq(baton_metadata_copy(metadata, &copy), BATON_OK);
    baton_metadata_destroy(metadata);
    check_is_sample(copy);
    baton_metadata_destroy(copy);
}

Test(metadata, copying_null_is_refused)
{
    baton_metadata *copy = untouched;
    baton_metadata *metadata = sample();
    cr_assert_eq(baton_metadata_copy(NULL, &copy), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(copy, untouched);
    cr_assert_eq(baton_metadata_copy(metadata, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_metadata_destroy(metadata);
}

Test(metadata, null_can_be_destroyed)
{
    baton_metadata_destroy(NULL);
}

static void check_create(baton_metadata_kind kind, const baton_metadata_descriptor *list,
                         size_t count, const char *notification_key, baton_status expected)
{
    baton_metadata *metadata = untouched;
    block_size = sample_encoded_block(block);
    cr_assert_eq(
        baton_metadata_create(kind, list, count, notification_key, block, block_size, &metadata),
        expected, "%s", baton_error_text());
    if (expected == BATON_OK) {
        baton_metadata_destroy(metadata);
    } else {
        cr_assert_eq(metadata, untouched);
    }
}

Test(metadata, create_refuses_null_and_unknown_kinds)
{
    const baton_metadata_kind readable = BATON_METADATA_READABLE;
    baton_metadata *metadata = untouched;
    check_create(readable, NULL, 2, key, BATON_ERR_INVALID_ARGUMENT);
    check_create(readable, descriptors, 2, NULL, BATON_ERR_INVALID_ARGUMENT);
    check_create(readable, descriptors, 0, key, BATON_ERR_INVALID_ARGUMENT);
    check_create((baton_metadata_kind)0, descriptors, 2, key, BATON_ERR_INVALID_ARGUMENT);
    check_create((baton_metadata_kind)3, descriptors, 2, key, BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_metadata_create(readable, descriptors, 2, key, NULL, block_size, &metadata),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_metadata_create(readable, descriptors, 2, key, block, block_size, NULL),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(metadata, untouched);
}

static void check_descriptor(baton_device device, uint64_t address, uint64_t size,
                             baton_status expected)
{
    baton_metadata_descriptor list[] = {descriptors[1], {device, address, size}};
    check_create(BATON_METADATA_READABLE, list, 2, key, expected);
}

Test(metadata, create_refuses_descriptors_that_cannot_be)
{
    const baton_device host = BATON_DEVICE_HOST;
    check_descriptor(host, 0, 1, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor(host, 1, 0, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor(host, 1, UINT64_MAX, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor(host, UINT64_MAX, 1, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor(host, UINT64_C(1) << 63, UINT64_C(1) << 63, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor((baton_device){BATON_DEVICE_KIND_HOST, 1}, 1, 1, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor((baton_device){(baton_device_kind)0, 0}, 1, 1, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor((baton_device){(baton_device_kind)3, 0}, 1, 1, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor((baton_device){(baton_device_kind)257, 0}, 1, 1, BATON_ERR_INVALID_ARGUMENT);
    check_descriptor(host, 1, UINT64_MAX - 4, BATON_OK);
    check_descriptor(host, UINT64_MAX - 1, 1, BATON_OK);
}

Test(metadata, create_refuses_sizes_whose_sum_overflows)
{
    check_descriptor(BATON_DEVICE_HOST, 1, UINT64_MAX - 2, BATON_OK);
    check_descriptor(BATON_DEVICE_HOST, 1, UINT64_MAX - 1, BATON_ERR_TOO_LARGE);
}

Test(metadata, the_notification_key_is_printable_ascii)
{
    for (int c = 1; c < 256; c++) {
        char text[] = {'a', (char)c, 'b', '\0'};
        check_create(BATON_METADATA_READABLE, descriptors, 2, text,
                     c >= 0x20 && c <= 0x7e ? BATON_OK : BATON_ERR_INVALID_ARGUMENT);
    }
}

Test(metadata, the_notification_key_may_be_empty_and_has_a_limit)
{
    char longest[BATON_NOTIFICATION_KEY_MAX + 2];
    memset(longest, 'k', sizeof(longest));
    longest[BATON_NOTIFICATION_KEY_MAX + 1] = '\0';
    check_create(BATON_METADATA_READABLE, descriptors, 2, "", BATON_OK);
    check_create(BATON_METADATA_READABLE, descriptors, 2, longest, BATON_ERR_TOO_LARGE);
    longest[BATON_NOTIFICATION_KEY_MAX] = '\0';
    check_create(BATON_METADATA_READABLE, descriptors, 2, longest, BATON_OK);
}

static void check_block(size_t size, baton_status expected)
{
    baton_metadata *metadata = untouched;
    cr_assert_eq(
        baton_metadata_create(BATON_METADATA_READABLE, descriptors, 2, key, block, size, &metadata),
        expected);
    cr_assert_eq(metadata, untouched);
}

Test(metadata, create_checks_the_transport_block)
{
    block_size = sample_encoded_block(block);
    check_block(0, BATON_ERR_MALFORMED);
    check_block(block_size - 1, BATON_ERR_MALFORMED);
    check_block(block_size + 1, BATON_ERR_MALFORMED);
    check_block(BATON__BLOCK_MAX + 1, BATON_ERR_TOO_LARGE);
    block[40] ^= 1;
    check_block(block_size, BATON_ERR_CHECKSUM);
    block[4] = 2;
    check_block(block_size, BATON_ERR_VERSION);
}

Test(metadata, encode_and_decode_give_the_same_value)
{
    size_t size = encode_sample();
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_metadata_decode(encoded, size, &metadata), BATON_OK);
    memset(encoded, 0, sizeof(encoded)); /* nothing of it is borrowed */
    check_is_sample(metadata);
    cr_assert_eq(baton_metadata_encoded_size(metadata), size);
    baton_metadata_destroy(metadata);
}

/* As the comment in metadata.c says, byte by byte. */
Test(metadata, the_layout_is_as_documented)
{
    size_t size = encode_sample();
    cr_assert_eq(size, BLOCK_AT + 4 + block_size);
    cr_assert_arr_eq(encoded, "BTNM\x01\x00", 6);
    cr_assert_eq(encoded[6] + 256U * encoded[7], size - 14);
    cr_assert_eq(encoded[8] + encoded[9], 0);
    cr_assert_eq(encoded[14], 1);
    cr_assert_eq(encoded[KEY_AT], KEY_LENGTH);
    cr_assert_arr_eq(encoded + KEY_AT + 1, key, KEY_LENGTH);
    cr_assert_arr_eq(encoded + COUNT_AT, "\x02\x00\x00\x00", 4);
    cr_assert_arr_eq(encoded + DESCRIPTORS_AT,
                     "\x01\x00\x00\x00\x00\x08\x07\x06\x05\x04\x03\x02\x01"
                     "\x18\x17\x16\x15\x14\x13\x12\x11",
                     21);
    cr_assert_arr_eq(encoded + DESCRIPTORS_AT + 21, "\x02\x24\x23\x22\x21\x01\0\0\0\0\0\0\0\x02",
                     14);
    cr_assert_eq(encoded[BLOCK_AT], block_size);
    cr_assert_arr_eq(encoded + BLOCK_AT + 4, block, block_size);
}

Test(metadata, encoding_needs_enough_room)
{
    baton_metadata *metadata = sample();
    size_t size = baton_metadata_encoded_size(metadata);
    for (size_t capacity = 0; capacity < size; capacity++) {
        size_t written = 7;
        memset(encoded, 0x5a, sizeof(encoded));
        cr_assert_eq(baton_metadata_encode(metadata, encoded, capacity, &written),
                     BATON_ERR_TOO_LARGE);
        cr_assert_eq(written, 7);
        cr_assert_eq(encoded[0], 0x5a);
    }
    cr_assert_eq(baton_metadata_encode(metadata, encoded, size, &size), BATON_OK);
    cr_assert_eq(baton_metadata_encode(NULL, encoded, size, &size), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_metadata_encode(metadata, NULL, size, &size), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_metadata_encode(metadata, encoded, size, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_metadata_destroy(metadata);
}

Test(metadata, as_many_descriptors_as_there_may_be)
{
    const size_t most = BATON_DESCRIPTORS_MAX;
    baton_metadata_descriptor *list = calloc(most + 1, sizeof(*list));
    baton_metadata *metadata = NULL;
    baton_metadata *again = NULL;
    cr_assert_not_null(list);
    for (size_t i = 0; i <= most; i++) {
        list[i] = (baton_metadata_descriptor){BATON_DEVICE_HOST, 1 + i, 1 + i};
    }
    check_create(BATON_METADATA_READABLE, list, most + 1, key, BATON_ERR_TOO_LARGE);
    check_create(BATON_METADATA_READABLE, list, SIZE_MAX, key, BATON_ERR_TOO_LARGE);
    cr_assert_eq(baton_metadata_create(BATON_METADATA_READABLE, list, most, key, block, block_size,
                                       &metadata),
                 BATON_OK);
    size_t size = baton_metadata_encoded_size(metadata);
    uint8_t *buffer = malloc(size);
    cr_assert_eq(baton_metadata_encode(metadata, buffer, size, &size), BATON_OK);
    cr_assert_eq(baton_metadata_decode(buffer, size, &again), BATON_OK);
    cr_assert_eq(baton_metadata_descriptor_at(again, most - 1)->address, 0, "so many come without");
    cr_assert_eq(baton_metadata_descriptor_at(again, most - 1)->size_bytes, most);
    cr_assert_eq(baton_metadata_total_size(again), (uint64_t)most * (most + 1) / 2);
    baton_metadata_destroy(again);
    baton_metadata_destroy(metadata);
    free(buffer);
    free(list);
}

Test(metadata, without_memory_nothing_is_made)
{
    struct rlimit before;
    baton_metadata *metadata = untouched;
    size_t size = encode_sample();
    if (!no_memory_begin(16, &before)) {
        cr_skip_test("malloc cannot be made to fail in this build");
    }
    /* What was freed is used up first. */
    static baton_metadata *held[2 * BATON__RECYCLER_PLACES];
    baton_status created = BATON_OK;
    size_t count = 0;
    while (created == BATON_OK && count < 2 * BATON__RECYCLER_PLACES) {
        created = baton_metadata_create(BATON_METADATA_READABLE, descriptors, 2, key, block, block_size, &held[count]);
        count += created == BATON_OK ? 1 : 0;
    }
    baton_status decoded = baton_metadata_decode(encoded, size, &metadata);
    no_memory_end(&before);
    while (count > 0) {
        baton_metadata_destroy(held[--count]);
    }
    cr_assert_eq(created, BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(decoded, BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(metadata, untouched);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/envelope.h"

#include "base/crc32c.h"

#include <criterion/criterion.h>

static const baton__envelope envelope = {{'T', 'E', 'S', 'T'}, 7, "test"};

enum { LENGTH = 5, SIZE = BATON__ENVELOPE_SIZE + LENGTH };

static void seal(uint8_t data[SIZE])
{
    memcpy(data + BATON__ENVELOPE_SIZE, "\x01\x02\x03\x04\x05", LENGTH);
    baton__envelope_seal(&envelope, data, LENGTH);
}

static baton_status open_envelope(const uint8_t *data, size_t size)
{
    baton__reader reader = baton__reader_make(data, size);
    return baton__envelope_open(&envelope, &reader);
}

Test(envelope, the_header_is_as_documented)
{
    uint8_t data[SIZE];
    seal(data);
    uint32_t crc = baton__crc32c(0, "\x01\x02\x03\x04\x05", LENGTH);
    const uint8_t expected[SIZE] = {'T',
                                    'E',
                                    'S',
                                    'T',
                                    7,
                                    0,
                                    LENGTH,
                                    0,
                                    0,
                                    0,
                                    (uint8_t)crc,
                                    (uint8_t)(crc >> 8),
                                    (uint8_t)(crc >> 16),
                                    (uint8_t)(crc >> 24),
                                    1,
                                    2,
                                    3,
                                    4,
                                    5};
    cr_assert_arr_eq(data, expected, SIZE);
}

Test(envelope, opening_leaves_the_fields)
{
    uint8_t data[SIZE];
    seal(data);
    baton__reader reader = baton__reader_make(data, SIZE);
    cr_assert_eq(baton__envelope_open(&envelope, &reader), BATON_OK);
    cr_assert_eq(baton__reader_left(&reader), LENGTH);
    cr_assert_eq(baton__read_u8(&reader), 1);
}

Test(envelope, every_truncation_is_refused)
{
    uint8_t data[SIZE];
    seal(data);
    for (size_t size = 0; size < SIZE; size++) {
        cr_assert_eq(open_envelope(data, size), BATON_ERR_MALFORMED);
    }
}

Test(envelope, trailing_bytes_are_refused)
{
    uint8_t data[SIZE + 1] = {0};
    seal(data);
    cr_assert_eq(open_envelope(data, SIZE + 1), BATON_ERR_MALFORMED);
}

Test(envelope, each_field_has_its_error)
{
    uint8_t data[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
        seal(data);
        data[i] ^= 0x10;
        baton_status expected = i < 4    ? BATON_ERR_MALFORMED
                                : i < 6  ? BATON_ERR_VERSION
                                : i < 10 ? BATON_ERR_MALFORMED
                                         : BATON_ERR_CHECKSUM;
        cr_assert_eq(open_envelope(data, SIZE), expected, "byte %zu", i);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

#include <criterion/criterion.h>
#include <string.h>

/* Bit by bit, straight from the definition. */
static uint32_t slow_crc32c(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
        }
    }
    return ~crc;
}

/* The vectors of RFC 3720, B.4. */
Test(crc32c, gives_the_vectors_of_rfc_3720)
{
    static const uint8_t read_command[48] = {
        0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
        0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
    uint8_t data[32];
    memset(data, 0, sizeof(data));
    cr_assert_eq(baton__crc32c(0, data, sizeof(data)), 0x8a9136aa);
    memset(data, 0xff, sizeof(data));
    cr_assert_eq(baton__crc32c(0, data, sizeof(data)), 0x62a8ab43);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)i;
    }
    cr_assert_eq(baton__crc32c(0, data, sizeof(data)), 0x46dd794e);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(31 - i);
    }
    cr_assert_eq(baton__crc32c(0, data, sizeof(data)), 0x113fdb5c);
    cr_assert_eq(baton__crc32c(0, read_command, sizeof(read_command)), 0xd9963a56);
    cr_assert_eq(baton__crc32c(0, "123456789", 9), 0xe3069283);
}

Test(crc32c, of_nothing_is_zero)
{
    cr_assert_eq(baton__crc32c(0, "", 0), 0);
    cr_assert_eq(baton__crc32c(0x1234, "", 0), 0x1234);
}

static void fill(uint8_t *data, size_t size)
{
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525U + 1013904223U;
        data[i] = (uint8_t)(state >> 24);
    }
}

Test(crc32c, agrees_with_the_definition_at_every_length_and_alignment)
{
    uint8_t data[300];
    fill(data, sizeof(data));
    for (size_t from = 0; from < 9; from++) {
        for (size_t size = 0; from + size <= sizeof(data); size++) {
            uint32_t wanted = slow_crc32c(data + from, size);
            cr_assert_eq(baton__crc32c(0, data + from, size), wanted);
            cr_assert_eq(baton__crc32c_by_tables(0, data + from, size), wanted);
        }
    }
}

Test(crc32c, agrees_with_the_definition_for_every_byte_in_every_place)
{
    for (size_t place = 0; place < 16; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t data[16] = {0};
            data[place] = (uint8_t)byte;
            cr_assert_eq(baton__crc32c(0, data, 16), slow_crc32c(data, 16));
            cr_assert_eq(baton__crc32c_by_tables(0, data, 16), slow_crc32c(data, 16));
        }
    }
}

Test(crc32c, goes_on_from_the_last_result)
{
    uint8_t data[100];
    fill(data, sizeof(data));
    uint32_t whole = baton__crc32c(0, data, sizeof(data));
    for (size_t cut = 0; cut <= sizeof(data); cut++) {
        uint32_t first = baton__crc32c(0, data, cut);
        cr_assert_eq(baton__crc32c(first, data + cut, sizeof(data) - cut), whole);
    }
}

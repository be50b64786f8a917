/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire.h"

#include <criterion/criterion.h>

Test(wire, numbers_are_little_endian)
{
    static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
                                       0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08};
    uint8_t data[sizeof(expected)];
    baton__writer writer = baton__writer_make(data, sizeof(data));
    baton__write_u8(&writer, 0x01);
    baton__write_u16(&writer, 0x0203);
    baton__write_u32(&writer, 0x04050607);
    baton__write_u64(&writer, UINT64_C(0x08090a0b0c0d0e0f));
    cr_assert_not(writer.failed);
    cr_assert_eq(writer.used, sizeof(expected));
    cr_assert_arr_eq(data, expected, sizeof(expected));

    baton__reader reader = baton__reader_make(data, sizeof(data));
    cr_assert_eq(baton__read_u8(&reader), 0x01);
    cr_assert_eq(baton__read_u16(&reader), 0x0203);
    cr_assert_eq(baton__read_u32(&reader), 0x04050607);
    cr_assert_eq(baton__read_u64(&reader), UINT64_C(0x08090a0b0c0d0e0f));
    cr_assert_eq(baton__reader_left(&reader), 0);
    cr_assert_not(reader.failed);
}

Test(wire, a_write_that_does_not_fit_writes_nothing_and_fails_what_follows)
{
    uint8_t data[4] = {9, 9, 9, 9};
    baton__writer writer = baton__writer_make(data, 3);
    baton__write_u16(&writer, 0);
    baton__write_u16(&writer, 0);
    cr_assert(writer.failed);
    baton__write_u8(&writer, 0);
    cr_assert_eq(writer.used, 2);
    cr_assert_eq(data[2], 9);
    cr_assert_eq(data[3], 9);
}

Test(wire, a_read_beyond_the_end_gives_zero_and_fails_what_follows)
{
    static const uint8_t data[3] = {1, 2, 3};
    uint8_t bytes[2] = {9, 9};
    baton__reader reader = baton__reader_make(data, sizeof(data));
    cr_assert_eq(baton__read_u32(&reader), 0);
    cr_assert(reader.failed);
    cr_assert_eq(baton__read_u8(&reader), 0);
    cr_assert_null(baton__read_view(&reader, 1));
    baton__read_bytes(&reader, bytes, sizeof(bytes));
    cr_assert_eq(bytes[0], 0);
    cr_assert_eq(bytes[1], 0);
}

Test(wire, a_length_that_would_wrap_around_is_refused)
{
    volatile size_t largest = SIZE_MAX; /* volatile: or the compiler warns of what is refused */
    uint8_t data[4] = {1, 2, 3, 4};
    baton__reader reader = baton__reader_make(data, sizeof(data));
    (void)baton__read_u8(&reader);
    cr_assert_null(baton__read_view(&reader, largest));
    cr_assert(reader.failed);
    baton__writer writer = baton__writer_make(data, sizeof(data));
    baton__write_u8(&writer, 0);
    baton__write_bytes(&writer, data, largest);
    cr_assert(writer.failed);
}

Test(wire, nothing_can_be_read_and_written_at_the_end)
{
    uint8_t data[1] = {1};
    baton__writer writer = baton__writer_make(data, 0);
    baton__write_bytes(&writer, NULL, 0);
    cr_assert_not(writer.failed);
    baton__reader reader = baton__reader_make(data, 0);
    baton__read_bytes(&reader, data, 0);
    cr_assert_not(reader.failed);
    cr_assert_eq(data[0], 1);
}

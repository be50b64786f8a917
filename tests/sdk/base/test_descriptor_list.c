/* SPDX-License-Identifier: Apache-2.0 */
#include "base/descriptor_list.h"

#include "support/shape.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = BATON_DESCRIPTORS_MAX, ROOM = 18 * MANY };

static baton_metadata_descriptor list[MANY];
static baton_metadata_descriptor again[MANY];
static uint8_t bytes[ROOM];

static size_t encode(size_t count)
{
    baton__writer writer = baton__writer_make(bytes, sizeof(bytes));
    baton__descriptor_list_write(&writer, list, count);
    cr_assert_not(writer.failed);
    cr_assert_eq(writer.used, baton__descriptor_list_size(list, count));
    return writer.used;
}

/* Returns the size. */
static size_t expect_back(size_t count)
{
    size_t size = encode(count);
    size_t read = 0;
    cr_assert(baton__descriptor_list_read(bytes, size, NULL, count, &read));
    cr_assert_eq(read, count);
    cr_assert(baton__descriptor_list_read(bytes, size, again, count, &read));
    cr_assert_eq(read, count);
    for (size_t i = 0; i < count; i++) {
        cr_assert(baton_device_equal(again[i].device, list[i].device));
        cr_assert_eq(again[i].size_bytes, list[i].size_bytes, "descriptor %zu", i);
        cr_assert_eq(again[i].address, 0);
    }
    return size;
}

static void expect_refused(size_t size)
{
    size_t count = 4711;
    cr_assert_not(baton__descriptor_list_read(bytes, size, again, MANY, &count));
    cr_assert_eq(count, 4711);
}

static void put(size_t count, uint64_t size)
{
    for (size_t i = 0; i < count; i++) {
        list[i] = (baton_metadata_descriptor){.device = BATON_DEVICE_HOST, .address = 1 + i, .size_bytes = size};
    }
}

Test(descriptor_list, what_is_alike_takes_no_room)
{
    put(MANY, 32768);
    cr_assert_lt(expect_back(4032), 10);
    cr_assert_lt(expect_back(MANY), 10);
}

Test(descriptor_list, fifteen_thousand_of_any_size_are_below_64_kib_in_base64_too)
{
    uint64_t state = 3;
    put(15000, 1);
    for (size_t i = 0; i < 15000; i++) {
        list[i].size_bytes = 1 + shape_next(&state) % (2 * 66 * 1024);
    }
    size_t size = expect_back(15000);
    cr_assert_lt((size + 2) / 3 * 4, 65536 - 1024, "%zu bytes", size);
}

/* As many as there may be, of sizes up to 4 TiB, fit into the default max_payload of a NATS server. */
Test(descriptor_list, as_many_as_there_may_be_fit_into_a_message)
{
    uint64_t state = 4;
    put(MANY, 1);
    for (size_t i = 0; i < MANY; i++) {
        list[i].size_bytes = (UINT64_C(1) << 41) + shape_next(&state) % (UINT64_C(1) << 41);
    }
    size_t size = expect_back(MANY);
    cr_assert_lt((size + 2) / 3 * 4, 600 * 1024, "%zu bytes", size);
}

Test(descriptor_list, random_lists_come_back)
{
    uint64_t state = 5;
    for (int round = 0; round < 3000; round++) {
        size_t count = 1 + (size_t)(shape_next(&state) % 200);
        uint64_t kinds = 1 + shape_next(&state) % 3;
        for (size_t i = 0; i < count; i++) {
            bool same = i != 0 && shape_next(&state) % 4 != 0;
            list[i] = same ? list[i - 1]
                           : (baton_metadata_descriptor){
                                 .device = {(baton_device_kind)(1 + shape_next(&state) % kinds), (uint32_t)(shape_next(&state) >> 40 >> shape_next(&state) % 24)},
                                 .size_bytes = shape_next(&state) >> shape_next(&state) % 64};
        }
        (void)expect_back(count);
    }
}

/* Whatever is accepted encodes to just these bytes. */
Test(descriptor_list, every_other_form_is_refused)
{
    uint64_t state = 6;
    size_t accepted = 0;
    for (int round = 0; round < 200000; round++) {
        size_t size = 1 + (size_t)(shape_next(&state) % 24);
        static uint8_t copy[24];
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(shape_next(&state) >> 32 >> shape_next(&state) % 8);
            bytes[i] &= shape_next(&state) % 2 == 0 ? 0x0F : 0xFF;
        }
        memcpy(copy, bytes, size);
        size_t count = 0;
        if (baton__descriptor_list_read(copy, size, list, MANY, &count)) {
            accepted++;
            cr_assert_eq(encode(count), size);
            cr_assert_arr_eq(bytes, copy, size);
        }
    }
    cr_assert_gt(accepted, 1000);
}

static void expect_bytes_refused(const char *hex_bytes, size_t size)
{
    memcpy(bytes, hex_bytes, size);
    expect_refused(size);
}
#define REFUSED(text) expect_bytes_refused(text, sizeof(text) - 1)

Test(descriptor_list, hostile_lists_are_refused)
{
    size_t count = 0;
    cr_assert(baton__descriptor_list_read("\x09\x01\x00\x05", 4, again, MANY, &count));
    cr_assert_eq(count, 4);
    REFUSED("\x01\x01\x00\x05"); /* none of them */
    REFUSED("\x00\x01\x00");
    REFUSED("\x07\x01\x00\x05"); /* three are not folded */
    REFUSED("\x08\x01\x00\x05\x05\x05\x05"); /* four are */
    REFUSED("\x09\x01\x00"); /* cut off */
    REFUSED("\x09\x01");
    REFUSED("\x09");
    REFUSED("\x02\x01\x00\x05\x02\x01\x00\x06"); /* two groups that are one */
    REFUSED("\x09\x01\x00\x85\x00"); /* a size that could be shorter */
    REFUSED("\x89\x00\x01\x00\x05");
    REFUSED("\x09\x01\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"); /* 2^64 */
    REFUSED("\x09\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    REFUSED("\x09\x02\x80\x80\x80\x80\x10\x05"); /* a device id of 2^32 */
    REFUSED("\x83\x80\x08\x01\x00\x05"); /* 65,537 of them */
    REFUSED("\x81\x80\x80\x80\x20\x01\x00\x05"); /* 2^32 */
    REFUSED("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x00\x05"); /* 2^63 - 1 */
    REFUSED("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x00\x05");
    REFUSED("\x81\x80\x04\x01\x00\x05\x81\x80\x04\x01\x00\x06\x09\x01\x00\x07"); /* together too many */
}

Test(descriptor_list, nothing_is_written_beyond_the_room)
{
    put(100, 7);
    size_t size = encode(100);
    size_t count = 4711;
    memset(again, 0x5A, sizeof(again));
    cr_assert_not(baton__descriptor_list_read(bytes, size, again, 99, &count));
    cr_assert_not(baton__descriptor_list_read(bytes, size, NULL, 99, &count));
    cr_assert_eq(count, 4711);
    cr_assert_eq(again[99].size_bytes, UINT64_C(0x5A5A5A5A5A5A5A5A));
    for (size_t cut = 0; cut < size; cut++) {
        if (cut != 0) {
            expect_refused(cut);
        }
    }
}

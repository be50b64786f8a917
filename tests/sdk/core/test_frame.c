/* SPDX-License-Identifier: Apache-2.0 */
#include "core/frame.h"

#include "support/pattern.h"

#include <baton/operation.h>
#include <criterion/criterion.h>
#include <limits.h>

static const baton__frame_type types[] = {
#define FRAME_TYPE(name, value, payload) BATON__FRAME_##name,
    BATON__FRAME_LIST(FRAME_TYPE)
#undef FRAME_TYPE
};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

/* No two bytes of a field and no two fields are alike. */
static baton__frame sample(baton__frame_type type, uint64_t seed)
{
    baton__frame frame = {.type = type,
                          .d = (uint32_t)pattern_word(0, seed),
                          .to_epoch = pattern_word(1, seed),
                          .a = pattern_word(2, seed),
                          .b = pattern_word(3, seed),
                          .c = (uint32_t)pattern_word(4, seed)};
    pattern_fill(frame.to_instance.bytes, 16, seed + 10);
    pattern_fill(frame.session.bytes, 16, seed + 11);
    pattern_fill(frame.operation.bytes, 16, seed + 12);
    pattern_fill(frame.key.bytes, 16, seed + 13);
    pattern_fill(frame.nonce.bytes, 16, seed + 14);
    pattern_fill(frame.aux.bytes, 16, seed + 15);
    return frame;
}

static void expect_equal(const baton__frame *left, const baton__frame *right)
{
    cr_assert_eq(left->type, right->type);
    cr_assert_eq(left->d, right->d);
    cr_assert_arr_eq(left->to_instance.bytes, right->to_instance.bytes, 16);
    cr_assert_eq(left->to_epoch, right->to_epoch);
    cr_assert_arr_eq(left->session.bytes, right->session.bytes, 16);
    cr_assert_arr_eq(left->operation.bytes, right->operation.bytes, 16);
    cr_assert_arr_eq(left->key.bytes, right->key.bytes, 16);
    cr_assert_arr_eq(left->nonce.bytes, right->nonce.bytes, 16);
    cr_assert_arr_eq(left->aux.bytes, right->aux.bytes, 16);
    cr_assert_eq(left->a, right->a);
    cr_assert_eq(left->b, right->b);
    cr_assert_eq(left->c, right->c);
}

Test(frame, every_type_comes_back_with_every_field)
{
    for (size_t i = 0; i < TYPES; i++) {
        for (uint64_t seed = 0; seed < 50; seed++) {
            uint8_t header[BATON__FRAME_SIZE];
            baton__frame sent = sample(types[i], seed);
            baton__frame got;
            memset(&got, 0xA5, sizeof(got));
            baton__frame_encode(&sent, header);
            cr_assert_eq(baton__frame_decode(header, sizeof(header), &got), BATON_OK);
            expect_equal(&sent, &got);
        }
    }
}

Test(frame, the_extremes_of_every_field_come_back)
{
    baton__frame sent = {.type = BATON__FRAME_RESET};
    baton__frame got;
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&sent, header);
    cr_assert_eq(baton__frame_decode(header, sizeof(header), &got), BATON_OK);
    expect_equal(&sent, &got);
    memset(&sent, 0xFF, sizeof(sent));
    sent.type = BATON__FRAME_OPEN;
    baton__frame_encode(&sent, header);
    cr_assert_eq(baton__frame_decode(header, sizeof(header), &got), BATON_OK);
    expect_equal(&sent, &got);
}

/* The format is a promise to other builds: these are the offsets of the table in frame.h. */
Test(frame, every_field_stands_where_the_format_says)
{
    baton__frame frame = {.type = BATON__FRAME_WRITE,
                          .d = 0x04030201,
                          .to_epoch = UINT64_C(0x0807060504030201),
                          .a = UINT64_C(0x1817161514131211),
                          .b = UINT64_C(0x2827262524232221),
                          .c = 0x34333231};
    memset(frame.to_instance.bytes, 0x41, 16);
    memset(frame.session.bytes, 0x42, 16);
    memset(frame.operation.bytes, 0x43, 16);
    memset(frame.key.bytes, 0x44, 16);
    memset(frame.nonce.bytes, 0x45, 16);
    memset(frame.aux.bytes, 0x46, 16);
    uint8_t expected[BATON__FRAME_SIZE] = {0x70, 0xBA, 1, 6, 1, 2, 3, 4};
    memset(expected + 8, 0x41, 16);
    memset(expected + 32, 0x42, 16);
    memset(expected + 48, 0x43, 16);
    memset(expected + 64, 0x44, 16);
    memset(expected + 80, 0x45, 16);
    memset(expected + 96, 0x46, 16);
    for (uint8_t i = 0; i < 8; i++) {
        expected[24 + i] = (uint8_t)(0x01 + i);
        expected[112 + i] = (uint8_t)(0x11 + i);
        expected[120 + i] = (uint8_t)(0x21 + i);
        expected[128 + i % 4] = (uint8_t)(0x31 + i % 4);
    }
    uint8_t header[BATON__FRAME_SIZE];
    memset(header, 0xA5, sizeof(header));
    baton__frame_encode(&frame, header);
    cr_assert_arr_eq(header, expected, sizeof(expected));
}

static void expect_refused(const void *header, size_t size, baton_status expected)
{
    baton__frame got;
    baton__frame before;
    memset(&got, 0xA5, sizeof(got));
    memset(&before, 0xA5, sizeof(before));
    cr_assert_eq(baton__frame_decode(header, size, &got), expected);
    cr_assert_arr_eq((uint8_t *)&got, (uint8_t *)&before, sizeof(got), "the output was touched");
}

static void expect_byte_refused(size_t offset, uint8_t value, baton_status expected)
{
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame frame = sample(BATON__FRAME_DATA, 1);
    baton__frame_encode(&frame, header);
    header[offset] = value;
    expect_refused(header, sizeof(header), expected);
}

Test(frame, every_other_length_is_malformed)
{
    uint8_t header[2 * BATON__FRAME_SIZE] = {0};
    baton__frame frame = sample(BATON__FRAME_DATA, 1);
    baton__frame_encode(&frame, header);
    expect_refused(NULL, 0, BATON_ERR_MALFORMED);
    for (size_t size = 1; size <= sizeof(header); size++) {
        if (size != BATON__FRAME_SIZE) {
            expect_refused(header, size, BATON_ERR_MALFORMED);
        }
    }
}

Test(frame, another_magic_version_or_type_is_refused)
{
    for (unsigned value = 0; value < 256; value++) {
        if (value != 0x70) {
            expect_byte_refused(0, (uint8_t)value, BATON_ERR_MALFORMED);
        }
        if (value != 0xBA) {
            expect_byte_refused(1, (uint8_t)value, BATON_ERR_MALFORMED);
        }
        if (value != BATON__FRAME_VERSION) {
            expect_byte_refused(2, (uint8_t)value, BATON_ERR_VERSION);
        }
        if (value == 0 || value >= BATON__FRAME_TYPES) {
            expect_byte_refused(3, (uint8_t)value, BATON_ERR_MALFORMED);
        }
    }
}

Test(frame, an_unknown_type_of_another_version_is_told_as_a_version)
{
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame frame = sample(BATON__FRAME_DATA, 1);
    baton__frame_encode(&frame, header);
    header[2] = 2;
    header[3] = 200;
    expect_refused(header, sizeof(header), BATON_ERR_VERSION);
    header[0] = 0;
    expect_refused(header, sizeof(header), BATON_ERR_MALFORMED);
}

Test(frame, the_last_field_must_be_zero)
{
    for (size_t offset = 132; offset < 136; offset++) {
        for (unsigned value = 1; value < 256; value += 50) {
            expect_byte_refused(offset, (uint8_t)value, BATON_ERR_MALFORMED);
        }
    }
}

Test(frame, every_type_has_a_name_and_says_if_it_may_have_a_payload)
{
#define EXPECT_TYPE(name, value, payload)                                 \
    cr_assert_str_eq(baton__frame_type_name(BATON__FRAME_##name), #name); \
    cr_assert_eq(baton__frame_has_payload(BATON__FRAME_##name), (payload));
    BATON__FRAME_LIST(EXPECT_TYPE)
#undef EXPECT_TYPE
    cr_assert_str_eq(baton__frame_type_name((baton__frame_type)0), "UNKNOWN");
    cr_assert_str_eq(baton__frame_type_name(BATON__FRAME_TYPES), "UNKNOWN");
}

Test(frame, the_parts_of_an_open_come_back_and_do_not_touch_each_other)
{
    static const uint32_t counts[] = {0, 1, 65535, 65536, 0x1FFFF};
    for (size_t i = 0; i < 5; i++) {
        for (uint32_t kind = 0; kind < 16; kind++) {
            for (uint32_t window = 0; window < 16; window++) {
                uint32_t d = baton__open_pack(counts[i], kind, window);
                cr_assert_eq(baton__open_count(d), counts[i]);
                cr_assert_eq(baton__open_kind(d), kind);
                cr_assert_eq(baton__open_window(d), window);
            }
        }
    }
    cr_assert_eq(baton__open_pack(UINT32_MAX, 0, 0), 0x1FFFF);
    cr_assert_eq(baton__open_pack(0, UINT32_MAX, 0), 0xF000000);
    cr_assert_eq(baton__open_pack(0, 0, UINT32_MAX), 0xF0000000);
    cr_assert_eq(baton__open_pack(2, BATON_OPERATION_READ, 4), 0x43000002);
}

Test(frame, every_reason_of_a_failure_travels)
{
#define EXPECT_REASON(name, value, text)                                        \
    if ((value) != 0) {                                                         \
        cr_assert_eq(baton__reason_pack(BATON_##name), (uint32_t) - (value));   \
        cr_assert_eq(baton__reason_unpack((uint32_t) - (value)), BATON_##name); \
    }
    BATON_STATUS_LIST(EXPECT_REASON)
#undef EXPECT_REASON
}

Test(frame, an_unknown_reason_is_a_failure_of_the_peer)
{
    static const uint32_t unknown[] = {13, 19, 99, 1000, INT_MAX, UINT32_C(1) << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        cr_assert_eq(baton__reason_unpack(unknown[i]), BATON_ERR_PEER_FAILED);
    }
}

/* Success is told by COMMIT, never by a refusal. */
Test(frame, success_is_no_reason_to_end)
{
    cr_assert_eq(baton__reason_unpack(0), BATON_ERR_PEER_FAILED);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/metadata_json.h>

#include "base64.h"
#include "support/metadata_sample.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 8192 };

static const baton_metadata_descriptor descriptors[] = {
    {{BATON_DEVICE_KIND_HOST, 0}, 4096, 100},
    {{BATON_DEVICE_KIND_CUDA, 3}, UINT64_MAX - 1, 1},
};

static max_align_t marker;
static baton_metadata *const untouched = (baton_metadata *)(void *)&marker;

static char block_text[2 * SAMPLE_BUFFER_SIZE]; /* "b64:..." of the sample block */

static void make_block_text(void)
{
    uint8_t block[SAMPLE_BUFFER_SIZE];
    size_t size = sample_encoded_block(block);
    cr_assert_neq(size, 0);
    memcpy(block_text, "b64:", 4);
    baton__base64_print(block_text + 4, block, size);
    block_text[4 + baton__base64_length(size)] = '\0';
}

static baton_metadata *sample(baton_metadata_kind kind, const char *key)
{
    uint8_t block[SAMPLE_BUFFER_SIZE];
    size_t size = sample_encoded_block(block);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_metadata_create(kind, descriptors, 2, key, block, size, &metadata), BATON_OK,
                 "%s", baton_error_text());
    return metadata;
}

static void expect_equal(const baton_metadata *a, const baton_metadata *b)
{
    uint8_t encoded[2][4096];
    size_t size[2];
    cr_assert_eq(baton_metadata_encode(a, encoded[0], sizeof(encoded[0]), &size[0]), BATON_OK);
    cr_assert_eq(baton_metadata_encode(b, encoded[1], sizeof(encoded[1]), &size[1]), BATON_OK);
    cr_expect_eq(size[0], size[1]);
    cr_expect_eq(memcmp(encoded[0], encoded[1], size[0]), 0);
}

static baton_status parse(const char *text, baton_metadata **out)
{
    return baton_metadata_from_json(text, strlen(text), out);
}

static void refuses(const char *text, baton_status status)
{
    baton_metadata *out = untouched;
    cr_expect_eq(parse(text, &out), status, "%s: %s", baton_error_text(), text);
    cr_expect_eq(out, untouched, "%s", text);
}

#define DESCRIPTOR "{\"device\":\"cpu\",\"ptr\":\"4096\",\"size\":\"100\"}"

/* A text of its parts; each as it is to stand there. */
static const char *text_of(const char *list, const char *key, const char *kind, const char *block)
{
    static char text[TEXT_SIZE];
    (void)snprintf(text, sizeof(text),
                   "{\"descriptors\":%s,\"notification_key\":%s,\"operation_kind\":%s,"
                   "\"ucx_metadata\":%s}",
                   list, key, kind, block);
    return text;
}

static const char *quoted_block(void)
{
    static char quoted[sizeof(block_text) + 2];
    make_block_text();
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", block_text);
    return quoted;
}

static const char *with_list(const char *list)
{
    return text_of(list, "\"key\"", "1", quoted_block());
}

Test(metadata_json, prints_the_fields_of_the_seed)
{
    char expected[TEXT_SIZE];
    char *text = NULL;
    baton_metadata *metadata = sample(BATON_METADATA_WRITABLE, "a \"key\"\\/");
    make_block_text();
    (void)snprintf(expected, sizeof(expected),
                   "{\"descriptors\":[{\"device\":\"cpu\",\"ptr\":\"4096\",\"size\":\"100\"},"
                   "{\"device\":\"cuda:3\",\"ptr\":\"18446744073709551614\",\"size\":\"1\"}],"
                   "\"notification_key\":\"a \\\"key\\\"\\\\/\","
                   "\"operation_kind\":2,\"ucx_metadata\":\"%s\"}",
                   block_text);
    cr_assert_eq(baton_metadata_to_json(metadata, &text), BATON_OK);
    cr_expect_str_eq(text, expected);
    free(text);
    baton_metadata_destroy(metadata);
}

Test(metadata_json, comes_back)
{
    static const char *const keys[] = {"", "key", "~ \"\\/!"};
    for (size_t i = 0; i < 6; i++) {
        baton_metadata *metadata =
            sample(i % 2 == 0 ? BATON_METADATA_READABLE : BATON_METADATA_WRITABLE, keys[i / 2]);
        baton_metadata *again = NULL;
        char *text = NULL;
        cr_assert_eq(baton_metadata_to_json(metadata, &text), BATON_OK);
        cr_assert_eq(parse(text, &again), BATON_OK, "%s", baton_error_text());
        expect_equal(metadata, again);
        free(text);
        baton_metadata_destroy(metadata);
        baton_metadata_destroy(again);
    }
}

Test(metadata_json, takes_other_ways_to_write_the_same)
{
    static const char *const lists[] = {
        "[" DESCRIPTOR "]",
        " [ { \"size\" : 100 , \"ptr\" : 4096 , \"device\" : \"host\" } ] ",
        "[{\"device\":\"cpu\",\"ptr\":4.096e3,\"size\":100.0}]",
        "[{\"d\\u0065vice\":\"\\u0063pu\",\"ptr\":\"4096\",\"size\":\"100\"}]",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        baton_metadata *metadata = NULL;
        cr_assert_eq(parse(with_list(lists[i]), &metadata), BATON_OK, "%s", baton_error_text());
        const baton_metadata_descriptor *first = baton_metadata_descriptor_at(metadata, 0);
        cr_expect_eq(first->address, 4096);
        cr_expect_eq(first->size_bytes, 100);
        cr_expect(baton_device_equal(first->device, BATON_DEVICE_HOST));
        baton_metadata_destroy(metadata);
    }
}

Test(metadata_json, takes_integers_as_far_as_a_double_is_exact)
{
    baton_metadata *metadata = NULL;
    cr_assert_eq(
        parse(with_list("[{\"device\":\"cpu\",\"ptr\":9007199254740992,\"size\":1}]"), &metadata),
        BATON_OK);
    cr_expect_eq(baton_metadata_descriptor_at(metadata, 0)->address, UINT64_C(9007199254740992));
    baton_metadata_destroy(metadata);
    refuses(with_list("[{\"device\":\"cpu\",\"ptr\":9007199254740994,\"size\":1}]"),
            BATON_ERR_MALFORMED);
}

Test(metadata_json, refuses_other_descriptors)
{
    static const char *const lists[] = {
        "[]",
        "{}",
        "null",
        "\"x\"",
        "[1]",
        "[null]",
        "[[]]",
        "[{}]",
        ("[" DESCRIPTOR ",{}]"),
        "[{\"device\":\"cpu\",\"ptr\":\"4096\"}]",
        "[{\"device\":\"cpu\",\"size\":\"100\"}]",
        "[{\"ptr\":\"4096\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"4096\",\"size\":\"100\",\"more\":1}]",
        "[{\"device\":\"cpu\",\"ptr\":\"4096\",\"size\":\"100\",\"size\":\"100\"}]",
        "[{\"Device\":\"cpu\",\"ptr\":\"4096\",\"size\":\"100\"}]",
        "[{\"device\":1,\"ptr\":\"4096\",\"size\":\"100\"}]",
        "[{\"device\":\"tpu\",\"ptr\":\"4096\",\"size\":\"100\"}]",
        "[{\"device\":\"cuda:\",\"ptr\":\"4096\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"0\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":0,\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"4096\",\"size\":\"0\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"4096\",\"size\":0}]",
        "[{\"device\":\"cpu\",\"ptr\":\"\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"04096\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\" 4096\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"+4096\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"-1\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"0x10\",\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"18446744073709551616\",\"size\":\"1\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"99999999999999999999999\",\"size\":\"1\"}]",
        "[{\"device\":\"cpu\",\"ptr\":-1,\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":1.5,\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":1e300,\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":1e999,\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":true,\"size\":\"100\"}]",
        "[{\"device\":\"cpu\",\"ptr\":\"18446744073709551615\",\"size\":\"2\"}]", /* beyond the end
                                                                                   */
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        refuses(with_list(lists[i]), BATON_ERR_MALFORMED);
    }
}

Test(metadata_json, refuses_other_fields)
{
    static const char list[] = "[" DESCRIPTOR "]";
    const char *block = quoted_block();
    char text[TEXT_SIZE];
    static const char *const kinds[] = {"0", "3", "-1", "1.5", "\"1\"", "null", "1e300", "[]"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        refuses(text_of(list, "\"key\"", kinds[i], block), BATON_ERR_MALFORMED);
    }
    static const char *const keys[] = {"null",          "1",           "{}",
                                       "\"a\\u0000b\"", "\"\\ud800\"", "\"\xff\"",
                                       "\"\xc3\xa4\"",  "\"\\n\"",     "\"\\u007f\""};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        refuses(text_of(list, keys[i], "1", block), BATON_ERR_MALFORMED);
    }
    static const char *const forms[] = {
        "{\"notification_key\":\"\",\"operation_kind\":1,\"ucx_metadata\":%s}",
        "{\"descriptors\":[" DESCRIPTOR "],\"operation_kind\":1,\"ucx_metadata\":%s}",
        "{\"descriptors\":[" DESCRIPTOR "],\"notification_key\":\"\",\"ucx_metadata\":%s}",
        "{\"descriptors\":[" DESCRIPTOR "],\"notification_key\":\"\",\"operation_kind\":1,"
        "\"more\":1,\"ucx_metadata\":%s}",
        "{\"descriptors\":[" DESCRIPTOR "],\"notification_key\":\"\",\"operation_kind\":1,"
        "\"operation_kind\":1,\"ucx_metadata\":%s}",
        "{\"descriptors\":[" DESCRIPTOR "],\"notification_key\":\"\",\"operation_kind\":1,"
        "\"ucx_metadata\":%s} x",
        "[{\"descriptors\":[" DESCRIPTOR "],\"notification_key\":\"\",\"operation_kind\":1,"
        "\"ucx_metadata\":%s}]",
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        (void)snprintf(text, sizeof(text), forms[i], block);
        refuses(text, BATON_ERR_MALFORMED);
    }
    refuses("{\"descriptors\":[" DESCRIPTOR "],\"notification_key\":\"\",\"operation_kind\":1}",
            BATON_ERR_MALFORMED);
}

Test(metadata_json, refuses_other_texts)
{
    static const char *const texts[] = {"", " ", "{", "{}", "[]", "null", "1", "\"x\"", "{}{}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        refuses(texts[i], BATON_ERR_MALFORMED);
    }
    const char *good = with_list("[" DESCRIPTOR "]");
    baton_metadata *out = untouched;
    for (size_t size = 0; size < strlen(good); size++) {
        cr_expect_eq(baton_metadata_from_json(good, size, &out), BATON_ERR_MALFORMED, "%zu", size);
    }
    /* The terminating zero is not part of it. */
    cr_expect_eq(baton_metadata_from_json(good, strlen(good) + 1, &out), BATON_ERR_MALFORMED);
    cr_expect_eq(out, untouched);
}

Test(metadata_json, refuses_other_blocks)
{
    static const char list[] = "[" DESCRIPTOR "]";
    static const char *const blocks[] = {
        "null",     "1",           "\"\"",        "\"b64\"",       "\"b64:\"",     "\"B64:AAAA\"",
        "\"AAAA\"", "\"b64:AAA\"", "\"b64:A A\"", "\"b64:AAAA=\"", "\"b64:AAAA\"", "\"zlib:AAAA\""};
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        refuses(text_of(list, "\"\"", "1", blocks[i]), BATON_ERR_MALFORMED);
    }
    uint8_t block[SAMPLE_BUFFER_SIZE];
    size_t size = sample_encoded_block(block);
    char text[2 * SAMPLE_BUFFER_SIZE] = "\"b64:";
    block[size - 1] ^= 1;
    baton__base64_print(text + 5, block, size);
    memcpy(text + 5 + baton__base64_length(size), "\"", 2);
    refuses(text_of(list, "\"\"", "1", text), BATON_ERR_CHECKSUM);
}

Test(metadata_json, refuses_a_key_that_is_too_long)
{
    char key[BATON_NOTIFICATION_KEY_MAX + 4];
    baton_metadata *metadata = NULL;
    memset(key, 'k', sizeof(key));
    key[0] = '"';
    key[BATON_NOTIFICATION_KEY_MAX + 1] = '"';
    key[BATON_NOTIFICATION_KEY_MAX + 2] = '\0';
    cr_expect_eq(parse(text_of("[" DESCRIPTOR "]", key, "1", quoted_block()), &metadata), BATON_OK);
    baton_metadata_destroy(metadata);
    key[BATON_NOTIFICATION_KEY_MAX + 1] = 'k';
    key[BATON_NOTIFICATION_KEY_MAX + 2] = '"';
    key[BATON_NOTIFICATION_KEY_MAX + 3] = '\0';
    refuses(text_of("[" DESCRIPTOR "]", key, "1", quoted_block()), BATON_ERR_TOO_LARGE);
}

/* count descriptors, with the rest around them. */
static char *many(size_t count)
{
    char *text = malloc(count * sizeof(DESCRIPTOR) + TEXT_SIZE);
    cr_assert_not_null(text);
    size_t used = (size_t)sprintf(text, "{\"descriptors\":[");
    for (size_t i = 0; i < count; i++) {
        used += (size_t)sprintf(text + used, "%s%s", i == 0 ? "" : ",", DESCRIPTOR);
    }
    (void)sprintf(text + used,
                  "],\"notification_key\":\"\",\"operation_kind\":1,\"ucx_metadata\":%s}",
                  quoted_block());
    return text;
}

Test(metadata_json, takes_as_many_descriptors_as_there_may_be)
{
    baton_metadata *metadata = NULL;
    char *text = many(BATON_DESCRIPTORS_MAX);
    cr_assert_eq(parse(text, &metadata), BATON_OK, "%s", baton_error_text());
    cr_expect_eq(baton_metadata_count(metadata), BATON_DESCRIPTORS_MAX);
    char *again = NULL;
    cr_assert_eq(baton_metadata_to_json(metadata, &again), BATON_OK);
    cr_expect_lt(strlen(again), 2 * strlen(quoted_block()), "they are alike, and folded");
    free(text);
    baton_metadata_destroy(metadata);
    cr_assert_eq(parse(again, &metadata), BATON_OK, "%s", baton_error_text());
    cr_expect_eq(baton_metadata_count(metadata), BATON_DESCRIPTORS_MAX);
    cr_expect_eq(baton_metadata_descriptor_at(metadata, BATON_DESCRIPTORS_MAX - 1)->address, 0);
    free(again);
    baton_metadata_destroy(metadata);
    text = many(BATON_DESCRIPTORS_MAX + 1);
    refuses(text, BATON_ERR_TOO_LARGE);
    free(text);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata_json_value.h"
#include "sidechannel/message_sample.h"
#include "support/json_compare.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void same(const char *text)
{
    const char *difference = json_compare(text, strlen(text));
    cr_expect_null(difference, "%s: %s", difference, text);
}

Test(json_read, sees_the_values_that_cjson_sees)
{
    static const char *const texts[] = {
        "null",
        " [ true , false, null, 1, \"\", [], {} ] ",
        "{\"a\":{\"b\":[{\"c\":[1,[2,[3]]]},4]},\"d\":5}",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\",\"\xf0\x9f\x98\x80\"]",
        "{\"\\u0061b\":1,\"a\\/\":2,\"\":3,\"same\":1,\"same\":2}",
        "[0,-0,0.0,-0.0,0e5,1e2,100e-2,1.50e1,0.5e1,1.0,1E+0,-1,1.5,15e-1,0.01e2]",
        "[9007199254740992,9007199254740991,1e15,1e16,1e17,1e22,1e308,1e400,1e-400,0e99999999999]",
        "[1e99999999999999999999999,1e-99999999999999999999999,10e-1,10e-2]"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        same(texts[i]);
    }
}

Test(json_read, reads_a_row_that_grows)
{
    enum { COUNT = 1000 };
    char text[COUNT * 7 + 3] = "[";
    for (int i = 0; i < COUNT; i++) {
        strcat(text, i == 0 ? "[1,2]" : ",[1,2]");
    }
    strcat(text, "]");
    same(text);
    baton__json_row row;
    cr_assert(baton__json_read(text, strlen(text), BATON__JSON_DEPTH_MAX, &row));
    cr_expect_eq(row.count, 1 + 3 * COUNT);
    cr_expect_eq(row.values[0].next, row.count);
    baton__json_row_fini(&row);
}

Test(json_read, long_strings_are_cut_and_are_no_value_that_is_known)
{
    char text[2 * BATON__JSON_SHORT_SIZE + 3] = "\"";
    memset(text + 1, 'a', 2 * BATON__JSON_SHORT_SIZE);
    strcat(text, "\"");
    same(text);
    baton__json_row row;
    char start[BATON__JSON_SHORT_SIZE];
    cr_assert(baton__json_read(text, strlen(text), BATON__JSON_DEPTH_MAX, &row));
    baton__json_field field = {.name = "a", .item = &row.values[0]};
    cr_assert_eq(baton__json_short(&field, start), BATON_OK);
    cr_expect_eq(strlen(start), BATON__JSON_SHORT_SIZE - 1);
    baton__json_row_fini(&row);
}

Test(json_read, integers_beyond_those_of_a_double_are_refused)
{
    static const struct {
        const char *text;
        bool is_integer;
    } cases[] = {{"9007199254740992", true},        {"9007199254740993", false},
                 {"1.00000000000000000001", false}, {"100000000000000000000e-19", true},
                 {"-5", false},                     {"-0", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        baton__json_row row;
        uint64_t value = 77;
        cr_assert(baton__json_read(cases[i].text, strlen(cases[i].text), 1, &row));
        baton__json_field field = {.name = "a", .item = &row.values[0]};
        bool is_integer = baton__json_integer(&field, UINT64_MAX, &value) == BATON_OK;
        cr_expect_eq(is_integer, cases[i].is_integer, "%s", cases[i].text);
        cr_expect(is_integer || value == 77);
        baton__json_row_fini(&row);
    }
}

Test(json_read, decimal_strings_up_to_the_largest_integer_and_their_limit)
{
    static const struct {
        const char *text;
        uint64_t max;
        uint64_t value;
        bool taken;
    } cases[] = {{"\"0\"", 0, 0, true},
                 {"\"1\"", 0, 0, false},
                 {"\"99\"", 99, 99, true},
                 {"\"100\"", 99, 0, false},
                 {"\"9999999999999999999\"", UINT64_MAX, UINT64_C(9999999999999999999), true},
                 {"\"9999999999999999999\"", UINT64_C(9999999999999999998), 0, false},
                 {"\"10000000000000000000\"", UINT64_MAX, UINT64_C(10000000000000000000), true},
                 {"\"10000000000000000000\"", 5, 0, false},
                 {"\"18446744073709551615\"", UINT64_MAX, UINT64_MAX, true},
                 {"\"18446744073709551614\"", UINT64_MAX - 1, UINT64_MAX - 1, true},
                 {"\"18446744073709551615\"", UINT64_MAX - 1, 0, false},
                 {"\"18446744073709551616\"", UINT64_MAX, 0, false},
                 {"\"99999999999999999999\"", UINT64_MAX, 0, false},
                 {"\"184467440737095516160\"", UINT64_MAX, 0, false},
                 {"\"01\"", UINT64_MAX, 0, false},
                 {"\"\"", UINT64_MAX, 0, false},
                 {"\"1a\"", UINT64_MAX, 0, false},
                 {"\"1111111111111111111:\"", UINT64_MAX, 0, false},
                 {"\"/1\"", UINT64_MAX, 0, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        baton__json_row row;
        uint64_t value = 77;
        cr_assert(baton__json_read(cases[i].text, strlen(cases[i].text), 1, &row));
        baton__json_field field = {.name = "a", .item = &row.values[0]};
        baton_status status = baton__json_uint(&field, cases[i].max, &value);
        cr_expect_eq(status, cases[i].taken ? BATON_OK : BATON_ERR_MALFORMED, "%s", cases[i].text);
        cr_expect_eq(value, cases[i].taken ? cases[i].value : 77, "%s", cases[i].text);
        baton__json_row_fini(&row);
    }
}

static baton_status sort_fields(const char *text, baton__json_field fields[3], bool closed)
{
    baton__json_row row;
    const char *const names[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++) {
        fields[i] = (baton__json_field){.name = names[i]};
    }
    cr_assert(baton__json_read(text, strlen(text), 2, &row));
    baton_status status = baton__json_fields(&row.values[0], fields, 3, closed);
    for (int i = 0; status == BATON_OK && i < 3; i++) {
        uint64_t value = 0;
        cr_expect_eq(baton__json_integer(&fields[i], 9, &value), BATON_OK, "%s", text);
        cr_expect_eq(value, (uint64_t)i + 1, "%s", text);
    }
    baton__json_row_fini(&row);
    return status;
}

Test(json_read, fields_come_in_any_order)
{
    static const char *const any[] = {
        "{\"one\":1,\"two\":2,\"three\":3}", "{\"one\":1,\"three\":3,\"two\":2}",
        "{\"two\":2,\"one\":1,\"three\":3}", "{\"two\":2,\"three\":3,\"one\":1}",
        "{\"three\":3,\"one\":1,\"two\":2}", "{\"three\":3,\"two\":2,\"one\":1}"};
    static const char *const with_others[] = {
        "{\"\":0,\"three\":3,\"on\":0,\"two\":2,\"ones\":0,\"one\":1,\"t\":0}",
        "{\"one\":1,\"two\":2,\"three\":3,\"four\":4,\"thre\":4}"};
    baton__json_field fields[3];
    for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
        cr_expect_eq(sort_fields(any[i], fields, true), BATON_OK, "%s", any[i]);
    }
    for (size_t i = 0; i < sizeof(with_others) / sizeof(with_others[0]); i++) {
        cr_expect_eq(sort_fields(with_others[i], fields, false), BATON_OK, "%s", with_others[i]);
        cr_expect_eq(sort_fields(with_others[i], fields, true), BATON_ERR_MALFORMED);
    }
    cr_expect_eq(sort_fields("{\"two\":2,\"one\":1,\"two\":2,\"three\":3}", fields, false), BATON_ERR_MALFORMED);
}

/* A message with one byte changed, left out or put twice is refused, or both see the same. */
Test(json_read, sees_what_cjson_sees_in_changed_messages)
{
    static const char bytes[] = "\"\\{}[],:0-9.eEu/ntf \x80\xc3\x01";
    baton__message offer = sample_offer();
    offer.user = "{\"a\":[1.5e3,null,\"\\ud83d\\ude00\"]}";
    char *text = NULL;
    size_t size = 0;
    cr_assert_eq(baton__message_encode(&offer, &text, &size), BATON_OK);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
    same(text);
    char *changed = malloc(size + 1);
    cr_assert_not_null(changed);
    for (size_t at = 0; at < size; at++) {
        for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
            memcpy(changed, text, size);
            changed[at] = bytes[i];
            cr_expect_null(json_compare(changed, size), "%zu, %c", at, bytes[i]);
        }
        memcpy(changed, text, at);
        memcpy(changed + at, text + at + 1, size - at - 1);
        cr_expect_null(json_compare(changed, size - 1), "without %zu", at);
        memcpy(changed, text, at + 1);
        memcpy(changed + at + 1, text + at, size - at);
        cr_expect_null(json_compare(changed, size + 1), "%zu twice", at);
    }
    free(changed);
    free(text);
}

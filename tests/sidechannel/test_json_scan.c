/* SPDX-License-Identifier: Apache-2.0 */
#include "json_plain.h"
#include "json_scan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool scan(const char *text)
{
    return baton__json_scan(text, strlen(text), BATON__JSON_DEPTH_MAX);
}

Test(json_scan, takes_every_value_of_the_standard)
{
    static const char *const taken[] = {
        "null",
        " true\r\n",
        "\tfalse ",
        "0",
        "-0",
        "10",
        "-1.5",
        "1e5",
        "1E+5",
        "0.25e-10",
        "\"\"",
        "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
        "\"\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80\"",
        "[]",
        "[ ]",
        "[1,[2],{}]",
        "{}",
        "{ }",
        "{\"a\":1,\"a\":2}",
        "{ \"a\" : [ ] , \"b\":null}",
        "123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        cr_expect(scan(taken[i]), "%s", taken[i]);
    }
}

Test(json_scan, takes_nothing_else)
{
    static const char *const refused[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "\"",
        "\"a",
        "\"\t\"",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u0000\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ude00\"",
        "\"\\",
        "\"\\u",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xc3\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe0\x80\x80\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xff\"",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "[1}",
        "{} {}",
        "1 2",
        "null,",
        "'a'",
        "/**/1",
        "\xef\xbb\xbf{}",
        "\v1",
        "1234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        cr_expect_not(scan(refused[i]), "%zu: %s", i, refused[i]);
    }
    cr_expect_not(baton__json_scan("{}\0", 3, 64));
    cr_expect_not(baton__json_scan("\"a\0b\"", 5, 64));
    cr_expect_not(baton__json_scan(NULL, 0, 64));
}

Test(json_scan, every_beginning_of_a_text_is_refused)
{
    static const char text[] = "{\"a\":[1.5e3,\"\\ud83d\\ude00\xc3\xa4\",null,{\"b\":true}]}";
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        /* Of its exact size, so that AddressSanitizer sees a byte too far. */
        char *copy = malloc(size == 0 ? 1 : size);
        cr_assert_not_null(copy);
        memcpy(copy, text, size);
        cr_expect_not(baton__json_scan(copy, size, 64), "%zu", size);
        free(copy);
    }
    cr_expect(scan(text));
}

Test(json_scan, bounds_the_depth)
{
    char text[2 * 65 + 1];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    cr_expect(scan(text));
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    text[130] = '\0';
    cr_expect_not(scan(text));
    char *deep = malloc(1000000);
    cr_assert_not_null(deep);
    memset(deep, '[', 1000000);
    cr_expect_not(baton__json_scan(deep, 1000000, BATON__JSON_DEPTH_MAX));
    free(deep);
}

Test(json_scan, bounds_the_values)
{
    size_t size = 2 * BATON__JSON_VALUES_MAX + 1;
    char *text = malloc(size);
    cr_assert_not_null(text);
    for (size_t i = 0; i < size; i++) {
        text[i] = i % 2 == 0 ? ',' : '1';
    }
    text[0] = '[';
    text[size - 1] = ']';
    cr_expect_not(baton__json_scan(text, size, 64));
    text[size - 3] = ']';
    cr_expect(baton__json_scan(text, size - 2, 64));
    free(text);
}

Test(json_scan, finds_members_of_the_outermost_object)
{
    static const char text[] = " { \"x\" : {\"user\":1}, \"u\":2, \"user\" : [1, 2] , \"z\":3}";
    const char *value = NULL;
    size_t size = 0;
    cr_assert(baton__json_member(text, strlen(text), "user", &value, &size));
    cr_expect_eq(size, 6);
    cr_expect_eq(memcmp(value, "[1, 2]", 6), 0);
    cr_assert(baton__json_member(text, strlen(text), "z", &value, &size));
    cr_expect_eq(size, 1);
    const char *before = value;
    cr_expect_not(baton__json_member(text, strlen(text), "use", &value, &size));
    cr_expect_not(baton__json_member("{\"\\u0061\":1}", 12, "a", &value, &size));
    cr_expect_not(baton__json_member("{}", 2, "a", &value, &size));
    cr_expect_not(baton__json_member("[]", 2, "a", &value, &size));
    cr_expect_eq(value, before);
}

static size_t plain_length_by_definition(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size && text[at] >= 0x20 && text[at] < 0x7F && text[at] != '"' && text[at] != '\\') {
        at++;
    }
    return at;
}

/* Of its exact size, so that AddressSanitizer and valgrind see a byte too far. */
Test(json_plain, every_byte_in_every_place_of_every_length)
{
    for (size_t size = 1; size <= 50; size++) {
        char *text = malloc(size);
        cr_assert_not_null(text);
        for (size_t place = 0; place < size; place++) {
            for (int byte = 0; byte < 256; byte++) {
                memset(text, byte == 'a' ? '~' : 'a', size);
                text[place] = (char)byte;
                cr_assert_eq(baton__json_plain_length(text, size), plain_length_by_definition(text, size),
                             "%d at %zu of %zu", byte, place, size);
            }
        }
        free(text);
    }
}

/* What is behind the first one does not hide or move it. */
Test(json_plain, the_first_of_several_counts)
{
    static const char odd[] = {'"', '\\', '\n', 0x7F, '\0', '\x1f', '\x80', '\xff'};
    enum { ODD = sizeof(odd) };
    char text[48];
    for (size_t first = 0; first < sizeof(text); first++) {
        for (size_t i = 0; i < ODD * ODD; i++) {
            memset(text, '!', sizeof(text));
            memset(text + first, odd[i % ODD], sizeof(text) - first);
            text[first] = odd[i / ODD];
            cr_assert_eq(baton__json_plain_length(text, sizeof(text)), first);
        }
    }
    cr_assert_eq(baton__json_plain_length(text, 0), 0);
}

/* Each kind of odd character, so that what comes behind it is scanned as well, at every distance from the quote. */
Test(json_scan, an_odd_character_at_any_place_of_a_string)
{
    static const char *const kinds[] = {"\\n", "\\\"", "\\u00e4", "\xc3\xa4", "\xf0\x9f\x98\x80", "\x7f"};
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (int before = 0; before <= 40; before++) {
            for (int behind = 0; behind <= 40; behind++) {
                char text[128];
                int length = snprintf(text, sizeof(text), "\"%.*s%s%.*s\"", before, "0123456789012345678901234567890123456789",
                                      kinds[kind], behind, "0123456789012345678901234567890123456789");
                cr_assert(baton__json_scan(text, (size_t)length, 1), "%s", text);
                cr_assert_not(baton__json_scan(text, (size_t)length - 1, 1), "%s", text);
                text[1 + before] = '\x1f';
                cr_assert_not(baton__json_scan(text, (size_t)length, 1));
            }
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The examples of RFC 4648, section 10, and one with the characters that other alphabets lack. */
static const struct {
    const char *bytes;
    const char *text;
} pairs[] = {{"", ""},
             {"f", "Zg=="},
             {"fo", "Zm8="},
             {"foo", "Zm9v"},
             {"foob", "Zm9vYg=="},
             {"fooba", "Zm9vYmE="},
             {"foobar", "Zm9vYmFy"},
             {"\xfb\xff\xbf", "+/+/"}};

Test(base64, prints_and_parses)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        size_t size = strlen(pairs[i].bytes);
        char text[16] = "";
        char bytes[16] = "";
        size_t parsed = 99;
        cr_expect_eq(baton__base64_length(size), strlen(pairs[i].text));
        baton__base64_print(text, pairs[i].bytes, size);
        cr_expect_str_eq(text, pairs[i].text);
        cr_expect(baton__base64_parse(text, strlen(text), bytes, &parsed));
        cr_expect_eq(parsed, size);
        cr_expect_str_eq(bytes, pairs[i].bytes);
    }
}

Test(base64, every_byte_comes_back)
{
    uint8_t bytes[256];
    uint8_t again[258];
    char text[344];
    size_t size = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 37);
    }
    cr_assert_eq(baton__base64_length(sizeof(bytes)), sizeof(text));
    baton__base64_print(text, bytes, sizeof(bytes));
    cr_assert(baton__base64_parse(text, sizeof(text), again, &size));
    cr_assert_eq(size, sizeof(bytes));
    cr_assert_eq(memcmp(bytes, again, size), 0);
}

Test(base64, one_value_has_one_text)
{
    static const char *const refused[] = {"Z",    "Zg",   "Zg=",      "Zg===",    "====",   "Z===",
                                          "Zh==", "Zm9=", "Zm8=Zm8=", "Zg==Zm9v", "Zm9v\n", "Zm9-",
                                          "Zm9_", " Zm9", "Zm 9",     "Z=g=",     "=Zm9"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char bytes[16];
        size_t size = 99;
        cr_expect_not(baton__base64_parse(refused[i], strlen(refused[i]), bytes, &size), "%s",
                      refused[i]);
        cr_expect_eq(size, 99);
    }
}

enum { LONGEST = 200 };

static void fill(uint8_t *bytes, size_t size)
{
    static uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

/* Room of exactly its size, so that AddressSanitizer and valgrind see a byte too far on either side. */
static void *room(size_t size)
{
    void *bytes = malloc(size == 0 ? 1 : size);
    cr_assert_not_null(bytes);
    return bytes;
}

static void check_prints_as_by_tables(const uint8_t *bytes, size_t size)
{
    size_t length = baton__base64_length(size);
    char *text = room(length);
    char *by_tables = room(length);
    baton__base64_print(text, bytes, size);
    baton__base64_print_by_tables(by_tables, bytes, size);
    cr_assert_eq(memcmp(text, by_tables, length), 0, "%zu bytes", size);
    free(text);
    free(by_tables);
}

/* Returns whether it was taken. */
static bool check_parses_as_by_tables(const char *text, size_t length)
{
    uint8_t *bytes = room(length / 4 * 3);
    uint8_t *by_tables = room(length / 4 * 3);
    size_t size = 99999;
    size_t size_by_tables = 99999;
    bool taken = baton__base64_parse(text, length, bytes, &size);
    cr_assert_eq(taken, baton__base64_parse_by_tables(text, length, by_tables, &size_by_tables), "%zu: %.*s", length,
                 (int)length, text);
    cr_assert_eq(size, size_by_tables);
    cr_assert(!taken || memcmp(bytes, by_tables, size) == 0, "%zu: %.*s", length, (int)length, text);
    free(bytes);
    free(by_tables);
    return taken;
}

/* A text of its exact size. */
static char *random_text(size_t size)
{
    uint8_t *bytes = room(size);
    char *text = room(baton__base64_length(size));
    fill(bytes, size);
    baton__base64_print_by_tables(text, bytes, size);
    free(bytes);
    return text;
}

Test(base64, every_length_prints_and_parses_as_by_tables)
{
    for (size_t size = 0; size <= LONGEST; size++) {
        uint8_t *bytes = room(size);
        for (int round = 0; round < 4; round++) {
            fill(bytes, size);
            check_prints_as_by_tables(bytes, size);
            char *text = random_text(size);
            cr_assert(check_parses_as_by_tables(text, baton__base64_length(size)));
            free(text);
        }
        free(bytes);
    }
}

Test(base64, every_cut_is_judged_as_by_tables)
{
    for (size_t length = 0; length <= LONGEST; length++) {
        char *text = random_text(LONGEST);
        char *cut = room(length);
        memcpy(cut, text, length);
        cr_assert_eq(check_parses_as_by_tables(cut, length), length % 4 == 0);
        free(cut);
        free(text);
    }
}

Test(base64, every_value_in_every_place_prints_and_parses_as_by_tables)
{
    uint8_t bytes[48];
    for (unsigned value = 0; value < 256; value++) {
        for (size_t place = 0; place < sizeof(bytes); place++) {
            char text[64];
            memset(bytes, (int)~value & 0xFF, sizeof(bytes));
            bytes[place] = (uint8_t)value;
            check_prints_as_by_tables(bytes, sizeof(bytes));
            baton__base64_print_by_tables(text, bytes, sizeof(bytes));
            cr_assert(check_parses_as_by_tables(text, sizeof(text)));
        }
    }
}

Test(base64, every_character_in_every_place_is_judged_as_by_tables)
{
    for (size_t size = 46; size <= 48; size++) {
        char *text = random_text(size);
        for (size_t place = 0; place < baton__base64_length(size); place++) {
            char right = text[place];
            for (int c = 0; c < 256; c++) {
                text[place] = (char)c;
                (void)check_parses_as_by_tables(text, baton__base64_length(size));
            }
            text[place] = right;
        }
        free(text);
    }
}

/* The neighbours of the alphabet's runs, and what other alphabets have. */
Test(base64, a_wrong_character_anywhere_in_any_length_is_refused)
{
    static const char wrong[] = {'\0', '*', ',', '.', ':', '@', '[', '`', '{', '-', '_', '=', '\x80', '\xff'};
    for (size_t size = 1; size <= LONGEST; size++) {
        size_t length = baton__base64_length(size);
        size_t padding = (3 - size % 3) % 3;
        char *text = random_text(size);
        for (size_t place = 0; place < length - padding; place++) {
            char right = text[place];
            text[place] = wrong[(size + place) % sizeof(wrong)];
            bool taken = check_parses_as_by_tables(text, length);
            /* "Zm9v" with its last digit padded away may be another text that is right. */
            cr_assert(!taken || (text[place] == '=' && place + padding + 1 == length), "%zu of %zu", place, length);
            text[place] = right;
        }
        free(text);
    }
}

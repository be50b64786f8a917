/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

#include <criterion/criterion.h>
#include <stdint.h>
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

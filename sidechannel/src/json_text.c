/* SPDX-License-Identifier: Apache-2.0 */
#include "json_text.h"

#include "base64.h"
#include "json_plain.h"
#include "utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void baton__text_init(baton__text *text, size_t capacity)
{
    *text = (baton__text){.data = malloc(capacity), .capacity = capacity};
    text->failed = text->data == NULL;
}

void baton__text_fini(baton__text *text)
{
    free(text->data);
    *text = (baton__text){.failed = true};
}

char *baton__text_take(baton__text *text, size_t *size_out)
{
    baton__text_append(text, "", 1);
    if (text->failed) {
        baton__text_fini(text);
        return NULL;
    }
    char *data = text->data;
    *size_out = text->used - 1;
    text->data = NULL;
    baton__text_fini(text);
    return data;
}

/* Room for size more bytes, or NULL. */
static char *reserve(baton__text *text, size_t size)
{
    if (text->failed) {
        return NULL;
    }
    if (size > text->capacity - text->used) {
        size_t capacity = text->used + size + text->capacity / 2 + 64;
        char *data = realloc(text->data, capacity);
        if (data == NULL) {
            text->failed = true;
            return NULL;
        }
        text->data = data;
        text->capacity = capacity;
    }
    return text->data + text->used;
}

void baton__text_append(baton__text *text, const void *bytes, size_t size)
{
    char *room = reserve(text, size);
    if (room != NULL) {
        memcpy(room, bytes, size);
        text->used += size;
    }
}

void baton__text_raw(baton__text *text, const char *string)
{
    baton__text_append(text, string, strlen(string));
}

static void append_escaped(baton__text *text, char c)
{
    char escape[8];
    switch (c) {
    case '"':
        baton__text_raw(text, "\\\"");
        break;
    case '\\':
        baton__text_raw(text, "\\\\");
        break;
    case '\n':
        baton__text_raw(text, "\\n");
        break;
    default:
        (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)c);
        baton__text_raw(text, escape);
        break;
    }
}

void baton__text_quoted(baton__text *text, const char *string)
{
    size_t size = strlen(string);
    size_t plain = 0; /* where the bytes begin that need no change */
    baton__text_append(text, "\"", 1);
    for (size_t i = baton__json_plain_length(string, size); i < size;) {
        size_t length = baton__utf8_length(string + i, size - i);
        char c = string[i];
        if (length > 1 || (length == 1 && (unsigned char)c >= 0x20 && c != '"' && c != '\\')) {
            i += length;
            continue;
        }
        baton__text_append(text, string + plain, i - plain);
        if (length == 1) {
            append_escaped(text, c);
        } else {
            baton__text_raw(text, "\xEF\xBF\xBD");
        }
        plain = ++i;
    }
    baton__text_append(text, string + plain, size - plain);
    baton__text_append(text, "\"", 1);
}

/* The two digits of 0 .. 99. */
static const char digit_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

void baton__text_uint(baton__text *text, uint64_t value)
{
    char digits[20];
    size_t first = sizeof(digits);
    for (; value >= 10; value /= 100) {
        first -= 2;
        memcpy(digits + first, digit_pairs + value % 100 * 2, 2);
    }
    if (value != 0 || first == sizeof(digits)) {
        digits[--first] = (char)('0' + value);
    }
    baton__text_append(text, digits + first, sizeof(digits) - first);
}

void baton__text_base64(baton__text *text, const void *bytes, size_t size)
{
    char *room = reserve(text, baton__base64_length(size));
    if (room != NULL) {
        baton__base64_print(room, bytes, size);
        text->used += baton__base64_length(size);
    }
}

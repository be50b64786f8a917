/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TEST_HEX_H
#define BATON_TEST_HEX_H

#include <stddef.h>
#include <stdint.h>

static inline int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes as pairs of lower-case digits up to anything else, which *end_out is; at most capacity. */
static inline size_t hex_read(const char *text, uint8_t *bytes, size_t capacity, const char **end_out)
{
    size_t size = 0;
    while (size < capacity && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0) {
        bytes[size++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
        text += 2;
    }
    *end_out = text;
    return size;
}

#endif

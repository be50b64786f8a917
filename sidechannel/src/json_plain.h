/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_JSON_PLAIN_H
#define BATON_JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * True if each of the eight bytes is ASCII that stands for itself. In a word of bytes below 0x80 the high bit of a byte is
 * set by the subtraction of n where the byte is below n, and by that of 1 from what is 0 (a byte equal to the mask).
 */
static inline bool baton__json_is_plain_word(const char *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t high = ones << 7;
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    uint64_t del = word ^ (ones * 0x7F);
    uint64_t odd = word | (word - ones * 0x20) | (quote - ones) | (slash - ones) | (del - ones);
    return (odd & high) == 0;
}

/* How many bytes from there on are ASCII that stands for itself in a JSON string: most of what strings are made of. */
static inline size_t baton__json_plain_length(const char *text, size_t size)
{
    size_t at = 0;
    while (size - at >= sizeof(uint64_t) && baton__json_is_plain_word(text + at)) {
        at += sizeof(uint64_t);
    }
    while (at < size && text[at] >= 0x20 && text[at] < 0x7F && text[at] != '"' &&
           text[at] != '\\') {
        at++;
    }
    return at;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

#include <stdint.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t baton__base64_length(size_t size)
{
    return (size + 2) / 3 * 4;
}

static void print_group(char *text, uint32_t group)
{
    text[0] = alphabet[group >> 18];
    text[1] = alphabet[group >> 12 & 63];
    text[2] = alphabet[group >> 6 & 63];
    text[3] = alphabet[group & 63];
}

void baton__base64_print(char *text, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    for (; size >= 3; size -= 3, from += 3, text += 4) {
        print_group(text, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2]);
    }
    if (size == 0) {
        return;
    }
    print_group(text, (uint32_t)from[0] << 16 | (size == 2 ? (uint32_t)from[1] << 8 : 0));
    text[3] = '=';
    if (size == 1) {
        text[2] = '=';
    }
}

/* One more than the value of a digit, 0 for a character outside of the alphabet. */
static const uint8_t digits_of[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
    ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* All groups of four digits but one that is filled up with '='. Returns how many characters it took. */
static size_t parse_whole_groups(const uint8_t *from, size_t length, uint8_t *to)
{
    size_t i = 0;
    for (; i + 4 <= length; i += 4) {
        uint32_t a = digits_of[from[i]];
        uint32_t b = digits_of[from[i + 1]];
        uint32_t c = digits_of[from[i + 2]];
        uint32_t d = digits_of[from[i + 3]];
        if (a == 0 || b == 0 || c == 0 || d == 0) {
            break;
        }
        uint32_t group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        *to++ = (uint8_t)(group >> 16);
        *to++ = (uint8_t)(group >> 8);
        *to++ = (uint8_t)group;
    }
    return i;
}

bool baton__base64_parse(const char *text, size_t length, void *bytes, size_t *size_out)
{
    const uint8_t *from = (const uint8_t *)text;
    uint8_t *to = bytes;
    if (length % 4 != 0) {
        return false;
    }
    size_t done = parse_whole_groups(from, length, to);
    size_t size = done / 4 * 3;
    if (done == length) {
        *size_out = size;
        return true;
    }
    /* Only the last group may be filled up, with one or two, and the bits beyond the last byte are 0. */
    from += done;
    uint32_t a = digits_of[from[0]];
    uint32_t b = digits_of[from[1]];
    uint32_t c = digits_of[from[2]];
    bool two = from[2] == '=';
    if (done + 4 != length || from[3] != '=' || a == 0 || b == 0 || (!two && c == 0)) {
        return false;
    }
    uint32_t group = (a - 1) << 18 | (b - 1) << 12 | (two ? 0 : (c - 1) << 6);
    if ((group & (two ? 0xFFFFU : 0xFFU)) != 0) {
        return false;
    }
    to[size++] = (uint8_t)(group >> 16);
    if (!two) {
        to[size++] = (uint8_t)(group >> 8);
    }
    *size_out = size;
    return true;
}

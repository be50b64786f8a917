/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_UTF8_H
#define BATON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the character that begins at text, 0 if it is not UTF-8 (RFC 3629: no overlong
 * form, no surrogate, nothing above U+10FFFF). left: bytes from there to the end, at least 1. */
static inline size_t baton__utf8_length(const char *text, size_t left)
{
    const uint8_t *bytes = (const uint8_t *)text;
    uint8_t first = bytes[0];
    if (first < 0x80) {
        return 1;
    }
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || left < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    uint8_t second = bytes[1];
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
        return 0;
    }
    return length;
}

#endif

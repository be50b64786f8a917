/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

#include <stdint.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t baton__base64_length(size_t size)
{
    return (size + 2) / 3 * 4;
}

void baton__base64_print(char *text, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < size; i += 3) {
        size_t count = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)from[i] << 16;
        group |= count > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        group |= count > 2 ? (uint32_t)from[i + 2] : 0;
        *text++ = alphabet[group >> 18];
        *text++ = alphabet[group >> 12 & 63];
        *text++ = '=';
        *text++ = '=';
        if (count > 1) {
            text[-2] = alphabet[group >> 6 & 63];
        }
        if (count > 2) {
            text[-1] = alphabet[group & 63];
        }
    }
}

/* 64 for a character outside of the alphabet. */
static uint32_t digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0') + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool baton__base64_parse(const char *text, size_t length, void *bytes, size_t *size_out)
{
    uint8_t *to = bytes;
    size_t size = 0;
    if (length % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < length; i += 4) {
        size_t digits = 4;
        while (i + 4 == length && digits > 2 && text[i + digits - 1] == '=') {
            digits--;
        }
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            uint32_t value = k < digits ? digit_value(text[i + k]) : 0;
            if (value > 63) {
                return false;
            }
            group = group << 6 | value;
        }
        if ((group & (digits == 4 ? 0 : digits == 3 ? 0xFFU : 0xFFFFU)) != 0) {
            return false;
        }
        for (size_t k = 0; k + 1 < digits; k++) {
            to[size++] = (uint8_t)(group >> (16 - 8 * k));
        }
    }
    *size_out = size;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_HEX_H
#define BATON_BASE_HEX_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Hexadecimal digits, four bytes to and from eight characters in a word. Keys go this way: nothing is looked up in a table and
 * no branch is taken by what a byte is, so neither the cache nor the time tells.
 */

#define BATON__HEX_EACH UINT64_C(0x0101010101010101)

/* Eight characters, the first in the lowest byte, lower case. */
static inline uint64_t baton__hex_from_bytes(const uint8_t bytes[4])
{
    uint32_t four;
    memcpy(&four, bytes, sizeof(four));
    uint64_t digits = le32toh(four);
    /* Every byte to the lower half of 16 bits, then its two digits to a byte each, the upper one first. */
    digits = (digits | digits << 16) & UINT64_C(0x0000FFFF0000FFFF);
    digits = (digits | digits << 8) & UINT64_C(0x00FF00FF00FF00FF);
    digits = (digits >> 4 | digits << 8) & (BATON__HEX_EACH * 0x0F);
    uint64_t letters = (digits + BATON__HEX_EACH * 6) >> 4 & BATON__HEX_EACH; /* 1 from ten on */
    return htole64(digits + BATON__HEX_EACH * '0' + letters * ('a' - '0' - 10));
}

/* In bytes below 0x80, the high bit of those from n on. */
static inline uint64_t baton__hex_from(uint64_t bytes, unsigned n)
{
    return bytes + BATON__HEX_EACH * (0x80 - n);
}

/* Four bytes of eight characters in either case. Whatever they are, high bits of wrong_out are set if one is no digit. */
static inline void baton__hex_to_bytes(const char text[8], uint8_t bytes[4], uint64_t *wrong_out)
{
    uint64_t eight;
    memcpy(&eight, text, sizeof(eight));
    eight = le64toh(eight);
    uint64_t low = eight & (BATON__HEX_EACH * 0x7F);
    uint64_t folded = low | BATON__HEX_EACH * 0x20;
    uint64_t numeral = baton__hex_from(low, '0') & ~baton__hex_from(low, '9' + 1);
    uint64_t letter = baton__hex_from(folded, 'a') & ~baton__hex_from(folded, 'f' + 1);
    *wrong_out |= ~(numeral | letter) | eight;
    uint64_t digits = (eight & (BATON__HEX_EACH * 0x0F)) + (eight >> 6 & BATON__HEX_EACH) * 9;
    digits = (digits << 4 | digits >> 8) & UINT64_C(0x00FF00FF00FF00FF);
    digits = (digits | digits >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    uint32_t four = htole32((uint32_t)(digits | digits >> 16));
    memcpy(bytes, &four, sizeof(four));
}

static inline bool baton__hex_is_wrong(uint64_t wrong)
{
    return (wrong & (BATON__HEX_EACH * 0x80)) != 0;
}

#endif

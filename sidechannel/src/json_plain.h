/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_JSON_PLAIN_H
#define BATON_JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

#if defined(__SSE2__)
/* One bit for each of the 16 bytes that is not ASCII that stands for itself. Bytes from 0x80 on are negative, so below 0x20. */
static inline unsigned baton__json_odd_bytes(const char *bytes)
{
    __m128i block = _mm_loadu_si128((const void *)bytes);
    __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7F));
    __m128i control = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), _mm_or_si128(del, control)));
}
#endif

/* Of less than 16 bytes, or without SSE2. Not inlined: of what is read it is the end of a whole text, so a message comes here once. */
static __attribute__((noinline)) size_t baton__json_plain_end(const char *text, size_t size)
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

/* How many bytes from there on are ASCII that stands for itself in a JSON string: most of what strings are made of. */
static inline size_t baton__json_plain_length(const char *text, size_t size)
{
    size_t at = 0;
#if defined(__SSE2__)
    for (; size - at >= 16; at += 16) {
        unsigned odd = baton__json_odd_bytes(text + at);
        if (odd != 0) {
            return at + (size_t)__builtin_ctz(odd);
        }
    }
#endif
    return at + baton__json_plain_end(text + at, size - at);
}

#endif

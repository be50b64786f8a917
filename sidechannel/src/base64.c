/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64: four characters a step by tables, or sixteen by SSSE3 (x86 from 2006 on, looked for at run time) with the tables
 * for what is left at the end and for the group that is filled up or wrong.
 *
 * The steps of sixteen follow Wojciech Mula and Daniel Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions",
 * ACM Transactions on the Web 12 (3), 2018: a multiplication shifts digits by different amounts at once, and a shuffle looks
 * sixteen bytes up in a table of sixteen.
 */
#include "base64.h"

#include <stdint.h>
#if defined(__x86_64__)
#include <tmmintrin.h>
#endif

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

void baton__base64_print_by_tables(char *text, const void *bytes, size_t size)
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

bool baton__base64_parse_by_tables(const char *text, size_t length, void *bytes, size_t *size_out)
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

#if defined(__x86_64__)
/* Steps of 12 bytes; each loads 16. Returns how many bytes are printed. */
__attribute__((target("ssse3"))) static size_t print_by_ssse3(char *text, const uint8_t *bytes, size_t size)
{
    /* Each group of three bytes as four, the middle one twice, so that each 16 bits hold two whole digits. */
    const __m128i spread = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    /* From a digit to its character, by classes: 0 is a-z, 1 .. 10 are 0-9, then + and /, and 13 is A-Z. */
    const __m128i distances = _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                            '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    size_t done = 0;
    for (; size - done >= 16; done += 12, text += 16) {
        __m128i in = _mm_shuffle_epi8(_mm_loadu_si128((const void *)(bytes + done)), spread);
        __m128i even = _mm_mulhi_epu16(_mm_and_si128(in, _mm_set1_epi32(0x0FC0FC00)), _mm_set1_epi32(0x04000040));
        __m128i odd = _mm_mullo_epi16(_mm_and_si128(in, _mm_set1_epi32(0x003F03F0)), _mm_set1_epi32(0x01000010));
        __m128i digits = _mm_or_si128(even, odd);
        __m128i capital = _mm_cmpgt_epi8(_mm_set1_epi8(26), digits);
        __m128i class = _mm_or_si128(_mm_subs_epu8(digits, _mm_set1_epi8(51)), _mm_and_si128(capital, _mm_set1_epi8(13)));
        _mm_storeu_si128((void *)text, _mm_add_epi8(digits, _mm_shuffle_epi8(distances, class)));
    }
    return done;
}

/* Steps of 16 characters; each stores 16 bytes, of which 12 count, so it begins only where there is room for them. Returns
 * how many characters are parsed: those before the step that has one outside of the alphabet. */
__attribute__((target("ssse3"))) static size_t parse_by_ssse3(const char *text, size_t length, uint8_t *bytes)
{
    /* Bits for the sets of upper halves that are wrong beside a lower half, and the set that an upper half is in. */
    const __m128i wrong_low = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                            0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
    const __m128i wrong_high = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
                                             0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    /* From a character to its digit, by its upper half, less one for '/', whose upper half is that of '+'. */
    const __m128i distances =
        _mm_setr_epi8(0, 63 - '/', 62 - '+', 52 - '0', -'A', -'A', 26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i pack = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m128i half = _mm_set1_epi8(0x0F);
    size_t done = 0;
    for (; length - done >= 24; done += 16, bytes += 12) {
        __m128i in = _mm_loadu_si128((const void *)(text + done));
        __m128i high = _mm_and_si128(_mm_srli_epi32(in, 4), half);
        __m128i low = _mm_and_si128(in, half);
        __m128i wrong = _mm_and_si128(_mm_shuffle_epi8(wrong_low, low), _mm_shuffle_epi8(wrong_high, high));
        if (_mm_movemask_epi8(_mm_cmpgt_epi8(wrong, _mm_setzero_si128())) != 0) {
            break;
        }
        __m128i slash = _mm_cmpeq_epi8(in, _mm_set1_epi8('/'));
        __m128i digits = _mm_add_epi8(in, _mm_shuffle_epi8(distances, _mm_add_epi8(slash, high)));
        __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi32(0x01400140));
        __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
        _mm_storeu_si128((void *)bytes, _mm_shuffle_epi8(groups, pack));
    }
    return done;
}

void baton__base64_print(char *text, const void *bytes, size_t size)
{
    size_t done = __builtin_cpu_supports("ssse3") ? print_by_ssse3(text, bytes, size) : 0;
    baton__base64_print_by_tables(text + done / 3 * 4, (const uint8_t *)bytes + done, size - done);
}

bool baton__base64_parse(const char *text, size_t length, void *bytes, size_t *size_out)
{
    size_t done = __builtin_cpu_supports("ssse3") ? parse_by_ssse3(text, length, bytes) : 0;
    size_t size = done / 4 * 3;
    size_t rest;
    if (!baton__base64_parse_by_tables(text + done, length - done, (uint8_t *)bytes + size, &rest)) {
        return false;
    }
    *size_out = size + rest;
    return true;
}
#else
void baton__base64_print(char *text, const void *bytes, size_t size)
{
    baton__base64_print_by_tables(text, bytes, size);
}

bool baton__base64_parse(const char *text, size_t length, void *bytes, size_t *size_out)
{
    return baton__base64_parse_by_tables(text, length, bytes, size_out);
}
#endif

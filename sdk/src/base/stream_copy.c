/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stream_copy.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { MIN_DEFAULT = 16 * 1024 * 1024, MIN_MOST = 16 * 1024 * 1024 };

size_t baton__stream_copy_min(void)
{
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE); /* 0 or -1: it does not say */
    if (cache <= 0) {
        return MIN_DEFAULT;
    }
    return cache / 2 > MIN_MOST ? MIN_MOST : (size_t)cache / 2;
}

#ifdef __SSE2__
#include <emmintrin.h>

enum { LINE = 64, WORD = sizeof(__m128i) };

static void copy_line(uint8_t *to, const uint8_t *from)
{
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i second = _mm_loadu_si128((const __m128i *)(const void *)(from + WORD));
    __m128i third = _mm_loadu_si128((const __m128i *)(const void *)(from + 2 * WORD));
    __m128i fourth = _mm_loadu_si128((const __m128i *)(const void *)(from + 3 * WORD));
    _mm_stream_si128((__m128i *)(void *)to, first);
    _mm_stream_si128((__m128i *)(void *)(to + WORD), second);
    _mm_stream_si128((__m128i *)(void *)(to + 2 * WORD), third);
    _mm_stream_si128((__m128i *)(void *)(to + 3 * WORD), fourth);
}

void baton__stream_copy(void *to, const void *from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    size_t head = (0 - (uintptr_t)target) % LINE;
    head = head > size ? size : head;
    memcpy(target, source, head);
    size_t at = head;
    for (; size - at >= LINE; at += LINE) {
        copy_line(target + at, source + at);
    }
    _mm_sfence(); /* those writes are not in order with others */
    memcpy(target + at, source + at, size - at);
}

#else

void baton__stream_copy(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
}

#endif

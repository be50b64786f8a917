/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stream_copy.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1024, EDGE = 0xEE };

/* Every alignment of both ends, and not a byte beside it. */
Test(stream_copy, copies_what_memcpy_copies)
{
    uint8_t from[ROOM];
    for (size_t i = 0; i < ROOM; i++) {
        from[i] = (uint8_t)(i * 7 + i / 13);
    }
    for (size_t size = 0; size < 300; size++) {
        for (size_t shift = 0; shift < 64; shift += size % 5 + 1) {
            uint8_t to[ROOM];
            memset(to, EDGE, sizeof(to));
            size_t other = (shift * 11 + size) % 64;
            baton__stream_copy(to + 64 + shift, from + other, size);
            cr_assert_eq(memcmp(to + 64 + shift, from + other, size), 0, "%zu bytes", size);
            cr_assert_eq(to[64 + shift - 1], EDGE);
            cr_assert_eq(to[64 + shift + size], EDGE);
        }
    }
}

/* Of their exact size, for AddressSanitizer. */
Test(stream_copy, a_large_one)
{
    enum { LARGE = 3 * 1024 * 1024 + 77 };
    uint8_t *from = malloc(LARGE);
    uint8_t *to = malloc(LARGE);
    cr_assert(from != NULL && to != NULL);
    for (size_t i = 0; i < LARGE; i++) {
        from[i] = (uint8_t)(i ^ i >> 9);
    }
    baton__stream_copy(to, from, LARGE);
    cr_assert_eq(memcmp(to, from, LARGE), 0);
    free(from);
    free(to);
}

Test(stream_copy, is_for_what_is_large)
{
    cr_assert_gt(baton__stream_copy_min(), 64 * 1024);
    cr_assert_leq(baton__stream_copy_min(), 16 * 1024 * 1024);
}

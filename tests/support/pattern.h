/* SPDX-License-Identifier: Apache-2.0 */
/* Memory whose every byte tells where it belongs: a wrong offset, piece or seed is seen. */
#ifndef BATON_TEST_PATTERN_H
#define BATON_TEST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t pattern_word(uint64_t index, uint64_t seed)
{
    uint64_t word =
        (index + 1) * UINT64_C(0x9E3779B97F4A7C15) ^ (seed + 1) * UINT64_C(0xD1B54A32D192ED03);
    return word ^ word >> 29;
}

static inline void pattern_fill(void *memory, size_t size, uint64_t seed)
{
    uint8_t *bytes = memory;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = pattern_word(at / 8, seed);
        memcpy(bytes + at, &word, size - at < 8 ? size - at : 8);
    }
}

static inline bool pattern_is(const void *memory, size_t size, uint64_t seed)
{
    const uint8_t *bytes = memory;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = pattern_word(at / 8, seed);
        if (memcmp(bytes + at, &word, size - at < 8 ? size - at : 8) != 0) {
            return false;
        }
    }
    return true;
}

#endif

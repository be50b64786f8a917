/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

#include <criterion/criterion.h>
#include <string.h>

/* Made by: openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 -in FILE SIPHASH
 * with files of the bytes 0, 1, 2 and so on; the first two stand in the authors' vectors.h, too. */
static const struct {
    size_t size;
    const char *tag;
} vectors[] = {
    {0, "\xa3\x81\x7f\x04\xba\x25\xa8\xe6\x6d\xf6\x72\x14\xc7\x55\x02\x93"},
    {1, "\xda\x87\xc1\xd8\x6b\x99\xaf\x44\x34\x76\x59\x11\x9b\x22\xfc\x45"},
    {2, "\x81\x77\x22\x8d\xa4\xa4\x5d\xc7\xfc\xa3\x8b\xde\xf6\x0a\xff\xe4"},
    {8, "\x3b\x62\xa9\xba\x62\x58\xf5\x61\x0f\x83\xe2\x64\xf3\x14\x97\xb4"},
    {15, "\x54\x93\xe9\x99\x33\xb0\xa8\x11\x7e\x08\xec\x0f\x97\xcf\xc3\xd9"},
    {20, "\x9e\x25\xfc\x83\x3f\x22\x90\x73\x3e\x93\x44\xa5\xe8\x38\x39\xeb"},
};

Test(siphash, gives_what_openssl_gives)
{
    uint8_t key[16];
    uint8_t data[20];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)i;
        key[i % 16] = (uint8_t)(i % 16);
    }
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t tag[16];
        baton__siphash_128(key, data, vectors[i].size, tag);
        cr_assert_eq(memcmp(tag, vectors[i].tag, sizeof(tag)), 0, "%zu bytes", vectors[i].size);
    }
}

Test(siphash, every_bit_of_key_and_data_counts)
{
    uint8_t key[16] = {1};
    uint8_t data[20] = {2};
    uint8_t first[16];
    uint8_t tag[16];
    baton__siphash_128(key, data, sizeof(data), first);
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        baton__siphash_128(key, data, sizeof(data), tag);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_assert_neq(memcmp(tag, first, sizeof(tag)), 0);
    }
    for (size_t bit = 0; bit < 8 * sizeof(key); bit++) {
        key[bit / 8] ^= (uint8_t)(1U << bit % 8);
        baton__siphash_128(key, data, sizeof(data), tag);
        key[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_assert_neq(memcmp(tag, first, sizeof(tag)), 0);
    }
}

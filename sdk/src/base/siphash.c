/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

typedef struct state {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
} state;

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static uint64_t load(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

static void store(uint8_t *bytes, uint64_t word)
{
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(word >> (8 * i));
    }
}

static void rounds(state *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static void take(state *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

static uint64_t finish(state *s)
{
    rounds(s, 4);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

void baton__siphash_128(const uint8_t key[16], const void *data, size_t size, uint8_t out[16])
{
    const uint8_t *bytes = data;
    uint64_t k0 = load(key, 8);
    uint64_t k1 = load(key + 8, 8);
    state s = {
        .v0 = UINT64_C(0x736f6d6570736575) ^ k0,
        .v1 = UINT64_C(0x646f72616e646f6d) ^ k1 ^ 0xee,
        .v2 = UINT64_C(0x6c7967656e657261) ^ k0,
        .v3 = UINT64_C(0x7465646279746573) ^ k1,
    };
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        take(&s, load(bytes + at, 8));
    }
    take(&s, load(bytes + at, size - at) | (uint64_t)size << 56);
    s.v2 ^= 0xee;
    store(out, finish(&s));
    s.v1 ^= 0xdd;
    store(out + 8, finish(&s));
}

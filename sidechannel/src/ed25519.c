/* SPDX-License-Identifier: Apache-2.0 */
#include "ed25519.h"

#include "sha512.h"
#include <string.h>

/*
 * nats.c signs with an NKey but wants to be told its public half, and exports nothing that derives
 * it; neither is a crypto library among what baton is built on. So this is the one multiplication
 * that it takes. It works as TweetNaCl (public domain) does: numbers modulo 2^255 - 19 in 16 limbs
 * of 16 bits, points as (X, Y, Z, T) on the twisted Edwards curve.
 */
typedef int64_t number[16];
typedef number point[4];

static const number zero = {0};
static const number one = {1};
/* Twice the constant d of the curve. */
static const number twice_d = {0xf159, 0x26b2, 0x9b94, 0xebd6, 0xb156, 0x8283, 0x149a, 0x00e0,
                               0xd130, 0xeef3, 0x80f2, 0x198e, 0xfce7, 0x56df, 0xd9dc, 0x2406};
/* The base point. */
static const number base_x = {0xd51a, 0x8f25, 0x2d60, 0xc956, 0xa7b2, 0x9525, 0xc760, 0x692c,
                              0xdc5c, 0xfdd6, 0xe231, 0xc0a4, 0x53fe, 0xcd6e, 0x36d3, 0x2169};
static const number base_y = {0x6658, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666,
                              0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666, 0x6666};

static void copy(number to, const number from)
{
    memcpy(to, from, sizeof(number));
}

/* Brings the limbs back to 16 bits; what leaves at the top comes in again times 38 (2^256 = 38). */
static void carry(number n)
{
    for (int i = 0; i < 16; i++) {
        n[i] += (int64_t)1 << 16;
        int64_t over = n[i] >> 16;
        if (i < 15) {
            n[i + 1] += over - 1;
        } else {
            n[0] += 38 * (over - 1);
        }
        n[i] -= over * 65536;
    }
}

/* Swaps without a branch when swap is 1. */
static void swap_if(number a, number b, int64_t swap)
{
    int64_t mask = -swap;
    for (int i = 0; i < 16; i++) {
        int64_t difference = mask & (a[i] ^ b[i]);
        a[i] ^= difference;
        b[i] ^= difference;
    }
}

static void add(number sum, const number a, const number b)
{
    for (int i = 0; i < 16; i++) {
        sum[i] = a[i] + b[i];
    }
}

static void subtract(number difference, const number a, const number b)
{
    for (int i = 0; i < 16; i++) {
        difference[i] = a[i] - b[i];
    }
}

static void multiply(number product, const number a, const number b)
{
    int64_t wide[31] = {0};
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < 16; k++) {
            wide[i + k] += a[i] * b[k];
        }
    }
    for (int i = 0; i < 15; i++) {
        wide[i] += 38 * wide[i + 16];
    }
    memcpy(product, wide, sizeof(number));
    carry(product);
    carry(product);
}

/* n^(p - 2). */
static void invert(number inverse, const number n)
{
    number power;
    copy(power, n);
    for (int bit = 253; bit >= 0; bit--) {
        multiply(power, power, power);
        if (bit != 2 && bit != 4) {
            multiply(power, power, n);
        }
    }
    copy(inverse, power);
}

/* 32 bytes, little-endian, below 2^255 - 19. */
static void pack(uint8_t bytes[32], const number n)
{
    number reduced;
    copy(reduced, n);
    carry(reduced);
    carry(reduced);
    carry(reduced);
    for (int round = 0; round < 2; round++) {
        number less;
        less[0] = reduced[0] - 0xffed;
        for (int i = 1; i < 15; i++) {
            less[i] = reduced[i] - 0xffff - (less[i - 1] >> 16 & 1);
            less[i - 1] &= 0xffff;
        }
        less[15] = reduced[15] - 0x7fff - (less[14] >> 16 & 1);
        int64_t borrowed = less[15] >> 16 & 1;
        less[14] &= 0xffff;
        swap_if(reduced, less, 1 - borrowed);
    }
    for (size_t i = 0; i < 16; i++) {
        bytes[2 * i] = (uint8_t)(reduced[i] & 0xff);
        bytes[2 * i + 1] = (uint8_t)(reduced[i] >> 8 & 0xff);
    }
}

static void add_points(point p, point q)
{
    number a;
    number b;
    number c;
    number d;
    number held;
    subtract(a, p[1], p[0]);
    subtract(held, q[1], q[0]);
    multiply(a, a, held);
    add(b, p[0], p[1]);
    add(held, q[0], q[1]);
    multiply(b, b, held);
    multiply(c, p[3], q[3]);
    multiply(c, c, twice_d);
    multiply(d, p[2], q[2]);
    add(d, d, d);
    number e;
    number f;
    number g;
    number h;
    subtract(e, b, a);
    subtract(f, d, c);
    add(g, d, c);
    add(h, b, a);
    multiply(p[0], e, f);
    multiply(p[1], h, g);
    multiply(p[2], g, f);
    multiply(p[3], e, h);
}

static void swap_points_if(point p, point q, int64_t swap)
{
    for (int i = 0; i < 4; i++) {
        swap_if(p[i], q[i], swap);
    }
}

/* The base point times a scalar of 256 bits: each bit costs the same. */
static void multiply_base(point p, const uint8_t scalar[32])
{
    point q;
    copy(p[0], zero);
    copy(p[1], one);
    copy(p[2], one);
    copy(p[3], zero);
    copy(q[0], base_x);
    copy(q[1], base_y);
    copy(q[2], one);
    multiply(q[3], base_x, base_y);
    for (int bit = 255; bit >= 0; bit--) {
        int64_t set = scalar[bit / 8] >> (bit & 7) & 1;
        swap_points_if(p, q, set);
        add_points(q, p);
        add_points(p, p);
        swap_points_if(p, q, set);
    }
}

void baton__ed25519_public_key(const uint8_t seed[32], uint8_t public_key_out[32])
{
    uint8_t scalar[64];
    baton__sha512(seed, 32, scalar);
    scalar[0] &= 248;
    scalar[31] = (uint8_t)((scalar[31] & 127) | 64);
    point p;
    multiply_base(p, scalar);
    number inverse;
    number x;
    number y;
    invert(inverse, p[2]);
    multiply(x, p[0], inverse);
    multiply(y, p[1], inverse);
    uint8_t packed_x[32];
    pack(packed_x, x);
    pack(public_key_out, y);
    public_key_out[31] ^= (uint8_t)((packed_x[0] & 1) << 7);
    explicit_bzero(scalar, sizeof(scalar));
}

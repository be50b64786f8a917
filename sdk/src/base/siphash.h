/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_SIPHASH_H
#define BATON_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4 with 128 bits of output, a keyed pseudorandom function: Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF" (2012), and the authors' reference code for the longer output.
 */
void baton__siphash_128(const uint8_t key[16], const void *data, size_t size, uint8_t out[16]);

#endif

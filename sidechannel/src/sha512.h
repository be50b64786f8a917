/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_SHA512_H
#define BATON_SHA512_H

#include <stddef.h>
#include <stdint.h>

/* SHA-512 (FIPS 180-4) of at most 111 bytes: one block, all that a private key needs. */
#define BATON__SHA512_SIZE_MAX 111
void baton__sha512(const uint8_t *data, size_t size, uint8_t digest_out[64]);

#endif

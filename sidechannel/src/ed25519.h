/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_ED25519_H
#define BATON_ED25519_H

#include <stdint.h>

/* The public key that belongs to a private one (RFC 8032, section 5.1.5). Takes the same time for
 * every seed. */
void baton__ed25519_public_key(const uint8_t seed[32], uint8_t public_key_out[32]);

#endif

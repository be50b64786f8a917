/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELAY_SHA256_H
#define RELAY_SHA256_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* 64 hexadecimal digits and a zero. */
#define SHA256_TEXT_SIZE 65

/* Digest of the bytes as lower-case text. False if stop was set on the way, or if libcrypto failed.
 */
bool sha256_of(const void *bytes, size_t size, const atomic_bool *stop,
               char text_out[SHA256_TEXT_SIZE]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_NKEY_H
#define BATON_NKEY_H

#include <baton/status.h>

/* A printed key ("U..." and 55 more characters) with its terminating zero. */
#define BATON__NKEY_TEXT_SIZE 57

/* The public key that belongs to the seed of a user ("SU..."), 58 characters of base32 with a
 * checksum. Errors: ERR_INVALID_ARGUMENT. */
baton_status baton__nkey_public(const char *seed, char public_key_out[BATON__NKEY_TEXT_SIZE]);

/* The same for the first line of a file that begins with "SU". Errors: ERR_INVALID_ARGUMENT (also a
 * file that cannot be read or has no such line). */
baton_status baton__nkey_public_of_file(const char *path,
                                        char public_key_out[BATON__NKEY_TEXT_SIZE]);

#endif

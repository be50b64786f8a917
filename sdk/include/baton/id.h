/* SPDX-License-Identifier: Apache-2.0 */
/** Identifiers (UUIDs) and secrets (128 random bits). */
#ifndef BATON_ID_H
#define BATON_ID_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A UUID, version 4 (RFC 9562), in network order. */
typedef struct baton_uuid {
    uint8_t bytes[16];
} baton_uuid;

/** A secret: a token or a key. Compare only with baton_key_equal. Never logged. */
typedef struct baton_key {
    uint8_t bytes[16];
} baton_key;

/** Length of a printed UUID with its terminating zero. */
#define BATON_UUID_TEXT_SIZE 37
/** Length of a key as 32 hexadecimal digits with its terminating zero. */
#define BATON_KEY_TEXT_SIZE 33

/** A fresh random UUID from getrandom(2). Threads: any. Blocking: no (after the boot of the machine). */
BATON_API baton_uuid baton_uuid_random(void);
/** A fresh secret from getrandom(2). Threads: any. Blocking: no. */
BATON_API baton_key baton_key_random(void);

BATON_API bool baton_uuid_equal(const baton_uuid *a, const baton_uuid *b);
/** Compares in constant time. */
BATON_API bool baton_key_equal(const baton_key *a, const baton_key *b);

/** Prints as 8-4-4-4-12 lower-case hexadecimal digits. */
BATON_API void baton_uuid_print(const baton_uuid *uuid, char text[BATON_UUID_TEXT_SIZE]);
/** Errors: ERR_INVALID_ARGUMENT for NULL, ERR_MALFORMED for anything but 8-4-4-4-12 hexadecimal digits and a zero. */
BATON_API BATON_CHECKED baton_status baton_uuid_parse(const char *text, baton_uuid *uuid_out);
/** Prints as 32 lower-case hexadecimal digits. The text is as secret as the key. */
BATON_API void baton_key_print(const baton_key *key, char text[BATON_KEY_TEXT_SIZE]);
/** Errors: ERR_INVALID_ARGUMENT for NULL, ERR_MALFORMED for anything but 32 hexadecimal digits and a zero. */
BATON_API BATON_CHECKED baton_status baton_key_parse(const char *text, baton_key *key_out);

#ifdef __cplusplus
}
#endif
#endif

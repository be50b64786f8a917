/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NKeys and JWTs of NATS (version 2), as nsc makes them: an operator signs accounts, an account
 * signs users, and a user's credentials file has its JWT and its seed. New keys for each test, of
 * no use to anybody.
 */
#ifndef BATON_TEST_NATS_JWT_H
#define BATON_TEST_NATS_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEST_NKEY_PUBLIC_SIZE = 57, TEST_NKEY_SEED_SIZE = 59, TEST_JWT_SIZE = 2048 };

typedef enum test_nkey_kind {
    TEST_NKEY_OPERATOR = 14 << 3, /* "O" */
    TEST_NKEY_ACCOUNT = 0,        /* "A" */
    TEST_NKEY_USER = 20 << 3      /* "U" */
} test_nkey_kind;

typedef struct test_nkey {
    uint8_t secret[32];
    char public_key[TEST_NKEY_PUBLIC_SIZE];
    char seed[TEST_NKEY_SEED_SIZE]; /* "S" and the kind, then the secret */
} test_nkey;

/* Of 32 random bytes, or of these. False where libcrypto fails. */
bool test_nkey_make(test_nkey_kind kind, test_nkey *key_out);
bool test_nkey_of(test_nkey_kind kind, const uint8_t secret[32], test_nkey *key_out);

/* lifetime_s: from now on, negative for one that has expired, 0 for no end. */
bool test_jwt_operator(const test_nkey *key, char jwt[TEST_JWT_SIZE]);
bool test_jwt_account(const test_nkey *issuer, const test_nkey *key, char jwt[TEST_JWT_SIZE]);
bool test_jwt_user(const test_nkey *issuer, const test_nkey *key, int lifetime_s,
                   char jwt[TEST_JWT_SIZE]);
/* The text of a credentials file. Returns its length; what does not fit is cut. */
size_t test_credentials_print(const char *jwt, const char *seed, char *text, size_t size);

#endif

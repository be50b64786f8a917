/* SPDX-License-Identifier: Apache-2.0 */
#include "ed25519.h"
#include "nkey.h"
#include "sha512.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEED       "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define PUBLIC_KEY "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

static void parse_hex(const char *text, uint8_t *bytes)
{
    for (size_t i = 0; text[2 * i] != '\0'; i++) {
        unsigned byte;
        cr_assert_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
}

/* FIPS 180-4, examples of NIST. */
Test(nkey, sha512_of_the_examples)
{
    uint8_t digest[64];
    uint8_t expected[64];
    baton__sha512((const uint8_t *)"abc", 3, digest);
    parse_hex("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
              expected);
    cr_expect_eq(memcmp(digest, expected, 64), 0);
    baton__sha512((const uint8_t *)"", 0, digest);
    parse_hex("cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
              "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
              expected);
    cr_expect_eq(memcmp(digest, expected, 64), 0);
}

/* RFC 8032, section 7.1. */
Test(nkey, ed25519_of_the_examples)
{
    static const char *const pairs[][2] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"},
        {"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
         "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"},
        {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
         "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint8_t seed[32];
        uint8_t expected[32];
        uint8_t public_key[32];
        parse_hex(pairs[i][0], seed);
        parse_hex(pairs[i][1], expected);
        baton__ed25519_public_key(seed, public_key);
        cr_expect_eq(memcmp(public_key, expected, 32), 0, "%zu", i);
    }
}

Test(nkey, public_key_of_a_seed)
{
    char key[BATON__NKEY_TEXT_SIZE];
    cr_assert_eq(baton__nkey_public(SEED, key), BATON_OK);
    cr_assert_str_eq(key, PUBLIC_KEY);
}

Test(nkey, refuses_what_is_no_seed_of_a_user)
{
    static const char *const refused[] = {
        "", "SU", PUBLIC_KEY,
        /* a checksum that is wrong, a character too many, a small letter, an account's seed */
        "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VZ", SEED "A",
        "SUaCSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
        "SAANJIBNEKGCRUWJCPIWUXFBFJLR36FJTFKGBGKAT7AQXH2LVFNQWZJMQU"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char key[BATON__NKEY_TEXT_SIZE] = "untouched";
        cr_expect_eq(baton__nkey_public(refused[i], key), BATON_ERR_INVALID_ARGUMENT, "%zu", i);
        cr_expect_str_eq(key, "untouched");
        cr_expect_null(strstr(baton_error_text(), "ACSSL"), "the seed is in the error text");
    }
}

Test(nkey, public_key_of_a_file)
{
    char path[] = "/tmp/baton-nkey-XXXXXX";
    char key[BATON__NKEY_TEXT_SIZE] = "untouched";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    cr_expect_eq(baton__nkey_public_of_file(path, key), BATON_ERR_INVALID_ARGUMENT);
    cr_expect_eq(baton__nkey_public_of_file("/nowhere", key), BATON_ERR_INVALID_ARGUMENT);
    cr_expect_str_eq(key, "untouched");
    cr_assert_gt(write(file, "a comment\n " SEED " \r\n", 11 + 58 + 4), 0);
    cr_expect_eq(baton__nkey_public_of_file(path, key), BATON_OK, "%s", baton_error_text());
    cr_expect_str_eq(key, PUBLIC_KEY);
    (void)close(file);
    (void)unlink(path);
}

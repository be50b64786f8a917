/* SPDX-License-Identifier: Apache-2.0 */
#include "support/nats_jwt.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { SIGNATURE_SIZE = 64, CLAIMS_SIZE = 1024, SEED_PREFIX = 18 << 3 };

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* size bytes as characters of so many bits, without padding. Returns where the text ends. */
static char *print_bits(const uint8_t *bytes, size_t size, const char *alphabet, unsigned bits,
                        char *text)
{
    uint32_t held = 0;
    unsigned count = 0;
    for (size_t i = 0; i < size; i++) {
        held = held << 8 | bytes[i];
        for (count += 8; count >= bits; count -= bits) {
            *text++ = alphabet[held >> (count - bits) & ((1U << bits) - 1)];
        }
    }
    if (count != 0) {
        *text++ = alphabet[held << (bits - count) & ((1U << bits) - 1)];
    }
    *text = '\0';
    return text;
}

/* CRC-16/XMODEM. */
static uint16_t crc16(const uint8_t *bytes, size_t size)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc = (uint16_t)(crc ^ bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)((crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

static void print_nkey(const uint8_t *prefix, size_t prefix_size, const uint8_t value[32],
                       char *text)
{
    uint8_t bytes[2 + 32 + 2];
    memcpy(bytes, prefix, prefix_size);
    memcpy(bytes + prefix_size, value, 32);
    uint16_t crc = crc16(bytes, prefix_size + 32);
    bytes[prefix_size + 32] = (uint8_t)crc;
    bytes[prefix_size + 33] = (uint8_t)(crc >> 8);
    (void)print_bits(bytes, prefix_size + 34, base32, 5, text);
}

bool test_nkey_of(test_nkey_kind kind, const uint8_t secret[32], test_nkey *key_out)
{
    uint8_t public_key[32];
    size_t size = sizeof(public_key);
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
    bool made = pair != NULL && EVP_PKEY_get_raw_public_key(pair, public_key, &size) == 1;
    EVP_PKEY_free(pair);
    const uint8_t of_public[1] = {(uint8_t)kind};
    const uint8_t of_seed[2] = {(uint8_t)(SEED_PREFIX | (unsigned)kind >> 5),
                                (uint8_t)(((unsigned)kind & 31) << 3)};
    if (made) {
        memcpy(key_out->secret, secret, 32);
        print_nkey(of_public, 1, public_key, key_out->public_key);
        print_nkey(of_seed, 2, secret, key_out->seed);
    }
    return made;
}

bool test_nkey_make(test_nkey_kind kind, test_nkey *key_out)
{
    uint8_t secret[32];
    return getrandom(secret, sizeof(secret), 0) == (ssize_t)sizeof(secret) &&
           test_nkey_of(kind, secret, key_out);
}

static bool sign(const test_nkey *key, const char *text, uint8_t signature[SIGNATURE_SIZE])
{
    size_t size = SIGNATURE_SIZE;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->secret, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = pair != NULL && context != NULL &&
                EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1 &&
                EVP_DigestSign(context, signature, &size, (const uint8_t *)text, strlen(text)) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    return done && size == SIGNATURE_SIZE;
}

/* nats: the members of its claim "nats" besides the version. */
static bool make_jwt(const test_nkey *issuer, const test_nkey *subject, int lifetime_s,
                     const char *nats, char jwt[TEST_JWT_SIZE])
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";
    char claims[CLAIMS_SIZE];
    char expiry[64] = "";
    uint8_t signature[SIGNATURE_SIZE];
    long now = (long)time(NULL);
    if (lifetime_s != 0) {
        (void)snprintf(expiry, sizeof(expiry), "\"exp\":%ld,", now + lifetime_s);
    }
    int length = snprintf(
        claims, sizeof(claims),
        "{\"jti\":\"%s\",\"iat\":%ld,%s\"iss\":\"%s\",\"sub\":\"%s\",\"name\":\"test\","
        "\"nats\":{%s,\"version\":2}}",
        subject->public_key, now - 3600, expiry, issuer->public_key, subject->public_key, nats);
    if (length <= 0 || length >= CLAIMS_SIZE) {
        return false;
    }
    char *end = print_bits((const uint8_t *)header, sizeof(header) - 1, base64url, 6, jwt);
    *end++ = '.';
    end = print_bits((const uint8_t *)claims, (size_t)length, base64url, 6, end);
    if (!sign(issuer, jwt, signature)) {
        return false;
    }
    *end++ = '.';
    (void)print_bits(signature, sizeof(signature), base64url, 6, end);
    return true;
}

bool test_jwt_operator(const test_nkey *key, char jwt[TEST_JWT_SIZE])
{
    return make_jwt(key, key, 0, "\"type\":\"operator\"", jwt);
}

bool test_jwt_account(const test_nkey *issuer, const test_nkey *key, char jwt[TEST_JWT_SIZE])
{
    return make_jwt(issuer, key, 0,
                    "\"limits\":{\"subs\":-1,\"data\":-1,\"payload\":-1,\"imports\":-1,"
                    "\"exports\":-1,\"wildcards\":true,\"conn\":-1,\"leaf\":-1},"
                    "\"default_permissions\":{\"pub\":{},\"sub\":{}},\"type\":\"account\"",
                    jwt);
}

bool test_jwt_user(const test_nkey *issuer, const test_nkey *key, int lifetime_s,
                   char jwt[TEST_JWT_SIZE])
{
    return make_jwt(issuer, key, lifetime_s,
                    "\"pub\":{},\"sub\":{},\"subs\":-1,\"data\":-1,\"payload\":-1,"
                    "\"type\":\"user\"",
                    jwt);
}

size_t test_credentials_print(const char *jwt, const char *seed, char *text, size_t size)
{
    int length = snprintf(text, size,
                          "-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"
                          "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n",
                          jwt, seed);
    return length < 0 ? 0 : (size_t)length;
}

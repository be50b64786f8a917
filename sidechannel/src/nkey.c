/* SPDX-License-Identifier: Apache-2.0 */
#include "nkey.h"

#include "base/error.h"
#include "ed25519.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The encoding of NKeys (github.com/nats-io/nkeys): kind, key, CRC-16, all of it in base32 of RFC
 * 4648. */
enum {
    PREFIX_SEED = 18 << 3,
    PREFIX_USER = 20 << 3,
    SEED_SIZE = 2 + 32 + 2,
    SEED_LENGTH = 58,
    PUBLIC_SIZE = 1 + 32 + 2
};

static const char alphabet[32] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* CRC-16/XMODEM. */
static uint16_t checksum(const uint8_t *bytes, size_t size)
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

static bool decode_seed(const char *text, uint8_t bytes[SEED_SIZE])
{
    uint32_t held = 0;
    int bits = 0;
    size_t used = 0;
    if (strlen(text) != SEED_LENGTH) {
        return false;
    }
    for (size_t i = 0; i < SEED_LENGTH; i++) {
        const char *digit = memchr(alphabet, text[i], sizeof(alphabet));
        if (digit == NULL) {
            return false;
        }
        held = held << 5 | (uint32_t)(digit - alphabet);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            bytes[used++] = (uint8_t)(held >> bits);
        }
    }
    uint16_t crc = checksum(bytes, SEED_SIZE - 2);
    bool padded = (held & ((1U << bits) - 1)) == 0;
    return padded && bytes[SEED_SIZE - 2] == (crc & 0xff) && bytes[SEED_SIZE - 1] == crc >> 8;
}

static void encode_public(const uint8_t bytes[PUBLIC_SIZE], char text[BATON__NKEY_TEXT_SIZE])
{
    uint32_t held = 0;
    int bits = 0;
    size_t used = 0;
    for (size_t i = 0; i < PUBLIC_SIZE; i++) {
        held = held << 8 | bytes[i];
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            text[used++] = alphabet[held >> bits & 31];
        }
    }
    text[used] = '\0';
}

baton_status baton__nkey_public(const char *seed, char public_key_out[BATON__NKEY_TEXT_SIZE])
{
    uint8_t bytes[SEED_SIZE];
    uint8_t key[PUBLIC_SIZE];
    /* The kind of the key stands in 5 bits across the first two bytes. */
    bool valid = decode_seed(seed, bytes) && (bytes[0] & 0xf8) == PREFIX_SEED &&
                 ((bytes[0] & 7) << 5 | bytes[1] >> 3) == PREFIX_USER;
    if (valid) {
        baton__ed25519_public_key(bytes + 2, key + 1);
        key[0] = PREFIX_USER;
        uint16_t crc = checksum(key, PUBLIC_SIZE - 2);
        key[PUBLIC_SIZE - 2] = (uint8_t)(crc & 0xff);
        key[PUBLIC_SIZE - 1] = (uint8_t)(crc >> 8);
        encode_public(key, public_key_out);
    }
    explicit_bzero(bytes, sizeof(bytes));
    return valid ? BATON_OK
                 : baton__fail(BATON_ERR_INVALID_ARGUMENT,
                               "NKey: the seed is not that of a user (SU and 56 characters)");
}

static baton_status read_seed(FILE *file, const char *path, char line[256])
{
    while (fgets(line, 256, file) != NULL) {
        char *text = line + strspn(line, " \t");
        if (text[0] == 'S' && text[1] == 'U') {
            text[strcspn(text, " \t\r\n")] = '\0';
            memmove(line, text, strlen(text) + 1);
            return BATON_OK;
        }
    }
    return baton__fail(BATON_ERR_INVALID_ARGUMENT, "NKey: no seed (SU...) in \"%s\"", path);
}

baton_status baton__nkey_public_of_file(const char *path,
                                        char public_key_out[BATON__NKEY_TEXT_SIZE])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)baton__fail_errno(errno, "NKey: cannot open \"%s\"", path);
        return BATON_ERR_INVALID_ARGUMENT;
    }
    char line[256];
    char buffer[512];
    (void)setvbuf(file, buffer, _IOFBF, sizeof(buffer));
    baton_status status = read_seed(file, path, line);
    (void)fclose(file);
    explicit_bzero(buffer, sizeof(buffer));
    if (status == BATON_OK) {
        status = baton__nkey_public(line, public_key_out);
    }
    explicit_bzero(line, sizeof(line));
    return status;
}

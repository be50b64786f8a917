/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers and secrets.
 *
 * Both come from buffers of each thread, since one getrandom(2) each would cost more than the rest of a
 * small operation. A buffer remembers the generation of forks that it was filled in: after fork(2) the child
 * must not hand out what the parent hands out too. Keys are secrets: they have a buffer of their own, and what is handed
 * out is wiped from it.
 */
#include <baton/id.h>

#include "base/error.h"
#include "base/fork.h"
#include "base/hex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { BUFFERED = 256 };

typedef struct random_buffer {
    uint8_t bytes[BUFFERED * sizeof(baton_uuid)];
    size_t left; /* unused bytes, at the end */
    uint32_t generation;
} random_buffer;

static _Thread_local random_buffer uuid_buffer;
static _Thread_local random_buffer key_buffer;

static void fill_random(uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            abort(); /* a token that can be guessed would be worse; Linux has getrandom since 3.17
                      */
        }
        bytes += got;
        size -= (size_t)got;
    }
}

static void take_random(random_buffer *buffer, uint8_t *bytes, size_t size)
{
    uint32_t generation = baton__fork_generation();
    if (buffer->left == 0 || buffer->generation != generation) {
        fill_random(buffer->bytes, sizeof(buffer->bytes));
        buffer->left = sizeof(buffer->bytes);
        buffer->generation = generation;
    }
    uint8_t *from = buffer->bytes + sizeof(buffer->bytes) - buffer->left;
    memcpy(bytes, from, size);
    explicit_bzero(from, size);
    buffer->left -= size;
}

baton_uuid baton_uuid_random(void)
{
    baton_uuid uuid;
    take_random(&uuid_buffer, uuid.bytes, sizeof(uuid.bytes));
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40); /* version 4 */
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80); /* the variant of RFC 9562 */
    return uuid;
}

baton_key baton_key_random(void)
{
    baton_key key;
    take_random(&key_buffer, key.bytes, sizeof(key.bytes));
    return key;
}

bool baton_uuid_equal(const baton_uuid *a, const baton_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool baton_key_equal(const baton_key *a, const baton_key *b)
{
    /* volatile: the compiler must not leave the loop early either. */
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < sizeof(a->bytes); i++) {
        difference = (uint8_t)(difference | (a->bytes[i] ^ b->bytes[i]));
    }
    return difference == 0;
}

enum { UUID_LENGTH = BATON_UUID_TEXT_SIZE - 1, KEY_LENGTH = BATON_KEY_TEXT_SIZE - 1 };

/* Eight digits that a hyphen parts in the middle. */
static void print_parted(char *text, const uint8_t bytes[4])
{
    uint64_t digits = baton__hex_from_bytes(bytes);
    memcpy(text, &digits, 4);
    text[4] = '-';
    memcpy(text + 5, (const char *)&digits + 4, 4);
}

static void parse_parted(const char *text, uint8_t bytes[4], uint64_t *wrong)
{
    char digits[8];
    memcpy(digits, text, 4);
    memcpy(digits + 4, text + 5, 4);
    baton__hex_to_bytes(digits, bytes, wrong);
}

static void print_whole(char *text, const uint8_t bytes[4])
{
    uint64_t digits = baton__hex_from_bytes(bytes);
    memcpy(text, &digits, sizeof(digits));
}

void baton_uuid_print(const baton_uuid *uuid, char text[BATON_UUID_TEXT_SIZE])
{
    print_whole(text, uuid->bytes);
    text[8] = '-';
    print_parted(text + 9, uuid->bytes + 4);
    text[18] = '-';
    print_parted(text + 19, uuid->bytes + 8);
    print_whole(text + 28, uuid->bytes + 12);
    text[UUID_LENGTH] = '\0';
}

/* text has UUID_LENGTH characters. */
static bool parse_uuid_text(const char *text, baton_uuid *uuid)
{
    uint64_t wrong = 0;
    baton__hex_to_bytes(text, uuid->bytes, &wrong);
    parse_parted(text + 9, uuid->bytes + 4, &wrong);
    parse_parted(text + 19, uuid->bytes + 8, &wrong);
    baton__hex_to_bytes(text + 28, uuid->bytes + 12, &wrong);
    return !baton__hex_is_wrong(wrong) && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
           text[23] == '-';
}

baton_status baton_uuid_parse(const char *text, baton_uuid *uuid_out)
{
    if (text == NULL || uuid_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_uuid_parse: NULL");
    }
    baton_uuid uuid;
    if (strnlen(text, UUID_LENGTH + 1) != UUID_LENGTH || !parse_uuid_text(text, &uuid)) {
        return baton__fail(BATON_ERR_MALFORMED, "a UUID is 8-4-4-4-12 hexadecimal digits");
    }
    *uuid_out = uuid;
    return BATON_OK;
}

void baton_key_print(const baton_key *key, char text[BATON_KEY_TEXT_SIZE])
{
    for (size_t i = 0; i < sizeof(key->bytes); i += 4) {
        print_whole(text + 2 * i, key->bytes + i);
    }
    text[KEY_LENGTH] = '\0';
}

/* text has KEY_LENGTH characters. */
static bool parse_key_text(const char *text, baton_key *key)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < sizeof(key->bytes); i += 4) {
        baton__hex_to_bytes(text + 2 * i, key->bytes + i, &wrong);
    }
    return !baton__hex_is_wrong(wrong);
}

baton_status baton_key_parse(const char *text, baton_key *key_out)
{
    if (text == NULL || key_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_key_parse: NULL");
    }
    baton_key key;
    if (strnlen(text, KEY_LENGTH + 1) != KEY_LENGTH || !parse_key_text(text, &key)) {
        return baton__fail(BATON_ERR_MALFORMED, "a key is 32 hexadecimal digits");
    }
    *key_out = key;
    return BATON_OK;
}

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

static char *print_hex(char *text, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 0x0f];
    }
    return text;
}

/* -1 for what is no digit, the terminating zero included. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Returns what follows the digits, NULL if there are not 2 * count of them. Never reads past the
 * zero. */
static const char *parse_hex(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0) {
            return NULL;
        }
        bytes[i] = (uint8_t)(high * 16 + low);
        text += 2;
    }
    return text;
}

/* Bytes in each group of a printed UUID. */
static const size_t uuid_groups[] = {4, 2, 2, 2, 6};
enum { UUID_GROUPS = sizeof(uuid_groups) / sizeof(uuid_groups[0]) };

void baton_uuid_print(const baton_uuid *uuid, char text[BATON_UUID_TEXT_SIZE])
{
    const uint8_t *bytes = uuid->bytes;
    for (size_t i = 0; i < UUID_GROUPS; i++) {
        if (i != 0) {
            *text++ = '-';
        }
        text = print_hex(text, bytes, uuid_groups[i]);
        bytes += uuid_groups[i];
    }
    *text = '\0';
}

baton_status baton_uuid_parse(const char *text, baton_uuid *uuid_out)
{
    if (text == NULL || uuid_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_uuid_parse: NULL");
    }
    baton_uuid uuid;
    uint8_t *bytes = uuid.bytes;
    for (size_t i = 0; text != NULL && i < UUID_GROUPS; i++) {
        if (i != 0 && *text++ != '-') {
            text = NULL;
            break;
        }
        text = parse_hex(text, bytes, uuid_groups[i]);
        bytes += uuid_groups[i];
    }
    if (text == NULL || *text != '\0') {
        return baton__fail(BATON_ERR_MALFORMED, "a UUID is 8-4-4-4-12 hexadecimal digits");
    }
    *uuid_out = uuid;
    return BATON_OK;
}

void baton_key_print(const baton_key *key, char text[BATON_KEY_TEXT_SIZE])
{
    *print_hex(text, key->bytes, sizeof(key->bytes)) = '\0';
}

baton_status baton_key_parse(const char *text, baton_key *key_out)
{
    if (text == NULL || key_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_key_parse: NULL");
    }
    baton_key key;
    text = parse_hex(text, key.bytes, sizeof(key.bytes));
    if (text == NULL || *text != '\0') {
        return baton__fail(BATON_ERR_MALFORMED, "a key is 32 hexadecimal digits");
    }
    *key_out = key;
    return BATON_OK;
}

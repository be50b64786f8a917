/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the decoder of messages. What is accepted must encode, and that must decode to the same
 * value and encode the same again.
 *
 * The first byte of the input says what the rest is: a message, or the end of an offer that begins
 * with good metadata (its checksum would keep out nearly every input).
 */
#include "sidechannel/message_sample.h"

#include <baton/metadata_json.h>
#include <stdlib.h>

enum { JSON_MAX = 4096 };

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void try(const char *data, size_t size)
{
    baton__message message;
    baton__message again;
    char *text[2] = {NULL, NULL};
    size_t length[2];
    baton_status status = baton__message_decode(data, size, JSON_MAX, &message);
    check(status != BATON_ERR_OUT_OF_MEMORY && status != BATON_ERR_INVALID_ARGUMENT);
    if (status != BATON_OK) {
        return;
    }
    check(baton__message_encode(&message, &text[0], &length[0]) == BATON_OK);
    check(baton__message_decode(text[0], length[0], JSON_MAX, &again) == BATON_OK);
    check(baton__message_encode(&again, &text[1], &length[1]) == BATON_OK);
    check(length[0] == length[1] && memcmp(text[0], text[1], length[0]) == 0);
    free(text[0]);
    free(text[1]);
    baton__message_fini(&message);
    baton__message_fini(&again);
}

/* {"metadata":<good>, and the input. */
static void try_behind_metadata(const uint8_t *data, size_t size)
{
    static const char form[] = "{\"metadata\":";
    baton__message offer = sample_offer();
    char *metadata = NULL;
    check(baton_metadata_to_json(offer.metadata, &metadata) == BATON_OK);
    size_t length = strlen(metadata);
    char *text = malloc(sizeof(form) + length + size);
    check(text != NULL);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(text, form, sizeof(form) - 1);
    memcpy(text + sizeof(form) - 1, metadata, length);
    memcpy(text + sizeof(form) - 1 + length, data, size);
    try(text, sizeof(form) - 1 + length + size);
    free(text);
    free(metadata);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if ((data[0] & 1) != 0) {
        try_behind_metadata(data + 1, size - 1);
        return 0;
    }
    char *copy = malloc(size); /* of its exact size, for AddressSanitizer */
    check(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    try(copy, size - 1);
    free(copy);
    return 0;
}

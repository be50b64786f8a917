/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the JSON form of metadata. What is accepted must print, and that must parse to the same
 * value and print the same again.
 *
 * The first byte of the input says what the rest is: a text, or, as hardly an input would get past
 * the checksum of the block otherwise, the part of a text that goes before a good block, or base64, which both ways to parse
 * it judge alike.
 */
#include "support/metadata_sample.h"

#include "base64.h"
#include <baton/metadata_json.h>
#include <stdlib.h>

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static char *print(const baton_metadata *metadata)
{
    char *text = NULL;
    check(baton_metadata_to_json(metadata, &text) == BATON_OK);
    return text;
}

static void try(const char *text, size_t size)
{
    baton_metadata *metadata = NULL;
    baton_metadata *again = NULL;
    baton_status status = baton_metadata_from_json(text, size, &metadata);
    check(status != BATON_ERR_OUT_OF_MEMORY && status != BATON_ERR_INVALID_ARGUMENT);
    if (status != BATON_OK) {
        check(metadata == NULL);
        return;
    }
    char *printed = print(metadata);
    check(baton_metadata_from_json(printed, strlen(printed), &again) == BATON_OK);
    char *reprinted = print(again);
    check(strcmp(printed, reprinted) == 0);
    free(printed);
    free(reprinted);
    baton_metadata_destroy(metadata);
    baton_metadata_destroy(again);
}

/* The input, a good block, and the end of the object. */
static void try_with_block(const uint8_t *data, size_t size)
{
    static const char form[] = ",\"ucx_metadata\":\"b64:";
    uint8_t block[SAMPLE_BUFFER_SIZE];
    size_t block_size = sample_encoded_block(block);
    size_t length = baton__base64_length(block_size);
    char *text = malloc(size + sizeof(form) + length + 2);
    check(text != NULL);
    memcpy(text, data, size);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(text + size, form, sizeof(form) - 1);
    baton__base64_print(text + size + sizeof(form) - 1, block, block_size);
    memcpy(text + size + sizeof(form) - 1 + length, "\"}", 2);
    try(text, size + sizeof(form) - 1 + length + 2);
    free(text);
}

static void *room(size_t size)
{
    void *bytes = malloc(size == 0 ? 1 : size);
    check(bytes != NULL);
    return bytes;
}

/* text is of its exact size, as is all that is written to. */
static void try_base64(const char *text, size_t length)
{
    uint8_t *bytes = room(length / 4 * 3);
    uint8_t *by_tables = room(length / 4 * 3);
    char *again = room(length);
    size_t size = 0;
    size_t size_by_tables = 0;
    bool taken = baton__base64_parse(text, length, bytes, &size);
    check(taken == baton__base64_parse_by_tables(text, length, by_tables, &size_by_tables));
    check(size == size_by_tables);
    if (taken) {
        check(memcmp(bytes, by_tables, size) == 0);
        check(baton__base64_length(size) == length);
        baton__base64_print(again, bytes, size);
        check(memcmp(text, again, length) == 0);
    }
    free(bytes);
    free(by_tables);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if ((data[0] & 1) != 0) {
        try_with_block(data + 1, size - 1);
        return 0;
    }
    char *copy = room(size - 1); /* of its exact size, for AddressSanitizer */
    memcpy(copy, data + 1, size - 1);
    if ((data[0] & 2) != 0) {
        try_base64(copy, size - 1);
    } else {
        try(copy, size - 1);
    }
    free(copy);
    return 0;
}

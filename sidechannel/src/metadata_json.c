/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/metadata_json.h>

#include "base/descriptor_list.h"
#include "base/error.h"
#include "base64.h"
#include "metadata_json_value.h"
#include <stdlib.h>
#include <string.h>

/*
 * The fields are those of the RdmaMetadata of Dynamo's connect API. There the block of ucx_metadata
 * is compressed; ours is base64 alone, behind the same kind of mark.
 */
#define BASE64_MARK "b64:"

static void print_descriptor(baton__text *text, const baton_metadata_descriptor *descriptor)
{
    char device[BATON_DEVICE_TEXT_SIZE];
    baton_device_print(descriptor->device, device);
    baton__text_raw(text, "{\"device\":\"");
    baton__text_raw(text, device);
    baton__text_raw(text, "\",\"ptr\":\"");
    baton__text_uint(text, descriptor->address);
    baton__text_raw(text, "\",\"size\":\"");
    baton__text_uint(text, descriptor->size_bytes);
    baton__text_raw(text, "\"}");
}

static void print_list(baton__text *text, const baton_metadata *metadata)
{
    baton__text_raw(text, "[");
    for (size_t i = 0; i < baton_metadata_count(metadata); i++) {
        if (i != 0) {
            baton__text_raw(text, ",");
        }
        print_descriptor(text, baton_metadata_descriptor_at(metadata, i));
    }
    baton__text_raw(text, "]");
}

/* A long one: folded, as in the binary form. */
static void print_folded(baton__text *text, const baton_metadata *metadata)
{
    const baton_metadata_descriptor *list = baton_metadata_descriptor_at(metadata, 0);
    size_t count = baton_metadata_count(metadata);
    size_t size = baton__descriptor_list_size(list, count);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        baton__text_fini(text);
        return;
    }
    baton__writer writer = baton__writer_make(bytes, size);
    baton__descriptor_list_write(&writer, list, count);
    baton__text_raw(text, "\"" BASE64_MARK);
    baton__text_base64(text, bytes, size);
    baton__text_raw(text, "\"");
    free(bytes);
}

static bool is_long(const baton_metadata *metadata)
{
    return baton_metadata_count(metadata) > BATON_METADATA_ADDRESSES_MAX;
}

void baton__metadata_print(baton__text *text, const baton_metadata *metadata)
{
    baton__text_raw(text, "{\"descriptors\":");
    if (is_long(metadata)) {
        print_folded(text, metadata);
    } else {
        print_list(text, metadata);
    }
    baton__text_raw(text, ",\"notification_key\":");
    baton__text_quoted(text, baton_metadata_notification_key(metadata));
    baton__text_raw(text, ",\"operation_kind\":");
    baton__text_uint(text, (uint64_t)baton_metadata_get_kind(metadata));
    baton__text_raw(text, ",\"ucx_metadata\":\"" BASE64_MARK);
    size_t size;
    const void *block = baton_metadata_transport_block(metadata, &size);
    baton__text_base64(text, block, size);
    baton__text_raw(text, "\"}");
}

size_t baton__metadata_print_size(const baton_metadata *metadata)
{
    size_t size;
    (void)baton_metadata_transport_block(metadata, &size);
    size_t count = baton_metadata_count(metadata);
    size_t list = is_long(metadata) ? baton__base64_length(baton__descriptor_list_size(baton_metadata_descriptor_at(metadata, 0), count))
                                    : 80 * count;
    return baton__base64_length(size) + list +
           strlen(baton_metadata_notification_key(metadata)) + 128;
}

baton_status baton_metadata_to_json(const baton_metadata *metadata, char **text_out)
{
    baton__text text;
    baton__text_init(&text, baton__metadata_print_size(metadata));
    baton__metadata_print(&text, metadata);
    size_t size;
    char *data = baton__text_take(&text, &size);
    if (data == NULL) {
        return baton__fail_memory("JSON of a metadata");
    }
    *text_out = data;
    return BATON_OK;
}

static baton_status parse_descriptor(const baton__json_value *item, baton_metadata_descriptor *descriptor)
{
    enum { DEVICE, PTR, SIZE, COUNT };
    baton__json_field fields[COUNT] = {
        [DEVICE] = {.name = "device"}, [PTR] = {.name = "ptr"}, [SIZE] = {.name = "size"}};
    char device[BATON__JSON_SHORT_SIZE];
    baton_status status = baton__json_fields(item, fields, COUNT, true);
    if (status == BATON_OK) {
        status = baton__json_short(&fields[DEVICE], device);
    }
    if (status == BATON_OK) {
        status = baton_device_parse(device, &descriptor->device);
    }
    if (status == BATON_OK) {
        status = baton__json_uint(&fields[PTR], UINT64_MAX, &descriptor->address);
    }
    if (status == BATON_OK) {
        status = baton__json_uint(&fields[SIZE], UINT64_MAX, &descriptor->size_bytes);
    }
    if (status == BATON_OK && descriptor->address == 0) {
        return baton__json_refuse(&fields[PTR], "is null");
    }
    if (status == BATON_OK && descriptor->size_bytes == 0) {
        return baton__json_refuse(&fields[SIZE], "is 0");
    }
    return status;
}

/* What stands behind "b64:" */
static baton_status parse_base64_text(const baton__json_field *field, const char *text,
                                      size_t length, void **bytes_out, size_t *size_out)
{
    size_t mark = strlen(BASE64_MARK);
    if (length < mark || memcmp(text, BASE64_MARK, mark) != 0) {
        return baton__json_refuse(field, "does not begin with b64:");
    }
    length -= mark;
    void *bytes = malloc(length / 4 * 3 + 1);
    if (bytes == NULL) {
        return baton__fail_memory("base64 in a metadata");
    }
    if (!baton__base64_parse(text + mark, length, bytes, size_out)) {
        free(bytes);
        return baton__json_refuse(field, "is not base64");
    }
    *bytes_out = bytes;
    return BATON_OK;
}

/* "b64:..."; from its place in the text, unless somebody wrote it with escapes. */
static baton_status parse_base64(const baton__json_field *field, void **bytes_out, size_t *size_out)
{
    const baton__json_value *item = field->item;
    if (item != NULL && item->kind == BATON__JSON_STRING && !item->has_escapes) {
        return parse_base64_text(field, item->text + 1, item->size - 2, bytes_out, size_out);
    }
    char *text;
    baton_status status = baton__json_string(field, &text);
    if (status == BATON_OK) {
        status = parse_base64_text(field, text, strlen(text), bytes_out, size_out);
        free(text);
    }
    return status;
}

static baton_status unfold(const baton__json_field *field, const void *bytes, size_t size,
                           baton_metadata_descriptor **descriptors_out, size_t *count_out)
{
    size_t count;
    if (!baton__descriptor_list_read(bytes, size, NULL, BATON_DESCRIPTORS_MAX, &count) ||
        count <= BATON_METADATA_ADDRESSES_MAX) {
        return baton__json_refuse(field, "is no folded list of descriptors");
    }
    baton_metadata_descriptor *descriptors = calloc(count, sizeof(*descriptors));
    if (descriptors == NULL) {
        return baton__fail_memory("descriptors of a metadata");
    }
    if (!baton__descriptor_list_read(bytes, size, descriptors, count, &count)) {
        free(descriptors);
        return baton__json_refuse(field, "is no folded list of descriptors");
    }
    *descriptors_out = descriptors;
    *count_out = count;
    return BATON_OK;
}

static baton_status parse_folded(const baton__json_field *field, baton_metadata_descriptor **descriptors_out,
                                 size_t *count_out)
{
    void *bytes;
    size_t size;
    baton_status status = parse_base64(field, &bytes, &size);
    if (status == BATON_OK) {
        status = unfold(field, bytes, size, descriptors_out, count_out);
        free(bytes);
    }
    return status;
}

static size_t count_values(const baton__json_value *list)
{
    size_t count = 0;
    for (const baton__json_value *item = baton__json_first(list); item != NULL;
         item = baton__json_next(list, item)) {
        count++;
    }
    return count;
}

static baton_status parse_descriptors(const baton__json_field *field,
                                      baton_metadata_descriptor **descriptors_out,
                                      size_t *count_out)
{
    const baton__json_value *list = field->item;
    if (list != NULL && list->kind == BATON__JSON_STRING) {
        return parse_folded(field, descriptors_out, count_out);
    }
    if (list == NULL || list->kind != BATON__JSON_ARRAY || baton__json_first(list) == NULL) {
        return baton__json_refuse(field, "is not a list with something in it");
    }
    size_t count = count_values(list);
    if (count > BATON_DESCRIPTORS_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "metadata: %zu descriptors, at most %d", count,
                           BATON_DESCRIPTORS_MAX);
    }
    baton_metadata_descriptor *descriptors = calloc(count, sizeof(*descriptors));
    if (descriptors == NULL) {
        return baton__fail_memory("descriptors of a metadata");
    }
    baton_metadata_descriptor *next = descriptors;
    for (const baton__json_value *item = baton__json_first(list); item != NULL;
         item = baton__json_next(list, item)) {
        baton_status status = parse_descriptor(item, next++);
        if (status != BATON_OK) {
            free(descriptors);
            return status;
        }
    }
    *descriptors_out = descriptors;
    *count_out = count;
    return BATON_OK;
}

static baton_status parse_key(const baton__json_field *field, char **key_out)
{
    char *key;
    baton_status status = baton__json_string(field, &key);
    if (status != BATON_OK) {
        return status;
    }
    if (strlen(key) > BATON_NOTIFICATION_KEY_MAX) {
        free(key);
        return baton__fail(BATON_ERR_TOO_LARGE, "metadata: notification key over %d bytes",
                           BATON_NOTIFICATION_KEY_MAX);
    }
    *key_out = key;
    return BATON_OK;
}

static baton_status parse_kind(const baton__json_field *field, baton_metadata_kind *kind_out)
{
    uint64_t kind;
    baton_status status = baton__json_integer(field, BATON_METADATA_WRITABLE, &kind);
    if (status != BATON_OK) {
        return status;
    }
    if (kind != BATON_METADATA_READABLE && kind != BATON_METADATA_WRITABLE) {
        return baton__json_refuse(field, "is neither 1 nor 2");
    }
    *kind_out = (baton_metadata_kind)kind;
    return BATON_OK;
}

baton_status baton__metadata_from_value(const baton__json_value *object, baton_metadata **metadata_out)
{
    enum { DESCRIPTORS, KEY, KIND, BLOCK, COUNT };
    baton__json_field fields[COUNT] = {[DESCRIPTORS] = {.name = "descriptors"},
                                       [KEY] = {.name = "notification_key"},
                                       [KIND] = {.name = "operation_kind"},
                                       [BLOCK] = {.name = "ucx_metadata"}};
    baton_metadata_descriptor *descriptors = NULL;
    size_t count = 0;
    void *block = NULL;
    size_t size = 0;
    char *key = NULL;
    baton_metadata_kind kind = BATON_METADATA_READABLE;
    baton_status status = baton__json_fields(object, fields, COUNT, true);
    if (status == BATON_OK) {
        status = parse_key(&fields[KEY], &key);
    }
    if (status == BATON_OK) {
        status = parse_kind(&fields[KIND], &kind);
    }
    if (status == BATON_OK) {
        status = parse_descriptors(&fields[DESCRIPTORS], &descriptors, &count);
    }
    if (status == BATON_OK) {
        status = parse_base64(&fields[BLOCK], &block, &size);
    }
    if (status == BATON_OK) {
        status = baton_metadata_create(kind, descriptors, count, key, block, size, metadata_out);
    }
    free(block);
    free(descriptors);
    free(key);
    /* What create calls an argument is here a part of a text. */
    return status == BATON_ERR_INVALID_ARGUMENT ? BATON_ERR_MALFORMED : status;
}

baton_status baton_metadata_from_json(const char *text, size_t size, baton_metadata **metadata_out)
{
    baton__json_row row;
    baton_status status = baton__json_parse(text, size, "metadata", &row);
    if (status != BATON_OK) {
        return status;
    }
    status = baton__metadata_from_value(&row.values[0], metadata_out);
    baton__json_row_fini(&row);
    return status;
}

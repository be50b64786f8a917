/* SPDX-License-Identifier: Apache-2.0 */
#include "message_codec_more.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

/* "<id>/<attempt>/<key>", where the attempt has up to ten digits. */
enum { ID_LENGTH = BATON_UUID_TEXT_SIZE - 1, KEY_LENGTH = BATON_KEY_TEXT_SIZE - 1, ATTEMPT_LENGTH_MAX = 10 };

void baton__more_print(baton__text *text, const baton__message_end *more, uint32_t count)
{
    char id[BATON_UUID_TEXT_SIZE];
    char key[BATON_KEY_TEXT_SIZE];
    baton__text_raw(text, ",\"more\":[");
    for (uint32_t i = 0; i < count; i++) {
        baton_uuid_print(&more[i].id, id);
        baton_key_print(&more[i].key, key);
        baton__text_raw(text, i == 0 ? "\"" : ",\"");
        baton__text_raw(text, id);
        baton__text_raw(text, "/");
        baton__text_uint(text, more[i].attempt);
        baton__text_raw(text, "/");
        baton__text_raw(text, key);
        baton__text_raw(text, "\"");
    }
    baton__text_raw(text, "]");
}

/* Digits alone, no zero in front, from 1. */
static bool read_attempt(const char *text, size_t length, uint32_t *attempt_out)
{
    uint64_t value = 0;
    if (length == 0 || length > ATTEMPT_LENGTH_MAX || text[0] == '0') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > UINT32_MAX) {
        return false;
    }
    *attempt_out = (uint32_t)value;
    return true;
}

static bool read_end(const char *text, baton__message_end *end_out)
{
    char id[BATON_UUID_TEXT_SIZE] = "";
    size_t length = strlen(text);
    if (length < ID_LENGTH + 1 + 1 + 1 + KEY_LENGTH || text[ID_LENGTH] != '/' ||
        text[length - KEY_LENGTH - 1] != '/') {
        return false;
    }
    memcpy(id, text, ID_LENGTH);
    const char *attempt = text + ID_LENGTH + 1;
    const char *key = text + length - KEY_LENGTH;
    /* The errors of these two have texts of their own, but for the whole there is one that names the field. */
    return read_attempt(attempt, (size_t)(key - 1 - attempt), &end_out->attempt) &&
           baton_uuid_parse(id, &end_out->id) == BATON_OK && baton_key_parse(key, &end_out->key) == BATON_OK;
}

baton_status baton__more_from_value(const baton__json_field *field, baton__message_end **more_out, uint32_t *count_out)
{
    const baton__json_value *list = field->item;
    if (list == NULL) {
        return BATON_OK;
    }
    /* All in it are strings, so they are as many as the row has. */
    if (list->kind != BATON__JSON_ARRAY || list->next - 1 == 0 || list->next - 1 > BATON__MESSAGE_MORE_MAX) {
        return baton__json_refuse(field, "is not an array of as many attempts as may be");
    }
    baton__message_end *more = calloc(list->next - 1, sizeof(more[0]));
    if (more == NULL) {
        return baton__fail_memory("a message");
    }
    uint32_t count = 0;
    for (const baton__json_value *item = baton__json_first(list); item != NULL; item = baton__json_next(list, item)) {
        char text[BATON__JSON_SHORT_SIZE]; /* what is longer is cut, and still too long */
        baton__json_field each = {.name = field->name, .item = item};
        if (baton__json_short(&each, text) != BATON_OK || !read_end(text, &more[count])) {
            free(more);
            return baton__json_refuse(field, "has what is no \"<id>/<attempt>/<key>\"");
        }
        count++;
    }
    *more_out = more;
    *count_out = count;
    return BATON_OK;
}

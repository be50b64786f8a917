/* SPDX-License-Identifier: Apache-2.0 */
#include "support/json_compare.h"

#include "metadata_json_value.h"
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static const char *compare(const baton__json_value *ours, const cJSON *theirs);

static bool is_same_string(const baton__json_value *value, const char *wanted)
{
    char *text = NULL;
    char start[BATON__JSON_SHORT_SIZE];
    baton__json_field field = {.name = "value", .item = value};
    if (baton__json_string(&field, &text) != BATON_OK ||
        baton__json_short(&field, start) != BATON_OK) {
        free(text);
        return false;
    }
    size_t length = strlen(start);
    bool is_same = strcmp(text, wanted) == 0 && strncmp(start, wanted, length) == 0 &&
                   (length > 64 || length == strlen(wanted));
    free(text);
    return is_same;
}

/* cJSON rounds what has more digits than a double, or is too close to 0 for one. */
static bool is_rounded(const baton__json_value *number, bool is_integer, double theirs)
{
    if (theirs == 0.0 && !is_integer) {
        return true;
    }
    size_t digits = 0;
    for (size_t i = 0; i < number->size; i++) {
        digits += number->text[i] >= '0' && number->text[i] <= '9' ? 1 : 0;
    }
    return digits > 15;
}

static const char *compare_number(const baton__json_value *ours, const cJSON *theirs)
{
    baton__json_field field = {.name = "value", .item = ours};
    uint64_t value = 0;
    bool is_integer = baton__json_integer(&field, UINT64_MAX, &value) == BATON_OK;
    double number = theirs->valuedouble;
    bool wanted = number >= 0.0 && number <= (double)(UINT64_C(1) << 53) &&
                  (double)(uint64_t)number == number;
    if (is_rounded(ours, is_integer, number)) {
        return NULL;
    }
    return is_integer == wanted && (!wanted || value == (uint64_t)number) ? NULL : "a number";
}

/* That a field of this name is found again, whatever its escapes; cJSON keeps repeated ones too. */
static const char *compare_name(const baton__json_value *object, const cJSON *item)
{
    baton__json_field field = {.name = item->string};
    if (strlen(item->string) > 64 || item->string[0] == '\0') {
        return NULL;
    }
    baton_status status = baton__json_fields(object, &field, 1, false);
    return status != BATON_OK || field.item != NULL ? NULL : "a name";
}

static const char *compare_members(const baton__json_value *ours, const cJSON *theirs)
{
    const cJSON *item = theirs->child;
    const char *difference = NULL;
    for (const baton__json_value *value = baton__json_first(ours);
         value != NULL && difference == NULL; value = baton__json_next(ours, value)) {
        if (item == NULL) {
            return "how many values there are";
        }
        difference = item->string == NULL ? NULL : compare_name(ours, item);
        if (difference == NULL) {
            difference = compare(value, item);
        }
        item = item->next;
    }
    return difference == NULL && item != NULL ? "how many values there are" : difference;
}

static const char *compare(const baton__json_value *ours, const cJSON *theirs)
{
    switch (ours->kind) {
    case BATON__JSON_NULL:
        return cJSON_IsNull(theirs) ? NULL : "a null";
    case BATON__JSON_BOOLEAN:
        return cJSON_IsBool(theirs) ? NULL : "a boolean";
    case BATON__JSON_NUMBER:
        return cJSON_IsNumber(theirs) ? compare_number(ours, theirs) : "a number's kind";
    case BATON__JSON_STRING:
        return cJSON_IsString(theirs) && is_same_string(ours, theirs->valuestring) ? NULL
                                                                                   : "a string";
    case BATON__JSON_ARRAY:
        return cJSON_IsArray(theirs) ? compare_members(ours, theirs) : "an array's kind";
    case BATON__JSON_OBJECT:
        return cJSON_IsObject(theirs) ? compare_members(ours, theirs) : "an object's kind";
    }
    return "a kind";
}

const char *json_compare(const char *text, size_t size)
{
    baton__json_row row;
    const char *difference = NULL;
    bool is_read = baton__json_read(text, size, BATON__JSON_DEPTH_MAX, &row);
    if (is_read != baton__json_scan(text, size, BATON__JSON_DEPTH_MAX)) {
        difference = "whether it is JSON";
    } else if (is_read) {
        cJSON *tree = cJSON_ParseWithLengthOpts(text, size, NULL, 0);
        difference = tree == NULL ? "cJSON refuses it" : compare(&row.values[0], tree);
        cJSON_Delete(tree);
    }
    baton__json_row_fini(&row);
    return difference;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata_json_value.h"

#include "base/error.h"
#include "json_scan.h"
#include <string.h>

/* The largest integer below which a double leaves out none. */
#define INTEGER_MAX ((double)(UINT64_C(1) << 53))

baton_status baton__json_parse(const char *data, size_t size, const char *what, cJSON **object_out)
{
    if (!baton__json_scan(data, size, BATON__JSON_DEPTH_MAX)) {
        return baton__fail(BATON_ERR_MALFORMED, "%s: it is not one value of strict JSON", what);
    }
    /* cJSON_ParseWithLengthOpts takes what follows the value as its end; the scan has seen that
     * nothing does. */
    cJSON *object = cJSON_ParseWithLengthOpts(data, size, NULL, 0);
    if (object == NULL) {
        return baton__fail_memory(what);
    }
    if (!cJSON_IsObject(object)) {
        cJSON_Delete(object);
        return baton__fail(BATON_ERR_MALFORMED, "%s: it is not a JSON object", what);
    }
    *object_out = object;
    return BATON_OK;
}

static baton__json_field *find_field(baton__json_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

baton_status baton__json_fields(const cJSON *object, baton__json_field *fields, size_t count,
                                bool closed)
{
    if (!cJSON_IsObject(object)) {
        return baton__fail(BATON_ERR_MALFORMED, "JSON: an object is missing");
    }
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        baton__json_field *field = find_field(fields, count, item->string);
        if (field == NULL && closed) {
            return baton__fail(BATON_ERR_MALFORMED, "JSON: there is an unknown field");
        }
        if (field != NULL && field->item != NULL) {
            return baton__json_refuse(field, "is repeated");
        }
        if (field != NULL) {
            field->item = item;
        }
    }
    return BATON_OK;
}

baton_status baton__json_refuse(const baton__json_field *field, const char *why)
{
    return baton__fail(BATON_ERR_MALFORMED, "JSON: field \"%s\" %s", field->name, why);
}

baton_status baton__json_integer(const baton__json_field *field, uint64_t max, uint64_t *value_out)
{
    if (!cJSON_IsNumber(field->item)) {
        return baton__json_refuse(field, field->item == NULL ? "is missing" : "is not a number");
    }
    double number = field->item->valuedouble;
    /* In this order, so that the conversion is defined. */
    if (!(number >= 0.0 && number <= INTEGER_MAX) || (double)(uint64_t)number != number ||
        (uint64_t)number > max) {
        return baton__json_refuse(field, "is not an integer in its range");
    }
    *value_out = (uint64_t)number;
    return BATON_OK;
}

/* Decimal digits without sign, space or leading zeros. */
static bool parse_decimal(const char *text, uint64_t max, uint64_t *value_out)
{
    uint64_t value = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return false;
    }
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(unsigned char)*text - '0';
        if (digit > 9 || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return true;
}

baton_status baton__json_uint(const baton__json_field *field, uint64_t max, uint64_t *value_out)
{
    if (!cJSON_IsString(field->item)) {
        return baton__json_integer(field, max, value_out);
    }
    if (!parse_decimal(field->item->valuestring, max, value_out)) {
        return baton__json_refuse(field, "is not a decimal number in its range");
    }
    return BATON_OK;
}

baton_status baton__json_string(const baton__json_field *field, const char **string_out)
{
    if (!cJSON_IsString(field->item)) {
        return baton__json_refuse(field, field->item == NULL ? "is missing" : "is not a string");
    }
    *string_out = field->item->valuestring;
    return BATON_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata_json_value.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

/* Up to here other programs, which keep numbers as doubles, know all integers. */
#define INTEGER_MAX (UINT64_C(1) << 53)

baton_status baton__json_parse(const char *data, size_t size, const char *what,
                               baton__json_row *row_out)
{
    bool is_read = baton__json_read(data, size, BATON__JSON_DEPTH_MAX, row_out);
    if (is_read && row_out->values[0].kind == BATON__JSON_OBJECT) {
        return BATON_OK;
    }
    bool out_of_memory = row_out->out_of_memory;
    baton__json_row_fini(row_out);
    if (out_of_memory) {
        return baton__fail_memory(what);
    }
    return baton__fail(BATON_ERR_MALFORMED, "%s: it is not %s", what,
                       is_read ? "a JSON object" : "one value of strict JSON");
}

/* Appends a character above ASCII as UTF-8; room for 4 bytes. */
static size_t print_utf8(char *text, uint32_t character)
{
    size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {[2] = 0xC0, [3] = 0xE0, [4] = 0xF0};
    for (size_t i = length - 1; i > 0; i--) {
        text[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    text[0] = (char)(marks[length] | character);
    return length;
}

static uint32_t parse_unit(const char *digits)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        unit = unit << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
}

/* Behind "\u"; *from_inout goes behind what it took, of a pair both. */
static size_t print_unit(char *text, const char **from_inout)
{
    const char *from = *from_inout;
    uint32_t character = parse_unit(from);
    from += 4;
    if (character >= 0xD800 && character <= 0xDBFF) {
        character = 0x10000 + ((character - 0xD800) << 10) + (parse_unit(from + 2) - 0xDC00);
        from += 6;
    }
    *from_inout = from;
    if (character < 0x80) {
        text[0] = (char)character;
        return 1;
    }
    return print_utf8(text, character);
}

/* What stands for the letter behind a backslash. */
static char plain_of(char letter)
{
    static const char letters[] = "bfnrt";
    static const char plain[] = "\b\f\n\r\t";
    const char *at = strchr(letters, letter);
    return at == NULL ? letter : plain[at - letters];
}

/* Bytes between quotes that were scanned, without their escapes and with a zero at the end. Writes at most room bytes, and no
 * more than are read and the zero; stops before what does not fit. Returns the length. */
static size_t unescape(const char *from, size_t size, char *to, size_t room)
{
    const char *end = from + size;
    size_t used = 0;
    while (from < end && used + 4 < room) {
        char c = *from++;
        if (c != '\\') {
            to[used++] = c;
        } else if (*from != 'u') {
            to[used++] = plain_of(*from++);
        } else {
            from++;
            used += print_unit(to + used, &from);
        }
    }
    to[used] = '\0';
    return used;
}

static void copy_short(const char *from, size_t size, bool has_escapes,
                       char to[BATON__JSON_SHORT_SIZE])
{
    if (has_escapes) {
        (void)unescape(from, size, to, BATON__JSON_SHORT_SIZE);
        return;
    }
    size_t length = size < BATON__JSON_SHORT_SIZE ? size : BATON__JSON_SHORT_SIZE - 1;
    memcpy(to, from, length);
    to[length] = '\0';
}

/* Looks from *next_inout on, and around, since most members come in the order of the fields; it goes behind what is found. */
static baton__json_field *find_field(baton__json_field *fields, size_t count,
                                     const baton__json_value *member, size_t *next_inout)
{
    char plain[BATON__JSON_SHORT_SIZE];
    const char *name = member->name;
    size_t size = member->name_size;
    if (member->name_has_escapes) {
        copy_short(name, size, true, plain);
        name = plain;
        size = strlen(plain);
    }
    size_t place = *next_inout;
    for (size_t left = count; left > 0; left--) {
        place = place < count ? place : 0;
        baton__json_field *field = &fields[place++];
        if (field->name[0] == name[0] && strncmp(field->name, name, size) == 0 &&
            field->name[size] == '\0') {
            *next_inout = place;
            return field;
        }
    }
    return NULL;
}

baton_status baton__json_fields(const baton__json_value *object, baton__json_field *fields,
                                size_t count, bool closed)
{
    if (object == NULL || object->kind != BATON__JSON_OBJECT) {
        return baton__fail(BATON_ERR_MALFORMED, "JSON: an object is missing");
    }
    size_t next = 0;
    for (const baton__json_value *item = baton__json_first(object); item != NULL;
         item = baton__json_next(object, item)) {
        baton__json_field *field = find_field(fields, count, item, &next);
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

/* Decimal digits alone, at least one; leading zeros are the caller's business. */
static bool parse_digits(const char *text, size_t size, uint64_t max, uint64_t *value_out)
{
    uint64_t value = 0;
    if (size == 0) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text[i] - '0';
        /* Nineteen digits are below 2^64, so up to there one look at the end is enough. */
        if (digit > 9 || (i >= 19 && (digit > max || value > (max - digit) / 10))) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (value > max) {
        return false;
    }
    *value_out = value;
    return true;
}

/* A number with a sign, a point or an exponent, which is an integer all the same. It was scanned: at most 63 bytes. */
static bool parse_unusual(const char *text, size_t size, uint64_t max, uint64_t *value_out)
{
    char digits[128];
    size_t used = 0;
    long exponent = 0;
    bool is_negative = text[0] == '-';
    bool behind_point = false;
    size_t i = is_negative ? 1 : 0;
    for (; i < size && text[i] != 'e' && text[i] != 'E'; i++) {
        behind_point = behind_point || text[i] == '.';
        /* Zeros before the first other digit say nothing. */
        if (text[i] != '.' && (text[i] != '0' || used != 0)) {
            digits[used++] = text[i];
        }
        exponent -= behind_point && text[i] != '.' ? 1 : 0;
    }
    if (used == 0) {
        *value_out = 0;
        return true;
    }
    if (i < size) {
        char written[64];
        memcpy(written, text + i + 1, size - i - 1);
        written[size - i - 1] = '\0';
        long shift = strtol(written, NULL, 10);
        exponent += shift > 1000 ? 1000 : shift < -1000 ? -1000 : shift;
    }
    for (; exponent < 0 && used > 1 && digits[used - 1] == '0'; exponent++) {
        used--;
    }
    for (; exponent > 0 && used < sizeof(digits); exponent--) {
        digits[used++] = '0';
    }
    return !is_negative && exponent == 0 && parse_digits(digits, used, max, value_out);
}

baton_status baton__json_integer(const baton__json_field *field, uint64_t max, uint64_t *value_out)
{
    const baton__json_value *item = field->item;
    if (item == NULL || item->kind != BATON__JSON_NUMBER) {
        return baton__json_refuse(field, item == NULL ? "is missing" : "is not a number");
    }
    uint64_t limit = max < INTEGER_MAX ? max : INTEGER_MAX;
    if (!parse_digits(item->text, item->size, limit, value_out) &&
        !parse_unusual(item->text, item->size, limit, value_out)) {
        return baton__json_refuse(field, "is not an integer in its range");
    }
    return BATON_OK;
}

/* Decimal digits without sign, space or leading zeros. */
static bool parse_decimal(const char *text, size_t size, uint64_t max, uint64_t *value_out)
{
    return (size < 2 || text[0] != '0') && parse_digits(text, size, max, value_out);
}

baton_status baton__json_uint(const baton__json_field *field, uint64_t max, uint64_t *value_out)
{
    const baton__json_value *item = field->item;
    if (item == NULL || item->kind != BATON__JSON_STRING) {
        return baton__json_integer(field, max, value_out);
    }
    char plain[BATON__JSON_SHORT_SIZE];
    const char *text = item->text + 1;
    size_t size = item->size - 2;
    if (item->has_escapes) {
        copy_short(text, size, true, plain);
        text = plain;
        size = strlen(plain);
    }
    if (!parse_decimal(text, size, max, value_out)) {
        return baton__json_refuse(field, "is not a decimal number in its range");
    }
    return BATON_OK;
}

static baton_status check_string(const baton__json_field *field)
{
    if (field->item != NULL && field->item->kind == BATON__JSON_STRING) {
        return BATON_OK;
    }
    return baton__json_refuse(field, field->item == NULL ? "is missing" : "is not a string");
}

baton_status baton__json_short(const baton__json_field *field,
                               char text_out[BATON__JSON_SHORT_SIZE])
{
    baton_status status = check_string(field);
    if (status == BATON_OK) {
        const baton__json_value *item = field->item;
        copy_short(item->text + 1, item->size - 2, item->has_escapes, text_out);
    }
    return status;
}

baton_status baton__json_string(const baton__json_field *field, char **string_out)
{
    baton_status status = check_string(field);
    if (status != BATON_OK) {
        return status;
    }
    /* Unescaped it is not longer. */
    size_t size = field->item->size - 2;
    char *string = malloc(size + 5);
    if (string == NULL) {
        return baton__fail_memory("string of a message");
    }
    if (field->item->has_escapes) {
        (void)unescape(field->item->text + 1, size, string, size + 5);
    } else {
        memcpy(string, field->item->text + 1, size);
        string[size] = '\0';
    }
    *string_out = string;
    return BATON_OK;
}

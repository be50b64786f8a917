/* SPDX-License-Identifier: Apache-2.0 */
#include "json_scan.h"

#include "json_plain.h"
#include "utf8.h"
#include <stdlib.h>
#include <string.h>

typedef struct scan {
    const char *data;
    size_t size;
    size_t at;
    size_t depth_left;
    size_t values_left;
    baton__json_row *row; /* NULL: nothing is written down */
    const char *name;     /* of the member whose value comes */
    size_t name_size;
    bool name_has_escapes;
    bool has_escapes; /* the last string */
} scan;

static bool scan_value(scan *s);

/* The next byte, 0 at the end (0 itself is nowhere legal). */
static char peek(const scan *s)
{
    if (s->at >= s->size) {
        return '\0';
    }
    return s->data[s->at];
}

static bool take(scan *s, char c)
{
    if (s->at >= s->size || s->data[s->at] != c) {
        return false;
    }
    s->at++;
    return true;
}

static void skip_space(scan *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r') {
        s->at++;
    }
}

static bool scan_word(scan *s, const char *word)
{
    size_t length = strlen(word);
    if (s->size - s->at < length || memcmp(s->data + s->at, word, length) != 0) {
        return false;
    }
    s->at += length;
    return true;
}

static bool scan_digits(scan *s)
{
    size_t first = s->at;
    while (peek(s) >= '0' && peek(s) <= '9') {
        s->at++;
    }
    return s->at != first;
}

static bool scan_number_parts(scan *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !scan_digits(s)) {
        return false;
    }
    if (take(s, '.') && !scan_digits(s)) {
        return false;
    }
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) {
            (void)take(s, '-');
        }
        return scan_digits(s);
    }
    return true;
}

/* No number needs more than 63 bytes. */
static bool scan_number(scan *s)
{
    size_t first = s->at;
    return scan_number_parts(s) && s->at - first < 64;
}

/* Four hexadecimal digits; 0 if they are not (0 is refused anyway). */
static unsigned scan_unit(scan *s)
{
    unsigned unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = peek(s);
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            digit = (unsigned)((c | 0x20) - 'a') + 10;
        } else {
            return 0;
        }
        unit = unit << 4 | digit;
        s->at++;
    }
    return unit;
}

static bool scan_escape(scan *s)
{
    char c = peek(s);
    if (c == '\0') {
        return false;
    }
    s->at++;
    if (c != 'u') {
        return strchr("\"\\/bfnrt", c) != NULL;
    }
    unsigned unit = scan_unit(s);
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        unsigned low = scan_word(s, "\\u") ? scan_unit(s) : 0;
        return low >= 0xDC00 && low <= 0xDFFF;
    }
    return unit != 0 && (unit < 0xDC00 || unit > 0xDFFF);
}

/* From the first character on that is more than ASCII that stands for itself: the quote at the end is behind it, if at all. Not
 * inlined, since hardly a string has such a character, and every string would pay for the registers of this. */
static __attribute__((noinline)) bool scan_odd_string(scan *s)
{
    while (s->at < s->size) {
        char c = peek(s);
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            s->at++;
            s->has_escapes = true;
            if (!scan_escape(s)) {
                return false;
            }
        } else {
            size_t left = s->size - s->at;
            size_t length = (unsigned char)c < 0x20 ? 0 : baton__utf8_length(s->data + s->at, left);
            if (length == 0) {
                return false;
            }
            s->at += length;
        }
        s->at += baton__json_plain_length(s->data + s->at, s->size - s->at);
    }
    return false;
}

static bool scan_string(scan *s)
{
    s->has_escapes = false;
    if (!take(s, '"')) {
        return false;
    }
    s->at += baton__json_plain_length(s->data + s->at, s->size - s->at);
    return take(s, '"') || scan_odd_string(s);
}

static bool scan_name(scan *s)
{
    skip_space(s);
    size_t first = s->at + 1;
    if (!scan_string(s)) {
        return false;
    }
    s->name = s->data + first;
    s->name_size = s->at - 1 - first;
    s->name_has_escapes = s->has_escapes;
    skip_space(s);
    return take(s, ':');
}

/* Behind the opening bracket; members have a name before their value. */
static bool scan_members(scan *s, char close, bool named)
{
    skip_space(s);
    if (take(s, close)) {
        return true;
    }
    do {
        if ((named && !scan_name(s)) || !scan_value(s)) {
            return false;
        }
        skip_space(s);
    } while (take(s, ','));
    return take(s, close);
}

static bool scan_container(scan *s)
{
    if (s->depth_left == 0) {
        return false;
    }
    s->depth_left--;
    bool valid =
        take(s, '{') ? scan_members(s, '}', true) : take(s, '[') && scan_members(s, ']', false);
    s->depth_left++;
    return valid;
}

static bool scan_bare(scan *s)
{
    switch (peek(s)) {
    case '{':
    case '[':
        return scan_container(s);
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s);
    }
}

static baton__json_kind kind_of(char first)
{
    switch (first) {
    case '{':
        return BATON__JSON_OBJECT;
    case '[':
        return BATON__JSON_ARRAY;
    case '"':
        return BATON__JSON_STRING;
    case 't':
    case 'f':
        return BATON__JSON_BOOLEAN;
    case 'n':
        return BATON__JSON_NULL;
    default:
        return BATON__JSON_NUMBER;
    }
}

static bool grow(baton__json_row *row)
{
    size_t capacity = row->capacity * 2;
    bool is_own = row->values == row->room;
    baton__json_value *values = realloc(is_own ? NULL : row->values, capacity * sizeof(*values));
    if (values == NULL) {
        row->out_of_memory = true;
        return false;
    }
    if (is_own) {
        memcpy(values, row->room, sizeof(row->room));
    }
    row->values = values;
    row->capacity = capacity;
    return true;
}

/* The value takes its place before what is inside of it; where it ends, is known afterwards. */
static bool scan_into_row(scan *s)
{
    baton__json_row *row = s->row;
    size_t index = row->count;
    size_t first = s->at;
    if (index == row->capacity && !grow(row)) {
        return false;
    }
    row->values[index] = (baton__json_value){.text = s->data + first,
                                             .name = s->name,
                                             .name_size = (uint32_t)s->name_size,
                                             .kind = kind_of(peek(s)),
                                             .name_has_escapes = s->name_has_escapes};
    row->count++;
    s->name = NULL;
    s->name_size = 0;
    s->name_has_escapes = false;
    if (!scan_bare(s)) {
        return false;
    }
    baton__json_value *value = &row->values[index];
    value->size = (uint32_t)(s->at - first);
    value->next = (uint32_t)(row->count - index);
    value->has_escapes = value->kind == BATON__JSON_STRING && s->has_escapes;
    return true;
}

static bool scan_value(scan *s)
{
    if (s->values_left == 0) {
        return false;
    }
    s->values_left--;
    skip_space(s);
    return s->row == NULL ? scan_bare(s) : scan_into_row(s);
}

static bool scan_whole(scan *s)
{
    if (!scan_value(s)) {
        return false;
    }
    skip_space(s);
    return s->at == s->size;
}

bool baton__json_scan(const char *data, size_t size, size_t depth_max)
{
    scan s = {
        .data = data, .size = size, .depth_left = depth_max, .values_left = BATON__JSON_VALUES_MAX};
    return scan_whole(&s);
}

bool baton__json_read(const char *data, size_t size, size_t depth_max, baton__json_row *row)
{
    row->values = row->room;
    row->count = 0;
    row->capacity = BATON__JSON_ROW;
    row->out_of_memory = false;
    scan s = {.data = data,
              .size = size,
              .depth_left = depth_max,
              .values_left = BATON__JSON_VALUES_MAX,
              .row = row};
    return size < UINT32_MAX && scan_whole(&s);
}

void baton__json_row_fini(baton__json_row *row)
{
    if (row->values != row->room) {
        free(row->values);
    }
}

bool baton__json_member(const char *data, size_t size, const char *name, const char **value_out,
                        size_t *size_out)
{
    scan s = {.data = data,
              .size = size,
              .depth_left = BATON__JSON_DEPTH_MAX,
              .values_left = BATON__JSON_VALUES_MAX};
    size_t length = strlen(name);
    skip_space(&s);
    if (!take(&s, '{')) {
        return false;
    }
    do {
        skip_space(&s);
        const char *member = s.data + s.at + 1; /* behind the quote */
        bool found = s.size - s.at > length + 1 && memcmp(member, name, length) == 0 &&
                     member[length] == '"';
        if (!scan_name(&s)) {
            return false;
        }
        skip_space(&s);
        size_t first = s.at;
        if (!scan_value(&s)) {
            return false;
        }
        if (found) {
            *value_out = s.data + first;
            *size_out = s.at - first;
            return true;
        }
        skip_space(&s);
    } while (take(&s, ','));
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

const char *doctor_print_size(uint64_t bytes, char text[DOCTOR_SIZE_TEXT])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes == UINT64_MAX) {
        (void)snprintf(text, DOCTOR_SIZE_TEXT, "no limit");
        return text;
    }
    double value = (double)bytes;
    size_t which = 0;
    while (value >= 1024 && which + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        which++;
    }
    bool whole = value - (double)(uint64_t)value < 0.05;
    (void)snprintf(text, DOCTOR_SIZE_TEXT, "%.*f %s", whole ? 0 : 1, value, units[which]);
    return text;
}

/* A whole number; what follows is in *rest_out. */
static bool parse_whole(const char *text, uint64_t *value_out, const char **rest_out)
{
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *rest_out = end;
    *value_out = value;
    return errno == 0;
}

static bool parse_with_unit(const char *text, const unit *units, uint64_t *value_out)
{
    uint64_t value;
    const char *rest;
    if (strcasecmp(text, "inf") == 0) {
        *value_out = UINT64_MAX;
        return true;
    }
    if (!parse_whole(text, &value, &rest)) {
        return false;
    }
    for (; units->name != NULL; units++) {
        if (strcasecmp(rest, units->name) == 0) {
            uint64_t product;
            bool fits = !__builtin_mul_overflow(value, units->factor, &product);
            *value_out = fits ? product : UINT64_MAX - 1;
            return true;
        }
    }
    return false;
}

bool doctor_parse_size(const char *text, uint64_t *bytes_out)
{
    static const unit units[] = {{"", 1},           {"b", 1},
                                 {"k", 1ull << 10}, {"kb", 1ull << 10},
                                 {"m", 1ull << 20}, {"mb", 1ull << 20},
                                 {"g", 1ull << 30}, {"gb", 1ull << 30},
                                 {"t", 1ull << 40}, {"tb", 1ull << 40},
                                 {NULL, 0}};
    return parse_with_unit(text, units, bytes_out);
}

bool doctor_parse_time(const char *text, uint64_t *us_out)
{
    static const unit units[] = {{"us", 1},      {"ms", 1000},     {"s", 1000000},
                                 {"", 1000000}, {"m", 60000000}, {NULL, 0}};
    return parse_with_unit(text, units, us_out);
}

bool doctor_parse_switch(const char *text, bool *on_out)
{
    static const char *const on[] = {"y", "yes", "on", "1", "true"};
    static const char *const off[] = {"n", "no", "off", "0", "false"};
    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
        if (strcasecmp(text, on[i]) == 0 || strcasecmp(text, off[i]) == 0) {
            *on_out = strcasecmp(text, on[i]) == 0;
            return true;
        }
    }
    return false;
}

/* One of them, of length bytes. Returns how many bytes were written. */
static size_t print_url(const char *url, size_t length, char *text, size_t size)
{
    const char *mark = memmem(url, length, "://", 3);
    const char *rest = mark != NULL ? mark + 3 : url;
    const char *at = memrchr(rest, '@', length - (size_t)(rest - url));
    const char *host = at != NULL ? at + 1 : rest;
    int written = snprintf(text, size, "%.*s%.*s", (int)(rest - url), url,
                           (int)(url + length - host), host);
    return written < 0 ? 0 : (size_t)written < size ? (size_t)written : size - 1;
}

void doctor_print_urls(const char *urls, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (;;) {
        size_t length = strcspn(urls, ",");
        at += print_url(urls, length, text + at, size - at);
        urls += length;
        if (*urls == '\0' || at + 2 > size) {
            return;
        }
        text[at++] = *urls++;
        text[at] = '\0';
    }
}

bool doctor_read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t length = fread(text, 1, size - 1, file);
    bool read = ferror(file) == 0;
    (void)fclose(file);
    text[length] = '\0';
    return read;
}

bool doctor_read_number(const char *path, uint64_t *value_out)
{
    char text[64];
    const char *rest;
    if (!doctor_read_file(path, text, sizeof(text))) {
        return false;
    }
    if (strncmp(text, "max", 3) == 0) {
        *value_out = UINT64_MAX;
        return true;
    }
    return parse_whole(text, value_out, &rest);
}

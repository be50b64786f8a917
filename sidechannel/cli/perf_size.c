/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_size.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct unit {
    const char *name;
    uint64_t bytes;
} unit;

static const unit units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
};
enum { UNITS = sizeof(units) / sizeof(units[0]) };

/* The digits at the beginning; where they end, or NULL if there are none or too many. */
static const char *parse_digits(const char *text, uint64_t *number_out)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return NULL;
        }
        number = number * 10 + digit;
    }
    *number_out = number;
    return at != text ? at : NULL;
}

bool perf_size_parse(const char *text, uint64_t *bytes_out)
{
    uint64_t number = 0;
    const char *suffix = parse_digits(text, &number);
    for (size_t i = 0; suffix != NULL && i < UNITS; i++) {
        if (strcmp(suffix, units[i].name) == 0) {
            if (number > UINT64_MAX / units[i].bytes) {
                return false;
            }
            *bytes_out = number * units[i].bytes;
            return true;
        }
    }
    return false;
}

bool perf_number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *number_out)
{
    uint64_t number = 0;
    const char *end = parse_digits(text, &number);
    if (end == NULL || *end != '\0' || number < least || number > most) {
        return false;
    }
    *number_out = number;
    return true;
}

void perf_size_print(uint64_t bytes, char text[PERF_SIZE_TEXT])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB"};
    size_t i = 0;
    while (i < 3 && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    (void)snprintf(text, PERF_SIZE_TEXT, "%" PRIu64 " %s", bytes, names[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "json_line.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct json_line {
    cJSON *object;
};

static void *need(void *memory)
{
    if (memory == NULL) {
        (void)fputs("baton: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

json_line *json_line_begin(const char *type)
{
    json_line *line = need(malloc(sizeof(*line)));
    line->object = need(cJSON_CreateObject());
    json_line_text(line, "type", type);
    return line;
}

static void add(json_line *line, const char *name, cJSON *value)
{
    if (!cJSON_AddItemToObject(line->object, name, need(value))) {
        (void)need(NULL);
    }
}

void json_line_text(json_line *line, const char *name, const char *value)
{
    add(line, name, value == NULL ? cJSON_CreateNull() : cJSON_CreateString(value));
}

void json_line_whole(json_line *line, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value); /* a double would round it */
    add(line, name, cJSON_CreateRaw(text));
}

void json_line_real(json_line *line, const char *name, double value)
{
    char text[64];
    if (!isfinite(value)) {
        add(line, name, cJSON_CreateNull());
        return;
    }
    (void)snprintf(text, sizeof(text), "%.3f", value);
    add(line, name, cJSON_CreateRaw(text));
}

void json_line_bool(json_line *line, const char *name, bool value)
{
    add(line, name, cJSON_CreateBool(value));
}

void json_line_end(json_line *line)
{
    char *text = need(cJSON_PrintUnformatted(line->object));
    (void)puts(text);
    cJSON_free(text);
    cJSON_Delete(line->object);
    free(line);
}

const char *json_line_library_version(void)
{
    return cJSON_Version();
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_JSON_LINE_H
#define BATON_CLI_JSON_LINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Output for programs: one JSON object a line. The names of fields say their unit (_us, _bytes, gb_per_s); 1 GB is 10^9
 * bytes. Running out of memory ends the program with a message.
 */
typedef struct json_line json_line;

json_line *json_line_begin(const char *type); /* the field "type" */
void json_line_text(json_line *line, const char *name, const char *value); /* NULL: null */
void json_line_whole(json_line *line, const char *name, uint64_t value);
void json_line_real(json_line *line, const char *name, double value); /* three digits after the point */
void json_line_bool(json_line *line, const char *name, bool value);
/* Writes it to stdout and frees it. */
void json_line_end(json_line *line);

/* Version of cJSON, which prints them. */
const char *json_line_library_version(void);

#endif

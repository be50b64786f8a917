/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_JSON_TEXT_H
#define BATON_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing text that JSON is printed into. It remembers a failure to allocate, so that a printer
 * checks once, at its end: after one, what is appended is dropped.
 */
typedef struct baton__text {
    char *data;
    size_t used;
    size_t capacity;
    bool failed;
} baton__text;

/* capacity: bytes that are likely to be needed; it grows beyond them. */
void baton__text_init(baton__text *text, size_t capacity);
void baton__text_fini(baton__text *text);
/* The terminated text, to be freed with free(), or NULL where memory ran out; the builder is empty
 * after it. */
char *baton__text_take(baton__text *text, size_t *size_out);

void baton__text_append(baton__text *text, const void *bytes, size_t size);
void baton__text_raw(baton__text *text, const char *string);
/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void baton__text_quoted(baton__text *text, const char *string);
void baton__text_uint(baton__text *text, uint64_t value);
void baton__text_base64(baton__text *text, const void *bytes, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_JSON_SCAN_H
#define BATON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads JSON strictly, in one walk over the text. What the values of the text are is written down on
 * the way as a row: where each stands, and how many behind it are inside of it. Nothing is copied and nothing converted, so
 * that a message costs no allocation for each of its values; what a value means is the business of
 * metadata_json_value.h.
 */
#define BATON__JSON_DEPTH_MAX 64
/* Most values of one text: what BATON_DESCRIPTORS_MAX descriptors with tensors of 16 dimensions
 * need. */
#define BATON__JSON_VALUES_MAX ((size_t)2 * 1024 * 1024)

/* True if it is one value of RFC 8259 in UTF-8 with nothing but white space around it, without
 * \u0000 and without half a surrogate pair, at most depth_max objects and arrays deep. */
bool baton__json_scan(const char *data, size_t size, size_t depth_max);

/* Finds the value of a member of the outermost object of a text that was scanned: its bytes as they
 * stand there. The name must be written without escapes. False if there is none. */
bool baton__json_member(const char *data, size_t size, const char *name, const char **value_out,
                        size_t *size_out);

typedef enum baton__json_kind {
    BATON__JSON_NULL,
    BATON__JSON_BOOLEAN,
    BATON__JSON_NUMBER,
    BATON__JSON_STRING,
    BATON__JSON_ARRAY,
    BATON__JSON_OBJECT
} baton__json_kind;

/* Points into the text. */
typedef struct baton__json_value {
    const char *text; /* with its quotes or brackets */
    const char *name; /* of a member, behind the quote; NULL for any other value */
    uint32_t size;
    uint32_t name_size;
    uint32_t next; /* how many values further the one stands that is not inside of this one */
    baton__json_kind kind : 8;
    bool has_escapes : 1; /* a string */
    bool name_has_escapes : 1;
} baton__json_value;

/* What most messages need; for longer ones the row is allocated. */
#define BATON__JSON_ROW 40

typedef struct baton__json_row {
    baton__json_value *values; /* the first is the whole text */
    size_t count;
    size_t capacity;
    bool out_of_memory; /* why it failed */
    baton__json_value room[BATON__JSON_ROW];
} baton__json_row;

/* As baton__json_scan, and fills row, which borrows the text. False for a text of 4 GiB or more too, and where memory runs
 * out. Ownership: baton__json_row_fini, after a failure as well. */
bool baton__json_read(const char *data, size_t size, size_t depth_max, baton__json_row *row);
void baton__json_row_fini(baton__json_row *row);

/* The first value inside of an array or object, and the one behind a value in it; NULL if there is none. */
static inline const baton__json_value *baton__json_first(const baton__json_value *parent)
{
    return parent->next > 1 ? parent + 1 : NULL;
}

static inline const baton__json_value *baton__json_next(const baton__json_value *parent,
                                                        const baton__json_value *value)
{
    const baton__json_value *next = value + value->next;
    return next < parent + parent->next ? next : NULL;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_METADATA_JSON_VALUE_H
#define BATON_METADATA_JSON_VALUE_H

#include "json_scan.h"
#include "json_text.h"
#include <baton/metadata.h>

/* What the codecs of messages and of metadata share. Included by message_codec*.c and
 * metadata_json*.c alone. */

/* A member that an object may have; item is filled. */
typedef struct baton__json_field {
    const char *name;
    const baton__json_value *item; /* NULL if it is not there */
} baton__json_field;

/* Room for a short string: longer than all that the codecs know by heart, names of 63 bytes included. */
#define BATON__JSON_SHORT_SIZE 96

/* Reads an object strictly. what: for the error text. Errors: ERR_MALFORMED (also anything but an object),
 * ERR_OUT_OF_MEMORY. Ownership: baton__json_row_fini, if it was read. */
baton_status baton__json_parse(const char *data, size_t size, const char *what,
                               baton__json_row *row_out);
/* Sorts the members of an object into fields. object: NULL if there is none. closed: other members are refused. Errors:
 * ERR_MALFORMED. */
baton_status baton__json_fields(const baton__json_value *object, baton__json_field *fields,
                                size_t count, bool closed);
/* A number from 0 to max, as a decimal string or as an integer up to 2^53. Errors: ERR_MALFORMED.
 */
baton_status baton__json_uint(const baton__json_field *field, uint64_t max, uint64_t *value_out);
/* A number alone, no string: an integer up to 2^53, in whatever way it is written (1e2, 10.0). Errors: ERR_MALFORMED. */
baton_status baton__json_integer(const baton__json_field *field, uint64_t max, uint64_t *value_out);
/* A string without its escapes; of a longer one than fits the beginning, which is none of the values that are known. Errors:
 * ERR_MALFORMED. */
baton_status baton__json_short(const baton__json_field *field,
                               char text_out[BATON__JSON_SHORT_SIZE]);
/* The same of any length. Errors: ERR_MALFORMED, ERR_OUT_OF_MEMORY. Ownership: free. */
baton_status baton__json_string(const baton__json_field *field, char **string_out);
/* ERR_MALFORMED with a text that names the field. */
baton_status baton__json_refuse(const baton__json_field *field, const char *why);

/* Errors: those of baton_metadata_from_json. */
baton_status baton__metadata_from_value(const baton__json_value *object, baton_metadata **metadata_out);
void baton__metadata_print(baton__text *text, const baton_metadata *metadata);
/* About how many bytes that prints. */
size_t baton__metadata_print_size(const baton_metadata *metadata);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE64_H
#define BATON_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Base64 of RFC 4648, section 4: the standard alphabet, padded. */

/* Characters that size bytes print as. */
size_t baton__base64_length(size_t size);
/* Prints baton__base64_length(size) characters, without a terminating zero. */
void baton__base64_print(char *text, const void *bytes, size_t size);
/* Parses length characters into bytes (room for length / 4 * 3). False for a wrong length, any
 * other character, padding elsewhere than at the end, and bits behind the last byte that are not 0:
 * one value has one text. */
bool baton__base64_parse(const char *text, size_t length, void *bytes, size_t *size_out);

/* The same, without the processor's instructions for it. */
void baton__base64_print_by_tables(char *text, const void *bytes, size_t size);
bool baton__base64_parse_by_tables(const char *text, size_t length, void *bytes, size_t *size_out);

#endif

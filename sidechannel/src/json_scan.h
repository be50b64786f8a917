/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_JSON_SCAN_H
#define BATON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Strict look at a JSON text before cJSON gets it. cJSON takes more than RFC 8259 allows (control
 * characters in strings, numbers such as 01, any byte below 33 as white space), cuts strings at
 * \u0000, recurses 1000 levels deep and needs 64 bytes for each value: what it should not see is
 * refused here.
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

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_JSON_COMPARE_H
#define BATON_JSON_COMPARE_H

#include <stddef.h>

/* Reads a text as messages are read, and by cJSON. NULL if the text is refused or both say the same of each value in it: kinds,
 * names, strings without their escapes, and integers; otherwise what differs. */
const char *json_compare(const char *text, size_t size);

#endif

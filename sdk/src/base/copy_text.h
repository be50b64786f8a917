/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_COPY_TEXT_H
#define BATON_BASE_COPY_TEXT_H

#include <stddef.h>
#include <string.h>

/* As much of the text as there is room for, and a zero: what snprintf does with "%s" at ten times the instructions, on the way of
 * every operation. size: of `to`, more than 0. Returns how many bytes stand before the zero. */
static inline size_t baton__copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
    return length;
}

#endif

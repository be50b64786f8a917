/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_OPTIONS_H
#define BATON_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Structs that begin with their size, so that they can grow: an old program has a shorter one than this
 * library, a new program with an old library a longer one.
 */
enum { BATON__STRUCT_MAX = 4096 }; /* more is no struct of ours, but memory that was never set */

static inline size_t baton__struct_size(const void *from)
{
    size_t given;
    memcpy(&given, from, sizeof(given));
    return given;
}

/* Copies what the caller's version has over the defaults in `to`, of size bytes. False without a struct_size, or
 * where a newer version asks for something that this library does not know: is not zero. */
static inline bool baton__options_copy(void *to, size_t size, const void *from)
{
    size_t given = baton__struct_size(from);
    if (given < sizeof(given) || given > BATON__STRUCT_MAX) {
        return false;
    }
    for (size_t i = size; i < given; i++) {
        if (((const uint8_t *)from)[i] != 0) {
            return false;
        }
    }
    memcpy(to, from, given < size ? given : size);
    memcpy(to, &size, sizeof(size));
    return true;
}

static inline bool baton__output_is_sized(const void *out)
{
    size_t given = baton__struct_size(out);
    return given >= sizeof(given) && given <= BATON__STRUCT_MAX;
}

/* Fills the caller's version, which is sized, from ours; what only a newer version has becomes zero. */
static inline void baton__output_copy(void *out, const void *ours, size_t size)
{
    size_t given = baton__struct_size(out);
    memset(out, 0, given);
    memcpy(out, ours, given < size ? given : size);
    memcpy(out, &given, sizeof(given));
}

#endif

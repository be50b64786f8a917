/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_OPTIONS_H
#define BATON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Copies what the caller's version of an options struct has over the defaults in `to`. False
 * without struct_size. */
static inline bool baton__options_copy(void *to, size_t size, const void *from)
{
    size_t given;
    memcpy(&given, from, sizeof(given));
    if (given < sizeof(given)) {
        return false;
    }
    memcpy(to, from, given < size ? given : size);
    memcpy(to, &size, sizeof(size));
    return true;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TABLE_H
#define BATON_TABLE_H

#include <baton/id.h>

/* uthash, so that running out of memory is an answer and not an exit: after HASH_ADD look at
 * hh.tbl. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

/* What tables of attempts are keyed by. Zeroed before it is filled: it is hashed as bytes. */
typedef struct baton__attempt_key {
    baton_uuid id;
    uint32_t attempt;
} baton__attempt_key;

static inline baton__attempt_key baton__attempt_key_make(const baton_uuid *id, uint32_t attempt)
{
    baton__attempt_key key = {.id = *id, .attempt = attempt};
    return key;
}

#endif

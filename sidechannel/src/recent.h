/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_RECENT_H
#define BATON_RECENT_H

#include "table.h"
#include <baton/operation.h>

/*
 * A bounded memory of attempts that are over: the oldest is forgotten first. The origin answers
 * late acknowledgements from it, the consumer refuses repeated offers with it. Owner thread only.
 */
typedef struct baton__recent_entry {
    baton__attempt_key key;
    baton_settle_keys keys; /* of the origin's memory */
    bool granted;           /* keys are set */
    bool recorded;          /* the acknowledgement of record has come once */
    baton_operation_status status;
    baton_status reason;
    char peer[64];
    struct baton__recent_entry *prev;
    struct baton__recent_entry *next;
    UT_hash_handle hh;
} baton__recent_entry;

typedef struct baton__recent {
    baton__recent_entry *table;
    baton__recent_entry *oldest;
    size_t count;
    size_t capacity;
} baton__recent;

void baton__recent_init(baton__recent *recent, size_t capacity);
void baton__recent_fini(baton__recent *recent);

/* The entry, cleared but for its key; one that is there already is cleared too. NULL without
 * memory. */
baton__recent_entry *baton__recent_add(baton__recent *recent, const baton_uuid *id,
                                       uint32_t attempt);
/* NULL if it is not there. */
baton__recent_entry *baton__recent_find(const baton__recent *recent, const baton_uuid *id,
                                        uint32_t attempt);

#endif

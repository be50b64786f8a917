/* SPDX-License-Identifier: Apache-2.0 */
#include "recent.h"

#include <stdlib.h>
#include <string.h>

void baton__recent_init(baton__recent *recent, size_t capacity)
{
    *recent = (baton__recent){.capacity = capacity};
}

/* NOLINTBEGIN(readability-function-size,clang-analyzer-core.NullDereference): uthash's macros */

static void detach(baton__recent *recent, baton__recent_entry *entry)
{
    HASH_DEL(recent->table, entry);
    DL_DELETE(recent->oldest, entry);
    recent->count--;
}

void baton__recent_fini(baton__recent *recent)
{
    while (recent->oldest != NULL) {
        baton__recent_entry *entry = recent->oldest;
        detach(recent, entry);
        free(entry);
    }
}

baton__recent_entry *baton__recent_find(const baton__recent *recent, const baton_uuid *id,
                                        uint32_t attempt)
{
    baton__attempt_key key = baton__attempt_key_make(id, attempt);
    baton__recent_entry *entry = NULL;
    HASH_FIND(hh, recent->table, &key, sizeof(key), entry);
    return entry;
}

/* An entry that is in no list: a known one, the oldest of a full memory, or a new one. */
static baton__recent_entry *obtain(baton__recent *recent, const baton_uuid *id, uint32_t attempt)
{
    baton__recent_entry *entry = baton__recent_find(recent, id, attempt);
    if (entry == NULL && recent->count >= recent->capacity) {
        entry = recent->oldest;
    }
    if (entry == NULL) {
        return malloc(sizeof(*entry));
    }
    detach(recent, entry);
    return entry;
}

baton__recent_entry *baton__recent_add(baton__recent *recent, const baton_uuid *id,
                                       uint32_t attempt)
{
    baton__recent_entry *entry = obtain(recent, id, attempt);
    if (entry == NULL) {
        return NULL;
    }
    memset(entry, 0, sizeof(*entry));
    entry->key = baton__attempt_key_make(id, attempt);
    HASH_ADD(hh, recent->table, key, sizeof(entry->key), entry);
    if (entry->hh.tbl == NULL) {
        free(entry);
        return NULL;
    }
    DL_APPEND(recent->oldest, entry);
    recent->count++;
    return entry;
}

/* NOLINTEND(readability-function-size,clang-analyzer-core.NullDereference) */

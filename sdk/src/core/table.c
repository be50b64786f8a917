/* SPDX-License-Identifier: Apache-2.0 */
#include "core/table.h"

#include <baton/id.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 64 };

bool baton__table_init(baton__table *table)
{
    baton_key secret = baton_key_random();
    *table = (baton__table){.buckets = calloc(FIRST_SIZE, sizeof(baton__node *)), .size = FIRST_SIZE};
    memcpy(table->secret, secret.bytes, sizeof(table->secret));
    return table->buckets != NULL;
}

void baton__table_fini(baton__table *table)
{
    free(table->buckets);
    *table = (baton__table){0};
}

/* Atomic for baton__table_fetch, which only wants an address and reads nothing there. */
static void set_link(baton__node *node, baton__node **link)
{
    __atomic_store_n(&node->link, link, __ATOMIC_RELAXED);
}

static uint32_t bucket_of(const baton__table *table, const void *key, uint32_t size)
{
    uint64_t words[2];
    memcpy(words, key, sizeof(words));
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(words[0] ^ table->secret[0]) * (words[1] ^ table->secret[1]);
    return (uint32_t)((uint64_t)product ^ (uint64_t)(product >> 64)) & (size - 1);
}

static void link_in(baton__node **bucket, baton__node *node)
{
    node->next = *bucket;
    set_link(node, bucket);
    if (node->next != NULL) {
        set_link(node->next, &node->next);
    }
    *bucket = node;
}

static void grow(baton__table *table)
{
    baton__node **buckets = calloc((size_t)table->size * 2, sizeof(*buckets));
    if (buckets == NULL) {
        return;
    }
    for (uint32_t i = 0; i < table->size; i++) {
        for (baton__node *node = table->buckets[i]; node != NULL;) {
            baton__node *next = node->next;
            link_in(&buckets[bucket_of(table, node->key, table->size * 2)], node);
            node = next;
        }
    }
    free(table->buckets);
    __atomic_store_n(&table->buckets, buckets, __ATOMIC_RELAXED);
    __atomic_store_n(&table->size, table->size * 2, __ATOMIC_RELAXED);
}

void baton__table_add(baton__table *table, baton__node *node, const void *key)
{
    if (table->count >= table->size / 2 && table->size <= UINT32_MAX / 4) {
        grow(table);
    }
    memcpy(node->key, key, sizeof(node->key));
    link_in(&table->buckets[bucket_of(table, key, table->size)], node);
    table->count++;
}

void baton__table_remove(baton__table *table, baton__node *node)
{
    if (node->link == NULL) {
        return;
    }
    *node->link = node->next;
    if (node->next != NULL) {
        set_link(node->next, node->link);
    }
    set_link(node, NULL);
    table->count--;
}

void baton__table_fetch(const baton__table *table, const baton__node *node, const void *key)
{
    const void *link = __atomic_load_n(&node->link, __ATOMIC_RELAXED);
    if (link == NULL) {
        baton__node *const *buckets = __atomic_load_n(&table->buckets, __ATOMIC_RELAXED);
        link = &buckets[bucket_of(table, key, __atomic_load_n(&table->size, __ATOMIC_RELAXED))];
    }
    __builtin_prefetch(link);
}

void baton__table_expect(const baton__table *table, const void *key)
{
    __builtin_prefetch(&table->buckets[bucket_of(table, key, table->size)]);
}

const baton__node *baton__table_first(const baton__table *table, const void *key)
{
    return table->buckets[bucket_of(table, key, table->size)];
}

baton__node *baton__table_find(const baton__table *table, const void *key)
{
    baton__node *node = table->buckets[bucket_of(table, key, table->size)];
    while (node != NULL && memcmp(node->key, key, BATON__TABLE_KEY) != 0) {
        node = node->next;
    }
    return node;
}

baton__node *baton__table_next(const baton__table *table, const baton__node *node)
{
    uint32_t bucket = 0;
    if (node != NULL) {
        if (node->next != NULL) {
            return node->next;
        }
        bucket = bucket_of(table, node->key, table->size) + 1;
    }
    for (; bucket < table->size; bucket++) {
        if (table->buckets[bucket] != NULL) {
            return table->buckets[bucket];
        }
    }
    return NULL;
}

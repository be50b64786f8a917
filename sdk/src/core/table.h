/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_TABLE_H
#define BATON_CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash table whose nodes lie in what they find, by a key of 16 bytes: operations come and go at the rate of hand-offs, so
 * adding and removing must allocate nothing, also where the last one leaves. The number of buckets doubles when there are more nodes than
 * half of that, and never shrinks; without memory for it the chains grow instead, so nothing fails. Removing reads nothing but the
 * node and only writes to its neighbours, which lie anywhere in memory: nobody waits for what is written. Keys may be a peer's choice: the hash (the
 * multiplication of wyhash, Wang Yi, 2019) has a secret, so that nobody can make all of them meet in one chain.
 *
 * One thread, but for baton__table_fetch. A node is 0 where it is in no table.
 */
enum { BATON__TABLE_KEY = 16 };

typedef struct baton__node baton__node;
struct baton__node {
    baton__node *next;
    baton__node **link;                      /* atomic: what points to it; NULL: in no table */
    uint64_t key[BATON__TABLE_KEY / 8]; /* here, so that looking at a node is one miss */
};

typedef struct baton__table {
    baton__node **buckets; /* atomic, as is size */
    uint32_t size;         /* of buckets, a power of two */
    uint32_t count;
    uint64_t secret[2];
} baton__table;

/* False: no memory; nothing is to be undone. */
bool baton__table_init(baton__table *table);
/* The nodes that are still in it are left alone. */
void baton__table_fini(baton__table *table);

/* key: copied. */
void baton__table_add(baton__table *table, baton__node *node, const void *key);
/* A node that is in no table: nothing happens. */
void baton__table_remove(baton__table *table, baton__node *node);
/* Has the processor fetch what adding the key, or removing the node where it is in the table, will write to: among many nodes a
 * miss, and the only one that a prefetch by layout cannot spare. A hint; the owner may be changing the table meanwhile. Threads: any. */
void baton__table_fetch(const baton__table *table, const baton__node *node, const void *key);
/* Finding is two misses among many nodes, of which the second needs what the first brings. Who has something else to do meanwhile
 * spares himself both: expect has the processor fetch the first, and the node that is first in the key's chain, most often the one that
 * will be found and the only one, can be fetched some time later. first: reads nothing of the node, whose key may be another; NULL: the chain is empty. */
void baton__table_expect(const baton__table *table, const void *key);
const baton__node *baton__table_first(const baton__table *table, const void *key);
/* NULL: it is not there. Of several with one key the one that came last. */
baton__node *baton__table_find(const baton__table *table, const void *key);
/* All nodes in no order: after NULL comes the first, after the last NULL. Take the next one before this one is removed. */
baton__node *baton__table_next(const baton__table *table, const baton__node *node);

/* The type whose member the node is; NULL stays NULL. */
#define BATON__NODE_OWNER(node, type, member) ((type *)baton__node_owner((node), offsetof(type, member)))
static inline void *baton__node_owner(const baton__node *node, size_t offset)
{
    return node == NULL ? NULL : (char *)node - offset;
}

#endif

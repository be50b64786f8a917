/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_MAP_H
#define BATON_CORE_MAP_H

#include "transport/segment.h"

/*
 * The path `map`: a reader on the same host maps the pool that a readable lies in, and copies from there itself.
 *
 *   C (active)                      O (passive)
 *   wanted  --- OPEN ------------->
 *           <-- GRANT -------------
 *   asked   --- MAP: proof ------->  of the group's secret
 *           <-- KEYS: proof, keys -  a hold: the memory stays until C or the death of its process ends it
 *   copying (a chunk for each turn of the loop)
 *   copied  --- MOVED or ACK ----->  the hold ends
 *
 * KEYS with a reason in place of keys, or anything that fails here, and the read goes on by `am`: refused. RELEASE ends the hold
 * where no other frame does. A hold that its grant cannot wait for goes into quarantine: the operation ends QUARANTINED and
 * its descriptors are kept until RELEASE comes or the process is proven dead (pidfd).
 */
enum {
    BATON__MAP_MIN = 64 * 1024,   /* below, a message is there before the keys */
    BATON__MAP_POOLS_MAX = 16,    /* of one operation */
    BATON__KEYS_POOL_MAX = 16 + 8 + 8 + 2 + BATON__SEGMENT_KEY_MAX, /* bytes of a pool in a KEYS, */
    BATON__KEYS_PLACE = 2 + 8,                                      /* and of a descriptor */
    BATON__KEYS_MAX = 2 + BATON__MAP_POOLS_MAX * BATON__KEYS_POOL_MAX + BATON_DESCRIPTORS_MAX * BATON__KEYS_PLACE,
    BATON__HOLD_MS = 1000,        /* patience with the reader of a grant that ends, at most */
    BATON__MAP_IDLE_MS = 10000    /* a mapping that nobody has used for so long is undone */
};

/* What is proven: a MAC with the group's key over the nonce and who says it. */
baton_key baton__map_proof(const baton_key *group, const baton_key *nonce, char side);

/* map_active.c. Before the first OPEN: decides whether to want it. */
void baton__map_want(baton_operation *op);
/* The grant is there: asks for the keys. */
void baton__map_granted(baton_operation *op);
/* Not by `am` now. */
bool baton__map_is_on(const baton_operation *op);
void baton__map_keys(baton_operation *op, const baton__frame *frame, const baton__payload *payload);
/* The operation ends: nothing is copied any more. known: the peer has said that it knows; else it is told. */
void baton__map_leave(baton_operation *op, bool known);
void baton__map_fini(baton_operation *op);
/* Copies a chunk of each. Returns how many. */
int baton__map_work(baton_connector *connector);
/* Releases that could not be sent: now they can. */
void baton__map_tell(baton__peer *peer);
void baton__map_forget(baton__peer *peer);

/* map_cache.c: pools of peers that are mapped here. Errors: as baton__mapping_create. */
baton_status baton__mapped_get(baton_connector *connector, const baton_uuid *pool, const void *key, size_t key_size,
                               uint64_t base, uint64_t size, baton__mapped **mapped_out);
const uint8_t *baton__mapped_at(const baton__mapped *mapped, uint64_t offset, uint64_t size); /* NULL: not inside */
void baton__mapped_put(baton_connector *connector, baton__mapped *mapped);
void baton__mapped_init(baton_connector *connector);
void baton__mapped_fini(baton_connector *connector);

/* map_passive.c */
void baton__hold_ask(baton__grant *grant, const baton__frame *frame);
/* The consumer says that it reads no more, or its process is dead. */
void baton__hold_end(baton__grant *grant);
/* The grant waits no longer. */
void baton__hold_quarantine(baton__grant *grant);
/* A frame of a consumer whose grant is over: it may end a hold in quarantine. True: it did. */
bool baton__hold_released(baton_connector *connector, const baton__frame *frame);
/* The connector ends. What a living process may still read is never given back. */
void baton__holds_fini(baton_connector *connector);

#endif

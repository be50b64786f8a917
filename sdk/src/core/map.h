/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_MAP_H
#define BATON_CORE_MAP_H

#include "base/event.h"
#include "transport/segment.h"

/*
 * The path `map`: a reader on the same host maps the pool that a readable lies in, and copies from there itself.
 *
 *   C (active)                      O (passive)
 *   asked   --- OPEN: proof ------>  of the group's secret
 *           <-- GRANT -------------
 *           <-- KEYS: proof, keys -  a hold: the memory stays until C or the death of its process ends it
 *   copying (a chunk for each turn of the loop), or viewing (the application has a pointer, until it releases it)
 *   copied  --- MOVED or ACK ----->  the hold ends
 *
 * MAP brings the proof too, and KEYS answers it: after the GRANT of an OPEN that was repeated, because a session was lost. An OPEN that is
 * repeated asks for nothing, since the one before may have got it; and after a GRANT that came behind its KEYS.
 *
 * A view in place of a copy: its operation may end, by a deadline, a cancel or a loss, while the application still has the pointer. Then
 * FAIL says that it is still read, the mapping stays, and RELEASE goes out when the application lets go.
 *
 * KEYS with a reason in place of keys, or anything that fails here, and the read goes on by `am`: refused. RELEASE ends the hold
 * where no other frame does. A hold that its grant cannot wait for goes into quarantine (hold.h). The last word of a reader can be
 * lost with its connection, so it is asked again.
 */
enum {
    BATON__MAP_MIN = 64 * 1024,   /* below, a message is there before the keys */
    BATON__MAP_POOLS_MAX = 16,    /* of one operation */
    BATON__KEYS_POOL_MAX = 16 + 8 + 8 + 2 + BATON__SEGMENT_KEY_MAX, /* bytes of a pool in a KEYS, */
    BATON__KEYS_PLACE = 2 + 8,                                      /* and of a descriptor */
    BATON__KEYS_MAX = 2 + BATON__MAP_POOLS_MAX * BATON__KEYS_POOL_MAX + BATON_DESCRIPTORS_MAX * BATON__KEYS_PLACE,
    BATON__STREAM_PIECE_MIN = 4096, /* what is smaller goes through the caches */
    BATON__MAP_IDLE_MS = 10000    /* a mapping that nobody has used for so long is undone */
};

enum {
    BATON__MAP_VIEW = 1,    /* d of MAP: for a view */
    BATON__FAIL_READING = 1 /* d of FAIL: it is over, and the application or a device still reads; of PROBE: a device does */
};

typedef enum baton__map_state {
    BATON__MAP_WANTED = 0,
    BATON__MAP_ASKED,
    BATON__MAP_COPYING,
    BATON__MAP_VIEWING,
    BATON__MAP_COPIED,
    BATON__MAP_REFUSED
} baton__map_state;

/* The reader's side of an operation. */
struct baton__map {
    baton_operation *op;
    baton__map_state state;
    bool asked;  /* this session's OPEN has asked: KEYS comes without a MAP */
    bool held;   /* the peer may hold the memory for us, and RELEASE would end that: there is a token */
    bool listed; /* in the connector's list */
    uint32_t which;       /* descriptor that the copy has come to, */
    uint64_t which_start; /* and the bytes before it */
    bool streams; /* larger than the caches */
    uint32_t pools_count;
    baton__mapped *pools[BATON__MAP_POOLS_MAX];
    baton__map *prev;
    baton__map *next;
    const uint8_t *sources[]; /* one for each descriptor */
};

/* NONE -> HELD (owner thread: it can be read) -> RELEASED (any thread; the owner works it off). Destroying the handle makes
 * it ABANDONED, from NONE or HELD: the operation is cancelled. */
typedef enum baton__view_state {
    BATON__VIEW_NONE = 0,
    BATON__VIEW_HELD = 1,
    BATON__VIEW_RELEASED = 2,
    BATON__VIEW_ABANDONED = 3
} baton__view_state;

struct baton__view {
    uint32_t state;     /* atomic, baton__view_state */
    int fd;             /* atomic, -1 until asked for */
    baton__event ready; /* it can be read, or never will be */
    bool worked_off;    /* released, while the operation runs */
    baton__node by_nonce; /* in the connector's table: the application has it, or had it until a moment ago */
};

/* What is proven: a MAC with the group's key over the nonce and who says it. */
baton_key baton__map_proof(const baton_key *group, const baton_key *nonce, char side);

/* map_active.c. Why what the metadata describes cannot be mapped here, as far as that can be known now; NULL: nothing is against it. */
const char *baton__map_objection(const baton_connector *connector, const baton_metadata *metadata);
baton__map *baton__map_new(baton_operation *op);
/* Before the first OPEN: decides whether to want it. */
void baton__map_want(baton_operation *op);
/* The flags of an OPEN that asks for the keys, and what goes behind its block; 0: it does not. Before every OPEN. */
uint32_t baton__map_open(baton_operation *op, bool first, baton_key *proof_out);
/* The grant is there: asks for the keys, unless the OPEN did. */
void baton__map_granted(baton_operation *op);
/* Not by `am` now. */
bool baton__map_is_on(const baton_operation *op);
void baton__map_keys(baton_operation *op, const baton__frame *frame, const baton__payload *payload);
/* The operation ends: nothing is copied any more. known: the peer has said that it knows; else it is told. */
void baton__map_leave(baton_operation *op, bool known);
void baton__map_fini(baton_operation *op);
void baton__map_put_pools(baton_operation *op);
/* Tells the peer, now or as soon as it can be told. */
void baton__map_release(baton_operation *op, baton__peer *peer);
/* map_copy.c. Copies a chunk of each. Returns how many. */
int baton__map_work(baton_connector *connector);
/* Of those that copy; nothing happens if it is not there. */
void baton__map_unlist(baton__map *map);
/* A peer keeps memory for us, and we do not read it (any more). */
void baton__map_answer(baton__peer *peer, const baton__frame *question);

/* map_view.c */
/* Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__view_create(baton_operation *op);
void baton__view_fini(baton_operation *op);
/* The application has the pointer. False for what is no view. */
bool baton__view_is_held(const baton_operation *op);
/* It is over without the view, or the view is released: a word of the end may go out. True for what is no view. */
bool baton__view_allows_end(const baton_operation *op);
/* The bytes can be read: a view is the application's now. Nothing for what is none. Errors: ERR_CANCELLED (nobody wants it any more). */
baton_status baton__view_hold(baton_operation *op);
/* Those who wait learn it. */
void baton__view_tell(baton_operation *op);
/* Any thread: the application lets go. False: it has none. */
bool baton__view_let_go(baton_operation *op);
/* Any thread: its handle goes. */
void baton__view_abandon(baton_operation *op);
/* Owner thread: works that off. */
void baton__view_end(baton_operation *op);
/* A view that the application still has, of whatever operation that is over. */
bool baton__view_is_read(baton_connector *connector, const baton_key *nonce);
/* The connector ends: what the application still has stays mapped until it lets go. */
void baton__views_fini(baton_connector *connector);

/* map_cache.c: pools of peers that are mapped here. Errors: as baton__mapping_create. */
baton_status baton__mapped_get(baton_connector *connector, const baton_uuid *pool, const void *key, size_t key_size,
                               uint64_t base, uint64_t size, baton__mapped **mapped_out);
const uint8_t *baton__mapped_at(const baton__mapped *mapped, uint64_t offset, uint64_t size); /* NULL: not inside */
void baton__mapped_put(baton_connector *connector, baton__mapped *mapped);
void baton__mapped_init(baton_connector *connector);
void baton__mapped_fini(baton_connector *connector);

/* map_passive.c */
/* The consumer wants the keys of the pools, for a view or a copy, and proves that it may. */
void baton__hold_ask(baton__grant *grant, const baton_key *proof, bool view);

#endif

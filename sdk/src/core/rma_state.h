/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_RMA_STATE_H
#define BATON_CORE_RMA_STATE_H

/* What the files of the path rma share: rma_device.c, rma_link.c, rma_active.c, rma_passive.c. */
#include "core/engine.h"

/* A connector's device. */
struct baton__rma_side {
    const baton__rma_table *table;
    baton__rma *device;
    baton_source source;
    uint32_t jobs;              /* in flight, of all */
    baton__reach *moving;       /* operations that get or put */
    baton__reach *abandoned;    /* their operations are over, and the device has not called back */
    uint8_t *probe;             /* for peers: see rma.h */
    baton__rma_region *probe_region;
    size_t key_size;
    uint8_t good_key[BATON__RMA_KEY_MAX];
    uint8_t stale_key[BATON__RMA_KEY_MAX];
    baton__exposure *unsure;    /* whose end the device did not confirm */
};

typedef enum baton__reach_state {
    BATON__REACH_WAITING = 0, /* for the link */
    BATON__REACH_ASKED,       /* for the keys */
    BATON__REACH_MOVING,
    BATON__REACH_FLUSHING,
    BATON__REACH_MOVED,
    BATON__REACH_REFUSED
} baton__reach_state;

typedef struct baton__reach_slot {
    baton__rma_job job;
    baton__reach *reach;
    size_t size; /* bytes of the row */
    bool runs;
} baton__reach_slot;

typedef struct baton__reach_target {
    baton__rma_region *region; /* of our descriptor */
    uint64_t address;
    uint64_t key;
} baton__reach_target;

struct baton__reach {
    baton_operation *op; /* NULL: it is over */
    baton__rma_side *side;
    baton__reach_state state;
    bool listed;         /* in the side's list of those that move */
    bool broken;         /* its link is gone */
    bool forced;
    uint32_t tries;
    uint32_t jobs;
    uint32_t which;      /* descriptor that has come next, */
    size_t offset;       /* and the bytes of it before */
    uint32_t count;
    baton_descriptor **kept; /* abandoned: what the device may still reach */
    baton__reach_slot slots[BATON__DEPTH];
    baton__reach *prev;
    baton__reach *next;
    baton__reach_target targets[]; /* one for each descriptor */
};

/* rma_active.c */
void baton__reach_unlist(baton__reach *reach);
void baton__reach_drop_regions(baton__reach *reach);
/* What to do without a link, once nothing is in flight: a few times another one, then another way. */
void baton__reach_go_without(baton_operation *op);
/* rma_passive.c: with the connector, after the device. */
void baton__exposures_forget(baton__rma_side *side);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_LIVE_WORK_H
#define BATON_CLI_PERF_LIVE_WORK_H

#include "perf_options.h"
#include <baton/sdk.h>

/* What the parts of `baton perf --live` have in common: operations that are made, looked after and destroyed all together. */

enum {
    LIVE_AT_ONCE = 100,         /* asked for, before it is waited for, where that must not depend on how many there are */
    LIVE_KEPT_MS = 3600 * 1000, /* deadline of what is not to expire */
    LIVE_EXPIRING_MS = 2        /* of what is, at first */
};

typedef struct live {
    const perf_options *options;
    baton_connector *connector; /* has the operations */
    baton_connector *peer;      /* in this process too; reads */
    baton_descriptor *memory;
    baton_descriptor *target;   /* of the reads */
    baton_operation **operations;
    uint64_t made;        /* of them */
    uint64_t created;     /* in the connector, from the beginning */
    uint64_t read;        /* of those made */
    bool is_reading;      /* the peer is driven too */
    uint64_t heap_bytes;  /* of the process without operations */
    uint64_t resident_bytes;
    uint32_t deadline_ms; /* of the expiring: grows until all can be made before the first one is due */
    baton_task hold;      /* keeps the owner thread until all are due */
    uint64_t first_due_ns;
    uint64_t all_due_ns;
    bool is_late;         /* the first was due when the hold began */
    uint64_t held_ns;     /* atomic: when it ended, 0 before */
} live;

typedef struct live_stats {
    baton_connector_stats own;
    baton_connector_stats peer; /* only while is_reading */
} live_stats;

/* The two connectors and their memory. Failures are recorded, here and below. */
baton_status live_open(live *self);
/* Also what a failure has left. */
void live_close(live *self);

/* Makes so many, and waits until the connector has begun them. */
baton_status live_create_all(live *self, uint64_t count, uint32_t deadline_ms);
/* Makes and destroys the metadata of each. */
baton_status live_print_all(live *self);
/* Waits until they have ended. */
baton_status live_cancel_all(const live *self);
void live_destroy_all(live *self);

/* Until the connector has done what it was asked for: asking alone is but half of the cost. Drives progress where nobody else does. */
baton_status live_drive_until(const live *self, bool (*holds)(const live *, const live_stats *));
bool live_has_ended_all(const live *self, const live_stats *stats);

/* What malloc has given out, in all its arenas; 0 where another allocator is in use, such as a sanitizer's. */
uint64_t live_heap_bytes(void);
uint64_t live_resident_bytes(void);
/* A share of what has grown; 0 if it has not. */
double live_each(uint64_t before, uint64_t after, uint64_t count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz_dispatch shoots at: two connectors over the fake transport. The target has an operation
 * of each kind, and the peer the four at their other ends, so both have sessions in both
 * directions. Time moves when it is told to, and by itself once the end has begun.
 */
#ifndef BATON_TEST_DISPATCH_WORLD_H
#define BATON_TEST_DISPATCH_WORLD_H

#include "core/connector.h"
#include "support/fake_rma.h"
#include "support/fake_state.h"
#include "support/pattern.h"

#include <sys/eventfd.h>

enum { TARGET = 0, PEER = 1, PIECES = 3, KINDS = 4, TURNS_MAX = 2000 };

/* One hand-off. kind is what the target has of it; the other end is the peer's. */
typedef struct lane {
    baton_operation_kind kind;
    size_t size; /* of each piece */
    uint8_t *ours[PIECES];
    uint8_t *theirs[PIECES];
    baton_operation *at_target;
    baton_operation *at_peer;
    int over[2];
    /* What a frame of the peer's in this hand-off says, as far as it was ever known. */
    baton_uuid operation;
    baton_uuid session;
    baton_key nonce;
    baton_key key;
    baton_key aux;
    bool proven; /* key and session are there */
} lane;

typedef struct world {
    baton_connector *connectors[2];
    lane lanes[KINDS];
    uint64_t now_ns;
    uint64_t step_ns; /* for each look at the clock */
} world;

static inline void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static inline uint64_t world_clock(void *context)
{
    world *w = context;
    w->now_ns += w->step_ns;
    return w->now_ns;
}

static inline bool is_passive(const lane *l)
{
    return l->kind == BATON_OPERATION_READABLE || l->kind == BATON_OPERATION_WRITABLE;
}

/* Turns of both until neither has anything to do; a bounded number, as some worlds never rest. */
static inline void world_turn(world *w, int turns)
{
    for (int i = 0; i < turns; i++) {
        int done = baton_connector_progress(w->connectors[TARGET]);
        done += baton_connector_progress(w->connectors[PEER]);
        if (done == 0) {
            return;
        }
    }
}

static void world_over(baton_operation *operation, void *context)
{
    lane *l = context;
    l->over[operation == l->at_target ? 0 : 1]++;
}

static inline void world_describe(uint8_t **pieces, size_t size, uint64_t seed,
                                  baton_descriptor **descriptors)
{
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = malloc(size); /* of its exact size, for AddressSanitizer */
        check(pieces[i] != NULL);
        pattern_fill(pieces[i], size, seed + i);
        check(baton_descriptor_from_pointer(pieces[i], size, BATON_DEVICE_HOST, NULL, NULL,
                                            &descriptors[i]) == BATON_OK);
    }
}

static inline void world_begin_passive(baton_connector *connector, bool readable,
                                       baton_descriptor **descriptors,
                                       const baton_operation_options *options,
                                       baton_operation **operation_out)
{
    check((readable ? baton_connector_create_readable(connector, descriptors, PIECES, options,
                                                      operation_out)
                    : baton_connector_create_writable(connector, descriptors, PIECES, options,
                                                      operation_out)) == BATON_OK);
}

static inline void world_begin_active(baton_connector *connector, bool read,
                                      const baton_operation *passive,
                                      baton_descriptor **descriptors,
                                      const baton_operation_options *options,
                                      baton_operation **operation_out)
{
    baton_metadata *metadata = NULL;
    check(baton_operation_metadata((baton_operation *)passive, &metadata) == BATON_OK);
    check((read ? baton_connector_begin_read(connector, metadata, descriptors, PIECES, options,
                                             operation_out)
                : baton_connector_begin_write(connector, metadata, descriptors, PIECES, options,
                                              operation_out)) == BATON_OK);
    baton_metadata_destroy(metadata);
}

static inline void world_begin(world *w, size_t index, size_t size, baton_completion completion,
                               uint32_t lease_ms)
{
    static const baton_operation_kind kinds[KINDS] = {BATON_OPERATION_READABLE,
                                                      BATON_OPERATION_WRITABLE,
                                                      BATON_OPERATION_READ, BATON_OPERATION_WRITE};
    lane *l = &w->lanes[index];
    baton_descriptor *ours[PIECES];
    baton_descriptor *theirs[PIECES];
    *l = (lane){.kind = kinds[index], .size = size};
    world_describe(l->ours, size, 100 * index, ours);
    world_describe(l->theirs, size, 100 * index + 50, theirs);
    baton_operation_options options = {BATON_OPERATION_DEFAULTS};
    options.completion = completion;
    options.lease_ms = lease_ms;
    options.on_complete = world_over;
    options.context = l;
    if (is_passive(l)) {
        bool readable = l->kind == BATON_OPERATION_READABLE;
        world_begin_passive(w->connectors[TARGET], readable, ours, &options, &l->at_target);
        world_begin_active(w->connectors[PEER], readable, l->at_target, theirs, &options,
                           &l->at_peer);
    } else {
        bool read = l->kind == BATON_OPERATION_READ;
        world_begin_passive(w->connectors[PEER], read, theirs, &options, &l->at_peer);
        world_begin_active(w->connectors[TARGET], read, l->at_peer, ours, &options, &l->at_target);
    }
    for (size_t i = 0; i < PIECES; i++) {
        baton_descriptor_release(ours[i]);
        baton_descriptor_release(theirs[i]);
    }
}

static inline void world_open(world *w)
{
    baton__clock clock = {.now_ns = world_clock, .context = w};
    *w = (world){.now_ns = UINT64_C(1000000000000)};
    fake_reset();
    fake_rma_reset();
    fake.workers_count = 0; /* those of the world before are closed */
    for (int i = 0; i < 2; i++) {
        baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
        options.name = i == TARGET ? "target" : "peer";
        options.progress = BATON_PROGRESS_APPLICATION;
        options.spin_us = 0;
        options.peers_max = 4;
        options.rma = true;
        check(baton__connector_create_with(&options, &fake_transport_table, &clock,
                                           &w->connectors[i]) == BATON_OK);
        (void)__atomic_add_fetch(&w->connectors[i]->references, 1, __ATOMIC_RELAXED);
    }
}

/* Learns what the peer knows by now: what is over keeps what was last known of it. */
static inline void world_learn(world *w)
{
    for (size_t i = 0; i < KINDS; i++) {
        lane *l = &w->lanes[i];
        const baton_operation *op = l->at_target;
        bool live = baton__operation_status(op) <= BATON_OPERATION_IN_PROGRESS;
        l->operation = op->id;
        if (is_passive(l) && live && op->p.grants != NULL) {
            const baton__grant *grant = op->p.grants;
            l->session = grant->session;
            l->nonce = grant->nonce;
            l->key = grant->token;
            l->aux = grant->cancel_key;
            l->proven = true;
        } else if (!is_passive(l) && live && op->peer != NULL) {
            l->session = op->peer->out_session;
            l->nonce = op->a.nonce;
            l->key = op->a.token;
            l->aux = op->a.ack_key;
            l->proven = true;
        }
    }
}

static inline uint64_t world_refused(const world *w)
{
    const baton_connector_stats *stats = &w->connectors[TARGET]->stats;
    return stats->refused_length + stats->refused_version + stats->refused_instance +
           stats->refused_session + stats->refused_operation + stats->refused_token +
           stats->refused_state + stats->refused_bounds + stats->refused_duplicate +
           stats->refused_address + stats->refused_limit + stats->refused_identifier;
}

/* Nothing is left: no operation, registration or peer, and every end was told once. */
static inline void world_expect_empty(const world *w)
{
    for (int i = 0; i < 2; i++) {
        const baton_connector *connector = w->connectors[i];
        check(connector->stats.operations_live == 0);
        check(connector->stats.registrations_live == 0);
        check(connector->stats.peers_live == 0);
        check(connector->by_id.count == 0 && connector->by_nonce.count == 0);
        check(connector->deferred == NULL);
        check(connector->free_chunks == NULL && connector->free_controls == NULL);
    }
    for (size_t i = 0; i < KINDS; i++) {
        check(w->lanes[i].over[0] == 1 && w->lanes[i].over[1] == 1);
        check(w->lanes[i].at_target->inflight == 0 && w->lanes[i].at_peer->inflight == 0);
    }
}

static inline void world_close(world *w)
{
    fake_set_cut(false);
    fake_reset();
    w->step_ns = 20 * BATON__NS_PER_MS;
    for (int i = 0; i < 2; i++) {
        check(eventfd_write(fake.workers[i]->fd, 1) == 0); /* no sleep is waited for */
    }
    for (int i = 0; i < 2; i++) {
        baton_connector_destroy(w->connectors[i]);
    }
    world_expect_empty(w);
    for (size_t i = 0; i < KINDS; i++) {
        baton_operation_destroy(w->lanes[i].at_target);
        baton_operation_destroy(w->lanes[i].at_peer);
        for (size_t k = 0; k < PIECES; k++) {
            free(w->lanes[i].ours[k]);
            free(w->lanes[i].theirs[k]);
        }
    }
    for (int i = 0; i < 2; i++) {
        baton__connector_unref(w->connectors[i]);
    }
}

#endif

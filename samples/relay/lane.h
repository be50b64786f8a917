/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane hands over one file after the other: reads it, offers it, computes its digest while it
 * moves, waits for the worker's answer and compares. A few lanes side by side keep a pool of
 * workers busy.
 */
#ifndef RELAY_LANE_H
#define RELAY_LANE_H

#include "ledger.h"
#include "options.h"
#include "queue.h"

#include <baton/baton.h>
#include <semaphore.h>
#include <stdatomic.h>

struct victims;

/* What all lanes share. */
typedef struct lane_context {
    const relay_options *options;
    baton_worker *worker;
    queue queue;
    ledger ledger;
    struct victims *victims; /* NULL: nobody is killed */
    atomic_bool stop;
    atomic_bool interrupted; /* stop came by a signal: what does not end now is not lost */
    atomic_uint running;     /* lanes that have not ended */
    int done_fd;             /* eventfd: the last lane has ended */
} lane_context;

typedef struct lane {
    lane_context *context;
    pthread_t thread;
    pthread_mutex_t lock; /* protects offer and file: others look at them */
    baton_offer *offer;   /* NULL between two hand-offs */
    const file *file;
    sem_t over;        /* posted when the offer is over */
    uint64_t ended_ns; /* written before over is posted */
} lane;

/* How a lane's offer stands. */
typedef struct lane_view {
    const file *file;
    char peer[BATON_NAME_MAX + 1]; /* "" if nobody has taken it */
    uint64_t bytes;                /* that its worker has got so far */
    uint32_t attempts;
    bool over;
} lane_view;

/* Starts its thread. False: the system has no thread left. */
bool lane_start(lane *self, lane_context *context);
void lane_join(lane *self);
/* Cancels the offer that runs. Those to come are cancelled by context->stop. */
void lane_cancel(lane *self);
/* False: it has no offer at the moment. */
bool lane_look(lane *self, lane_view *view_out);

#endif

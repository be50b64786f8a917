/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For demonstrations: kills one worker in the middle of a hand-off, to show that nothing is lost.
 *
 * In the middle means that the origin has served some but not all bytes to that worker, and the
 * origin is who knows: it looks at its running offers every now and then, kills, and looks again
 * whether it still was so.
 */
#ifndef RELAY_VICTIMS_H
#define RELAY_VICTIMS_H

#include "lane.h"

#include <sys/types.h>

typedef struct victim {
    char name[BATON_NAME_MAX + 1];
    pid_t pid;
} victim;

typedef struct victims {
    victim *workers;
    size_t count;
    lane *lanes;
    size_t lane_count;
    lane_context *context;
    pthread_t thread;
    atomic_bool ended;
    size_t large_count;       /* files large enough to be killed in the middle of */
    atomic_size_t large_left; /* those that are not done with */
    pthread_mutex_t lock;     /* protects what follows */
    const char *name;         /* who was killed; NULL: nobody yet */
    lane_view moment;         /* and in the middle of what; file NULL: of nothing */
} victims;

/* Takes "NAME=PID,NAME=PID" apart. False after a line on stderr. */
bool victims_init(victims *self, const char *text);
void victims_fini(victims *self);
/* Before the lanes start: what there will be to hand over. */
void victims_prepare(victims *self, const file_list *list);
/* Watches the lanes in a thread of its own until it has killed, or until victims_stop. */
bool victims_start(victims *self, lane *lanes, size_t lane_count, lane_context *context);
void victims_stop(victims *self);
/* An offer is over: writes into the ledger who took over what the killed worker had. */
void victims_settle(victims *self, const file *settled, const baton_outcome *outcome);
/* A lane is done with a file, whatever became of it. */
void victims_close_file(victims *self, const file *closed);

#endif

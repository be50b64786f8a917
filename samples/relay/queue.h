/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files in their order, given out while there is room for their contents in memory. Who is next
 * waits at the door, so that small files do not overtake a large one for ever; a file larger than
 * the room goes in alone.
 */
#ifndef RELAY_QUEUE_H
#define RELAY_QUEUE_H

#include "walk.h"

#include <pthread.h>

typedef struct queue {
    const file_list *list;
    uint64_t room_bytes;
    pthread_mutex_t door; /* held by who is next */
    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t changed;
    size_t next;
    uint64_t taken_bytes;
    bool stopped;
} queue;

void queue_init(queue *self, const file_list *list, uint64_t room_bytes);
void queue_fini(queue *self);
/* Waits for room. NULL: there are no more, or it was stopped. */
const file *queue_take(queue *self);
/* Its contents are out of memory. */
void queue_give_back(queue *self, const file *taken);
/* Nothing is given out any more. */
void queue_stop(queue *self);
/* Files that were not given out. */
size_t queue_left(queue *self);

#endif

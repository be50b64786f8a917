/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

void queue_init(queue *self, const file_list *list, uint64_t room_bytes)
{
    *self = (queue){.list = list,
                    .room_bytes = room_bytes,
                    .door = PTHREAD_MUTEX_INITIALIZER,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .changed = PTHREAD_COND_INITIALIZER};
}

void queue_fini(queue *self)
{
    pthread_mutex_destroy(&self->door);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
}

static bool has_room(const queue *self, const file *wanted)
{
    return self->taken_bytes == 0 || (self->taken_bytes < self->room_bytes &&
                                      wanted->size <= self->room_bytes - self->taken_bytes);
}

const file *queue_take(queue *self)
{
    const file *taken = NULL;
    pthread_mutex_lock(&self->door);
    pthread_mutex_lock(&self->lock);
    if (self->next < self->list->count) {
        const file *wanted = &self->list->files[self->next];
        while (!self->stopped && !has_room(self, wanted)) {
            pthread_cond_wait(&self->changed, &self->lock);
        }
        if (!self->stopped) {
            taken = wanted;
            self->next++;
            self->taken_bytes += wanted->size;
        }
    }
    pthread_mutex_unlock(&self->lock);
    pthread_mutex_unlock(&self->door);
    return taken;
}

void queue_give_back(queue *self, const file *taken)
{
    pthread_mutex_lock(&self->lock);
    self->taken_bytes -= taken->size;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void queue_stop(queue *self)
{
    pthread_mutex_lock(&self->lock);
    self->stopped = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

size_t queue_left(queue *self)
{
    pthread_mutex_lock(&self->lock);
    size_t left = self->list->count - self->next;
    pthread_mutex_unlock(&self->lock);
    return left;
}

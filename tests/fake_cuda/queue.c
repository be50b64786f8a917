/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of a stream, and the thread that works it off. It starts with the first work and ends
 * after the stream is destroyed. */
#include "state.h"

#include <signal.h>
#include <stdlib.h>

fake_stream *fake_streams;

cudaError_t fake_queue_error(const fake_stream *stream)
{
    cudaError_t sticky = fake_devices[stream->device].sticky;
    return sticky != cudaSuccess ? sticky : stream->error;
}

static void forget(fake_stream *stream)
{
    fake_stream **link = &fake_streams;
    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    (void)pthread_cond_destroy(&stream->work_came);
    free(stream);
}

static void *work_off(void *argument)
{
    fake_stream *stream = argument;
    (void)pthread_setname_np(pthread_self(), "fake-cuda");
    (void)pthread_mutex_lock(&fake_lock);
    while (stream->head != NULL || !stream->destroyed) {
        fake_work *work = stream->head;
        if (work == NULL) {
            (void)pthread_cond_wait(&stream->work_came, &fake_lock);
            continue;
        }
        stream->head = work->next;
        stream->tail = stream->head == NULL ? NULL : stream->tail;
        fake_work_run(stream, work);
        stream->pending--;
        (void)pthread_cond_broadcast(&fake_changed);
    }
    forget(stream);
    (void)pthread_mutex_unlock(&fake_lock);
    return NULL;
}

/* Signals are the application's. */
static bool start_thread(fake_stream *stream)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    stream->has_thread = pthread_create(&thread, &attributes, work_off, stream) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return stream->has_thread;
}

static cudaError_t push(fake_stream *stream, fake_work *work)
{
    if (!stream->has_thread && !start_thread(stream)) {
        fake_work_free(work);
        return cudaErrorMemoryAllocation;
    }
    if (stream->tail == NULL) {
        stream->head = work;
    } else {
        stream->tail->next = work;
    }
    stream->tail = work;
    stream->pending++;
    (void)pthread_cond_signal(&stream->work_came);
    return cudaSuccess;
}

static cudaError_t push_with_mark(fake_stream *stream, fake_work_kind kind, fake_mark *mark)
{
    fake_work *work = fake_work_make(kind);
    if (work == NULL) {
        return cudaErrorMemoryAllocation;
    }
    work->mark = fake_mark_acquire(mark);
    return push(stream, work);
}

/* What comes next on `stream` begins after all that is on `other` by now. */
static cudaError_t follow(fake_stream *stream, fake_stream *other)
{
    if (other->pending == 0) {
        return cudaSuccess;
    }
    fake_mark *mark = fake_mark_make();
    if (mark == NULL) {
        return cudaErrorMemoryAllocation;
    }
    cudaError_t error = push_with_mark(other, FAKE_MARK, mark);
    if (error == cudaSuccess) {
        error = push_with_mark(stream, FAKE_WAIT, mark);
    }
    fake_mark_release(mark);
    return error;
}

static bool is_ordered(const fake_stream *stream, const fake_stream *other)
{
    return other != stream && other->device == stream->device && other->blocking &&
           (stream->is_default || (stream->blocking && other->is_default));
}

/* The default stream of a device and its blocking streams take turns. */
static cudaError_t take_turn(fake_stream *stream)
{
    for (fake_stream *other = fake_streams; other != NULL; other = other->next) {
        if (is_ordered(stream, other)) {
            cudaError_t error = follow(stream, other);
            if (error != cudaSuccess) {
                return error;
            }
        }
    }
    return cudaSuccess;
}

/* Queues work, also on a stream that has failed; takes it over in any case. */
cudaError_t fake_queue_add(fake_stream *stream, fake_work *work)
{
    if (work == NULL) {
        return cudaErrorMemoryAllocation;
    }
    cudaError_t error = take_turn(stream);
    if (error != cudaSuccess) {
        fake_work_free(work);
        return error;
    }
    return push(stream, work);
}

/* A mark behind all that the stream has to do; done already where that is nothing. */
cudaError_t fake_queue_mark(fake_stream *stream, fake_mark **mark_out)
{
    fake_mark *mark = fake_mark_make();
    if (mark == NULL) {
        return cudaErrorMemoryAllocation;
    }
    cudaError_t error = take_turn(stream);
    if (error == cudaSuccess && stream->pending == 0) {
        fake_mark_set(mark, fake_queue_error(stream));
    } else if (error == cudaSuccess) {
        error = push_with_mark(stream, FAKE_MARK, mark);
    }
    if (error != cudaSuccess) {
        fake_mark_release(mark);
        return error;
    }
    *mark_out = mark;
    return cudaSuccess;
}

/* Waits for all that the stream has to do by now; its failure is the answer. */
cudaError_t fake_queue_drain(fake_stream *stream)
{
    fake_mark *mark = NULL;
    cudaError_t error = fake_queue_mark(stream, &mark);
    if (error == cudaSuccess) {
        error = fake_mark_wait(mark);
        fake_mark_release(mark);
    }
    return error;
}

bool fake_queue_busy(const fake_stream *stream)
{
    bool busy = stream->pending > 0;
    for (const fake_stream *other = fake_streams; other != NULL && stream->is_default;
         other = other->next) {
        busy = busy || (is_ordered(stream, other) && other->pending > 0);
    }
    return busy;
}

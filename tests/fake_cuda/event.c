/* SPDX-License-Identifier: Apache-2.0 */
/* Events. */
#include "state.h"

#include <stdlib.h>

fake_event *fake_events;

static cudaError_t find_event(cudaEvent_t handle, fake_event **event_out)
{
    for (fake_event *event = fake_events; event != NULL; event = event->next) {
        if (event->handle == handle) {
            *event_out = event;
            return cudaSuccess;
        }
    }
    return cudaErrorInvalidResourceHandle;
}

static cudaError_t make_event(cudaEvent_t *event_out, unsigned flags)
{
    unsigned known = cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess;
    bool interprocess = (flags & cudaEventInterprocess) != 0;
    if (event_out == NULL || (flags & ~known) != 0 ||
        (interprocess && (flags & cudaEventDisableTiming) == 0)) {
        return cudaErrorInvalidValue;
    }
    fake_event *event = calloc(1, sizeof(*event));
    if (event == NULL) {
        return cudaErrorMemoryAllocation;
    }
    event->handle = fake_handle();
    event->device = fake_current;
    event->next = fake_events;
    fake_events = event;
    *event_out = event->handle;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = make_event(event, cudaEventDefault);
    }
    return fake_leave(&call, "%s", "");
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = make_event(event, flags);
    }
    return fake_leave(&call, "flags=%u", flags);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    fake_call call;
    fake_event *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_GIVES_BACK)) {
        call.error = find_event(event, &it);
    }
    if (it != NULL) {
        fake_event **link = &fake_events;
        while (*link != it) {
            link = &(*link)->next;
        }
        *link = it->next;
        fake_mark_release(it->mark);
        free(it);
    }
    return fake_leave(&call, "%p", (void *)event);
}

/* The event and the stream are of one device, whichever is current. */
static cudaError_t record(cudaEvent_t event_handle, cudaStream_t stream_handle)
{
    fake_event *event = NULL;
    fake_stream *stream = NULL;
    fake_mark *mark = NULL;
    cudaError_t error = find_event(event_handle, &event);
    if (error == cudaSuccess) {
        error = fake_stream_find(stream_handle, &stream);
    }
    if (error == cudaSuccess && event->device != stream->device) {
        error = cudaErrorInvalidResourceHandle;
    }
    if (error == cudaSuccess) {
        error = fake_queue_error(stream);
    }
    if (error == cudaSuccess) {
        error = fake_queue_mark(stream, &mark);
    }
    if (error == cudaSuccess) {
        fake_mark_release(event->mark);
        event->mark = mark;
    }
    return error;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = record(event, stream);
    }
    return fake_leave(&call, "%p, %p", (void *)event, (void *)stream);
}

/* An event that was never recorded is over. */
cudaError_t cudaEventQuery(cudaEvent_t event)
{
    fake_call call;
    fake_event *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = find_event(event, &it);
    }
    if (it != NULL && it->mark != NULL) {
        call.error = it->mark->done ? it->mark->error : cudaErrorNotReady;
    }
    return fake_leave(&call, "%p", (void *)event);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    fake_call call;
    fake_event *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_MAY_WAIT)) {
        call.error = find_event(event, &it);
    }
    if (it != NULL && it->mark != NULL) {
        fake_mark *mark = fake_mark_acquire(it->mark);
        call.error = fake_mark_wait(mark);
        fake_mark_release(mark);
    }
    return fake_leave(&call, "%p", (void *)event);
}

/* It waits for the record that is the last one now; of any device. */
static cudaError_t wait_on_stream(cudaStream_t stream_handle, cudaEvent_t event_handle,
                                  unsigned flags)
{
    fake_event *event = NULL;
    fake_stream *stream = NULL;
    cudaError_t error = find_event(event_handle, &event);
    if (error == cudaSuccess) {
        error = fake_stream_find(stream_handle, &stream);
    }
    if (error == cudaSuccess && flags != cudaEventWaitDefault && flags != cudaEventWaitExternal) {
        error = cudaErrorInvalidValue;
    }
    if (error == cudaSuccess) {
        error = fake_queue_error(stream);
    }
    if (error != cudaSuccess || event->mark == NULL ||
        (event->mark->done && event->mark->error == cudaSuccess)) {
        return error;
    }
    fake_work *work = fake_work_make(FAKE_WAIT);
    if (work != NULL) {
        work->mark = fake_mark_acquire(event->mark);
    }
    return fake_queue_add(stream, work);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int flags)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = wait_on_stream(stream, event, flags);
    }
    return fake_leave(&call, "%p, %p", (void *)stream, (void *)event);
}

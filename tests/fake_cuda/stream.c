/* SPDX-License-Identifier: Apache-2.0 */
/* Streams. The legacy default stream and the one per thread are one blocking stream of each device.
 */
#include "state.h"

#include <stdlib.h>

fake_stream *fake_stream_default(int device)
{
    fake_stream *stream = &fake_devices[device].default_stream;
    if (!stream->is_default) {
        stream->device = device;
        stream->is_default = true;
        stream->blocking = true;
        (void)pthread_cond_init(&stream->work_came, NULL);
        stream->next = fake_streams;
        fake_streams = stream;
    }
    return stream;
}

cudaError_t fake_stream_find(cudaStream_t handle, fake_stream **stream_out)
{
    if (handle == NULL || handle == cudaStreamLegacy || handle == cudaStreamPerThread) {
        *stream_out = fake_stream_default(fake_current);
        return cudaSuccess;
    }
    for (fake_stream *stream = fake_streams; stream != NULL; stream = stream->next) {
        if (stream->handle == handle && !stream->destroyed) {
            *stream_out = stream;
            return cudaSuccess;
        }
    }
    return cudaErrorInvalidResourceHandle;
}

static cudaError_t make_stream(cudaStream_t *stream_out, unsigned flags)
{
    if (stream_out == NULL || (flags & ~(unsigned)cudaStreamNonBlocking) != 0) {
        return cudaErrorInvalidValue;
    }
    fake_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return cudaErrorMemoryAllocation;
    }
    stream->handle = fake_handle();
    stream->device = fake_current;
    stream->blocking = flags == cudaStreamDefault;
    (void)pthread_cond_init(&stream->work_came, NULL);
    stream->next = fake_streams;
    fake_streams = stream;
    *stream_out = stream->handle;
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = make_stream(stream, cudaStreamDefault);
    }
    return fake_leave(&call, "%s", "");
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = make_stream(stream, flags);
    }
    return fake_leave(&call, "flags=%u", flags);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned int flags, int priority)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = make_stream(stream, flags);
    }
    return fake_leave(&call, "flags=%u, priority=%d", flags, priority);
}

/* What it has to do is still done. */
static cudaError_t destroy_stream(cudaStream_t handle)
{
    fake_stream *stream = NULL;
    cudaError_t error = fake_stream_find(handle, &stream);
    if (error != cudaSuccess || stream->is_default) {
        return cudaErrorInvalidResourceHandle;
    }
    stream->destroyed = true;
    if (stream->has_thread) {
        (void)pthread_cond_signal(&stream->work_came);
        return cudaSuccess;
    }
    fake_stream **link = &fake_streams;
    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    (void)pthread_cond_destroy(&stream->work_came);
    free(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_GIVES_BACK)) {
        call.error = destroy_stream(stream);
    }
    return fake_leave(&call, "%p", (void *)stream);
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    fake_call call;
    fake_stream *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = fake_stream_find(stream, &it);
    }
    if (it != NULL) {
        call.error = fake_queue_error(it);
        if (call.error == cudaSuccess && fake_queue_busy(it)) {
            call.error = cudaErrorNotReady;
        }
    }
    return fake_leave(&call, "%p", (void *)stream);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    fake_call call;
    fake_stream *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_MAY_WAIT)) {
        call.error = fake_stream_find(stream, &it);
    }
    if (it != NULL) {
        call.error = fake_queue_drain(it);
    }
    return fake_leave(&call, "%p", (void *)stream);
}

#if CUDART_VERSION >= 12080
cudaError_t cudaStreamGetDevice(cudaStream_t stream, int *device)
{
    fake_call call;
    fake_stream *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = device == NULL ? cudaErrorInvalidValue : fake_stream_find(stream, &it);
    }
    if (it != NULL) {
        *device = it->device;
    }
    return fake_leave(&call, "%p", (void *)stream);
}
#endif

static cudaError_t call_later(cudaStream_t handle, cudaHostFn_t function, void *argument)
{
    fake_stream *stream = NULL;
    if (function == NULL) {
        return cudaErrorInvalidValue;
    }
    cudaError_t error = fake_stream_find(handle, &stream);
    if (error == cudaSuccess) {
        error = fake_queue_error(stream);
    }
    if (error != cudaSuccess) {
        return error;
    }
    fake_work *work = fake_work_make(FAKE_CALL);
    if (work != NULL) {
        work->function = function;
        work->argument = argument;
    }
    return fake_queue_add(stream, work);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void *userData)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = call_later(stream, fn, userData);
    }
    return fake_leave(&call, "%p, %p", (void *)stream, userData);
}

static cudaError_t mark_streams(int device, fake_mark **marks, size_t *count)
{
    cudaError_t first = cudaSuccess;
    for (fake_stream *stream = fake_streams; stream != NULL; stream = stream->next) {
        if (stream->device == device) {
            cudaError_t error = fake_queue_mark(stream, &marks[*count]);
            *count += error == cudaSuccess ? 1 : 0;
            first = first == cudaSuccess ? error : first;
        }
    }
    return first;
}

/* All streams that the device has by now, those included that are destroyed and not done. */
cudaError_t fake_stream_drain_device(int device)
{
    size_t count = 0;
    for (fake_stream *stream = fake_streams; stream != NULL; stream = stream->next) {
        count++;
    }
    fake_mark **marks = calloc(count + 1, sizeof(fake_mark *));
    if (marks == NULL) {
        return cudaErrorMemoryAllocation;
    }
    count = 0;
    cudaError_t first = mark_streams(device, marks, &count);
    for (size_t i = 0; i < count; i++) {
        cudaError_t error = fake_mark_wait(marks[i]);
        first = first == cudaSuccess ? error : first;
        fake_mark_release(marks[i]);
    }
    free(marks);
    return first;
}

cudaError_t cudaDeviceSynchronize(void)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_MAY_WAIT)) {
        call.error = fake_stream_drain_device(fake_current);
    }
    return fake_leave(&call, "%s", "");
}

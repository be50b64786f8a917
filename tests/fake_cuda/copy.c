/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies. As the reference says of cudaMemcpyAsync: from device to pageable memory it returns when
 * the copy is done, between host memory and host memory too, and pageable memory that goes to a
 * device is staged before it returns.
 */
#include "place.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

typedef struct copy_call {
    void *to;
    size_t to_pitch;
    const void *from;
    size_t from_pitch;
    size_t width;
    size_t height;
    enum cudaMemcpyKind kind;
    bool waits; /* cudaMemcpy */
} copy_call;

typedef struct copy_ends {
    fake_place to;
    fake_place from;
} copy_ends;

static cudaError_t check_kind(enum cudaMemcpyKind kind, const fake_place *to,
                              const fake_place *from)
{
    bool fits = false;
    bool to_host = to->of_host || fake_place_is_pageable(to);
    bool from_host = from->of_host || fake_place_is_pageable(from);
    switch (kind) {
    case cudaMemcpyHostToHost:
        fits = to_host && from_host;
        break;
    case cudaMemcpyHostToDevice:
        fits = to->of_device && from_host;
        break;
    case cudaMemcpyDeviceToHost:
        fits = to_host && from->of_device;
        break;
    case cudaMemcpyDeviceToDevice:
        fits = to->of_device && from->of_device;
        break;
    case cudaMemcpyDefault:
        fits = true;
        break;
    default:
        return cudaErrorInvalidMemcpyDirection;
    }
    return fits ? cudaSuccess : cudaErrorInvalidValue;
}

/* From the first byte to the last of `height` rows; 0 where that is more than a size can say. */
static size_t extent(size_t pitch, size_t width, size_t height)
{
    size_t rows = 0;
    size_t size = 0;
    if (__builtin_mul_overflow(height - 1, pitch, &rows) ||
        __builtin_add_overflow(rows, width, &size)) {
        return 0;
    }
    return size;
}

static cudaError_t find_ends(const copy_call *call, copy_ends *ends)
{
    size_t to_size = extent(call->to_pitch, call->width, call->height);
    size_t from_size = extent(call->from_pitch, call->width, call->height);
    if (call->height > 1 && (call->to_pitch < call->width || call->from_pitch < call->width)) {
        return cudaErrorInvalidPitchValue;
    }
    if (to_size == 0 || from_size == 0) {
        return cudaErrorInvalidValue;
    }
    cudaError_t error = fake_place_find(call->to, to_size, &ends->to);
    if (error == cudaSuccess) {
        error = fake_place_find(call->from, from_size, &ends->from);
    }
    return error == cudaSuccess ? check_kind(call->kind, &ends->to, &ends->from) : error;
}

/* Takes the pageable source away from the caller. */
static bool stage(fake_work *work)
{
    uint8_t *staged = malloc(work->width * work->height);
    if (staged == NULL) {
        return false;
    }
    for (size_t row = 0; row < work->height; row++) {
        memcpy(staged + row * work->width, work->from.start + row * work->from.pitch, work->width);
    }
    work->staged = staged;
    work->from = (fake_rows){.start = staged, .pitch = work->width};
    return true;
}

static fake_work *make_work(const copy_call *call, const copy_ends *ends, bool staged)
{
    fake_work *work = fake_work_make(FAKE_COPY);
    if (work == NULL) {
        return NULL;
    }
    work->to = (fake_rows){.start = ends->to.bytes, .pitch = call->to_pitch};
    work->from = (fake_rows){.start = ends->from.bytes, .pitch = call->from_pitch};
    work->width = call->width;
    work->height = call->height;
    fake_work_hold_block(work, 0, ends->to.block);
    fake_work_hold_block(work, 1, ends->from.block);
    if (staged && !stage(work)) {
        fake_work_free(work);
        return NULL;
    }
    return work;
}

/* Does the caller wait? A copy between device and device is never waited for. */
static bool must_wait(const copy_call *call, const copy_ends *ends)
{
    bool inside_devices = ends->to.of_device && ends->from.of_device;
    bool inside_host = !ends->to.of_device && !ends->from.of_device;
    return (call->waits && !inside_devices) || inside_host || fake_place_is_pageable(&ends->to);
}

static cudaError_t start(const copy_call *call, cudaStream_t handle)
{
    copy_ends ends;
    fake_stream *stream = NULL;
    cudaError_t error = fake_stream_find(handle, &stream);
    if (error == cudaSuccess) {
        error = fake_queue_error(stream);
    }
    if (error != cudaSuccess || call->width == 0 || call->height == 0) {
        return error;
    }
    error = find_ends(call, &ends);
    if (error != cudaSuccess) {
        return error;
    }
    bool waits = must_wait(call, &ends);
    bool staged = !waits && fake_place_is_pageable(&ends.from);
    if (waits || staged) {
        fake_may_wait("an asynchronous copy of pageable memory");
    }
    error = fake_queue_add(stream, make_work(call, &ends, staged));
    return error == cudaSuccess && waits ? fake_queue_drain(stream) : error;
}

cudaError_t cudaMemcpy(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT | FAKE_MAY_WAIT)) {
        copy_call copy = {.to = dst,
                          .to_pitch = count,
                          .from = src,
                          .from_pitch = count,
                          .width = count,
                          .height = 1,
                          .kind = kind,
                          .waits = true};
        call.error = start(&copy, NULL);
    }
    return fake_leave(&call, "%p, %p, %zu, %d", dst, src, count, (int)kind);
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        copy_call copy = {.to = dst,
                          .to_pitch = count,
                          .from = src,
                          .from_pitch = count,
                          .width = count,
                          .height = 1,
                          .kind = kind};
        call.error = start(&copy, stream);
    }
    return fake_leave(&call, "%p, %p, %zu, %d, %p", dst, src, count, (int)kind, (void *)stream);
}

cudaError_t cudaMemcpy2DAsync(void *dst, size_t dpitch, const void *src, size_t spitch,
                              size_t width, size_t height, enum cudaMemcpyKind kind,
                              cudaStream_t stream)
{
    fake_call call;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        copy_call copy = {.to = dst,
                          .to_pitch = dpitch,
                          .from = src,
                          .from_pitch = spitch,
                          .width = width,
                          .height = height,
                          .kind = kind};
        call.error = start(&copy, stream);
    }
    return fake_leave(&call, "%p+%zu, %p+%zu, %zux%zu, %d, %p", dst, dpitch, src, spitch, width,
                      height, (int)kind, (void *)stream);
}

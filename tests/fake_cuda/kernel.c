/* SPDX-License-Identifier: Apache-2.0 */
/* What runs on a stream and is no copy: cudaMemsetAsync, and the kernels of fake_cuda.h. */
#include "place.h"
#include "state.h"

#include <string.h>

static cudaError_t find_sound(cudaStream_t handle, bool of_current, fake_stream **stream_out)
{
    cudaError_t error = fake_stream_find(handle, stream_out);
    if (error == cudaSuccess && of_current && (*stream_out)->device != fake_current) {
        error = cudaErrorInvalidResourceHandle;
    }
    return error == cudaSuccess ? fake_queue_error(*stream_out) : error;
}

static cudaError_t fill(fake_stream *stream, const fake_place *place, int value, size_t size,
                        unsigned delay_ms)
{
    fake_work *work = fake_work_make(FAKE_SET);
    if (work != NULL) {
        work->to.start = place->bytes;
        work->width = size;
        work->value = value;
        work->delay_ms = delay_ms;
        fake_work_hold_block(work, 0, place->block);
    }
    return fake_queue_add(stream, work);
}

cudaError_t cudaMemsetAsync(void *devPtr, int value, size_t count, cudaStream_t stream)
{
    fake_call call;
    fake_place place = {.block = NULL};
    fake_stream *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = find_sound(stream, false, &it);
    }
    if (it != NULL && call.error == cudaSuccess && count > 0) {
        call.error = fake_place_find(devPtr, count, &place);
        if (call.error == cudaSuccess) {
            call.error = fake_place_is_pageable(&place) ? cudaErrorInvalidValue
                                                        : fill(it, &place, value, count, 0);
        }
    }
    return fake_leave(&call, "%p, %d, %zu, %p", devPtr, value, count, (void *)stream);
}

int fake_cuda_launch_fill(void *device_pointer, size_t size, unsigned char value, unsigned delay_ms,
                          struct CUstream_st *stream)
{
    fake_call call;
    fake_place place = {.block = NULL};
    fake_stream *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = find_sound(stream, true, &it);
    }
    if (it != NULL && call.error == cudaSuccess) {
        call.error = fake_place_find(device_pointer, size, &place);
        if (call.error == cudaSuccess) {
            call.error =
                place.of_device ? fill(it, &place, value, size, delay_ms) : cudaErrorInvalidValue;
        }
    }
    return (int)fake_leave(&call, "%p, %zu, %d, %u ms, %p", device_pointer, size, (int)value,
                           delay_ms, (void *)stream);
}

int fake_cuda_launch_spin(unsigned delay_ms, struct CUstream_st *stream)
{
    fake_call call;
    fake_stream *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = find_sound(stream, true, &it);
    }
    if (it != NULL && call.error == cudaSuccess) {
        fake_work *work = fake_work_make(FAKE_SPIN);
        if (work != NULL) {
            work->delay_ms = delay_ms;
        }
        call.error = fake_queue_add(it, work);
    }
    return (int)fake_leave(&call, "%u ms, %p", delay_ms, (void *)stream);
}

int fake_cuda_launch_hold(struct CUstream_st *stream)
{
    fake_call call;
    fake_stream *it = NULL;
    if (fake_enter(&call, __func__, FAKE_NEEDS_CONTEXT)) {
        call.error = find_sound(stream, true, &it);
    }
    if (it != NULL && call.error == cudaSuccess) {
        call.error = fake_queue_add(it, fake_work_make(FAKE_HOLD));
    }
    return (int)fake_leave(&call, "%p", (void *)stream);
}

int fake_cuda_release(struct CUstream_st *stream)
{
    fake_stream *it = NULL;
    (void)pthread_mutex_lock(&fake_lock);
    cudaError_t error = fake_stream_find(stream, &it);
    if (error == cudaSuccess) {
        it->released++;
        (void)pthread_cond_broadcast(&fake_changed);
    }
    (void)pthread_mutex_unlock(&fake_lock);
    return (int)error;
}

/* The bytes of device memory for one who is no stream. */
static cudaError_t look(const void *pointer, size_t size, uint8_t **bytes_out)
{
    fake_place place = {.block = NULL};
    cudaError_t error = fake_place_find(pointer, size, &place);
    if (error == cudaSuccess && !place.of_device) {
        error = cudaErrorInvalidValue;
    }
    *bytes_out = place.bytes;
    return error;
}

int fake_cuda_peek(const void *device_pointer, void *out, size_t size)
{
    uint8_t *bytes = NULL;
    (void)pthread_mutex_lock(&fake_lock);
    cudaError_t error = look(device_pointer, size, &bytes);
    if (error == cudaSuccess) {
        memcpy(out, bytes, size);
    }
    (void)pthread_mutex_unlock(&fake_lock);
    return (int)error;
}

int fake_cuda_poke(void *device_pointer, const void *bytes, size_t size)
{
    uint8_t *target = NULL;
    (void)pthread_mutex_lock(&fake_lock);
    cudaError_t error = look(device_pointer, size, &target);
    if (error == cudaSuccess) {
        memcpy(target, bytes, size);
    }
    (void)pthread_mutex_unlock(&fake_lock);
    return (int)error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of work of a stream, and how its thread runs one. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

size_t fake_copies;
size_t fake_copied_bytes;

fake_work *fake_work_make(fake_work_kind kind)
{
    fake_work *work = calloc(1, sizeof(*work));
    if (work != NULL) {
        work->kind = kind;
    }
    return work;
}

void fake_work_hold_block(fake_work *work, int index, fake_block *block)
{
    work->blocks[index] = block;
    if (block != NULL) {
        block->references++;
    }
}

void fake_work_free(fake_work *work)
{
    for (int i = 0; i < 2; i++) {
        if (work->blocks[i] != NULL) {
            fake_block_release(work->blocks[i]);
        }
    }
    fake_mark_release(work->mark);
    free(work->staged);
    free(work);
}

static void sleep_us(double us)
{
    const double us_per_s = 1e6;
    const double ns_per_us = 1e3;
    if (us <= 0) {
        return;
    }
    time_t seconds = (time_t)(us / us_per_s);
    struct timespec left = {.tv_sec = seconds,
                            .tv_nsec = (long)((us - (double)seconds * us_per_s) * ns_per_us)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

static void sleep_ms(unsigned ms)
{
    sleep_us((double)ms * 1e3);
}

static void copy_rows(const fake_work *work)
{
    for (size_t row = 0; row < work->height; row++) {
        memmove(work->to.start + row * work->to.pitch, work->from.start + row * work->from.pitch,
                work->width);
    }
}

static void copy(fake_stream *stream, const fake_work *work)
{
    size_t size = work->width * work->height;
    fake_copies++;
    cudaError_t error = fake_fault("copy");
    if (error != cudaSuccess) {
        stream->error = error;
        if (fake_is_sticky(error)) {
            fake_devices[stream->device].sticky = error;
        }
        return;
    }
    double delay_us = fake_setting.copy_delay_us;
    double gb_s = fake_setting.bandwidth_gb_s;
    (void)pthread_mutex_unlock(&fake_lock);
    sleep_us(delay_us);
    copy_rows(work);
    if (gb_s > 0) {
        sleep_us((double)size / (gb_s * 1e3));
    }
    (void)pthread_mutex_lock(&fake_lock);
    fake_copied_bytes += size;
}

static void set_bytes(const fake_work *work)
{
    (void)pthread_mutex_unlock(&fake_lock);
    sleep_ms(work->delay_ms);
    memset(work->to.start, work->value, work->width);
    (void)pthread_mutex_lock(&fake_lock);
}

static void call_host(const fake_work *work)
{
    (void)pthread_mutex_unlock(&fake_lock);
    fake_in_host_function = true;
    work->function(work->argument);
    fake_in_host_function = false;
    (void)pthread_mutex_lock(&fake_lock);
}

static void hold(fake_stream *stream)
{
    while (stream->released == 0) {
        (void)pthread_cond_wait(&fake_changed, &fake_lock);
    }
    stream->released--;
}

/* What a failed stream does not do any more. */
static void run_if_sound(fake_stream *stream, const fake_work *work)
{
    if (fake_queue_error(stream) != cudaSuccess) {
        return;
    }
    switch (work->kind) {
    case FAKE_COPY:
        copy(stream, work);
        break;
    case FAKE_SET:
        set_bytes(work);
        break;
    case FAKE_CALL:
        call_host(work);
        break;
    case FAKE_HOLD:
        hold(stream);
        break;
    default: /* FAKE_SPIN */
        (void)pthread_mutex_unlock(&fake_lock);
        sleep_ms(work->delay_ms);
        (void)pthread_mutex_lock(&fake_lock);
        break;
    }
}

/* The stream of `work` has it no more: on its thread, with the lock, which is given up while the
 * work takes its time. */
void fake_work_run(fake_stream *stream, fake_work *work)
{
    cudaError_t error = cudaSuccess;
    switch (work->kind) {
    case FAKE_MARK:
        fake_mark_set(work->mark, fake_queue_error(stream));
        break;
    case FAKE_WAIT:
        error = fake_mark_wait(work->mark);
        if (stream->error == cudaSuccess) {
            stream->error = error;
        }
        break;
    case FAKE_FREE:
        fake_block_drop(work->blocks[0]);
        break;
    default:
        run_if_sound(stream, work);
        break;
    }
    fake_work_free(work);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes over CUDA: a stream of its own each, which the application's default stream does not hold up, and a ring of events, one
 * behind each copy, that tell how far the stream has come.
 */
#include "device/cuda.h"
#include "device/cuda_device.h"
#include "device/lane.h"
#include "device/pace.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

#include <sched.h>
#include <stdlib.h>

/* How long what is on a lane may go on after an error: some milliseconds, unless the device hangs. */
#define DRAIN_NS (UINT64_C(5000) * BATON__NS_PER_MS)

struct baton__lane {
    int device;
    int native; /* what broke it, or 0 */
    void *stream;
    uint64_t begun;
    uint64_t over;
    void *events[BATON__LANE_MAX]; /* of copy n: n % BATON__LANE_MAX */
    size_t sizes[BATON__LANE_MAX];
    baton__pace pace;
};

static void give_back(baton__lane *lane)
{
    for (size_t i = 0; i < BATON__LANE_MAX && lane->events[i] != NULL; i++) {
        (void)baton__cuda_event_destroy(lane->events[i]);
    }
    if (lane->stream != NULL) {
        (void)baton__cuda_stream_destroy(lane->stream);
    }
    free(lane);
}

/* The device is current. */
static baton_status fill(baton__lane *lane)
{
    int code = baton__cuda_stream_create(&lane->stream);
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaStreamCreateWithPriority");
    }
    for (size_t i = 0; i < BATON__LANE_MAX; i++) {
        code = baton__cuda_event_create(&lane->events[i]);
        if (code != BATON__CUDA_OK) {
            return baton__cuda_fail(code, "cudaEventCreateWithFlags");
        }
    }
    return BATON_OK;
}

static baton_status lane_open(uint32_t id, baton__lane **lane_out)
{
    baton__cuda_visit visit;
    baton_status status = baton__cuda_visit_checked(id, &visit);
    if (status != BATON_OK) {
        return status;
    }
    baton__lane *lane = calloc(1, sizeof(*lane));
    if (lane == NULL) {
        baton__cuda_leave(&visit);
        return baton__fail_memory("a lane of copies");
    }
    lane->device = (int)id;
    status = fill(lane);
    if (status == BATON_OK) {
        *lane_out = lane;
    } else {
        give_back(lane);
    }
    baton__cuda_leave(&visit);
    return status;
}

static void lane_close(baton__lane *lane)
{
    baton__cuda_visit visit;
    if (lane == NULL) {
        return;
    }
    if (baton__cuda_load() != BATON_OK) {
        free(lane); /* in a child of fork: what is CUDA's is the parent's */
        return;
    }
    bool entered = baton__cuda_enter(lane->device, &visit) == BATON__CUDA_OK;
    give_back(lane);
    if (entered) { /* a broken device gives back, too */
        baton__cuda_leave(&visit);
    }
}

static baton_status fail_broken(const baton__lane *lane, int *native_out)
{
    *native_out = lane->native;
    return baton__cuda_fail(lane->native, "a lane of copies is broken");
}

static uint64_t now_ns(void)
{
    return baton__clock_now(&baton__clock_boottime);
}

/* A code of the context has ended everything already; after one of a single call what came before it runs on. */
static void wait_quiet(baton__lane *lane)
{
    uint64_t end = now_ns() + DRAIN_NS;
    while (baton__cuda_stream_query(lane->stream) == BATON__CUDA_NOT_READY) {
        if (now_ns() >= end) {
            BATON__ERROR("cuda:%d: copies do not end after an error: the device hangs", lane->device);
            return;
        }
        (void)sched_yield();
    }
}

/* The text is set last: what is done here may fail, too. */
static baton_status break_lane(baton__lane *lane, int code, const char *what, int *native_out)
{
    lane->native = code;
    wait_quiet(lane);
    *native_out = code;
    return baton__cuda_fail(code, what);
}

/* A range of a layout, from `offset` on, as far as one call of CUDA goes. */
typedef struct part {
    uint8_t *pointer;
    size_t width;
    size_t pitch;
    size_t rows;
} part;

static part part_at(const baton__layout *layout, uint64_t offset, size_t size, uint32_t *hint)
{
    baton__piece piece = baton__layout_at(layout, offset, hint);
    const baton__run *run = &layout->runs[*hint];
    if (piece.size == run->segment && run->count > 1 && size >= 2 * run->segment && run->stride <= BATON__CUDA_PITCH_MAX) {
        size_t left = run->count - (size_t)((offset - run->start) / run->segment);
        size_t wanted = size / run->segment;
        return (part){piece.pointer, run->segment, run->stride, wanted < left ? wanted : left};
    }
    return (part){piece.pointer, piece.size < size ? piece.size : size, 0, 1};
}

/* to, from: one is the slice's side, the other (pinned) one is whole. Success, or what CUDA says of the part that failed. */
static int copy_part(const baton__lane *lane, const part *p, uint8_t *to, const uint8_t *from, const char **what_out)
{
    if (p->rows == 1) {
        *what_out = "cudaMemcpyAsync";
        return to != NULL ? baton__cuda_copy(to, p->pointer, p->width, lane->stream)
                          : baton__cuda_copy(p->pointer, from, p->width, lane->stream);
    }
    *what_out = "cudaMemcpy2DAsync";
    return to != NULL ? baton__cuda_copy_rows(to, p->width, p->pointer, p->pitch, p->width, p->rows, lane->stream)
                      : baton__cuda_copy_rows(p->pointer, p->pitch, from, p->width, p->width, p->rows, lane->stream);
}

/* All parts, and the event behind them. One of to and from is NULL: the slice's side. */
static int copy_all(const baton__lane *lane, const baton__slice *slice, uint8_t *to, const uint8_t *from, const char **what_out)
{
    uint32_t hint = 0;
    size_t done = 0;
    while (done < slice->size) {
        part p = part_at(slice->layout, slice->offset + done, slice->size - done, &hint);
        int code = copy_part(lane, &p, to != NULL ? to + done : NULL, from != NULL ? from + done : NULL, what_out);
        if (code != BATON__CUDA_OK) {
            return code;
        }
        done += p.width * p.rows;
    }
    *what_out = "cudaEventRecord";
    return baton__cuda_event_record(lane->events[lane->begun % BATON__LANE_MAX], lane->stream);
}

/* ERR_DEVICE: the lane is broken, now or before. On success the caller leaves. */
static baton_status enter(baton__lane *lane, baton__cuda_visit *visit_out, int *native_out)
{
    if (lane->native != BATON__CUDA_OK) {
        return fail_broken(lane, native_out);
    }
    baton_status status = baton__cuda_load();
    if (status != BATON_OK) {
        *native_out = 0;
        return status;
    }
    int code = baton__cuda_enter(lane->device, visit_out);
    return code == BATON__CUDA_OK ? BATON_OK : break_lane(lane, code, "cudaSetDevice", native_out);
}

static baton_status begin(baton__lane *lane, const baton__slice *slice, void *to, const void *from, int *native_out)
{
    baton__cuda_visit visit;
    const char *what = NULL;
    if (lane->native == BATON__CUDA_OK && lane->begun - lane->over == BATON__LANE_MAX) {
        return baton__fail_as_is(BATON_ERR_BUSY, "a lane of copies is full");
    }
    baton_status status = enter(lane, &visit, native_out);
    if (status != BATON_OK) {
        return status;
    }
    int code = copy_all(lane, slice, to, from, &what);
    if (code == BATON__CUDA_OK) {
        if (lane->begun == lane->over) {
            baton__pace_first(&lane->pace, now_ns(), slice->size);
        }
        lane->sizes[lane->begun++ % BATON__LANE_MAX] = slice->size;
    } else {
        status = break_lane(lane, code, what, native_out);
    }
    baton__cuda_leave(&visit);
    return status;
}

static baton_status lane_copy_out(baton__lane *lane, const baton__slice *from, void *to, int *native_out)
{
    return begin(lane, from, to, NULL, native_out);
}

static baton_status lane_copy_in(baton__lane *lane, const void *from, const baton__slice *to, int *native_out)
{
    return begin(lane, to, NULL, from, native_out);
}

/* So many copies from `before` on are over. */
static void learn(baton__lane *lane, uint64_t before, uint64_t time_ns)
{
    uint64_t bytes = 0;
    for (uint64_t i = before; i < lane->over; i++) {
        bytes += lane->sizes[i % BATON__LANE_MAX];
    }
    if (bytes != 0) {
        baton__pace_over(&lane->pace, time_ns, bytes);
    }
    if (bytes != 0 && lane->over < lane->begun) {
        baton__pace_first(&lane->pace, time_ns, lane->sizes[lane->over % BATON__LANE_MAX]);
    }
}

/* What has ended before an error still counts: then the error comes with the next call. */
static baton_status look(baton__lane *lane, uint64_t *over_out, int *native_out)
{
    uint64_t before = lane->over;
    while (lane->over < lane->begun) {
        int code = baton__cuda_event_query(lane->events[lane->over % BATON__LANE_MAX]);
        if (code == BATON__CUDA_NOT_READY) {
            break;
        }
        if (code != BATON__CUDA_OK) {
            baton_status status = break_lane(lane, code, "cudaEventQuery", native_out);
            if (lane->over == before) {
                return status;
            }
            break;
        }
        lane->over++;
    }
    *over_out = lane->over;
    return BATON_OK;
}

static baton_status lane_poll(baton__lane *lane, uint64_t *over_out, int *native_out)
{
    baton__cuda_visit visit;
    uint64_t time_ns = now_ns();
    if (lane->native == BATON__CUDA_OK && (lane->over == lane->begun || !baton__pace_is_due(&lane->pace, time_ns))) {
        *over_out = lane->over;
        return BATON_OK;
    }
    uint64_t before = lane->over;
    baton_status status = enter(lane, &visit, native_out);
    if (status != BATON_OK) {
        return status;
    }
    status = look(lane, over_out, native_out);
    learn(lane, before, time_ns);
    baton__cuda_leave(&visit);
    return status;
}

static baton_status lane_pin(uint32_t id, size_t size_bytes, void **pointer_out)
{
    baton__cuda_visit visit;
    void *pointer = NULL;
    baton_status status = baton__cuda_visit_checked(id, &visit);
    if (status != BATON_OK) {
        return status;
    }
    int code = baton__cuda_pin(&pointer, size_bytes);
    baton__cuda_leave(&visit);
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaHostAlloc");
    }
    *pointer_out = pointer;
    return BATON_OK;
}

static void lane_unpin(void *pointer, size_t size_bytes)
{
    baton__cuda_visit visit;
    if (pointer == NULL || baton__cuda_load() != BATON_OK) {
        return; /* in a child of fork: the memory is the parent's */
    }
    bool entered = baton__cuda_enter(baton__cuda_used(), &visit) == BATON__CUDA_OK;
    int code = baton__cuda_unpin(pointer);
    if (entered) {
        baton__cuda_leave(&visit);
    }
    if (code != BATON__CUDA_OK && code != BATON__CUDA_UNLOADING) {
        BATON__ERROR("freeing %zu bytes of pinned memory: %s", size_bytes, baton__cuda_name(code));
    }
}

const baton__lane_table baton__cuda_lanes = {
    .open = lane_open,
    .close = lane_close,
    .copy_out = lane_copy_out,
    .copy_in = lane_copy_in,
    .poll = lane_poll,
    .is_device_memory = baton__cuda_is_device_memory,
    .pin = lane_pin,
    .unpin = lane_unpin,
    .native_text = baton__cuda_text,
};

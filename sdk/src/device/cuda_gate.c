/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gates over CUDA. A gate has a stream and an event: the stream waits for what the gate stands for, and then calls host_function,
 * on a thread of CUDA's, which opens it. So the application's streams carry nothing of baton's but one record of an event.
 *
 * Two hold a gate: who made it, and the host function until it has run. A gate that nobody holds is idle and used again, since making a
 * stream takes longer than everything else; the surplus is destroyed by the next one that is made, because a host function may not
 * call CUDA. Where the context breaks, CUDA never calls the host function, and the gate is held for good: it stays in the list of all.
 */
#include "device/cuda_device.h"
#include "device/gate.h"

#include "base/error.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <utlist.h>

enum { IDLE_MAX = 16 };

struct baton__gate {
    uint32_t references; /* __atomic */
    bool open;           /* __atomic; set with the lock */
    int native;          /* __atomic: why it never opens, or 0 */
    int device;
    void *stream;
    void *event;
    pthread_mutex_t lock;        /* of the watches */
    baton__gate_watch *watches;  /* DL */
    struct baton__gate *prev;    /* of all */
    struct baton__gate *next;
    struct baton__gate *next_idle;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static baton__gate *all;  /* DL */
static baton__gate *idle; /* LL by next_idle */
static size_t idle_count;

/* The device is current, or gone. */
static void destroy(baton__gate *gate)
{
    if (gate->event != NULL) {
        (void)baton__cuda_event_destroy(gate->event);
    }
    if (gate->stream != NULL) {
        (void)baton__cuda_stream_destroy(gate->stream);
    }
    (void)pthread_mutex_destroy(&gate->lock);
    free(gate);
}

/* The device is current. */
static baton_status make(int device, baton__gate **gate_out)
{
    baton__gate *gate = calloc(1, sizeof(*gate));
    if (gate == NULL) {
        return baton__fail_memory("a gate");
    }
    (void)pthread_mutex_init(&gate->lock, NULL);
    gate->device = device;
    const char *what = "cudaStreamCreateWithPriority";
    int code = baton__cuda_stream_create(&gate->stream);
    if (code == BATON__CUDA_OK) {
        what = "cudaEventCreateWithFlags";
        code = baton__cuda_event_create(&gate->event);
    }
    if (code != BATON__CUDA_OK) {
        destroy(gate);
        return baton__cuda_fail(code, what);
    }
    *gate_out = gate;
    return BATON_OK;
}

/* Out of the list of the idle: one of that device, and one too many, which the caller destroys. NULL: there is none. */
static void take_idle(int device, baton__gate **gate_out, baton__gate **surplus_out)
{
    baton__gate *gate;
    (void)pthread_mutex_lock(&lock);
    LL_SEARCH_SCALAR2(idle, gate, device, device, next_idle);
    if (gate != NULL) {
        LL_DELETE2(idle, gate, next_idle);
        idle_count--;
    }
    baton__gate *surplus = idle_count > IDLE_MAX ? idle : NULL;
    if (surplus != NULL) {
        LL_DELETE2(idle, surplus, next_idle);
        DL_DELETE(all, surplus);
        idle_count--;
    }
    (void)pthread_mutex_unlock(&lock);
    *gate_out = gate;
    *surplus_out = surplus;
}

static void put_idle(baton__gate *gate)
{
    (void)pthread_mutex_lock(&lock);
    LL_PREPEND2(idle, gate, next_idle);
    idle_count++;
    (void)pthread_mutex_unlock(&lock);
}

static void open_gate(baton__gate *gate)
{
    baton__gate_watch *watch;
    baton__gate_watch *next;
    (void)pthread_mutex_lock(&gate->lock);
    __atomic_store_n(&gate->open, true, __ATOMIC_RELEASE);
    DL_FOREACH_SAFE(gate->watches, watch, next)
    {
        DL_DELETE(gate->watches, watch);
        watch->prev = NULL; /* not in the list any more */
        watch->opened(watch);
    }
    (void)pthread_mutex_unlock(&gate->lock);
}

/* On a thread of CUDA's, which may not call CUDA. */
static void host_function(void *context)
{
    baton__gate *gate = context;
    open_gate(gate);
    baton__gate_release(gate);
}

/* What the application gave, event or stream, is what a handle that CUDA does not know is about. */
static baton_status fail_given(int code, const char *what)
{
    if (code == BATON__CUDA_INVALID_HANDLE) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "%s: it is no event or stream of CUDA's, or of another device", what);
    }
    return baton__cuda_fail(code, what);
}

/* The gate's stream behind event, and the host function behind that. */
static baton_status arm(baton__gate *gate, void *event)
{
    int code = baton__cuda_stream_wait(gate->stream, event);
    if (code != BATON__CUDA_OK) {
        return fail_given(code, "cudaStreamWaitEvent");
    }
    gate->native = 0;
    gate->open = false;
    gate->references = 2;
    code = baton__cuda_stream_call(gate->stream, host_function, gate);
    return code == BATON__CUDA_OK ? BATON_OK : baton__cuda_fail(code, "cudaLaunchHostFunc");
}

/* One of event and stream counts. The device is current. */
static baton_status close_gate(baton__gate *gate, void *event, void *stream)
{
    if (event == NULL) {
        int code = baton__cuda_event_record(gate->event, stream);
        if (code != BATON__CUDA_OK) {
            return fail_given(code, "cudaEventRecord");
        }
    }
    return arm(gate, event == NULL ? gate->event : event);
}

/* event: NULL for after the stream. The device is current. */
static baton_status create_on(int device, void *event, void *stream, baton__gate **gate_out)
{
    baton__gate *gate = NULL;
    baton__gate *surplus = NULL;
    baton_status status = BATON_OK;
    take_idle(device, &gate, &surplus);
    if (surplus != NULL) {
        destroy(surplus);
    }
    if (gate == NULL) {
        status = make(device, &gate);
        if (status != BATON_OK) {
            return status;
        }
        (void)pthread_mutex_lock(&lock);
        DL_APPEND(all, gate);
        (void)pthread_mutex_unlock(&lock);
    }
    status = close_gate(gate, event, stream);
    if (status != BATON_OK) { /* its stream may wait for the event: of no use to another */
        (void)pthread_mutex_lock(&lock);
        DL_DELETE(all, gate);
        (void)pthread_mutex_unlock(&lock);
        destroy(gate);
        return status;
    }
    *gate_out = gate;
    return BATON_OK;
}

static baton_status create(int device, void *event, void *stream, baton__gate **gate_out)
{
    baton__cuda_visit visit;
    int code = baton__cuda_enter(device, &visit);
    if (code != BATON__CUDA_OK) {
        return baton__cuda_fail(code, "cudaSetDevice");
    }
    baton_status status = create_on(device, event, stream, gate_out);
    baton__cuda_leave(&visit);
    return status;
}

baton_status baton__gate_create_after_event(void *event, baton__gate **gate_out)
{
    int device = 0;
    if (event == NULL) {
        return baton__fail_as_is(BATON_ERR_INVALID_ARGUMENT, "NULL is no event of CUDA's");
    }
    baton_status status = baton__cuda_check(0);
    if (status != BATON_OK) {
        return status;
    }
    int code = baton__cuda_current(&device); /* an event does not tell its device, and may be waited for on any */
    return code == BATON__CUDA_OK ? create(device, event, NULL, gate_out) : baton__cuda_fail(code, "cudaGetDevice");
}

baton_status baton__gate_create_after_stream(void *stream, baton__gate **gate_out)
{
    int device = 0;
    bool captures = false;
    baton_status status = baton__cuda_check(0);
    if (status != BATON_OK) {
        return status;
    }
    int code = baton__cuda_stream_device(stream, &device);
    if (code != BATON__CUDA_OK) {
        return fail_given(code, "cudaStreamGetDevice");
    }
    code = baton__cuda_stream_captures(stream, &captures);
    if (code != BATON__CUDA_OK) {
        return fail_given(code, "cudaStreamIsCapturing");
    }
    if (captures) {
        return baton__fail_as_is(BATON_ERR_INVALID_ARGUMENT, "the stream is being captured to a graph: nothing runs on it now");
    }
    return create(device, NULL, stream, gate_out);
}

baton__gate *baton__gate_acquire(baton__gate *gate)
{
    (void)__atomic_fetch_add(&gate->references, 1, __ATOMIC_RELAXED);
    return gate;
}

void baton__gate_release(baton__gate *gate)
{
    if (gate != NULL && __atomic_fetch_sub(&gate->references, 1, __ATOMIC_ACQ_REL) == 1) {
        put_idle(gate);
    }
}

/* What the gate's own stream, or the event of ours on the application's, says. The device is current. */
static int look_at(const baton__gate *gate)
{
    int code = baton__cuda_stream_query(gate->stream);
    return code == BATON__CUDA_OK || code == BATON__CUDA_NOT_READY ? baton__cuda_event_query(gate->event) : code;
}

static baton_status fail_closed(int native, int *native_out)
{
    *native_out = native;
    return baton__cuda_fail(native, "what is before the memory's event on its stream failed");
}

baton_status baton__gate_look(baton__gate *gate, int *native_out)
{
    baton__cuda_visit visit;
    int code = __atomic_load_n(&gate->native, __ATOMIC_RELAXED);
    if (__atomic_load_n(&gate->open, __ATOMIC_ACQUIRE)) {
        return BATON_OK;
    }
    baton_status status = baton__cuda_load();
    if (status != BATON_OK) {
        *native_out = 0;
        return status;
    }
    if (code == BATON__CUDA_OK) {
        code = baton__cuda_enter(gate->device, &visit);
        if (code == BATON__CUDA_OK) {
            code = look_at(gate);
            baton__cuda_leave(&visit);
        }
    }
    if (__atomic_load_n(&gate->open, __ATOMIC_ACQUIRE)) {
        return BATON_OK;
    }
    if (code == BATON__CUDA_OK || code == BATON__CUDA_NOT_READY) {
        return baton__fail_as_is(BATON_ERR_BUSY, "the memory's event has not fired yet");
    }
    __atomic_store_n(&gate->native, code, __ATOMIC_RELAXED);
    return fail_closed(code, native_out);
}

bool baton__gate_watch_begin(baton__gate *gate, baton__gate_watch *watch)
{
    (void)pthread_mutex_lock(&gate->lock);
    bool closed = !__atomic_load_n(&gate->open, __ATOMIC_RELAXED);
    watch->prev = NULL;
    if (closed) {
        DL_APPEND(gate->watches, watch);
    }
    (void)pthread_mutex_unlock(&gate->lock);
    return closed;
}

void baton__gate_watch_end(baton__gate *gate, baton__gate_watch *watch)
{
    (void)pthread_mutex_lock(&gate->lock);
    if (watch->prev != NULL) {
        DL_DELETE(gate->watches, watch);
        watch->prev = NULL;
    }
    (void)pthread_mutex_unlock(&gate->lock);
}

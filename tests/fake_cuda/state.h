/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the stand-in share.
 *
 * One lock (fake_lock) guards all of it. It is held from fake_enter to fake_leave, and by a
 * stream's thread but for the time in which that moves bytes, sleeps, or runs a host function.
 * Whoever waits, waits on `fake_changed`, which is signalled when work has ended; a stream's thread
 * without work waits on a condition of its own.
 *
 * The names of the runtime and those of fake_cuda.h are exported, nothing else.
 */
#ifndef FAKE_CUDA_STATE_H
#define FAKE_CUDA_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#pragma GCC visibility push(default)
#include "fake_cuda.h"
#include <cuda_runtime_api.h>
#pragma GCC visibility pop

enum { FAKE_DEVICES_MAX = 8, FAKE_PAGE = 4096 };

/* Memory that the runtime knows. */
typedef enum fake_kind { FAKE_DEVICE, FAKE_MANAGED, FAKE_PINNED, FAKE_REGISTERED } fake_kind;

typedef struct fake_pool fake_pool;

typedef struct fake_block {
    fake_kind kind;
    int device;     /* where it lies, or which was current when it was made */
    uint8_t *start; /* what the program sees */
    size_t size;
    uint8_t *bytes;    /* where the bytes are: for device memory somewhere else */
    size_t references; /* the list's and one for each piece of work */
    bool freeing;      /* no new work, and nobody else frees it */
    fake_pool *pool;   /* or NULL */
    struct fake_block *next;
} fake_block;

struct fake_pool {
    cudaMemPool_t handle;
    int device;
    bool is_default;
    bool destroyed;
    size_t size_max; /* 0: no limit */
    size_t used;
    struct fake_pool *next;
};

/* A point in a stream's order; events, waits and callers that wait share it. */
typedef struct fake_mark {
    size_t references;
    bool done;
    cudaError_t error;
} fake_mark;

typedef enum fake_work_kind {
    FAKE_COPY,
    FAKE_SET,
    FAKE_CALL,
    FAKE_MARK,
    FAKE_WAIT,
    FAKE_SPIN,
    FAKE_HOLD,
    FAKE_FREE,
} fake_work_kind;

/* Rows of bytes; a plain range has one row. */
typedef struct fake_rows {
    uint8_t *start;
    size_t pitch;
} fake_rows;

typedef struct fake_work {
    fake_work_kind kind;
    fake_rows to;
    fake_rows from;
    size_t width;
    size_t height;
    int value;
    unsigned delay_ms;
    cudaHostFn_t function;
    void *argument;
    fake_mark *mark;
    fake_block *blocks[2]; /* what it works on, or NULL */
    void *staged;          /* a copy of pageable memory, freed with the work */
    struct fake_work *next;
} fake_work;

typedef struct fake_stream {
    cudaStream_t handle;
    int device;
    bool blocking; /* ordered with the default stream of its device */
    bool is_default;
    bool destroyed;
    bool has_thread;
    cudaError_t error; /* of its first work that failed */
    fake_work *head;
    fake_work *tail;
    size_t pending;  /* queued and running */
    size_t released; /* holds that may end */
    pthread_cond_t work_came;
    struct fake_stream *next;
} fake_stream;

typedef struct fake_event {
    cudaEvent_t handle;
    int device;
    fake_mark *mark; /* of its last record, or NULL */
    struct fake_event *next;
} fake_event;

typedef struct fake_device {
    bool used;          /* it has a context */
    cudaError_t sticky; /* what broke the context */
    uint8_t *range;     /* addresses that are handed out; nobody may touch them */
    uint8_t *bytes;     /* what lies behind them */
    int file;
    size_t cursor;
    size_t used_bytes;
    fake_stream default_stream;
    fake_pool default_pool;
} fake_device;

/* One call of the runtime. */
typedef struct fake_call {
    const char *name;
    cudaError_t error;
    cudaError_t sticky; /* the context is broken; a call that gives back does so and answers this */
    bool locked;
    bool silent; /* the error is not the thread's last one */
} fake_call;

enum {
    FAKE_NEEDS_NOTHING = 0,
    FAKE_NEEDS_DEVICE = 1,  /* a driver and a device */
    FAKE_NEEDS_CONTEXT = 2, /* that of the current device comes into being */
    FAKE_MAY_WAIT = 4,      /* not for a thread that is named baton, where that is forbidden */
    FAKE_GIVES_BACK = 8,    /* runs even in a broken context */
};

typedef struct fake_settings {
    int devices;
    size_t memory_bytes;
    unsigned copy_delay_us;
    double bandwidth_gb_s;
    bool forbid_sync;
    int trace; /* a descriptor, or -1 */
} fake_settings;

extern pthread_mutex_t fake_lock;
extern pthread_cond_t fake_changed;
extern fake_device fake_devices[FAKE_DEVICES_MAX];
extern fake_settings fake_setting;
extern fake_block *fake_blocks;
extern fake_stream *fake_streams;
extern fake_event *fake_events;
extern fake_pool *fake_pools;
extern size_t fake_copies;
extern size_t fake_copied_bytes;
extern _Thread_local int fake_current;
extern _Thread_local bool fake_in_host_function;

/* call.c: fake_enter is true where the call goes on, with the lock; fake_leave always follows it
 * and returns the result. */
bool fake_enter(fake_call *call, const char *name, unsigned needs);
cudaError_t fake_leave(fake_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void fake_may_wait(const char *what);
bool fake_is_child(void);
void *fake_handle(void);
size_t fake_count_contexts(void);

/* fault.c: the code with which this call of `name` fails, or cudaSuccess. */
cudaError_t fake_fault(const char *name);
bool fake_is_sticky(cudaError_t code);

/* account.c */
void fake_account_call(const char *name);

/* device_memory.c */
cudaError_t fake_device_allocate(int device, size_t size, fake_pool *pool, fake_block **block_out);
void fake_device_give_back(const fake_block *block);
bool fake_device_owns(const void *pointer);

/* block.c */
cudaError_t fake_block_add(const fake_block *value, fake_block **block_out);
fake_block *fake_block_at(const void *pointer);
fake_block *fake_block_overlapping(const void *pointer, size_t size);
fake_block *fake_block_starting(const void *pointer);
void fake_block_release(fake_block *block);
void fake_block_drop(fake_block *block);
void fake_block_wait_unused(const fake_block *block);

/* pool.c */
fake_pool *fake_pool_default(int device);
fake_pool *fake_pool_find(cudaMemPool_t handle);
void fake_pool_give_back(fake_pool *pool, size_t size);

/* work.c: fake_work_run frees it. */
fake_work *fake_work_make(fake_work_kind kind);
void fake_work_free(fake_work *work);
void fake_work_run(fake_stream *stream, fake_work *work);
void fake_work_hold_block(fake_work *work, int index, fake_block *block);

/* mark.c */
fake_mark *fake_mark_make(void);
fake_mark *fake_mark_acquire(fake_mark *mark);
void fake_mark_release(fake_mark *mark);
void fake_mark_set(fake_mark *mark, cudaError_t error);
cudaError_t fake_mark_wait(fake_mark *mark);

/* queue.c: fake_queue_add takes over the work, also when it fails; NULL is work for which there was
 * no memory. */
cudaError_t fake_queue_add(fake_stream *stream, fake_work *work);
cudaError_t fake_queue_mark(fake_stream *stream, fake_mark **mark_out);
cudaError_t fake_queue_drain(fake_stream *stream);
cudaError_t fake_queue_error(const fake_stream *stream);
bool fake_queue_busy(const fake_stream *stream);

/* stream.c */
cudaError_t fake_stream_find(cudaStream_t handle, fake_stream **stream_out);
fake_stream *fake_stream_default(int device);
cudaError_t fake_stream_drain_device(int device);

#endif

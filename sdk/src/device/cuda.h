/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_CUDA_H
#define BATON_DEVICE_CUDA_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The CUDA runtime, loaded at run time, without its headers: only device_cuda.c has those. Streams and events are void *.
 *
 * baton__cuda_load comes first, and has answered OK. Then every call gives the runtime's own code, 0 for success; none of them
 * leaves an error of ours behind for the application's cudaGetLastError. No call waits for a device, but for those that say so.
 */
enum {
    BATON__CUDA_OK = 0,
    BATON__CUDA_INVALID_VALUE = 1,
    BATON__CUDA_NO_MEMORY = 2,
    BATON__CUDA_UNLOADING = 4, /* the process is ending */
    BATON__CUDA_OLD_DRIVER = 35, /* or none */
    BATON__CUDA_NO_DEVICE = 100,
    BATON__CUDA_INVALID_HANDLE = 400,
    BATON__CUDA_NOT_READY = 600,
    BATON__CUDA_NOT_SUPPORTED = 801,
};

/* Devices that baton knows what to do with; a machine has 16 at most today. */
#define BATON__CUDA_DEVICES_MAX 64

/* Which memory a pointer is of. */
typedef enum baton__cuda_memory {
    BATON__CUDA_MEMORY_UNKNOWN = 0, /* of the host, and not CUDA's */
    BATON__CUDA_MEMORY_PINNED = 1,  /* of the host: allocated by CUDA, or registered with it */
    BATON__CUDA_MEMORY_DEVICE = 2,
    BATON__CUDA_MEMORY_MANAGED = 3,
} baton__cuda_memory;

/* A device made current, and what was current before. */
typedef struct baton__cuda_visit {
    int device; /* to go back to; -1: stay */
    int capture;
} baton__cuda_visit;

/* The runtime is loaded once for the process. Errors: ERR_NOT_SUPPORTED, with what was tried, also every later time;
 * ERR_WRONG_PROCESS in a child of the process that loaded it. Blocking: while the library is read, the first time. */
baton_status baton__cuda_load(void);
/* Where it was loaded from; after a load that answered OK. */
const char *baton__cuda_path(void);
/* Has baton used a device in this process? That device, or -1. One relaxed load: never loads anything. */
int baton__cuda_used(void);

/* Sets the error text, "cudaMalloc: cudaErrorX (7), text", and gives the status that goes with the code: ERR_OUT_OF_MEMORY
 * or ERR_DEVICE. */
baton_status baton__cuda_fail(int code, const char *what);
/* "cudaErrorX", and what it means. Constant. */
const char *baton__cuda_name(int code);
const char *baton__cuda_text(int code);

/* Makes it current on the calling thread, and relaxes the thread's rules for captured graphs, which forbid harmless calls. A
 * failure needs no leave. Blocking: the first use of a device makes its context, which takes some 100 ms; an application that has
 * memory there has it. */
int baton__cuda_enter(int device, baton__cuda_visit *visit_out);
/* A thread of baton's own stays with the device. */
void baton__cuda_leave(const baton__cuda_visit *visit);
/* Is the calling thread a connector's own? Such a thread never waits for a device. */
bool baton__cuda_on_own_thread(void);

/* These make no context. */
int baton__cuda_count(int *count_out);
int baton__cuda_current(int *device_out);
int baton__cuda_runtime_version(int *version_out);
/* 0: no driver. */
int baton__cuda_driver_version(int *version_out);
int baton__cuda_pci_bus_id(int device, char *text, int size);
int baton__cuda_has_pools(int device, bool *pools_out);
int baton__cuda_compute(int device, int *major_out, int *minor_out);

/* device_out: where it lies; set for device and managed memory alone. */
int baton__cuda_memory_of(const void *pointer, baton__cuda_memory *memory_out, int *device_out);

/* Of the current device. The first two wait for it. */
int baton__cuda_allocate(void **pointer_out, size_t size_bytes);
int baton__cuda_free(void *pointer);
int baton__cuda_allocate_async(void **pointer_out, size_t size_bytes, void *stream);
int baton__cuda_free_async(void *pointer, void *stream);
/* Pinned memory of the host, for all devices. Both may wait for them. */
int baton__cuda_pin(void **pointer_out, size_t size_bytes);
int baton__cuda_unpin(void *pointer);

/* Can another process open the memory of the device that this lies in? Makes a handle for that, as cudaIpcGetMemHandle, and forgets it.
 * BATON__CUDA_NOT_SUPPORTED where the runtime has no such call. */
int baton__cuda_export(void *pointer);

/* On the current device: a stream that ignores the default one, of the highest priority, and an event without a time. */
int baton__cuda_stream_create(void **stream_out);
int baton__cuda_stream_destroy(void *stream);
int baton__cuda_stream_query(void *stream);
int baton__cuda_stream_wait(void *stream, void *event);
/* Where a stream of the application is; the current device where the runtime is too old to tell. */
int baton__cuda_stream_device(void *stream, int *device_out);
/* Is it being captured to a graph? False where the runtime cannot tell. */
int baton__cuda_stream_captures(void *stream, bool *captures_out);
/* function: runs on a thread of CUDA's, once what is before it is done; not after a failure of the context. It must not call CUDA. */
int baton__cuda_stream_call(void *stream, void (*function)(void *context), void *context);
int baton__cuda_event_create(void **event_out);
int baton__cuda_event_destroy(void *event);
int baton__cuda_event_record(void *event, void *stream);
int baton__cuda_event_query(void *event);

/* In either direction; the addresses tell. The host's side is pinned, or the call waits. */
int baton__cuda_copy(void *to, const void *from, size_t size_bytes, void *stream);
/* rows of width bytes each; pitches at most BATON__CUDA_PITCH_MAX. */
#define BATON__CUDA_PITCH_MAX ((size_t)INT32_MAX)
int baton__cuda_copy_rows(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t rows, void *stream);

#endif

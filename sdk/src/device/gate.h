/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_GATE_H
#define BATON_DEVICE_GATE_H

#include <baton/status.h>
#include <stdbool.h>

/*
 * Opens once, when the work that was on a stream of the application, or before an event of it, is done: until then the memory that
 * it stands for is not touched. Nobody waits for the device: a stream of the gate's own does, and then calls back on a thread of CUDA's.
 * Counted references; any thread.
 */
typedef struct baton__gate baton__gate;

typedef struct baton__gate_watch {
    /* Once, on any thread, with the gate locked: must not call a function of the gate, nor of CUDA, nor block. */
    void (*opened)(struct baton__gate_watch *watch);
    struct baton__gate_watch *prev;
    struct baton__gate_watch *next;
} baton__gate_watch;

/* The device of a stream is that of the stream; an event is waited for on the thread's current device. A stream that is being captured to a
 * graph is refused.
 * event: cudaEvent_t, recorded before the call, of no use to the gate afterwards. stream: cudaStream_t (NULL: the default one): all that
 * was submitted to it before the call. Errors: ERR_NOT_BUILT_IN, ERR_NOT_SUPPORTED (no CUDA here), ERR_DEVICE, ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY,
 * ERR_WRONG_PROCESS. */
baton_status baton__gate_create_after_event(void *event, baton__gate **gate_out);
baton_status baton__gate_create_after_stream(void *stream, baton__gate **gate_out);
baton__gate *baton__gate_acquire(baton__gate *gate);
/* The last one does not wait for it to open. NULL is legal. */
void baton__gate_release(baton__gate *gate);
/* ERR_BUSY: not yet. ERR_DEVICE: it will never open, since what stands before it failed; native_out: CUDA's code.
 * ERR_WRONG_PROCESS in a child of fork. */
baton_status baton__gate_look(baton__gate *gate, int *native_out);
/* False: it is open already, and opened will not be called. opened is set by the caller. */
bool baton__gate_watch_begin(baton__gate *gate, baton__gate_watch *watch);
/* From here on opened is not called, and not running. Also after it was. */
void baton__gate_watch_end(baton__gate *gate, baton__gate_watch *watch);

#endif

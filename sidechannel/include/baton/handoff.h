/* SPDX-License-Identifier: Apache-2.0 */
/** The active view of one hand-off over NATS: what a consumer gets to see and does. */
#ifndef BATON_HANDOFF_H
#define BATON_HANDOFF_H

#include <baton/offer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_handoff baton_handoff;
typedef struct baton_service baton_service;

/**
 * Gets one handoff.
 * Ownership: the handoff is borrowed until return, unless baton_handoff_keep was called. At return without
 * acceptance it is rejected; in application mode without acknowledgement it is nacked.
 * Threads: a thread of the service's (as many as its concurrency), never the owner thread; or, where the
 * application drives progress, the thread inside baton_worker_progress: there only calls that do not block.
 */
typedef void (*baton_handoff_fn)(baton_handoff *handoff, void *context);
/** Runs exactly once for an accept that returned OK, when the hand-off is over or, in application mode and for a view, when the
 *  data is there and an acknowledgement, or the release, is due. Threads: the owner thread: must not block. */
typedef void (*baton_handoff_moved_fn)(baton_handoff *handoff, baton_status status, void *context);

typedef struct baton_serve_options {
    size_t struct_size;
    /** Handoffs at a time; more are refused as busy, and the origin offers them elsewhere. */
    uint32_t concurrency;
    /** Plain subscription instead of a queue group: every worker of the pool gets every offer, the first takes it. */
    bool broadcast;
    /** Moves readables into memory of baton's before the callback runs: it then starts with the data there. */
    bool prefetch;
    /** Larger ones are rejected (ERR_TOO_LARGE). 0: no limit. */
    uint64_t size_max;
} baton_serve_options;

#define BATON_SERVE_DEFAULTS .struct_size = sizeof(baton_serve_options), .concurrency = 1
#define BATON_SERVE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(baton_serve_options), 1, false, false, 0                                            \
    }

/**
 * Serves a pool, or with pool NULL what is offered to this worker by name.
 * callback: NULL for a queue: baton_service_next. options: NULL for the defaults; copied.
 * Ownership: the service belongs to the worker until baton_service_stop; worker_destroy stops it too.
 * Errors: ERR_INVALID_ARGUMENT, ERR_WRONG_STATE (pool is served already), ERR_SHUT_DOWN, ERR_SYSTEM (no
 * thread), ERR_OUT_OF_MEMORY. Without a connection it is served as soon as there is one.
 * Threads: any. Blocking: until the subscription is on its way to the server.
 */
BATON_API BATON_CHECKED baton_status baton_worker_serve(baton_worker *worker, const char *pool,
                                                        const baton_serve_options *options,
                                                        baton_handoff_fn callback, void *context,
                                                        baton_service **service_out);
/**
 * The next handoff of a service without a callback. Ownership: the caller's: baton_handoff_destroy.
 * Errors: ERR_TIMED_OUT, ERR_SHUT_DOWN once stopped, ERR_WRONG_STATE if the service has a callback, ERR_WRONG_THREAD.
 * Threads: any but the owner. Blocking: yes, up to timeout_ms.
 */
BATON_API BATON_CHECKED baton_status baton_service_next(baton_service *service, uint32_t timeout_ms,
                                                        baton_handoff **handoff_out);
/** Takes nothing new, waits for callbacks that run, frees the service. NULL is legal.
 *  Threads: any but the owner and the service's own. Blocking: yes. */
BATON_API void baton_service_stop(baton_service *service);

BATON_API baton_uuid baton_handoff_id(const baton_handoff *handoff);
/** From 1. Id and attempt make processing idempotent. */
BATON_API uint32_t baton_handoff_attempt(const baton_handoff *handoff);
BATON_API const char *baton_handoff_origin(const baton_handoff *handoff);
/** BATON_OPERATION_READ if the origin offers memory to read, BATON_OPERATION_WRITE to write into. */
BATON_API baton_operation_kind baton_handoff_kind(const baton_handoff *handoff);
BATON_API baton_acknowledge baton_handoff_acknowledge(const baton_handoff *handoff);
/** Sum of all descriptors, in bytes. */
BATON_API uint64_t baton_handoff_size(const baton_handoff *handoff);
BATON_API size_t baton_handoff_count(const baton_handoff *handoff);
/** The origin's index-th descriptor. Errors: ERR_INVALID_ARGUMENT. */
BATON_API BATON_CHECKED baton_status baton_handoff_remote(const baton_handoff *handoff, size_t index,
                                                          baton_metadata_descriptor *remote_out);
/** Its element type and shape, or NULL. Borrowed as long as the handoff. */
BATON_API const baton_tensor *baton_handoff_tensor(const baton_handoff *handoff, size_t index);
/** "" if none. Borrowed as long as the handoff. */
BATON_API const char *baton_handoff_user_json(const baton_handoff *handoff);
/** "" if none. */
BATON_API const char *baton_handoff_traceparent(const baton_handoff *handoff);
/** Milliseconds until its deadline. */
BATON_API uint32_t baton_handoff_remaining_ms(const baton_handoff *handoff);

/**
 * Starts to move the data between the origin's descriptors and locals (same count, same sizes); NULL locals
 * (readables): baton allocates, host memory, also for what is of a CUDA device at the origin.
 * on_moved: NULL if not wanted. Errors: ERR_WRONG_STATE (accepted or rejected before, over), ERR_COUNT_MISMATCH,
 * ERR_SIZE_MISMATCH, ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_handoff_accept(baton_handoff *handoff,
                                                          baton_descriptor *const *locals, size_t count,
                                                          baton_handoff_moved_fn on_moved, void *context);
/** accept, and wait until it is over or, in application mode, until the data has moved. Errors: also the reason of the
 *  failure, ERR_WRONG_THREAD. Threads: any but the owner. Blocking: until the deadline at most. */
BATON_API BATON_CHECKED baton_status baton_handoff_transfer(baton_handoff *handoff,
                                                            baton_descriptor *const *locals, size_t count);
/**
 * The short way for a readable of one descriptor: transfer into local, or with NULL into memory that baton
 * allocates. Ownership: descriptor_out is a reference for the caller. Errors: as baton_handoff_transfer;
 * ERR_KIND_MISMATCH for a writable. Blocking: until the deadline at most.
 */
BATON_API BATON_CHECKED baton_status baton_handoff_receive(baton_handoff *handoff, baton_descriptor *local,
                                                           baton_descriptor **descriptor_out);
/** The same for a writable of one descriptor: writes local there. ERR_KIND_MISMATCH for a readable. */
BATON_API BATON_CHECKED baton_status baton_handoff_send(baton_handoff *handoff, baton_descriptor *local);
/** The index-th local descriptor of an accepted handoff. Ownership: a reference for the caller.
 *  Errors: ERR_INVALID_ARGUMENT, ERR_WRONG_STATE before acceptance. */
BATON_API BATON_CHECKED baton_status baton_handoff_local(const baton_handoff *handoff, size_t index,
                                                         baton_descriptor **descriptor_out);

/**
 * Accepts a readable as a view: a pointer into the origin's memory, and no copy. Where baton_connector_check_view says that it can be
 * had: the origin's pool, its group, one host. Otherwise nothing is decided, and baton_handoff_accept can still copy it.
 * The hand-off is over when the view is released: in application mode ack and nack do that too, and at the return of a
 * callback, or at baton_handoff_destroy, it is released in any case. If it ends before (deadline, cancel, a lost origin), the
 * pointers stay valid all the same until the release; baton/operation.h, "Views".
 * on_moved: when it can be read; NULL if not wanted. Errors: ERR_WRONG_STATE (accepted, prefetched or rejected before, over), ERR_NOT_SUPPORTED
 * (the text says why), ERR_KIND_MISMATCH for a writable, ERR_SHUT_DOWN. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_handoff_accept_view(baton_handoff *handoff,
                                                               baton_handoff_moved_fn on_moved, void *context);
/** accept_view, and wait until it can be read. Errors: also the reason of the failure, ERR_WRONG_THREAD. Threads: any but the owner.
 *  Blocking: until the deadline at most. */
BATON_API BATON_CHECKED baton_status baton_handoff_transfer_view(baton_handoff *handoff);
/** The origin's index-th descriptor, in place, to be read only. Ownership: borrowed until the release. Errors: ERR_INVALID_ARGUMENT,
 *  ERR_WRONG_STATE (no view, not there yet, released). Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_handoff_view(const baton_handoff *handoff, size_t index,
                                                        const void **pointer_out, size_t *size_out);
/** Nobody here reads it any more: the pointers are void from the call on. Also after the end of the hand-off.
 *  Errors: ERR_WRONG_STATE (no view, not there yet, released before). Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_handoff_release_view(baton_handoff *handoff);

/**
 * Application mode, data moved: processed. result_json: copied, NULL for none.
 * Otherwise: with NULL it does nothing (the hand-off completes by itself), with a result ERR_WRONG_STATE.
 * Errors: ERR_WRONG_STATE (data not there, answered before), ERR_INVALID_ARGUMENT (not JSON), ERR_TOO_LARGE.
 * Threads: any. Blocking: no; baton_handoff_wait tells if the origin confirmed it.
 */
BATON_API BATON_CHECKED baton_status baton_handoff_ack(baton_handoff *handoff, const char *result_json);
/** Processed, and the answer is no: the offer ends ERRORED, ERR_NACKED, with the result; it is not offered again. */
BATON_API BATON_CHECKED baton_status baton_handoff_nack(baton_handoff *handoff, const char *result_json);
/** Before acceptance: nobody should take it. The offer ends ERRORED, ERR_REJECTED. text: for people; NULL for none. */
BATON_API BATON_CHECKED baton_status baton_handoff_reject(baton_handoff *handoff, const char *text);
/** Before acceptance: somebody else should take it; it goes out again, uncounted. */
BATON_API BATON_CHECKED baton_status baton_handoff_return(baton_handoff *handoff);
/** After acceptance: gives up; the origin offers it again as the next attempt. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_handoff_cancel(baton_handoff *handoff);

/** Waits until it is over. As baton_offer_wait. */
BATON_API BATON_CHECKED baton_status baton_handoff_wait(baton_handoff *handoff, uint32_t timeout_ms,
                                                        baton_outcome *outcome_out);
BATON_API BATON_CHECKED baton_status baton_handoff_get_outcome(const baton_handoff *handoff,
                                                               baton_outcome *outcome_out);

/** In a callback: the handoff outlives it, and is the caller's to destroy. */
BATON_API void baton_handoff_keep(baton_handoff *handoff);
/** Gives a kept handoff back, or one of baton_service_next. What is not accepted is rejected, what is not
 *  acknowledged nacked. Frees its place in the service. NULL is legal. Threads: any. Blocking: no. */
BATON_API void baton_handoff_destroy(baton_handoff *handoff);

#ifdef __cplusplus
}
#endif
#endif

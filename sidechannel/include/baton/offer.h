/* SPDX-License-Identifier: Apache-2.0 */
/** The passive view of one hand-off over NATS: memory offered to a pool of workers, or to one worker. */
#ifndef BATON_OFFER_H
#define BATON_OFFER_H

#include <baton/worker.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_offer baton_offer;

/** Who acknowledges. */
typedef enum baton_acknowledge {
    BATON_ACKNOWLEDGE_MOVED = 0,      /**< complete when the data has moved */
    BATON_ACKNOWLEDGE_APPLICATION = 1 /**< complete when the consumer's application has acknowledged: a worker
                                           that dies while processing loses nothing */
} baton_acknowledge;

typedef enum baton_target { BATON_TARGET_POOL = 0, BATON_TARGET_WORKER = 1 } baton_target;

/** What to do where there is nobody to take it, or no NATS server to tell. */
typedef enum baton_absence {
    BATON_ABSENCE_FAIL = 0, /**< ends at once: ERR_NO_CONSUMER, ERR_NATS_DISCONNECTED */
    BATON_ABSENCE_WAIT = 1  /**< waits, within the worker's queue_max, until the deadline */
} baton_absence;

/** Runs exactly once for each offer whose creation returned OK, never inside a call of the same thread.
 *  Threads: the owner thread: must not block. */
typedef void (*baton_offer_complete_fn)(baton_offer *offer, void *context);

typedef struct baton_offer_options {
    size_t struct_size;
    baton_target target;
    baton_acknowledge acknowledge;
    /** JSON for the consumer; copied. NULL: none. */
    const char *user_json;
    /** W3C traceparent, sent as the NATS header of that name; copied. NULL: none. */
    const char *traceparent;
    /** Milliseconds until it must be over. */
    uint32_t deadline_ms;
    /** Milliseconds that it may wait for a first consumer to take it; 0: until the deadline. */
    uint32_t ttl_ms;
    /** Most attempts; one counts from the grant to a consumer. 1: at most once. */
    uint32_t attempts;
    /** Milliseconds without a sign of life after which a consumer is fenced and the offer goes out again. */
    uint32_t lease_ms;
    /** Milliseconds after which an offer that nobody opened goes out again (uncounted, with back-off). */
    uint32_t claim_ms;
    baton_absence nobody;  /**< no worker listens */
    baton_absence offline; /**< no NATS connection */
    baton_offer_complete_fn on_complete;
    void *context; /**< borrowed until completion */
} baton_offer_options;

#define BATON_OFFER_DEFAULTS                                                                       \
    .struct_size = sizeof(baton_offer_options), .deadline_ms = 30000, .attempts = 3,               \
    .lease_ms = 5000, .claim_ms = 500
#define BATON_OFFER_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(baton_offer_options), BATON_TARGET_POOL, BATON_ACKNOWLEDGE_MOVED, 0, 0, 30000, 0,   \
            3, 5000, 500, BATON_ABSENCE_FAIL, BATON_ABSENCE_FAIL, 0, 0                             \
    }

/** How it ended. Strings live as long as the offer's handle (or the handoff's). */
typedef struct baton_outcome {
    size_t struct_size;
    baton_operation_status status;
    baton_status reason;     /**< BATON_OK when COMPLETE */
    int native_code;
    uint64_t bytes;          /**< payload bytes moved by the attempt that ended it */
    uint32_t attempts;       /**< grants so far */
    const char *peer;        /**< name of the other side's worker, "" if nobody took it */
    const char *path;        /**< "am", "" if no byte moved */
    const char *transport;
    const char *result_json; /**< of ack or nack; "" if none */
    const char *text;        /**< what happened and what to do about it, in words; "" when COMPLETE */
} baton_outcome;

#define BATON_OUTCOME_INIT                                                                         \
    {                                                                                              \
        sizeof(baton_outcome), BATON_OPERATION_UNINITIALIZED, BATON_OK, 0, 0, 0, "", "", "", "", "" \
    }

/**
 * Offers count descriptors to read (or to write into) to a pool, or with target BATON_TARGET_WORKER to the
 * worker of that name. Everything else happens by itself: see sidechannel/README.md.
 * to: 1 .. 63 of A-Z a-z 0-9 _ -. descriptors: references are taken until it is over. options: NULL for the
 * defaults; copied.
 * Errors: ERR_INVALID_ARGUMENT (also user_json that is not JSON), ERR_TOO_LARGE (user_json; what is
 * beyond the server's max_payload when it is printed ends the offer with it), ERR_NATS_DISCONNECTED, ERR_QUEUE_FULL, ERR_SHUT_DOWN, ERR_OUT_OF_MEMORY.
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_offer_readable(baton_worker *worker, const char *to,
                                                          baton_descriptor *const *descriptors,
                                                          size_t count, const baton_offer_options *options,
                                                          baton_offer **offer_out);
BATON_API BATON_CHECKED baton_status baton_offer_writable(baton_worker *worker, const char *to,
                                                          baton_descriptor *const *descriptors,
                                                          size_t count, const baton_offer_options *options,
                                                          baton_offer **offer_out);

/**
 * Waits until it is over. outcome_out: filled on return if it is over; NULL if not wanted.
 * Errors: the outcome's reason unless COMPLETE; ERR_TIMED_OUT (it goes on), ERR_WRONG_THREAD on the owner thread.
 * Threads: any but the owner. Blocking: yes.
 */
BATON_API BATON_CHECKED baton_status baton_offer_wait(baton_offer *offer, uint32_t timeout_ms,
                                                      baton_outcome *outcome_out);
/** How it stands now. outcome_out->struct_size is set by the caller. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_offer_get_outcome(const baton_offer *offer, baton_outcome *outcome_out);
BATON_API bool baton_offer_is_over(const baton_offer *offer);
BATON_API baton_uuid baton_offer_id(const baton_offer *offer);

/** Asks for the end: CANCELLED, and the consumer learns it. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_offer_cancel(baton_offer *offer);
/** Cancels if it still runs, and waits until the memory is quiet. Errors and return as baton_operation_close. */
BATON_API BATON_CHECKED baton_status baton_offer_close(baton_offer *offer, uint32_t timeout_ms);
/** Closes and gives the handle back; does not wait on the owner thread. NULL is legal. */
BATON_API void baton_offer_destroy(baton_offer *offer);

#ifdef __cplusplus
}
#endif
#endif

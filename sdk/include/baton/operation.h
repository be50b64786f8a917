/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One handle for the four operations: readable and writable (passive: a peer reads from or writes to our
 * memory), read and write (active: we read from or write to a peer's).
 *
 * A status that is over (COMPLETE, CANCELLED, ERRORED) never changes, and is only reached when no process
 * can touch the memory for this operation any more.
 */
#ifndef BATON_OPERATION_H
#define BATON_OPERATION_H

#include <baton/descriptor.h>
#include <baton/id.h>
#include <baton/metadata.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_operation baton_operation;

typedef enum baton_operation_kind {
    BATON_OPERATION_READABLE = 1, /**< passive: a peer reads our memory */
    BATON_OPERATION_WRITABLE = 2, /**< passive: a peer writes our memory */
    BATON_OPERATION_READ = 3,     /**< active: we read a peer's memory into ours */
    BATON_OPERATION_WRITE = 4     /**< active: we write our memory into a peer's */
} baton_operation_kind;

/* X(name, value, wire and log name) */
#define BATON_OPERATION_STATUS_LIST(X)                                                             \
    X(UNINITIALIZED, 0, "UNINITIALIZED")                                                           \
    X(INITIALIZED, 1, "INITIALIZED")                                                               \
    X(IN_PROGRESS, 2, "IN_PROGRESS")                                                               \
    X(COMPLETE, 3, "COMPLETE")                                                                     \
    X(CANCELLED, 4, "CANCELLED")                                                                   \
    X(ERRORED, 5, "ERRORED")

typedef enum baton_operation_status {
#define BATON_OPERATION_STATUS_ENUM(name, value, text) BATON_OPERATION_##name = (value),
    BATON_OPERATION_STATUS_LIST(BATON_OPERATION_STATUS_ENUM)
#undef BATON_OPERATION_STATUS_ENUM
} baton_operation_status;

/** Name of a status, such as "IN_PROGRESS". A constant string, never NULL. */
BATON_API const char *baton_operation_status_name(baton_operation_status status);

/** What ends an operation. The passive side chooses, the active side learns it with the grant. */
typedef enum baton_completion {
    /** The bytes: a read is complete when they are there, everything else when the passive side has confirmed them. */
    BATON_COMPLETION_BYTES = 0,
    /** The passive side's confirmation (COMMIT), for reads too: both sides COMPLETE or neither reports it. */
    BATON_COMPLETION_COMMIT = 1,
    /** The active application's baton_operation_ack or _nack, confirmed by the passive side. */
    BATON_COMPLETION_ACK = 2
} baton_completion;

/** What happens on the way; for on_event. */
typedef enum baton_operation_event {
    BATON_EVENT_GRANTED = 1, /**< a peer took the operation (passive), or it was granted to us (active) */
    BATON_EVENT_MOVED = 2,   /**< active: all bytes are where they belong, and a view can be read; in BATON_COMPLETION_ACK ack is due now */
    BATON_EVENT_SILENT = 3   /**< active: MOVED or ACK is not answered, the endpoint is lost; other channels may help */
} baton_operation_event;

/**
 * Runs exactly once for each operation whose creation returned OK, when it is over; never inside the call
 * that created, cancelled or closed it.
 * Threads: the owner thread: must not block, may start new operations. The handle is valid inside.
 */
typedef void (*baton_operation_complete_fn)(baton_operation *operation, void *context);
/** Threads: the owner thread: must not block. */
typedef void (*baton_operation_event_fn)(baton_operation *operation, baton_operation_event event,
                                         void *context);

/** Longest result that an acknowledgement carries, in bytes. */
#define BATON_RESULT_MAX 65536

typedef struct baton_operation_options {
    size_t struct_size;
    /** Milliseconds from creation until it must be over. 1 .. 86,400,000. */
    uint32_t deadline_ms;
    /** Milliseconds without a sign of life from the peer after which it is over (EXPIRED); renewed by
     *  itself. 0: the deadline alone. Chosen by the passive side. */
    uint32_t lease_ms;
    /** Passive side: what ends it. */
    baton_completion completion;
    /** Readable: how many readers may take it, each with an account of its own; it is COMPLETE when all of
     *  them are. 1 .. 1024. */
    uint32_t readers;
    /** Number of the attempt, from 1; part of what both sides must agree on. */
    uint32_t attempt;
    baton_operation_complete_fn on_complete;
    baton_operation_event_fn on_event;
    void *context; /**< borrowed until completion; passed to both */
} baton_operation_options;

#define BATON_OPERATION_DEFAULTS                                                                   \
    .struct_size = sizeof(baton_operation_options), .deadline_ms = 30000, .readers = 1, .attempt = 1
#define BATON_OPERATION_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(baton_operation_options), 30000, 0, BATON_COMPLETION_BYTES, 1, 1, 0, 0, 0           \
    }

/** How it stands, or how it ended. */
typedef struct baton_operation_report {
    size_t struct_size;
    baton_operation_kind kind;
    baton_operation_status status;
    baton_status reason;      /**< BATON_OK while it runs and when COMPLETE */
    int native_code;          /**< UCX's ucs_status_t or an errno, 0 if none had a part */
    uint64_t bytes_moved;     /**< payload bytes of this operation that arrived, or were served */
    uint64_t bytes_total;
    const char *peer;         /**< name of the peer's connector, "" before one is known; valid as long as the handle */
    const char *path;         /**< "am", "map", "rma" or "staged", "" before the first byte; a constant string */
    const char *transport;    /**< UCX's transports of the endpoint, such as "posix" or "tcp"; valid as long as the handle */
    uint32_t readers_done;    /**< readable: readers that ended COMPLETE */
    uint64_t chunks_repeated; /**< chunks asked for or sent again on a new session */
    const char *why_not_map;  /**< active: why the path is not map; "" while that is open, or it is; a constant string */
    uint32_t copies;          /**< once it is over: how often each byte was copied, by the kernel too; 0 for a view and for none */
    uint64_t chunk_bytes;     /**< active, once it is over: the size of its chunks */
    uint32_t chunk_depth;     /**< active, once it is over: chunks that were in flight at a time, at most */
    const char *why_not_rma;  /**< active: why the path is not rma; "" while that is open, or it is; a constant string */
    const char *why_staged;   /**< of memory of a device: why bytes of this side were staged, and not taken by UCX from where they lie;
                                   "" if none were; a constant string */
} baton_operation_report;

/** The report as of now. Errors: ERR_INVALID_ARGUMENT. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_operation_get_report(const baton_operation *operation,
                                                                baton_operation_report *report_out);
/**
 * Which way its bytes went and why not a better one, in words: "am over sysv, 2 copies, chunks of 1024 KiB, 4 in flight; not map: the
 * peer is on another host; not rma: rma is switched off here". For people; the report is for programs.
 * text: size bytes, always terminated; size 0: only counts. Returns the length of all of it without the zero, as snprintf does; 0
 * for NULL. Threads: any. Blocking: no.
 */
BATON_API size_t baton_operation_explain(const baton_operation *operation, char *text, size_t size);
BATON_API baton_operation_status baton_operation_get_status(const baton_operation *operation);
/** BATON_OK while it runs and when COMPLETE; else why it is over. Threads: any. Blocking: no. */
BATON_API baton_status baton_operation_reason(const baton_operation *operation);
/** True once the status never changes any more. Threads: any. Blocking: no. */
BATON_API bool baton_operation_is_over(const baton_operation *operation);
BATON_API baton_uuid baton_operation_id(const baton_operation *operation);

/**
 * Waits until it is over. timeout_ms: BATON_FOREVER waits for its end, which its deadline brings.
 * Errors: the operation's reason unless it is COMPLETE; ERR_TIMED_OUT (it goes on); ERR_WRONG_THREAD on
 * the owner thread; ERR_WRONG_PROCESS after fork.
 * Threads: any but the owner; where the application drives progress, it does so while it waits, and, unless timeout_ms is 0,
 * afterwards as baton_connector_flush with 0 does.
 * Blocking: yes; with 0 it only looks.
 */
BATON_API BATON_CHECKED baton_status baton_operation_wait(baton_operation *operation, uint32_t timeout_ms);

/**
 * A file descriptor that becomes readable when the operation is over; made at the first call.
 * Ownership: the operation's; valid until its handle is destroyed. Errors: ERR_SYSTEM.
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_operation_fd(baton_operation *operation, int *fd_out);

/**
 * Asks for the end: CANCELLED on this side, and the peer learns it. Chunks in flight end first. What is
 * over stays as it ended; after MOVED or ACK was sent the peer's answer decides.
 * Errors: ERR_INVALID_ARGUMENT. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_operation_cancel(baton_operation *operation);

/** The same with a reason of the caller's for the peer and for this side: ends ERRORED with it.
 *  reason: a failure. Errors: ERR_INVALID_ARGUMENT. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_operation_fail(baton_operation *operation, baton_status reason);

/**
 * Cancels if it still runs, drains, and waits until the memory is quiet.
 * Returns BATON_OK: no process can reach the memory for this operation any more. ERR_TIMED_OUT: it still
 * drains after timeout_ms. ERR_QUARANTINED: a peer may still reach it; the descriptor is held until it cannot (never
 * over TCP and shared memory: sdk/README.md).
 * Errors also: ERR_WRONG_THREAD on the owner thread. Threads: any but the owner. Blocking: yes.
 */
BATON_API BATON_CHECKED baton_status baton_operation_close(baton_operation *operation, uint32_t timeout_ms);

/**
 * Gives the handle back; closes first. The callbacks still run if they have not. On the owner thread (inside
 * a callback) it does not wait: the descriptors' release callbacks tell when the memory is quiet.
 * A view that is still held is released with it, and the operation is cancelled if it still runs: its pointers are void at once.
 * NULL is legal. Threads: any. Blocking: until it is quiet, but not on the owner thread.
 */
BATON_API void baton_operation_destroy(baton_operation *operation);

/** Metadata of a passive operation. Ownership: the caller destroys it.
 *  Errors: ERR_WRONG_STATE for an active operation, ERR_OUT_OF_MEMORY. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_operation_metadata(const baton_operation *operation,
                                                              baton_metadata **metadata_out);

/** Number of descriptors. */
BATON_API size_t baton_operation_count(const baton_operation *operation);
/** The index-th local descriptor of an active operation; of a read that is COMPLETE it holds the data. An active
 *  operation keeps its references until its handle is destroyed. Ownership: a reference for the caller.
 *  Errors: ERR_INVALID_ARGUMENT for an index beyond the last, ERR_WRONG_STATE for a passive operation or a view.
 *  Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_operation_result(const baton_operation *operation, size_t index,
                                                            baton_descriptor **descriptor_out);

/**
 * For an application that goes on with a stream of CUDA's: work that is submitted to the stream after this call sees what the operation brought.
 * Nothing is left to wait for then, neither for the stream nor for the caller: an operation is COMPLETE, and MOVED is told, only once every copy to
 * the device is over, which the device itself has said. The call makes sure of that, and costs no call of CUDA's.
 * stream: cudaStream_t of any device; NULL: the default one.
 * Errors: ERR_WRONG_STATE while bytes are missing, the operation's reason if it ended without them, ERR_INVALID_ARGUMENT for no operation.
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_operation_stream_wait(const baton_operation *operation, void *cuda_stream);

/*
 * Views (baton_connector_begin_view). The view can be read from MOVED until the application releases it, and the operation is
 * IN_PROGRESS on both sides meanwhile; baton renews the lease as long as this connector makes progress. A release completes it (in
 * BATON_COMPLETION_ACK an ack or a nack does, and releases the view too). If it ends before that, by its deadline, a cancel of either
 * side, or the loss of the peer, on_complete and baton_operation_wait tell, and the pointers stay valid all the same until the
 * application releases the view: the peer, if it lives, ends QUARANTINED after its drain_ms and keeps the memory until then. The
 * death of the peer's process changes nothing in the bytes. Only read: the memory is the peer's.
 */

/** The index-th piece of a view, in place. Ownership: the peer's memory, borrowed until baton_operation_release_view, ack, nack or destroy.
 *  Errors: ERR_INVALID_ARGUMENT (no view, no such piece), ERR_WRONG_STATE (not there yet, or released). Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_operation_view(const baton_operation *operation, size_t index,
                                                          const void **pointer_out, size_t *size_out);
/** Waits until the view can be read. Errors: the operation's reason if it ended without; ERR_WRONG_STATE once released; else as
 *  baton_operation_wait. Threads and blocking: as there. */
BATON_API BATON_CHECKED baton_status baton_operation_wait_view(baton_operation *operation, uint32_t timeout_ms);
/** As baton_operation_fd, but readable when the view can be read, or never will be. Errors: ERR_INVALID_ARGUMENT (no view), ERR_SYSTEM. */
BATON_API BATON_CHECKED baton_status baton_operation_view_fd(baton_operation *operation, int *fd_out);
/** Nobody here reads the view any more: its pointers are void from the call on. Also after the end of the operation, and after
 *  the connector's. Errors: ERR_INVALID_ARGUMENT (no view), ERR_WRONG_STATE (not there yet, or released before),
 *  ERR_WRONG_PROCESS. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_operation_release_view(baton_operation *operation);

/**
 * Active, BATON_COMPLETION_ACK, after MOVED: the application has processed the data, or cannot.
 * result: up to BATON_RESULT_MAX bytes for the passive side, copied; NULL with size 0 for none.
 * Ends COMPLETE when the passive side has confirmed; after a nack ERRORED with ERR_NACKED on both sides.
 * Errors: ERR_WRONG_STATE (not in that mode, bytes not all there, answered before, over), ERR_TOO_LARGE,
 * ERR_OUT_OF_MEMORY. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_operation_ack(baton_operation *operation, const void *result,
                                                         size_t size);
BATON_API BATON_CHECKED baton_status baton_operation_nack(baton_operation *operation, const void *result,
                                                          size_t size);
/** Passive, when over: what the peer's ack or nack carried. Borrowed as long as the handle; NULL if none. */
BATON_API const void *baton_operation_peer_result(const baton_operation *operation, size_t *size_out);

/*
 * Settling by another channel. When the endpoint is lost after MOVED or ACK, the end can come over any
 * authenticated channel that the application (or the side channel) has. The keys prove that the message
 * comes from the peer of this very attempt.
 */

/** The secrets of one granted attempt. */
typedef struct baton_settle_keys {
    baton_key ack_key;    /**< proves messages from the active to the passive side */
    baton_key cancel_key; /**< proves messages from the passive to the active side */
} baton_settle_keys;

/** Errors: ERR_WRONG_STATE before the grant. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_operation_settle_keys(const baton_operation *operation,
                                                                 baton_settle_keys *keys_out);

/** What the other channel brought. */
typedef enum baton_settlement {
    BATON_SETTLE_DONE = 1,   /**< to the passive side: all bytes are there (or, in ACK mode, acknowledged with result) */
    BATON_SETTLE_NACK = 2,   /**< to the passive side: the application answered no, with result */
    BATON_SETTLE_FAIL = 3,   /**< to the passive side: the active side failed with reason, or cancelled */
    BATON_SETTLE_RENEW = 4,  /**< to the passive side: a sign of life; renews the lease, never ends anything */
    BATON_SETTLE_COMMIT = 5, /**< to the active side: the passive side is COMPLETE */
    BATON_SETTLE_NACKED = 6, /**< to the active side: the passive side has taken the nack */
    BATON_SETTLE_CANCEL = 7  /**< to the active side: the passive side ended it with reason */
} baton_settlement;

/**
 * Applies a message of another channel. Owner thread only (post a task to get there).
 * key: ack_key or cancel_key, as the table above says. reason: for FAIL and CANCEL. result: copied.
 * Errors: ERR_FORBIDDEN (wrong key; counted), ERR_WRONG_STATE (no grant yet, or the settlement does not
 * fit the side), ERR_WRONG_THREAD, ERR_TOO_LARGE. A settlement for what is over is ignored: BATON_OK.
 * Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_operation_settle(baton_operation *operation,
                                                            baton_settlement settlement,
                                                            const baton_key *key, baton_status reason,
                                                            const void *result, size_t size);

#ifdef __cplusplus
}
#endif
#endif

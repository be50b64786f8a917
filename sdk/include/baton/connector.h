/* SPDX-License-Identifier: Apache-2.0 */
/** One per worker: owns UCX, the progress loop, and the operations. */
#ifndef BATON_CONNECTOR_H
#define BATON_CONNECTOR_H

#include <baton/loop.h>
#include <baton/operation.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_connector baton_connector;

typedef enum baton_progress {
    BATON_PROGRESS_THREAD = 0,     /**< a thread of baton's; sleeps when there is nothing to do */
    BATON_PROGRESS_APPLICATION = 1 /**< no thread: baton_connector_fd and baton_connector_progress */
} baton_progress;

/** Longest name of a connector, without its terminating zero. */
#define BATON_NAME_MAX 63
/** spin_us for a loop that never sleeps and takes a core for itself: it yields only now and then. */
#define BATON_SPIN_ALWAYS UINT32_MAX

typedef struct baton_connector_options {
    size_t struct_size;
    /** 1 .. 63 of A-Z a-z 0-9 _ -; NULL: made of the host name and the process id. */
    const char *name;
    baton_progress progress;
    /** Microseconds that the thread, or a wait of the application where it drives progress, spins after work before it
     *  sleeps; it yields in between. 0: never spins. BATON_SPIN_ALWAYS: busy polling. Where baton has a thread, a wait for an operation
     *  looks for so long too, at most 20 and only while most waits end in that time, before it sleeps. */
    uint32_t spin_us;
    /** Peers with a session at a time; one more is refused (ERR_LIMIT, to the peer ERR_BUSY). */
    uint32_t peers_max;
    /** Milliseconds that a chunk in flight may still take after a cancel or a deadline before the
     *  endpoint is closed by force (its other operations resume on a new one). */
    uint32_t drain_ms;
    /** Milliseconds that the other operations of a lost session wait for the peer to come back. */
    uint32_t resume_ms;
    /** The secret of a trust group, 1 to 255 bytes: readables that lie in pools of this group (baton/pool.h) are read by
     *  mapping them, where both are on one host. NULL: none. Copied. */
    const char *map_group;
    /** True: where this host and the peer's have a verbs device and both connectors say so, the active side reads and writes the
     *  peer's memory by its device (path rma), once it has tried that keys are enforced and can be taken back. Opens the device,
     *  and registers the memory of each operation that goes this way. Without a device: all goes as if it were false, and the
     *  report of an operation says why. */
    bool rma;
    /** Bytes of pinned host memory at most, through which CUDA memory is moved where UCX cannot reach it; from 4 MiB to 32 MiB, 0 for 16 MiB. Pinned when
     *  it is first needed. What finds all of it in use waits. */
    size_t stage_bytes;
} baton_connector_options;

#define BATON_CONNECTOR_DEFAULTS                                                                   \
    .struct_size = sizeof(baton_connector_options), .spin_us = 200, .peers_max = 4096,             \
    .drain_ms = 100, .resume_ms = 2000
#define BATON_CONNECTOR_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(baton_connector_options), 0, BATON_PROGRESS_THREAD, 200, 4096, 100, 2000, 0, false, 0 \
    }

/**
 * Opens UCX and starts progress.
 * options: NULL for the defaults; copied. Errors: ERR_INVALID_ARGUMENT, ERR_TRANSPORT (UCX cannot be
 * opened; the error text says why), ERR_SYSTEM, ERR_OUT_OF_MEMORY. Threads: any. Blocking: while UCX opens its devices.
 */
BATON_API BATON_CHECKED baton_status baton_connector_create(const baton_connector_options *options,
                                                            baton_connector **connector_out);

/**
 * Ends it: operations that run are cancelled (ERR_SHUT_DOWN on this side), their peers learn it, memory
 * becomes quiet, descriptors are released. Handles of operations stay valid for reading and must still be destroyed. A view that is not
 * released yet stays readable until then; but its peer can't be told any more and holds that memory until this process ends.
 * NULL is legal. Threads: any but the owner thread, where it does nothing but log an error. Blocking: yes, bounded by a few seconds.
 */
BATON_API void baton_connector_destroy(baton_connector *connector);

BATON_API const char *baton_connector_name(const baton_connector *connector);
BATON_API const char *baton_connector_hostname(const baton_connector *connector);
/** True if this build and this machine can use CUDA memory. */
BATON_API bool baton_connector_is_cuda_available(const baton_connector *connector);
/** A fresh UUID for each connector. */
BATON_API baton_uuid baton_connector_instance(const baton_connector *connector);
/** Grows with each connector of the machine: nanoseconds of CLOCK_REALTIME at its creation. */
BATON_API uint64_t baton_connector_epoch(const baton_connector *connector);
BATON_API baton_loop *baton_connector_loop(baton_connector *connector);

/**
 * A passive operation over count descriptors: a peer that has its metadata may read (or write) them, once.
 * INITIALIZED at return; IN_PROGRESS from the grant to a peer.
 * descriptors: references are taken until it is over. options: NULL for the defaults; copied.
 * Errors: ERR_INVALID_ARGUMENT, ERR_SHUT_DOWN, ERR_WRONG_PROCESS, ERR_OUT_OF_MEMORY.
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_connector_create_readable(
    baton_connector *connector, baton_descriptor *const *descriptors, size_t count,
    const baton_operation_options *options, baton_operation **operation_out);
BATON_API BATON_CHECKED baton_status baton_connector_create_writable(
    baton_connector *connector, baton_descriptor *const *descriptors, size_t count,
    const baton_operation_options *options, baton_operation **operation_out);

/**
 * An active operation: reads what metadata describes into the descriptors, or writes them there. Begins at
 * once. Lists must match in count, and in size pairwise.
 * metadata: copied. descriptors: references are taken until it is over.
 * Errors: as above, and ERR_KIND_MISMATCH, ERR_COUNT_MISMATCH, ERR_SIZE_MISMATCH. What only the peer knows
 * (unknown, taken, expired, stale, unreachable), and one peer too many (ERR_LIMIT), ends the operation with that reason.
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_connector_begin_read(
    baton_connector *connector, const baton_metadata *metadata, baton_descriptor *const *descriptors,
    size_t count, const baton_operation_options *options, baton_operation **operation_out);
BATON_API BATON_CHECKED baton_status baton_connector_begin_write(
    baton_connector *connector, const baton_metadata *metadata, baton_descriptor *const *descriptors,
    size_t count, const baton_operation_options *options, baton_operation **operation_out);

/**
 * Reads what metadata describes where it is: a pointer into the peer's memory, and no copy. For readables whose descriptors all lie in
 * pools (baton/pool.h) of this connector's map_group, on the same host, of any size, up to 1,024 descriptors of 16 pools.
 * An active operation (BATON_OPERATION_READ) without descriptors of its own: baton_operation_wait_view, BATON_EVENT_MOVED or
 * baton_operation_view_fd tell when baton_operation_view gives the pointers, baton_operation_release_view (or ack) ends it. What can't be viewed
 * is an error here or of the operation, never a copy: baton_connector_begin_read makes one.
 * metadata: copied. options: NULL for the defaults; copied; the deadline is for all of it, the time that the view is held included.
 * Errors: as baton_connector_begin_read, and ERR_NOT_SUPPORTED: not of a pool with a group, no map_group here, another host, too many
 * descriptors; the error text says which. What only the peer knows ends the operation: ERR_FORBIDDEN (the secrets differ),
 * ERR_TOO_LARGE (too many pools), ERR_NOT_SUPPORTED (its shared memory cannot be mapped here), in words in why_not_map.
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_connector_begin_view(
    baton_connector *connector, const baton_metadata *metadata, const baton_operation_options *options,
    baton_operation **operation_out);

/** Whether baton_connector_begin_view would begin one, as far as the metadata tells. Errors: as there; the text says why not.
 *  Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_connector_check_view(const baton_connector *connector,
                                                                const baton_metadata *metadata);

/**
 * Where the application drives progress: a descriptor for poll that is readable when
 * baton_connector_progress has something to do. Errors: ERR_WRONG_STATE where baton has a thread.
 */
BATON_API BATON_CHECKED baton_status baton_connector_fd(baton_connector *connector, int *fd_out);
/**
 * Does what can be done without waiting, callbacks included. Returns how much was done; 0: nothing, and
 * fd is armed: it will be readable when there is more. One thread at a time (others get 0 at once).
 * Blocking: no.
 */
BATON_API int baton_connector_progress(baton_connector *connector);
/**
 * Progress until all that peers are told (what an operation that is over has said last, an acknowledgement) has left, for an
 * application that will not drive it for a while: where a peer's inbox is full it waits. timeout_ms: 0 does what waits for operations and
 * hand-offs do by themselves: 10 ms at most, only if no operation is live (else progress is to be driven anyway), and not again for what
 * was waited for in vain. Errors: ERR_TIMED_OUT (something is left), ERR_WRONG_STATE where baton has a thread, ERR_WRONG_THREAD
 * inside a callback. Threads: any, one drives. Blocking: until timeout_ms is over (BATON_FOREVER: as long as the peers live).
 */
BATON_API BATON_CHECKED baton_status baton_connector_flush(baton_connector *connector, uint32_t timeout_ms);
/** Progress, then sleep until there is more or timeout_ms is over. Errors: ERR_TIMED_OUT, ERR_WRONG_STATE
 *  where baton has a thread, ERR_WRONG_THREAD inside a callback. */
BATON_API BATON_CHECKED baton_status baton_connector_progress_wait(baton_connector *connector,
                                                                   uint32_t timeout_ms);

/** Counters since creation, and a few gauges. Only appended to. */
#define BATON_CONNECTOR_STATS_LIST(X)                                                              \
    X(operations_created)                                                                          \
    X(operations_complete)                                                                         \
    X(operations_cancelled)                                                                        \
    X(operations_errored)                                                                          \
    X(operations_live)   /* gauge */                                                               \
    X(registrations)     /* ranges of memory that were registered with UCX */                      \
    X(registrations_live) /* gauge */                                                              \
    X(peers_live)        /* gauge */                                                               \
    X(endpoints_created)                                                                           \
    X(endpoints_failed)  /* reported broken by UCX */                                              \
    X(endpoints_forced)  /* closed by force to make memory quiet */                                \
    X(sessions_resumed)                                                                            \
    X(frames_received)                                                                             \
    X(refused_identifier) /* active messages with an id that is not baton's */                     \
    X(refused_length)    /* frames of a wrong length or a wrong encoding */                        \
    X(refused_version)                                                                             \
    X(refused_instance)  /* meant for another instance or epoch */                                 \
    X(refused_session)   /* of a session that is unknown or over */                                \
    X(refused_operation) /* of an operation that is unknown */                                     \
    X(refused_token)                                                                               \
    X(refused_state)     /* not allowed in the state that the operation is in */                   \
    X(refused_bounds)                                                                              \
    X(refused_duplicate)                                                                           \
    X(refused_address)   /* broken address block */                                                \
    X(refused_limit)                                                                               \
    X(bytes_sent)                                                                                  \
    X(bytes_received)                                                                              \
    X(loop_sleeps)                                                                                 \
    X(workers_renewed) /* UCX workers that were left, a process having blocked their shared memory */ \
    X(pools_mapped)    /* gauge: pools of peers */                                                 \
    X(bytes_mapped)    /* read by mapping */                                                       \
    X(quarantined)     /* gauge: consumers that may still read memory of ours */                  \
    X(views)           /* gauge: views of peers' memory that the application has */               \
    X(bytes_reached)   /* got from peers, or put there, by the device: path rma */

typedef struct baton_connector_stats {
    size_t struct_size;
#define BATON_CONNECTOR_STATS_FIELD(name) uint64_t name;
    BATON_CONNECTOR_STATS_LIST(BATON_CONNECTOR_STATS_FIELD)
#undef BATON_CONNECTOR_STATS_FIELD
} baton_connector_stats;

/** stats_out->struct_size is set by the caller; fills up to that size. Errors: ERR_INVALID_ARGUMENT.
 *  Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_connector_get_stats(const baton_connector *connector,
                                                               baton_connector_stats *stats_out);

#ifdef __cplusplus
}
#endif
#endif

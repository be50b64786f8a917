/* SPDX-License-Identifier: Apache-2.0 */
/** A connector and a NATS session under one name: what most users take. */
#ifndef BATON_WORKER_H
#define BATON_WORKER_H

#include <baton/connector.h>
#include <baton/nats_options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_worker baton_worker;

typedef struct baton_worker_options {
    size_t struct_size;
    /** 1 .. 63 of A-Z a-z 0-9 _ -, unique among the workers of one prefix; NULL: host name and process id. */
    const char *name;
    /** First tokens of every subject. */
    const char *prefix;
    /** NULL: the defaults. */
    const baton_nats_options *nats;
    /** NULL: the defaults; its name is ignored, the worker's counts. */
    const baton_connector_options *connector;
    /** Most milliseconds that create waits for the first connection. 0: does not wait; the worker goes on
     *  trying, and offers fail or wait as their options say. */
    uint32_t connect_wait_ms;
    /** Most offers that wait for a connection or a consumer at a time. */
    uint32_t queue_max;
    /** Longest user JSON and result JSON accepted and sent, in bytes; at most BATON_RESULT_MAX. */
    uint32_t json_max;
    /** Publish the life of each operation on <prefix>.event.<worker>. */
    bool events;
} baton_worker_options;

#define BATON_WORKER_DEFAULTS                                                                      \
    .struct_size = sizeof(baton_worker_options), .prefix = "baton.v1", .connect_wait_ms = 2000,    \
    .queue_max = 1024, .json_max = 65536
#define BATON_WORKER_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(baton_worker_options), 0, "baton.v1", 0, 0, 2000, 1024, 65536, false                \
    }

/**
 * Opens the connector and the NATS session.
 * options: NULL for the defaults; copied. Errors: as baton_connector_create; ERR_INVALID_ARGUMENT (name,
 * prefix, URL, files that do not exist), ERR_NATS_DISCONNECTED (no server within connect_wait_ms),
 * ERR_NATS_AUTHENTICATION, ERR_NATS. Threads: any. Blocking: up to connect_wait_ms and the opening of UCX.
 */
BATON_API BATON_CHECKED baton_status baton_worker_create(const baton_worker_options *options,
                                                         baton_worker **worker_out);

/**
 * Ends it: serves nothing new, waits up to timeout_ms for callbacks that run, cancels what is left, tells
 * the peers, sends what acknowledgements it can. Every offer and handoff ends before it returns OK.
 * Errors: ERR_TIMED_OUT (a callback of the application still runs; call again), ERR_WRONG_THREAD.
 * Threads: any but the owner and the callbacks'. Blocking: yes.
 */
BATON_API BATON_CHECKED baton_status baton_worker_shut_down(baton_worker *worker, uint32_t timeout_ms);

/** Shuts down without bound on callbacks that run, then frees. Handles of offers stay valid for reading
 *  and must still be destroyed. NULL is legal. Threads: any but the owner and the callbacks'. Blocking: yes. */
BATON_API void baton_worker_destroy(baton_worker *worker);

BATON_API const char *baton_worker_name(const baton_worker *worker);
/** Borrowed as long as the worker lives. */
BATON_API baton_connector *baton_worker_connector(baton_worker *worker);
/** True while a NATS server is connected. Threads: any. Blocking: no. */
BATON_API bool baton_worker_is_connected(const baton_worker *worker);

/**
 * A round trip over NATS to a worker of the same prefix, which baton answers there without the application: is it
 * there, can both send to each other, does its loop turn? UCX has no part in it.
 * name: of the worker. timeout_ms: from 1; not BATON_FOREVER. round_trip_ns_out: nanoseconds from the publish to the
 * answer's arrival, NULL if not wanted.
 * Errors: ERR_INVALID_ARGUMENT, ERR_NO_CONSUMER (nobody of that name is connected), ERR_TIMED_OUT (no answer: it is
 * stopped, or older than this call), ERR_NATS_DISCONNECTED, ERR_NATS_DENIED, ERR_NATS, ERR_SHUT_DOWN, ERR_WRONG_THREAD,
 * ERR_WRONG_PROCESS, ERR_OUT_OF_MEMORY. Threads: any but the owner. Blocking: up to timeout_ms.
 */
BATON_API BATON_CHECKED baton_status baton_worker_ping(baton_worker *worker, const char *name,
                                                       uint32_t timeout_ms,
                                                       uint64_t *round_trip_ns_out);

/** Where the application drives progress: as the functions of the connector. Handoff callbacks then run
 *  inside baton_worker_progress. */
BATON_API BATON_CHECKED baton_status baton_worker_fd(baton_worker *worker, int *fd_out);
BATON_API int baton_worker_progress(baton_worker *worker);
BATON_API BATON_CHECKED baton_status baton_worker_progress_wait(baton_worker *worker, uint32_t timeout_ms);

/** Counters since creation. Only appended to. */
#define BATON_WORKER_STATS_LIST(X)                                                                 \
    X(offers_created)                                                                              \
    X(offers_complete)                                                                             \
    X(offers_failed)                                                                               \
    X(offers_published)  /* OFFER messages, repeated ones included */                              \
    X(offers_live)       /* gauge */                                                               \
    X(attempts_failed)                                                                             \
    X(handoffs_received)                                                                           \
    X(handoffs_complete)                                                                           \
    X(handoffs_failed)                                                                             \
    X(handoffs_busy)     /* refused since all places were taken */                                 \
    X(handoffs_live)     /* gauge */                                                               \
    X(messages_received)                                                                           \
    X(messages_sent)                                                                               \
    X(messages_held)     /* kept for a reconnect */                                                \
    X(refused_malformed)                                                                           \
    X(refused_oversize)                                                                            \
    X(refused_version)                                                                             \
    X(refused_type)                                                                                \
    X(refused_sender)    /* sender differs from subject */                                         \
    X(refused_key)       /* wrong token or key */                                                  \
    X(refused_attempt)   /* of an attempt that is over or never was */                             \
    X(refused_duplicate)                                                                           \
    X(refused_late)      /* time to live over */                                                   \
    X(refused_unknown)   /* of an offer or handoff that is not known */                            \
    X(no_responders)                                                                               \
    X(nats_connects)                                                                               \
    X(nats_disconnects)

typedef struct baton_worker_stats {
    size_t struct_size;
#define BATON_WORKER_STATS_FIELD(name) uint64_t name;
    BATON_WORKER_STATS_LIST(BATON_WORKER_STATS_FIELD)
#undef BATON_WORKER_STATS_FIELD
} baton_worker_stats;

/** stats_out->struct_size is set by the caller. Errors: ERR_INVALID_ARGUMENT. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_worker_get_stats(const baton_worker *worker,
                                                            baton_worker_stats *stats_out);

#ifdef __cplusplus
}
#endif
#endif

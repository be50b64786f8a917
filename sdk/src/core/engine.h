/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_ENGINE_H
#define BATON_CORE_ENGINE_H

/*
 * What the files of core share: the connector and everything that its owner thread alone touches. Rules:
 *
 * - UCX callbacks (a message, the end of a transfer) change state and send, but never close an endpoint and never call the
 *   application: what needs that goes on one of the connector's lists (deferred, troubled, ready), which
 *   baton__engine_progress works off right after UCX's progress has returned.
 * - An operation ends only through baton__operation_end, and only when no transfer of it is in flight: then its memory
 *   is quiet.
 */
#include "base/depot.h"
#include "base/event.h"
#include "base/recycler.h"
#include "base/slab.h"
#include "core/frame.h"
#include "core/inbox.h"
#include "core/loop.h"
#include "core/metadata.h"
#include "core/operation_state.h"
#include "core/plan.h"
#include "core/renewal.h"
#include "core/table.h"
#include "memory/registration.h"
#include "transport/transport.h"
#include <baton/connector.h>
#include <pthread.h>

/* Tables are keyed by UUIDs and tokens, which are random: their first bytes are the hash. The peer's own choice of
 * nonce or instance can at worst slow down what that peer does. */
#define HASH_FUNCTION(keyptr, keylen, hashv)                                                       \
    do {                                                                                           \
        uint32_t hash_word_;                                                                       \
        __builtin_memcpy(&hash_word_, (keyptr), sizeof(hash_word_));                               \
        (hashv) = hash_word_;                                                                      \
    } while (0)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

typedef struct baton__peer baton__peer;
typedef struct baton__grant baton__grant;
typedef struct baton__chunk baton__chunk;
typedef struct baton__control baton__control;
typedef struct baton__deferred baton__deferred;
typedef struct baton__tombstone baton__tombstone;
typedef struct baton__identity baton__identity;
typedef struct baton__hold baton__hold;
typedef struct baton__map baton__map;
typedef struct baton__mapped baton__mapped;
typedef struct baton__view baton__view;
typedef struct baton__release baton__release;
typedef struct baton__reach baton__reach;
typedef struct baton__exposure baton__exposure;
typedef struct baton__rma_out baton__rma_out;
typedef struct baton__rma_side baton__rma_side;
typedef struct baton__stage baton__stage;
typedef struct baton__detour baton__detour;

enum {
    BATON__CHUNK_BYTES = 512 * 1024, /* see sdk/README.md, "Chunks" */
    BATON__DEPTH = 2,               /* chunks of one operation in flight */
    BATON__SERVED_MAX = 64,           /* chunks of one grant in flight, whatever the peer asks for */
    BATON__RESETS_MAX = 16,           /* sessions that one operation survives */
    BATON__STUCK_MS = 1000, /* patience with UCX after an endpoint was closed */
    BATON__LINGER_MS = 100, /* until UCX has detached from a segment, which could be attached again otherwise */
    BATON__DEFERRED_MAX = 4096,
    BATON__TOMBSTONES_MAX = 16384,
    BATON__OLD_SESSIONS = 8,
    BATON__PEERS_SURPLUS = 16 /* beyond peers_max, so that they can be told */
};

/* How grants ended; tombstone.h. */
typedef struct baton__tombstones {
    baton__table by_nonce;
    baton__slab slab;
    baton__tombstone *oldest;
    baton__tombstone *youngest;
} baton__tombstones;

/* What was abandoned, until UCX calls it back or its worker is gone. */
typedef struct baton__orphans {
    baton__chunk *chunks;
    baton__control *controls;
} baton__orphans;

typedef enum baton__grant_state {
    BATON__GRANT_ACTIVE = 1,
    BATON__GRANT_CLOSING = 2, /* chunks are refused; ends when inflight is 0 */
    BATON__GRANT_COMPLETE = 3,
    BATON__GRANT_NACKED = 4,
    BATON__GRANT_FAILED = 5
} baton__grant_state;

/* One consumer of a passive operation: its secrets, its lease, its account. */
struct baton__grant {
    baton_operation *operation;
    baton__peer *peer; /* NULL when over */
    baton__grant_state state;
    baton_uuid session;
    baton_uuid instance;
    baton_key nonce;
    baton_key token;
    baton_key ack_key;
    baton_key cancel_key;
    baton__hold *hold;   /* the consumer may reach the memory by itself; counts in inflight */
    bool exposed;        /* because of a chunk that failed: another chunk does not end it */
    bool peer_on_device; /* the consumer's memory is a device's */
    baton__exposure *exposure; /* the consumer may reach the memory by its device, as long as we let it */
    baton__plan plan;
    baton__bits claimed; /* writable: received or being received */
    uint32_t received;   /* writable: chunks that are there */
    uint32_t inflight;
    uint64_t lease_until_ns;
    uint64_t bytes;
    bool attached; /* the present session serves it */
    bool opening;  /* its first GRANT has not left, and will tell what is there */
    bool moved;    /* the consumer says that all bytes are there */
    bool acked;
    bool nacked;
    baton_status reason;
    int native;
    void *result;
    size_t result_size;
    baton_timer timer; /* lease; drain when closing */
    baton__grant *next; /* of the operation */
    baton__grant *peer_prev;
    baton__grant *peer_next;
};

/* A remote connector. It has at most one endpoint, and a session in each direction that is in use: the one that
 * we began as the active side (out), and the one that it began (in). */
struct baton__peer {
    baton_connector *connector;
    baton_uuid instance;
    uint64_t epoch;
    UT_hash_handle by_instance;
    char name[BATON_NAME_MAX + 1];
    uint8_t *address;
    size_t address_size;
    uint32_t address_version;
    baton__endpoint *endpoint;
    bool shares_inbox;   /* it reaches us through a queue that other processes use too; inbox.h */
    bool retiring;       /* its session is of the worker before the present one */
    bool to_tell;        /* of our new address */
    bool lingering;      /* its close takes BATON__LINGER_MS at least */
    bool moved;          /* its endpoint leads to an address that it has left */
    uint64_t frames;     /* heard from it */
    uint64_t frames_seen; /* at the last look of inbox.c */
    baton__process process;
    baton_source life;   /* its pidfd; liveness.c */
    bool dead;           /* its process has ended */
    bool surplus;        /* one too many: it is told BUSY and nothing else */
    bool troubled;       /* on the connector's list: to be closed, or to be looked at */
    bool reset_wanted;
    bool closing;        /* endpoint_close was called and has not ended */
    bool endpoint_gone;  /* it has */
    bool heard;          /* a frame came since the endpoint was made */
    bool ever_heard;
    uint32_t failures;   /* endpoints lost in a row without a frame in between */
    int native;          /* of the last failure */
    baton_uuid out_session;
    baton_uuid in_session;
    bool has_in;
    baton_uuid old_sessions[BATON__OLD_SESSIONS]; /* of both directions */
    uint32_t old_next;
    uint32_t transfers;  /* everything of this peer's that UCX has not called back */
    uint64_t used_ns;    /* for eviction */
    uint64_t opened_ns;  /* when an operation of ours with it began last */
    char transport[32];
    baton_timer resume_timer;
    baton_timer stuck_timer; /* UCX has not called everything back */
    baton__chunk *chunks;    /* in flight */
    baton__control *controls;
    baton_operation *actives;
    baton__grant *grants;
    baton__peer *troubled_next;
    baton__release *releases; /* that could not be sent */
    uint32_t releases_count;
    uint32_t holds;           /* in quarantine for it: it is asked, so it stays */
    uint32_t left;            /* chunks that were abandoned, and may still reach memory of its device: so does it */
    baton__rma_out *rma_out;  /* links of the path rma: ours as the active side */
    struct baton__rma_link *rma_in; /* and the peer's; NULL: none */
};

struct baton_connector {
    baton_connector_options options;
    char name[BATON_NAME_MAX + 1];
    char hostname[256];
    baton_uuid instance;
    uint64_t epoch;
    baton_key claim_secret; /* claim.h */
    baton__process process;
    uint32_t references;
    uint32_t fork_generation;
    uint32_t shutting;  /* atomic: nothing new */
    uint32_t creating;  /* atomic: threads inside create and begin */
    uint64_t wait_ns;   /* atomic: what waits for its thread have taken of late */
    uint32_t fd_given;  /* atomic: somebody may be polling baton_connector_fd */
    uint32_t ended;     /* atomic: the transport is closed; only the loop and the handles of operations are left */
    baton_loop *loop;
    pthread_t thread;
    bool has_thread;
    bool stop;
    const baton__transport_table *table;
    baton__transport *transport;
    baton__identity *identity; /* atomic */
    uint32_t address_version;  /* counts the addresses that it has had */
    bool has_map_group;
    baton_key map_group;
    baton__mapped *mapped;   /* pools of peers */
    baton_timer mapped_timer;
    baton__map *copying;     /* reads that copy from there */
    size_t stream_copy_min;  /* base/stream_copy.h */
    baton__table views;      /* that the application has, by their nonces */
    baton__hold *holds;      /* in quarantine */
    baton_timer holds_timer; /* asks their readers */
    uint32_t holds_wait_ms;
    baton__rma_side *rma;    /* its verbs device; NULL: none */
    const char *why_no_rma;  /* constant from creation on */
    bool rma_reaches_devices; /* as why_no_rma */
    baton__stage *stage;     /* NULL: not needed so far */
    baton__inbox inbox;
    baton__renewal renewal;
    baton__registrations *registrations;
    baton_task registrations_task; /* some are to be undone */
    baton__table by_nonce;      /* active operations */
    baton__table by_id;         /* passive ones */
    baton__depot passives;      /* memory of operations */
    baton__depot actives;
    baton__recycler grants;
    baton__peer *by_instance;
    baton_operation *ready_head;
    baton_operation *ready_tail;
    baton__peer *troubled;
    baton__deferred *deferred;  /* list, oldest first */
    uint32_t deferred_count;
    baton__tombstones tombstones;
    baton__chunk *free_chunks;
    baton__control *free_controls;
    uint32_t unsent;       /* atomic: control frames that the transport has not taken yet */
    uint32_t unsent_stuck; /* atomic: of these, how many were waited for in vain */
    uint8_t *spare_body; /* for a control frame that is larger than most; NULL: none, or in use */
    baton__orphans orphans;
    baton__orphans retired_orphans; /* of the worker before the present one */
    baton_connector_stats stats; /* written by the owner only, read by all: relaxed atomics */
};

#define BATON__COUNT_BY(connector, field, by)                                                      \
    __atomic_store_n(&(connector)->stats.field,                                                    \
                     __atomic_load_n(&(connector)->stats.field, __ATOMIC_RELAXED) +                \
                         (uint64_t)(by),                                                           \
                     __ATOMIC_RELAXED)
#define BATON__COUNT(connector, field) BATON__COUNT_BY(connector, field, 1)
#define BATON__UNCOUNT(connector, field) BATON__COUNT_BY(connector, field, -1)

static inline uint64_t baton__now(const baton_connector *connector)
{
    return baton_loop_now_ns(connector->loop);
}

static inline uint64_t baton__after_ms(const baton_connector *connector, uint32_t ms)
{
    return baton__now(connector) + (uint64_t)ms * BATON__NS_PER_MS;
}

/* The parts of core, each with its header. */
#include "core/active.h"
#include "core/claim.h"
#include "core/direct.h"
#include "core/gates.h"
#include "core/hold.h"
#include "core/identity.h"
#include "core/liveness.h"
#include "core/map.h"
#include "core/operation.h"
#include "core/outbox.h"
#include "core/passive.h"
#include "core/peer.h"
#include "core/progress.h"
#include "core/rma.h"
#include "core/stage.h"
#include "core/tombstone.h"

#endif

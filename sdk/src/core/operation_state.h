/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_OPERATION_STATE_H
#define BATON_CORE_OPERATION_STATE_H

/* The operation's memory, for the files of core; engine.h has the rules. */
#include "base/event.h"
#include "base/layout.h"
#include "core/metadata.h"
#include "core/plan.h"
#include "core/table.h"
#include <baton/connector.h>
#include <baton/loop.h>
#include <stddef.h>

typedef struct baton__peer baton__peer;
typedef struct baton__grant baton__grant;
typedef struct baton__map baton__map;
typedef struct baton__view baton__view;
typedef struct baton__reach baton__reach;
typedef struct baton__gates baton__gates;

enum { BATON__LINE = 64 }; /* of the cache, where lines are as long as nearly everywhere */

/* What other threads ask of an operation (bits of `requests`). */
enum {
    BATON__REQUEST_BEGIN = 1,
    BATON__REQUEST_CANCEL = 2,
    BATON__REQUEST_ANSWER = 4, /* ack or nack */
    BATON__REQUEST_RELEASE = 8 /* of a view */
};

/* The application's acknowledgement (answer_state). */
enum { BATON__ANSWER_ACK = 2, BATON__ANSWER_NACK = 3 };

/* What is to be told to the application (bits of `ready_flags`). */
enum {
    BATON__READY_GRANTED = 1,
    BATON__READY_MOVED = 2,
    BATON__READY_SILENT = 4,
    BATON__READY_OVER = 8
};

/* The active half of an operation. */
typedef struct baton__active {
    baton_metadata *metadata;
    baton_key nonce;
    baton_key token;
    baton_key ack_key;
    baton_key cancel_key;
    baton__bits claimed; /* read: chunk is being received or done; write: being sent or sent */
    baton__bits done;    /* bytes are where they belong */
    uint32_t cursor;     /* where to look for the next chunk to ask for or send */
    uint32_t asked;      /* chunks asked for or sent, and not done */
    uint64_t opened_ns;  /* when the OPEN of this session left */
    uint64_t lease_until_ns;
    bool opened;         /* an OPEN was sent */
    bool attached;       /* granted in the present session */
    bool granted;
    bool mute;           /* the passive side needs no word of our end */
    bool moved_told;
    bool peer_on_device; /* all of the peer's memory is a device's */
    bool exposed;        /* the passive side may still have memory of ours open; direct.h */
    bool reads_on;       /* FAIL said so, and RELEASE is due */
    bool final;          /* MOVED or ACK was sent: the peer's answer decides */
    baton__map *map;     /* NULL: it was not wanted */
    baton__view *view;   /* NULL: it is no view */
    baton__reach *reach; /* the same, of the path rma */
    bool lost;           /* final, and the peer is lost: only another channel can tell */
    bool answered;       /* the application acknowledged */
    bool nack;
    uint32_t resets;
    uint32_t depth;      /* chunks in flight at most */
} baton__active;

/* The passive half. */
typedef struct baton__passive {
    baton__grant *grants;
    uint32_t failed;
    uint16_t granted;  /* grants that are active or complete: no more than readers */
    uint16_t complete;
} baton__passive;

/*
 * Of 100,000 none is in any cache, and what a step costs is the cache lines that it touches: so the first four (BATON__LINE; the
 * depot begins an operation with one) are laid out by step. Asking for something takes the first; destroying takes two; ending and
 * telling the end take three; beginning takes them all. Finding it reads the third.
 */
struct baton_operation {
    /* Any thread. */
    baton_connector *connector;
    baton_operation_kind kind;
    uint32_t references;
    uint32_t requests;      /* atomic, BATON__REQUEST_ bits */
    uint32_t status;        /* atomic, baton_operation_status */
    uint32_t cancel_reason; /* atomic: baton_status of the first cancel or fail, 0 before one */
    baton__event over;
    baton_task task;
    int fd;                 /* atomic, -1 until asked for */
    uint32_t holders;       /* atomic: who needs the descriptors; the last one releases them */

    /* Its end: the owner thread, and who sees by `status` that it is over. */
    baton_operation *ready_next;
    uint8_t staged;         /* bits; stage.h. Read by other threads: what the owner changes in it is atomic */
    bool ending;            /* no new chunk; ends when inflight is 0 */
    bool ready_listed;
    uint8_t ready_flags;
    uint32_t inflight;
    baton_status reason;    /* while it is ending what it will end with, unless something else comes of it */
    int native;
    baton__passive p;       /* of a passive one */
    baton_descriptor **descriptors; /* NULL: of a view */
    baton_descriptor *one[1]; /* descriptors, where there is one */
    void *result;           /* active: of our ack; passive: of the peer's */

    /* What ends it, besides: told, and taken out of the tables. */
    baton_operation_complete_fn on_complete;
    baton__node node;       /* passive: by id; active: by nonce */
    baton_timer deadline_timer;

    /* What was given to it, and how it is found. */
    baton_operation_event_fn on_event;
    void *context;
    baton_uuid id;
    baton__layout layout;
    uint32_t count;         /* descriptors; of a view the peer's */
    uint32_t readers;

    /* Whatever else; any thread again, but written once. */
    baton__run one_run[1];  /* of the layout, where there is one descriptor */
    uint64_t bytes_total;
    uint64_t deadline_ns;
    baton_completion completion;
    uint32_t lease_ms;
    uint32_t attempt;
    uint32_t answer_state;  /* atomic: 0, 1 being written, BATON__ANSWER_ */
    uint32_t moved;         /* atomic: an acknowledgement is due */
    uint32_t keys_there;    /* atomic: keys can be read */
    baton_settle_keys keys;
    baton_device device;    /* staged by copy: whose lanes it takes */
    baton__gates *gates;    /* staged by a gate */

    /* Owner thread from here on; what the report shows is atomic or written before `status` is. */
    uint64_t bytes_moved;   /* atomic */
    uint64_t chunks_repeated;
    uint64_t readers_done;  /* atomic */
    size_t result_size;
    baton__plan plan;
    baton__peer *peer;
    baton_operation *peer_prev;
    baton_operation *peer_next;
    const char *why_not_map; /* atomic; NULL: not decided, or taken */
    const char *why_not_rma; /* atomic; as why_not_map */
    const char *why_staged;  /* atomic; NULL: nothing was, as far as it went */
    bool direct;             /* atomic: a chunk of a device's memory went by am */
    bool mapped;             /* atomic: the path is map */
    bool viewed;             /* atomic: by a view */
    bool reached;            /* atomic: the path is rma */
    char peer_name[BATON_NAME_MAX + 1];
    char transport[32];

    /* Of an active one alone: a passive one is BATON__PASSIVE_SIZE bytes. */
    baton_timer timer; /* lease and renewal; drain once it is ending */
    baton__active a;
};

#define BATON__PASSIVE_SIZE offsetof(baton_operation, timer)

/* Has the processor fetch the lines from one to another while it does something else: one miss instead of several. */
static inline void baton__operation_fetch(const baton_operation *op, size_t first, size_t last)
{
    for (size_t line = first; line <= last; line++) {
        __builtin_prefetch((const char *)op + line * BATON__LINE, 1);
    }
}

_Static_assert(sizeof(void *) != 8 || offsetof(baton_operation, ready_next) == BATON__LINE, "an operation's first line");
_Static_assert(sizeof(void *) != 8 || offsetof(baton_operation, on_complete) == 2 * BATON__LINE, "an operation's second line");
_Static_assert(sizeof(void *) != 8 || offsetof(baton_operation, on_event) == 3 * BATON__LINE, "an operation's third line");
_Static_assert(sizeof(void *) != 8 || offsetof(baton_operation, one_run) == 4 * BATON__LINE, "an operation's fourth line");

#endif

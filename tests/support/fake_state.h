/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the fake transport share: fake_transport.c is what a test controls,
 * fake_table.c what a connector calls, fake_progress.c what happens in its progress. */
#ifndef BATON_TEST_FAKE_STATE_H
#define BATON_TEST_FAKE_STATE_H

#include "support/fake_transport.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { FAKE_RESET = -80, FAKE_CANCELLED = -16, FAKE_WORKERS_MAX = 64, FAKE_TYPES = 256 };

typedef struct message message;
struct message {
    message *prev;
    message *next;
    baton__transport *to;
    unsigned to_index;
    baton__transport *from;
    baton__endpoint *endpoint;  /* of the sender, NULL once it is closed */
    baton__transfer *sending;   /* announced: the sender's, until it is done */
    baton__transfer *receiving; /* announced and received: the receiver's */
    baton__slice to_slice; /* of receiving */
    baton__slice from_slice; /* of sending */
    bool announced;
    const void *from_device; /* its address there, of one piece; NULL: of the host */
    void *to_device;         /* as from_device */
    bool kept;              /* by the receiver, for later */
    bool last;
    bool slow;              /* it is under way into the receiver's memory until fake_let_arrive */
    uint8_t *data; /* a copy; where it is announced, what was injected, or NULL: from_slice */
    size_t size;
    size_t header_size;
    uint8_t header[256];
};

typedef struct completion completion;
struct completion {
    completion *prev;
    completion *next;
    baton__transfer *transfer; /* NULL: the end of a close */
    baton_status status;
    int native;
    void (*closed)(void *owner);
    void *owner;
};

struct baton__transport {
    unsigned index;
    unsigned old_index; /* between renew and retire; FAKE_WORKERS_MAX: none */
    bool open;
    int fd;
    baton__transport_callbacks callbacks;
    void *context;
    message *inbox;
    message *kept;
    completion *completions;
    baton__endpoint *endpoints;
};

struct baton__endpoint {
    baton__endpoint *prev;
    baton__endpoint *next;
    baton__transport *transport;
    baton__transport *target;
    unsigned target_index;
    unsigned own_index;
    void *owner;
    bool broken;
    bool told;
};

typedef struct fake_state {
    baton__transport *workers[FAKE_WORKERS_MAX];
    unsigned workers_count;
    message *held;
    struct {
        fake_fate fate;
        unsigned times;
        unsigned sent;
        void (*hook)(void);
    } plans[FAKE_TYPES];
    uint64_t now_ns;
    unsigned slow; /* receives to come that are */
    bool is_cut;
    bool is_stuck;
    bool is_unreachable;
    bool is_shared;
    bool renewal_refused;
    bool blocked[FAKE_WORKERS_MAX];
    unsigned loopbacks;
    int (*peek)(const void *memory, void *out, size_t size); /* of a device; NULL: it reaches none */
    int (*poke)(void *memory, const void *bytes, size_t size);
    bool no_lane[FAKE_WORKERS_MAX];
} fake_state;

extern fake_state fake;

uint8_t fake_type_of(const message *m);
/* Queues the end of a transfer; NULL: nothing to do. */
void fake_complete(baton__transport *transport, baton__transfer *transfer, baton_status status,
                   int native);
/* Both sides of an announced message learn that it ends; it is gone. */
/* The bytes of it, wherever they are. */
void fake_gather(const message *m, uint8_t *to);
void fake_end_message(message *m, baton_status status, int native);
/* What the endpoint sends, and what it fetches, ends with an error. */
void fake_cut_endpoint(const baton__endpoint *endpoint);
/* Does with a new message what is planned for its type. */
void fake_post(message *m);
/* Two rows of the table: progress delivers what waits and ends what is due; arm is true if there is
 * nothing of either. */
int fake_progress(baton__transport *transport);
bool fake_arm(baton__transport *transport);

#endif

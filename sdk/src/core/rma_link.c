/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link of the path rma to a peer, by the active side: two trials, then the link itself.
 *
 *   IDLE -> ASKED -> GOOD -> STALE -> IDLE   a trial: a good key has to work, then a stale one has to be refused
 *   IDLE -> ASKED -> UP -> IDLE              the link; IDLE when it breaks
 *   any  -> BARRED                           not this peer, for a while
 */
#include "core/rma_state.h"

#include "base/log.h"
#include "base/wire.h"
#include <stdlib.h>
#include <string.h>

typedef enum out_state { OUT_IDLE = 0, OUT_ASKED, OUT_GOOD, OUT_STALE, OUT_UP, OUT_BARRED } out_state;
enum { TRIAL_GET = 0, TRIAL_PUT = 1, TRIALS = 2 };

struct baton__rma_out {
    baton__peer *peer; /* NULL: it is gone; freed when its job has come back */
    baton_connector *connector;
    baton__rma_link *link;
    out_state state;
    uint32_t proven;           /* trials that are over */
    uint64_t number;           /* of the present link: an answer to an older one is no answer */
    const baton_operation *carrier; /* ASKED: the operation whose frame it was */
    baton__rma_job job;
    bool job_runs;
    bool flushing;             /* the job is the flush after a put */
    const char *why;           /* BARRED: the reason */
    baton_timer timer;         /* patience; BARRED: the end of it */
    uint8_t *memory;           /* ours for the trials */
    baton__rma_region *region;
    uint64_t address;
    uint64_t good;
    uint64_t stale;
};

static void kick(baton__rma_out *out);

static void close_link(baton__rma_out *out)
{
    if (out->link != NULL) {
        out->connector->rma->table->link_close(out->link);
        out->link = NULL;
    }
    out->carrier = NULL;
}

static void free_out(baton__rma_out *out)
{
    if (out->region != NULL) {
        (void)out->connector->rma->table->region_destroy(out->connector->rma->device, out->region);
    }
    free(out->memory);
    free(out);
}

/* Who waits for it goes another way. */
static void bar(baton__rma_out *out, const char *why)
{
    baton_connector *connector = out->connector;
    BATON__INFO("%s: no rma with %s: %s", connector->name, out->peer->name, why);
    close_link(out);
    out->state = OUT_BARRED;
    out->why = why;
    out->proven = 0;
    if (baton_loop_timer_start(connector->loop, &out->timer, baton__after_ms(connector, BATON__RMA_RETRY_MS)) != BATON_OK) {
        BATON__ERROR("%s: out of memory: no rma with %s any more", connector->name, out->peer->name);
    }
    baton_operation *op;
    baton_operation *next;
    DL_FOREACH_SAFE2(out->peer->actives, op, next, peer_next)
    {
        baton__reach_refuse(op, why);
    }
}

static void on_timer(baton_timer *timer)
{
    baton__rma_out *out = (baton__rma_out *)((char *)timer - offsetof(baton__rma_out, timer));
    if (out->state == OUT_BARRED) {
        out->state = OUT_IDLE;
    } else if (out->state != OUT_UP) {
        bar(out, "the link to the peer was not proven in time");
    }
}

static void on_failed(void *owner, int native)
{
    baton__rma_out *out = owner;
    BATON__DEBUG("%s: a link failed: %s", out->connector->name, out->connector->rma->table->native_text(native));
    if (out->state == OUT_UP) {
        baton__rma_link_end(out->peer);
    } /* in a trial its job tells */
}

static void up(baton__rma_out *out)
{
    out->state = OUT_UP;
    baton_loop_timer_stop(out->connector->loop, &out->timer);
    baton_operation *op;
    baton_operation *next;
    DL_FOREACH_SAFE2(out->peer->actives, op, next, peer_next)
    {
        baton__reach_linked(op);
    }
}

static void trial_is_over(baton__rma_out *out)
{
    close_link(out);
    out->state = OUT_IDLE;
    out->proven++;
    kick(out);
}

/* An access to the peer's probe memory with the key of this state. */
static void access_probe(baton__rma_out *out)
{
    const baton__rma_table *table = out->connector->rma->table;
    bool get = out->proven == TRIAL_GET;
    baton__rma_span span = {.pointer = out->memory,
                            .size = BATON__PROBE_SIZE,
                            .region = out->region,
                            .address = out->address + (get ? 0 : BATON__PROBE_SIZE),
                            .key = out->state == OUT_GOOD ? out->good : out->stale};
    memset(out->memory, 0, BATON__PROBE_SIZE);
    out->job_runs = true;
    out->flushing = false;
    out->connector->rma->jobs++;
    baton_status status = (get ? table->get : table->put)(out->link, &span, &out->job);
    if (status != BATON_OK) {
        out->connector->rma->jobs--;
        out->job_runs = false;
        bar(out, "the device does not take the trial of its keys");
    }
}

static bool flush_probe(baton__rma_out *out)
{
    out->job_runs = true;
    out->flushing = true;
    out->connector->rma->jobs++;
    if (out->connector->rma->table->flush(out->link, &out->job) == BATON_OK) {
        return true;
    }
    out->connector->rma->jobs--;
    out->job_runs = false;
    return false;
}

static bool is_right(const baton__rma_out *out)
{
    const uint8_t *wanted = out->peer->instance.bytes;
    for (size_t i = 0; out->proven == TRIAL_GET && i < BATON__PROBE_SIZE; i++) {
        if (out->memory[i] != wanted[i % sizeof(out->peer->instance.bytes)]) {
            return false;
        }
    }
    return true;
}

static void judge_good(baton__rma_out *out, baton_status status)
{
    if (status != BATON_OK) {
        bar(out, "the device does not reach the peer's memory");
    } else if (!is_right(out)) {
        bar(out, "the device brings other bytes than the peer has");
    } else {
        out->state = OUT_STALE;
        access_probe(out);
    }
}

static void judge_stale(baton__rma_out *out, baton_status status)
{
    if (status == BATON_ERR_FORBIDDEN) {
        trial_is_over(out);
    } else if (status == BATON_OK) {
        bar(out, "keys are not enforced: the key of a registration that has ended still works");
    } else {
        bar(out, "the peer's device did not answer in the trial of its keys");
    }
}

static void on_job(baton__rma_job *job, baton_status status, int native)
{
    (void)native;
    baton__rma_out *out = (baton__rma_out *)((char *)job - offsetof(baton__rma_out, job));
    out->job_runs = false;
    out->connector->rma->jobs--;
    if (out->peer == NULL) {
        free_out(out);
        return;
    }
    if (out->link == NULL || (out->state != OUT_GOOD && out->state != OUT_STALE)) {
        kick(out); /* it was closed meanwhile */
        return;
    }
    if (status == BATON_OK && out->proven == TRIAL_PUT && !out->flushing && flush_probe(out)) {
        return; /* a put that is done is only sent */
    }
    if (out->state == OUT_GOOD) {
        judge_good(out, status);
    } else {
        judge_stale(out, status);
    }
}

static baton__rma_out *make_out(baton__peer *peer)
{
    baton_connector *connector = peer->connector;
    baton__rma_out *out = calloc(1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    out->peer = peer;
    out->connector = connector;
    out->timer.fire = on_timer;
    out->job.done = on_job;
    out->memory = aligned_alloc(BATON__PROBE_SIZE, BATON__PROBE_SIZE);
    if (out->memory == NULL || connector->rma->table->region_create(connector->rma->device, out->memory, BATON__PROBE_SIZE,
                                                                     &out->region) != BATON_OK) {
        free_out(out);
        return NULL;
    }
    return out;
}

static baton_operation *carrier_for(const baton__peer *peer)
{
    for (baton_operation *op = peer->actives; op != NULL; op = op->peer_next) {
        if (baton__reach_waits(op)) {
            return op;
        }
    }
    return NULL;
}

static void ask_link(baton__rma_out *out, baton_operation *op)
{
    const baton__rma_side *side = out->connector->rma;
    if (side->table->link_create(side->device, on_failed, out, &out->link) != BATON_OK) {
        bar(out, "the device gives no queue pair: the log says why");
        return;
    }
    uint8_t address[BATON__RMA_ADDRESS_MAX];
    size_t size = side->table->link_address(out->link, address);
    baton__frame frame = {.type = BATON__FRAME_REACH, .key = op->a.token, .a = ++out->number, .d = BATON__REACH_LINK};
    out->state = OUT_ASKED;
    out->carrier = op;
    (void)baton__active_send(op, &frame, address, size); /* not sent: its session is lost, and the next one asks again */
    baton_loop_expect(out->connector->loop);
}

/* Goes on if there is somebody to go on for. */
static void kick(baton__rma_out *out)
{
    if (out->state != OUT_IDLE) {
        return;
    }
    baton_operation *op = carrier_for(out->peer);
    if (op == NULL) {
        baton_loop_timer_stop(out->connector->loop, &out->timer);
        return;
    }
    if (out->timer.slot_ == 0 &&
        baton_loop_timer_start(out->connector->loop, &out->timer, baton__after_ms(out->connector, BATON__RMA_PATIENCE_MS)) != BATON_OK) {
        bar(out, "out of memory");
        return;
    }
    if (!out->job_runs) { /* else that of a trial that was broken off: it comes back, or the time is over */
        ask_link(out, op);
    }
}

void baton__rma_link_want(baton__peer *peer)
{
    if (peer->rma_out == NULL) {
        peer->rma_out = make_out(peer);
    }
    baton__rma_out *out = peer->rma_out;
    if (out == NULL || out->state == OUT_BARRED) {
        baton_operation *op;
        baton_operation *next;
        DL_FOREACH_SAFE2(peer->actives, op, next, peer_next)
        {
            if (baton__reach_waits(op)) {
                baton__reach_refuse(op, out == NULL ? "out of memory" : out->why);
            }
        }
        return;
    }
    if (out->state == OUT_UP) {
        up(out);
    } else {
        kick(out);
    }
}

static bool read_answer(baton__rma_out *out, const baton__payload *payload)
{
    const baton__rma_side *side = out->connector->rma;
    baton__reader reader = baton__reader_make(payload->data, payload->size);
    uint16_t size = baton__read_u16(&reader);
    const uint8_t *address = baton__read_view(&reader, size);
    out->address = baton__read_u64(&reader);
    uint8_t key_size = baton__read_u8(&reader);
    const uint8_t *good = baton__read_view(&reader, key_size);
    const uint8_t *stale = baton__read_view(&reader, key_size);
    return address != NULL && good != NULL && stale != NULL && baton__reader_left(&reader) == 0 &&
           side->table->key_open(side->device, good, key_size, &out->good) &&
           side->table->key_open(side->device, stale, key_size, &out->stale) &&
           side->table->link_connect(out->link, address, size) == BATON_OK;
}

void baton__rma_link_reached(baton_operation *op, const baton__frame *frame, const baton__payload *payload)
{
    baton__rma_out *out = op->peer == NULL ? NULL : op->peer->rma_out;
    if (out == NULL || out->state != OUT_ASKED || out->carrier != op || frame->a != out->number) {
        BATON__COUNT(op->connector, refused_state);
        return;
    }
    out->carrier = NULL;
    if (payload->size == 0) {
        bar(out, baton__reason_unpack(frame->c) == BATON_ERR_UNREACHABLE
                     ? "the verbs devices of the two hosts do not reach each other"
                     : "the peer's device gives no link");
    } else if (!read_answer(out, payload)) {
        bar(out, "the verbs devices of the two hosts do not reach each other");
    } else if (out->proven < TRIALS) {
        out->state = OUT_GOOD;
        access_probe(out);
    } else {
        up(out);
    }
}

void baton__rma_link_lost_carrier(const baton_operation *op)
{
    baton__rma_out *out = op->peer == NULL ? NULL : op->peer->rma_out;
    if (out != NULL && out->state == OUT_ASKED && out->carrier == op) {
        close_link(out);
        out->state = OUT_IDLE;
        kick(out);
    }
}

baton__rma_link *baton__rma_link_of(const baton__peer *peer)
{
    const baton__rma_out *out = peer->rma_out;
    return out != NULL && out->state == OUT_UP ? out->link : NULL;
}

void baton__rma_link_end(baton__peer *peer)
{
    baton__rma_out *out = peer->rma_out;
    if (out == NULL || out->state != OUT_UP) {
        return;
    }
    close_link(out);
    out->state = OUT_IDLE;
    baton_operation *op;
    baton_operation *next;
    DL_FOREACH_SAFE2(peer->actives, op, next, peer_next)
    {
        baton__reach_unlinked(op);
    }
    kick(out);
}

void baton__rma_forget(baton__peer *peer)
{
    baton__rma_out *out = peer->rma_out;
    if (peer->rma_in != NULL) {
        peer->connector->rma->table->link_close(peer->rma_in);
        peer->rma_in = NULL;
    }
    if (out == NULL) {
        return;
    }
    peer->rma_out = NULL;
    close_link(out);
    baton_loop_timer_stop(out->connector->loop, &out->timer);
    out->peer = NULL;
    if (!out->job_runs) {
        free_out(out);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The gets and puts of operations on the path rma. */
#include "core/rma_state.h"

#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

static void finish(baton__reach *reach)
{
    baton_operation *op = reach->op;
    baton__reach_unlist(reach);
    baton__reach_drop_regions(reach);
    reach->state = BATON__REACH_MOVED;
    for (uint32_t i = 0; i < op->plan.chunks; i++) {
        (void)baton__bits_set(&op->a.claimed, i);
        (void)baton__bits_set(&op->a.done, i);
    }
    (void)snprintf(op->transport, sizeof(op->transport), "%s", reach->side->table->name(reach->side->device));
    baton__active_pump(op);
}

static void moved(baton__reach *reach, const baton__reach_slot *s)
{
    baton_operation *op = reach->op;
    __atomic_add_fetch(&op->bytes_moved, s->size, __ATOMIC_RELAXED);
    BATON__COUNT_BY(op->connector, bytes_reached, s->size);
}

/* Nobody waits for it any more. */
static void end_of_abandoned(baton__reach *reach)
{
    DL_DELETE(reach->side->abandoned, reach);
    baton__reach_drop_regions(reach);
    for (uint32_t i = 0; reach->kept != NULL && i < reach->count; i++) {
        baton_descriptor_release(reach->kept[i]);
    }
    free(reach->kept);
    free(reach);
}

static void on_job(baton__rma_job *job, baton_status status, int native)
{
    baton__reach_slot *s = (baton__reach_slot *)((char *)job - offsetof(baton__reach_slot, job));
    baton__reach *reach = s->reach;
    baton_operation *op = reach->op;
    s->runs = false;
    reach->jobs--;
    reach->side->jobs--;
    if (op == NULL) {
        if (reach->jobs == 0) {
            end_of_abandoned(reach);
        }
        return;
    }
    op->inflight--;
    if (status != BATON_OK && !reach->broken) {
        BATON__DEBUG("%s: an access with %s failed: %s", op->connector->name, op->peer_name,
                     reach->side->table->native_text(native));
        reach->broken = true;
        baton__reach_unlist(reach);
        baton__rma_link_end(op->peer);
    }
    if (op->ending) {
        if (reach->jobs == 0) {
            baton__reach_drop_regions(reach);
        }
        baton__active_quiet(op);
    } else if (reach->broken) {
        baton__reach_go_without(op);
    } else if (reach->state == BATON__REACH_FLUSHING) {
        finish(reach);
    } else {
        moved(reach, s);
    }
}

static baton__reach_slot *free_slot(baton__reach *reach)
{
    for (unsigned i = 0; i < BATON__DEPTH; i++) {
        if (!reach->slots[i].runs) {
            return &reach->slots[i];
        }
    }
    return NULL;
}

/* The next part of the descriptor that it has come to; a descriptor lies in one piece here and there. */
static size_t next_size(const baton__reach *reach)
{
    size_t left = baton_descriptor_size(reach->op->descriptors[reach->which]) - reach->offset;
    return left < reach->op->plan.chunk_size ? left : (size_t)reach->op->plan.chunk_size;
}

/* What it is, here and there. A last piece that is too small for a get is fetched with some bytes before it. */
static baton__rma_span next_span(const baton__reach *reach)
{
    const baton__reach_target *target = &reach->targets[reach->which];
    uint8_t *first = baton_descriptor_pointer(reach->op->descriptors[reach->which]);
    size_t least = reach->side->table->get_min(reach->side->device);
    size_t size = next_size(reach);
    size_t offset = reach->offset;
    if (size < least) {
        offset -= least - size;
        size = least;
    }
    return (baton__rma_span){.pointer = first + offset,
                             .size = size,
                             .region = target->region,
                             .address = target->address + offset,
                             .key = target->key};
}

static void step(baton__reach *reach)
{
    reach->offset += next_size(reach);
    if (reach->offset == baton_descriptor_size(reach->op->descriptors[reach->which])) {
        reach->which++;
        reach->offset = 0;
    }
}

/* Steps on before it begins, since it may be done, and all with it, inside the call. ERR_BUSY: the device takes no more now. */
static baton_status start(baton__reach *reach, baton__reach_slot *s, baton__rma_link *link)
{
    baton_operation *op = reach->op;
    const baton__rma_table *table = reach->side->table;
    bool flush = reach->state == BATON__REACH_FLUSHING;
    uint32_t which = reach->which;
    size_t offset = reach->offset;
    s->job.done = on_job;
    s->reach = reach;
    s->size = flush ? 0 : next_size(reach);
    s->runs = true;
    reach->jobs++;
    reach->side->jobs++;
    op->inflight++;
    baton_status status;
    if (flush) {
        status = table->flush(link, &s->job);
    } else {
        baton__rma_span span = next_span(reach);
        step(reach);
        status = (op->kind == BATON_OPERATION_READ ? table->get : table->put)(link, &span, &s->job);
    }
    if (status != BATON_OK) {
        reach->which = which;
        reach->offset = offset;
        s->runs = false;
        reach->jobs--;
        reach->side->jobs--;
        op->inflight--;
    }
    return status;
}

/* More of its bytes, then the flush. Returns how much was begun. */
static int advance(baton__reach *reach)
{
    baton_operation *op = reach->op;
    int begun = 0;
    while (reach->listed && !op->ending) {
        baton__reach_slot *s = free_slot(reach);
        baton__rma_link *link = baton__rma_link_of(op->peer);
        bool all = reach->which == reach->count;
        if (s == NULL || link == NULL || (all && (reach->jobs != 0 || reach->state == BATON__REACH_FLUSHING))) {
            break;
        }
        if (all && op->kind == BATON_OPERATION_READ) {
            finish(reach);
            return begun + 1;
        }
        reach->state = all ? BATON__REACH_FLUSHING : BATON__REACH_MOVING;
        baton_status status = start(reach, s, link);
        if (status == BATON_ERR_BUSY) {
            reach->state = BATON__REACH_MOVING;
            break;
        }
        if (status != BATON_OK) {
            reach->broken = true;
            baton__reach_unlist(reach);
            baton__rma_link_end(op->peer);
            baton__reach_go_without(op);
            break;
        }
        begun++;
    }
    return begun;
}

int baton__rma_work(baton_connector *connector)
{
    baton__rma_side *side = connector->rma;
    int done = side->table->progress(side->device);
    baton__reach *reach;
    baton__reach *next;
    DL_FOREACH_SAFE(side->moving, reach, next)
    {
        done += advance(reach);
        if (next != NULL && !next->listed) {
            break; /* a link broke, and took more than this one off the list */
        }
    }
    return done;
}

/* What it holds stays until the device has called back. */
static void abandon(baton_operation *op)
{
    baton__reach *reach = op->a.reach;
    BATON__WARN("%s: the device does not end a transfer with %s; its memory is held back", op->connector->name, op->peer_name);
    reach->kept = calloc(op->count, sizeof(reach->kept[0]));
    for (uint32_t i = 0; i < op->count; i++) {
        baton_descriptor *kept = baton_descriptor_acquire(op->descriptors[i]);
        if (reach->kept != NULL) {
            reach->kept[i] = kept;
        }
    }
    op->inflight -= reach->jobs;
    op->reason = BATON_ERR_QUARANTINED;
    op->a.reach = NULL;
    reach->op = NULL;
    DL_APPEND(reach->side->abandoned, reach);
    baton__active_quiet(op);
}

void baton__reach_force(baton_operation *op)
{
    baton__reach *reach = op->a.reach;
    if (reach == NULL || reach->jobs == 0) {
        return;
    }
    if (reach->forced) {
        abandon(op);
        return;
    }
    reach->forced = true;
    if (!reach->broken) { /* else the peer's link is another one by now */
        reach->broken = true;
        baton__rma_link_end(op->peer);
    }
    if (baton_loop_timer_start(op->connector->loop, &op->timer, baton__after_ms(op->connector, BATON__STUCK_MS)) != BATON_OK) {
        abandon(op);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The path rma of the active side: whether an operation takes it, and its keys. */
#include "core/rma_state.h"

#include "base/error.h"
#include "base/log.h"
#include "base/wire.h"
#include <stdlib.h>

static const char *objection(const baton_operation *op)
{
    const baton_connector *connector = op->connector;
    const baton__block *block = baton__metadata_block(op->a.metadata);
    if (connector->rma == NULL) {
        return connector->why_no_rma;
    }
    if ((block->flags & BATON__BLOCK_REACHABLE) == 0) {
        return "the peer has rma switched off, no verbs device, or memory that it cannot reach";
    }
    const char *memory = baton__rma_why_not_memory(op);
    if (memory != NULL) {
        return memory;
    }
    if (baton__map_is_on(op)) {
        return "map is tried first, which needs no device";
    }
    if (op->bytes_total < BATON__RMA_MIN) {
        return "less than 64 KiB, which a message brings sooner";
    }
    if (op->count > BATON__RMA_COUNT_MAX) {
        return "more than 512 descriptors";
    }
    for (uint32_t i = 0; i < op->count; i++) {
        if (baton_descriptor_segments(op->descriptors[i], NULL, NULL) != 1) {
            return "a descriptor is strided";
        }
        if (baton_descriptor_size(op->descriptors[i]) < connector->rma->table->get_min(connector->rma->device)) {
            return "a descriptor is smaller than the least that the device gets";
        }
    }
    return NULL;
}

static void say_why_not(baton_operation *op, const char *why)
{
    __atomic_store_n(&op->why_not_rma, why, __ATOMIC_RELAXED);
}

void baton__reach_want(baton_operation *op)
{
    const char *why = objection(op);
    if (why != NULL) {
        say_why_not(op, why);
        return;
    }
    baton__reach *reach = calloc(1, sizeof(*reach) + op->count * sizeof(reach->targets[0]));
    if (reach == NULL) {
        say_why_not(op, "out of memory");
        return;
    }
    reach->op = op;
    reach->side = op->connector->rma;
    reach->count = op->count;
    op->a.reach = reach;
}

bool baton__reach_has_moved(const baton_operation *op)
{
    return op->a.reach != NULL && op->a.reach->state == BATON__REACH_MOVED;
}

bool baton__reach_is_on(const baton_operation *op)
{
    return op->a.reach != NULL && op->a.reach->state != BATON__REACH_REFUSED;
}

bool baton__reach_waits(const baton_operation *op)
{
    return op->a.reach != NULL && op->a.reach->state == BATON__REACH_WAITING && op->a.attached && !op->ending;
}

uint32_t baton__reach_jobs(const baton_operation *op)
{
    return op->a.reach == NULL ? 0 : op->a.reach->jobs;
}

static void ask_keys(baton_operation *op)
{
    baton__frame frame = {.type = BATON__FRAME_REACH, .key = op->a.token, .d = BATON__REACH_KEYS};
    op->a.reach->state = BATON__REACH_ASKED;
    (void)baton__active_send(op, &frame, NULL, 0);
    baton_loop_expect(op->connector->loop);
}

void baton__reach_granted(baton_operation *op)
{
    baton__reach *reach = op->a.reach;
    if (reach == NULL) {
        return;
    }
    if (reach->state == BATON__REACH_ASKED) { /* the answer was lost with its session */
        ask_keys(op);
    } else if (reach->state == BATON__REACH_WAITING) {
        baton__rma_link_lost_carrier(op); /* the same */
        baton__rma_link_want(op->peer);
    }
}

void baton__reach_linked(baton_operation *op)
{
    if (baton__reach_waits(op)) {
        op->a.reach->tries++;
        ask_keys(op);
    }
}

void baton__reach_unlist(baton__reach *reach)
{
    if (reach->listed) {
        reach->listed = false;
        DL_DELETE(reach->side->moving, reach);
    }
}

void baton__reach_drop_regions(baton__reach *reach)
{
    for (uint32_t i = 0; i < reach->count; i++) {
        if (reach->targets[i].region != NULL) {
            /* Its key has never left this process. */
            (void)reach->side->table->region_destroy(reach->side->device, reach->targets[i].region);
            reach->targets[i].region = NULL;
        }
    }
}

void baton__reach_refuse(baton_operation *op, const char *why)
{
    baton__reach *reach = op->a.reach;
    if (reach == NULL || reach->jobs != 0 || reach->state == BATON__REACH_MOVED || reach->state == BATON__REACH_REFUSED) {
        return;
    }
    BATON__DEBUG("%s: no rma with %s: %s", op->connector->name, op->peer_name, why);
    say_why_not(op, why);
    reach->state = BATON__REACH_REFUSED;
    baton__reach_unlist(reach);
    baton__reach_drop_regions(reach);
    __atomic_store_n(&op->reached, false, __ATOMIC_RELAXED);
    __atomic_store_n(&op->bytes_moved, 0, __ATOMIC_RELAXED); /* the passive side knows of none */
    baton__active_pump(op);
}

void baton__reach_go_without(baton_operation *op)
{
    baton__reach *reach = op->a.reach;
    if (reach->jobs != 0 || op->ending) {
        return;
    }
    if (reach->state == BATON__REACH_ASKED && reach->tries < BATON__RMA_TRIES_MAX) {
        reach->broken = false;
        reach->state = BATON__REACH_WAITING;
        return;
    }
    baton__reach_refuse(op, "the link to the peer broke in the middle");
}

void baton__reach_unlinked(baton_operation *op)
{
    baton__reach *reach = op->a.reach;
    if (reach != NULL && reach->state >= BATON__REACH_ASKED && reach->state <= BATON__REACH_FLUSHING) {
        reach->broken = true;
        baton__reach_unlist(reach);
        baton__reach_go_without(op);
    }
}

static bool read_targets(const baton_operation *op, baton__reach *reach, const baton__payload *payload)
{
    const baton__rma_side *side = reach->side;
    baton__reader reader = baton__reader_make(payload->data, payload->size);
    uint8_t key_size = baton__read_u8(&reader);
    for (uint32_t i = 0; i < op->count; i++) {
        reach->targets[i].address = baton__read_u64(&reader);
        const uint8_t *key = baton__read_view(&reader, key_size);
        if (key == NULL || !side->table->key_open(side->device, key, key_size, &reach->targets[i].key)) {
            return false;
        }
    }
    return baton__reader_left(&reader) == 0;
}

static bool register_ours(const baton_operation *op, baton__reach *reach)
{
    for (uint32_t i = 0; i < op->count; i++) {
        if (reach->side->table->region_create(reach->side->device, baton_descriptor_pointer(op->descriptors[i]),
                                              baton_descriptor_size(op->descriptors[i]),
                                              &reach->targets[i].region) != BATON_OK) {
            BATON__INFO("%s: no rma: %s", op->connector->name, baton_error_text());
            return false;
        }
    }
    return true;
}

void baton__reach_reached(baton_operation *op, const baton__frame *frame, const baton__payload *payload)
{
    baton__reach *reach = op->a.reach;
    if (frame->d == BATON__REACH_LINK) {
        baton__rma_link_reached(op, frame, payload);
        return;
    }
    if (frame->d != BATON__REACH_KEYS || reach == NULL || reach->state != BATON__REACH_ASKED || op->ending) {
        BATON__COUNT(op->connector, refused_state);
        return;
    }
    if (payload->size == 0 && baton__reason_unpack(frame->c) == BATON_ERR_UNREACHABLE) {
        reach->tries++;
        baton__rma_link_end(op->peer); /* and waits for another one */
    } else if (payload->size == 0) {
        baton__reach_refuse(op, baton__reason_unpack(frame->c) == BATON_ERR_TRANSPORT
                                    ? "the peer's device cannot register the memory"
                                    : "the peer gives no keys");
    } else if (!read_targets(op, reach, payload)) {
        BATON__COUNT(op->connector, refused_bounds);
        baton__reach_refuse(op, "the peer's keys do not fit");
    } else if (!register_ours(op, reach)) {
        baton__reach_refuse(op, "the device cannot register the memory: the log says why");
    } else {
        reach->state = BATON__REACH_MOVING;
        reach->listed = true;
        __atomic_store_n(&op->reached, true, __ATOMIC_RELAXED);
        DL_APPEND(reach->side->moving, reach);
    }
}

void baton__reach_leave(baton_operation *op)
{
    baton__reach *reach = op->a.reach;
    if (reach == NULL) {
        return;
    }
    baton__reach_unlist(reach);
    baton__rma_link_lost_carrier(op);
    if (reach->jobs == 0) {
        baton__reach_drop_regions(reach);
    }
}

void baton__reach_fini(baton_operation *op)
{
    free(op->a.reach);
    op->a.reach = NULL;
}

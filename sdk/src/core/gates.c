/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/error.h"
#include "base/log.h"
#include "device/gate.h"
#include "memory/descriptor.h"
#include <stdlib.h>

#define LOOK_AGAIN_MS 100 /* a gate that fails tells nobody */

struct baton__gates {
    baton_operation *op;
    uint32_t count;
    uint32_t open;   /* so many of the first ones are */
    bool watched;    /* the next one is, or was until its task is run: the operation stays as long */
    uint32_t posted; /* atomic: the watch has called */
    baton__gate_watch watch;
    baton_task task;
    baton_timer timer;
    baton__gate *list[];
};

static uint32_t count_gates(const baton_operation *op)
{
    uint32_t count = 0;
    for (uint32_t i = 0; op->descriptors != NULL && i < op->count; i++) {
        count += baton__descriptor_gate(op->descriptors[i]) != NULL;
    }
    return count;
}

static baton__gates *gates_of_watch(baton__gate_watch *watch)
{
    return (baton__gates *)((char *)watch - offsetof(baton__gates, watch));
}

static void on_opened(baton__gate_watch *watch)
{
    baton__gates *gates = gates_of_watch(watch);
    __atomic_store_n(&gates->posted, 1, __ATOMIC_RELEASE);
    (void)baton_loop_post(gates->op->connector->loop, &gates->task);
}

static void end_watch(baton__gates *gates)
{
    gates->watched = false;
    baton__operation_unref(gates->op);
}

static void fail(baton__gates *gates, int native)
{
    baton__operation_stop(gates->op, BATON_ERR_DEVICE, native);
}

static bool is_over(const baton_operation *op)
{
    return op->ending || baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS;
}

/* Watches the first that is not open. */
static void go_on(baton__gates *gates)
{
    while (gates->open < gates->count) {
        baton__gate *gate = gates->list[gates->open];
        int native = 0;
        baton_status status = baton__gate_look(gate, &native);
        if (status != BATON_OK && status != BATON_ERR_BUSY) {
            fail(gates, native);
            return;
        }
        if (status == BATON_ERR_BUSY) {
            (void)__atomic_add_fetch(&gates->op->references, 1, __ATOMIC_RELAXED);
            gates->watched = true;
            __atomic_store_n(&gates->posted, 0, __ATOMIC_RELAXED);
            if (baton__gate_watch_begin(gate, &gates->watch)) {
                return;
            }
            end_watch(gates);
        }
        gates->open++;
    }
    baton_loop_timer_stop(gates->op->connector->loop, &gates->timer);
    if (baton__is_active(gates->op)) {
        baton__active_pump(gates->op); /* it has asked for nothing so far */
    }
}

static void on_task(baton_task *task)
{
    baton__gates *gates = (baton__gates *)((char *)task - offsetof(baton__gates, task));
    baton_operation *op = gates->op;
    if (gates->open < gates->count) {
        baton__gate_watch_end(gates->list[gates->open], &gates->watch);
    }
    if (!is_over(op)) {
        gates->watched = false;
        go_on(gates);
    }
    baton__operation_unref(op);
}

/* Without a timer the deadline of the operation tells. */
static void look_later(baton__gates *gates)
{
    baton_connector *connector = gates->op->connector;
    if (baton_loop_timer_start(connector->loop, &gates->timer, baton__after_ms(connector, LOOK_AGAIN_MS)) != BATON_OK) {
        BATON__DEBUG("%s: no timer for a gate", connector->name);
    }
}

static void on_timer(baton_timer *timer)
{
    baton__gates *gates = (baton__gates *)((char *)timer - offsetof(baton__gates, timer));
    int native = 0;
    if (gates->open >= gates->count || is_over(gates->op)) {
        return;
    }
    baton_status status = baton__gate_look(gates->list[gates->open], &native);
    if (status != BATON_OK && status != BATON_ERR_BUSY) {
        fail(gates, native);
        return;
    }
    look_later(gates);
}

baton_status baton__gates_take(baton_operation *op)
{
    uint32_t count = count_gates(op);
    if (count == 0) {
        return BATON_OK;
    }
    baton__gates *gates = calloc(1, sizeof(*gates) + count * sizeof(gates->list[0]));
    if (gates == NULL) {
        return baton__fail_memory("an operation's gates");
    }
    gates->op = op;
    gates->watch.opened = on_opened;
    gates->task.run = on_task;
    gates->timer.fire = on_timer;
    for (uint32_t i = 0; i < op->count; i++) {
        baton__gate *gate = baton__descriptor_gate(op->descriptors[i]);
        if (gate != NULL) {
            gates->list[gates->count++] = baton__gate_acquire(gate);
        }
    }
    op->gates = gates;
    op->staged |= BATON__STAGED_BY_GATE;
    return BATON_OK;
}

void baton__gates_begin(baton_operation *op)
{
    if ((op->staged & BATON__STAGED_BY_GATE) == 0 || is_over(op)) {
        return;
    }
    look_later(op->gates);
    go_on(op->gates);
}

void baton__gates_leave(baton_operation *op)
{
    if ((op->staged & BATON__STAGED_BY_GATE) == 0) {
        return; /* without a look at what is in none of the first lines */
    }
    baton__gates *gates = op->gates;
    baton_loop_timer_stop(op->connector->loop, &gates->timer);
    if (gates->watched) {
        baton__gate_watch_end(gates->list[gates->open], &gates->watch);
        gates->watched = false;
        if (__atomic_load_n(&gates->posted, __ATOMIC_ACQUIRE) == 0) {
            baton__operation_unref(op); /* else its task does */
        }
    }
}

void baton__gates_fini(baton_operation *op)
{
    baton__gates *gates = op->gates;
    if ((op->staged & BATON__STAGED_BY_GATE) == 0) {
        return; /* and nothing of it is looked at: op->gates lies on another line of the cache */
    }
    for (uint32_t i = 0; i < gates->count; i++) {
        baton__gate_release(gates->list[i]);
    }
    free(gates);
}

bool baton__gates_are_open(const baton_operation *op)
{
    return (op->staged & BATON__STAGED_BY_GATE) == 0 || op->gates->open == op->gates->count;
}

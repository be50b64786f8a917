/* SPDX-License-Identifier: Apache-2.0 */
/* The device of the path rma: opened with the connector, driven by its loop, and the memory on which peers try its keys. */
#include "core/rma_state.h"

#include "base/error.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Progress is made in every turn of the loop. Arming takes the event, or the descriptor would stay readable. */
static void on_ready(baton_source *source, uint32_t events)
{
    (void)events;
    const baton__rma_side *side = (baton__rma_side *)((char *)source - offsetof(baton__rma_side, source));
    (void)side->table->arm(side->device);
}

static baton_status make_probe(baton_connector *connector, baton__rma_side *side)
{
    static const size_t size = 2 * (size_t)BATON__PROBE_SIZE;
    side->probe = aligned_alloc(BATON__PROBE_SIZE, size);
    if (side->probe == NULL) {
        return baton__fail_memory("memory for trials of the device");
    }
    for (size_t i = 0; i < size; i++) {
        side->probe[i] = connector->instance.bytes[i % sizeof(connector->instance.bytes)];
    }
    baton__rma_region *ended;
    baton_status status = side->table->region_create(side->device, side->probe, size, &ended);
    if (status != BATON_OK) {
        return status;
    }
    side->key_size = side->table->region_key(ended, side->stale_key);
    status = side->table->region_create(side->device, side->probe, size, &side->probe_region);
    baton_status end = side->table->region_destroy(side->device, ended);
    if (status != BATON_OK || end != BATON_OK) {
        return status != BATON_OK ? status : end;
    }
    (void)side->table->region_key(side->probe_region, side->good_key);
    return BATON_OK;
}

/* Where a job is left, it comes back inside: the memory of an operation that gave it up goes back then. */
static void close_side(baton__rma_side *side)
{
    if (side->probe_region != NULL) {
        (void)side->table->region_destroy(side->device, side->probe_region);
    }
    if (side->device != NULL) {
        side->table->close(side->device);
    }
    free(side->probe);
}

static baton_status open_side(baton_connector *connector, baton__rma_side *side)
{
    baton_status status = side->table->open(&connector->why_no_rma, &side->device);
    if (status == BATON_OK) {
        status = make_probe(connector, side);
    }
    if (status != BATON_OK) {
        return status;
    }
    side->source = (baton_source){.fd = side->table->fd(side->device), .events = EPOLLIN, .ready = on_ready, .patient = true};
    return baton_loop_source_add(connector->loop, &side->source);
}

baton_status baton__rma_open(baton_connector *connector)
{
    const baton__rma_table *table = connector->table->rma;
    connector->why_no_rma = "rma is switched off here (baton_connector_options.rma)";
    if (!connector->options.rma) {
        return BATON_OK;
    }
    connector->why_no_rma = "the verbs device of this host cannot be used: the log says why";
    baton__rma_side *side = table == NULL ? NULL : calloc(1, sizeof(*side));
    if (side == NULL) {
        return table == NULL ? BATON_OK : baton__fail_memory("a device");
    }
    side->table = table;
    baton_status status = open_side(connector, side);
    if (status != BATON_OK) {
        BATON__INFO("%s: no rma: %s", connector->name,
                    status == BATON_ERR_NOT_SUPPORTED ? connector->why_no_rma : baton_error_text());
        close_side(side);
        free(side);
        return status == BATON_ERR_OUT_OF_MEMORY ? status : BATON_OK;
    }
    connector->why_no_rma = NULL;
    connector->rma_reaches_devices = side->table->reaches_devices(side->device);
    connector->rma = side;
    return BATON_OK;
}

void baton__rma_close(baton_connector *connector)
{
    enum { TURNS = 10000 };
    baton__rma_side *side = connector->rma;
    if (side == NULL) {
        return;
    }
    baton__peer *peer;
    baton__peer *next;
    HASH_ITER(by_instance, connector->by_instance, peer, next)
    {
        baton__rma_forget(peer);
    }
    for (int turn = 0; turn < TURNS && side->jobs != 0; turn++) {
        (void)side->table->progress(side->device);
    }
    baton_loop_source_remove(connector->loop, &side->source);
    close_side(side);
    baton__exposures_forget(side);
    connector->rma = NULL;
    free(side);
}

bool baton__rma_arm(baton_connector *connector)
{
    const baton__rma_side *side = connector->rma;
    return side->jobs == 0 || side->table->arm(side->device);
}

bool baton__rma_reaches_devices(const baton_connector *connector)
{
    return connector->rma_reaches_devices;
}

const char *baton__rma_why_not_memory(const baton_operation *op)
{
    unsigned staged = __atomic_load_n(&op->staged, __ATOMIC_RELAXED);
    if ((staged & BATON__STAGED_BY_GATE) != 0) {
        return baton__why_staged(op);
    }
    if ((staged & BATON__STAGED_BY_COPY) == 0) {
        return NULL;
    }
    if (!baton__rma_reaches_devices(op->connector)) {
        return "memory of this side is of a CUDA device, which the verbs device cannot reach: GPUDirect (nvidia_peermem) is missing";
    }
    return (staged & BATON__STAGED_NATIVE) != 0 ? NULL : "some of its memory is not a device's own";
}

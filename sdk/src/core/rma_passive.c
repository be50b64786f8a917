/* SPDX-License-Identifier: Apache-2.0 */
/* The path rma of the passive side: its end of a peer's link, and the registrations of a grant. */
#include "core/rma_state.h"

#include "base/error.h"
#include "base/log.h"
#include "base/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A registration for each grant, not for each descriptor: a key is taken back from one consumer and stays with the others. */
struct baton__exposure {
    baton__exposure *prev; /* in unsure */
    baton__exposure *next;
    baton_descriptor **kept; /* in unsure: what the device may still reach */
    uint32_t count;
    baton__rma_region *regions[];
};

static void answer(baton__grant *grant, const baton__frame *frame, baton_status reason, const void *body, size_t size)
{
    baton__frame reached = {.type = BATON__FRAME_REACHED,
                            .session = grant->session,
                            .operation = grant->operation->id,
                            .nonce = grant->nonce,
                            .a = frame->a,
                            .c = size == 0 ? baton__reason_pack(reason) : 0,
                            .d = frame->d};
    if (grant->peer != NULL && grant->attached) {
        (void)baton__send_control(grant->peer, &reached, body, size);
    }
}

/* The peer's own end tells: here nothing waits for the link. */
static void on_failed(void *owner, int native)
{
    (void)owner;
    (void)native;
}

static baton_status connect_back(baton__peer *peer, const baton__payload *payload)
{
    baton__rma_side *side = peer->connector->rma;
    if (peer->rma_in != NULL) {
        side->table->link_close(peer->rma_in); /* the peer has a new one */
        peer->rma_in = NULL;
    }
    baton_status status = side->table->link_create(side->device, on_failed, NULL, &peer->rma_in);
    if (status != BATON_OK) {
        return status;
    }
    status = side->table->link_connect(peer->rma_in, payload->data, payload->size);
    if (status != BATON_OK) {
        BATON__COUNT_BY(peer->connector, refused_address, status == BATON_ERR_MALFORMED);
        side->table->link_close(peer->rma_in);
        peer->rma_in = NULL;
    }
    return status;
}

static void link_asked(baton__grant *grant, const baton__frame *frame, const baton__payload *payload)
{
    const baton__rma_side *side = grant->operation->connector->rma;
    baton_status status = connect_back(grant->peer, payload);
    if (status != BATON_OK) {
        answer(grant, frame, status, NULL, 0);
        return;
    }
    uint8_t body[BATON__RMA_ADDRESS_MAX + 2 * BATON__RMA_KEY_MAX + 16];
    uint8_t address[BATON__RMA_ADDRESS_MAX];
    size_t size = side->table->link_address(grant->peer->rma_in, address);
    baton__writer writer = baton__writer_make(body, sizeof(body));
    baton__write_u16(&writer, (uint16_t)size);
    baton__write_bytes(&writer, address, size);
    baton__write_u64(&writer, (uint64_t)(uintptr_t)side->probe);
    baton__write_u8(&writer, (uint8_t)side->key_size);
    baton__write_bytes(&writer, side->good_key, side->key_size);
    baton__write_bytes(&writer, side->stale_key, side->key_size);
    answer(grant, frame, BATON_OK, body, writer.used);
}

/* It is not known that nobody reaches it: it stays as long as the device is open. */
static void keep(baton__grant *grant, baton__exposure *exposure)
{
    baton_operation *op = grant->operation;
    BATON__WARN("%s: the device does not take a key back; the memory of an operation with %s is held back", op->connector->name,
                op->peer_name);
    exposure->kept = calloc(op->count, sizeof(exposure->kept[0]));
    for (uint32_t i = 0; i < op->count; i++) {
        baton_descriptor *kept = baton_descriptor_acquire(op->descriptors[i]);
        if (exposure->kept != NULL) {
            exposure->kept[i] = kept;
        }
    }
    exposure->count = exposure->kept != NULL ? op->count : 0;
    BATON__COUNT(op->connector, quarantined);
    DL_APPEND(op->connector->rma->unsure, exposure);
}

static bool revoke(baton_connector *connector, baton__exposure *exposure)
{
    bool sure = true;
    while (exposure->count != 0) {
        baton__rma_region *region = exposure->regions[--exposure->count];
        sure = connector->rma->table->region_destroy(connector->rma->device, region) == BATON_OK && sure;
    }
    return sure;
}

void baton__exposure_end(baton__grant *grant)
{
    baton_operation *op = grant->operation;
    baton__exposure *exposure = grant->exposure;
    if (exposure == NULL) {
        return;
    }
    grant->exposure = NULL;
    if (revoke(op->connector, exposure)) {
        free(exposure);
        return;
    }
    keep(grant, exposure);
    op->reason = BATON_ERR_QUARANTINED;
    grant->reason = BATON_ERR_QUARANTINED;
    baton__grant_close(grant, BATON_ERR_QUARANTINED, 0);
}

void baton__exposures_forget(baton__rma_side *side)
{
    baton__exposure *exposure;
    baton__exposure *next;
    DL_FOREACH_SAFE(side->unsure, exposure, next)
    {
        DL_DELETE(side->unsure, exposure);
        for (uint32_t i = 0; i < exposure->count; i++) {
            baton_descriptor_release(exposure->kept[i]);
        }
        free(exposure->kept);
        free(exposure);
    }
}

void baton__exposure_filled(baton__grant *grant)
{
    if (grant->exposure == NULL || grant->operation->kind != BATON_OPERATION_WRITABLE) {
        return;
    }
    for (uint32_t i = 0; i < grant->plan.chunks; i++) {
        (void)baton__bits_set(&grant->claimed, i);
    }
    grant->received = grant->plan.chunks;
}

/* What lies between the segments of a strided one is nobody's to reach. */
static baton_status register_one(const baton__rma_side *side, const baton_descriptor *descriptor, baton__rma_region **region_out)
{
    if (baton_descriptor_segments(descriptor, NULL, NULL) != 1) {
        return baton__fail(BATON_ERR_NOT_SUPPORTED, "a descriptor is strided");
    }
    return side->table->region_create(side->device, baton_descriptor_pointer(descriptor), baton_descriptor_size(descriptor),
                                      region_out);
}

static baton_status expose(baton__grant *grant)
{
    baton_operation *op = grant->operation;
    const baton__rma_side *side = op->connector->rma;
    if (op->count > BATON__RMA_COUNT_MAX) {
        return BATON_ERR_NOT_SUPPORTED;
    }
    if (grant->peer->rma_in == NULL) {
        return BATON_ERR_UNREACHABLE; /* our end of the link is gone, which an idle queue pair does not tell */
    }
    if (grant->exposure != NULL) {
        return BATON_OK; /* the answer was lost with its session */
    }
    baton__exposure *exposure = calloc(1, sizeof(*exposure) + op->count * sizeof(exposure->regions[0]));
    if (exposure == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    for (; exposure->count < op->count; exposure->count++) {
        baton_status status = register_one(side, op->descriptors[exposure->count], &exposure->regions[exposure->count]);
        if (status != BATON_OK) {
            BATON__INFO("%s: no rma: %s", op->connector->name, baton_error_text());
            (void)revoke(op->connector, exposure); /* no key has left */
            free(exposure);
            return status;
        }
    }
    grant->exposure = exposure;
    return BATON_OK;
}

static void keys_asked(baton__grant *grant, const baton__frame *frame)
{
    baton_operation *op = grant->operation;
    baton_status status = expose(grant);
    if (status != BATON_OK) {
        answer(grant, frame, status, NULL, 0);
        return;
    }
    const baton__rma_side *side = op->connector->rma;
    uint8_t body[1 + BATON__RMA_COUNT_MAX * (sizeof(uint64_t) + BATON__RMA_KEY_MAX)];
    baton__writer writer = baton__writer_make(body, sizeof(body));
    baton__write_u8(&writer, (uint8_t)side->key_size);
    for (uint32_t i = 0; i < op->count; i++) {
        uint8_t key[BATON__RMA_KEY_MAX];
        size_t size = side->table->region_key(grant->exposure->regions[i], key);
        baton__write_u64(&writer, (uint64_t)(uintptr_t)baton_descriptor_pointer(op->descriptors[i]));
        baton__write_bytes(&writer, key, size);
    }
    __atomic_store_n(&op->reached, true, __ATOMIC_RELAXED);
    (void)snprintf(op->transport, sizeof(op->transport), "%s", side->table->name(side->device));
    answer(grant, frame, BATON_OK, body, writer.used);
}

void baton__exposure_ask(baton__grant *grant, const baton__frame *frame, const baton__payload *payload)
{
    bool is_link = frame->d == BATON__REACH_LINK;
    if ((!is_link && frame->d != BATON__REACH_KEYS) || is_link == (payload->size == 0)) {
        BATON__COUNT(grant->operation->connector, refused_bounds);
        return;
    }
    if (grant->operation->connector->rma == NULL || baton__rma_why_not_memory(grant->operation) != NULL) {
        answer(grant, frame, BATON_ERR_NOT_SUPPORTED, NULL, 0);
        return;
    }
    if (is_link) {
        link_asked(grant, frame, payload);
    } else {
        keys_asked(grant, frame);
    }
}

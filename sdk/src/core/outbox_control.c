/* SPDX-License-Identifier: Apache-2.0 */
/* Control frames: copied, sent and forgotten. */
#include "core/engine.h"

#include "base/log.h"
#include <stdlib.h>
#include <string.h>

static uint8_t *take_large(baton__control *control, size_t size)
{
    baton_connector *connector = control->peer->connector;
    control->spare = size <= BATON__SPARE_BODY;
    control->large = control->spare ? connector->spare_body : NULL;
    if (control->large != NULL) {
        connector->spare_body = NULL;
    } else {
        control->large = malloc(control->spare ? BATON__SPARE_BODY : size);
    }
    return control->large;
}

static void give_large(baton__control *control)
{
    baton_connector *connector = control->peer != NULL ? control->peer->connector : NULL;
    if (connector != NULL && control->spare && connector->spare_body == NULL) {
        connector->spare_body = control->large;
    } else {
        free(control->large);
    }
    control->large = NULL;
}

static void set_unsent(baton_connector *connector, uint32_t count)
{
    __atomic_store_n(&connector->unsent, count, __ATOMIC_RELAXED);
    if (count < __atomic_load_n(&connector->unsent_stuck, __ATOMIC_RELAXED)) {
        __atomic_store_n(&connector->unsent_stuck, 0, __ATOMIC_RELAXED); /* some of it has left after all */
    }
}

static void count(baton__control *control)
{
    control->waits = true;
    set_unsent(control->peer->connector, control->peer->connector->unsent + 1);
}

void baton__control_uncount(baton__control *control)
{
    if (control->waits) {
        control->waits = false;
        set_unsent(control->peer->connector, control->peer->connector->unsent - 1);
    }
}

static void control_done(baton__transfer *transfer, baton_status status, int native)
{
    (void)status;
    (void)native;
    baton__control *control = (baton__control *)transfer;
    baton__peer *peer = control->peer;
    give_large(control);
    if (peer == NULL) {
        DL_DELETE(control->orphans->controls, control);
        free(control);
        return;
    }
    baton__control_uncount(control);
    DL_DELETE(peer->controls, control);
    LL_PREPEND(peer->connector->free_controls, control);
    baton__peer_transfer_done(peer);
}

static baton__control *new_control(baton_connector *connector)
{
    baton__control *control = connector->free_controls;
    if (control != NULL) {
        connector->free_controls = control->next;
        return control;
    }
    control = calloc(1, sizeof(*control));
    if (control == NULL) {
        BATON__ERROR("out of memory for a control frame");
        return NULL;
    }
    control->transfer.done = control_done;
    return control;
}

static const void *copy_body(baton__control *control, const void *body, size_t size, const baton__slice *tail)
{
    uint8_t *to = control->body;
    if (size + tail->size > sizeof(control->body)) {
        to = take_large(control, size + tail->size);
    }
    if (to != NULL && size != 0) {
        memcpy(to, body, size);
    }
    if (to != NULL && tail->size != 0) {
        uint32_t hint = 0;
        baton__layout_gather(tail->layout, tail->offset, to + size, tail->size, &hint);
    }
    return to;
}

void baton__frame_address(const baton__peer *peer, baton__frame *frame)
{
    frame->to_instance = peer->instance;
    frame->to_epoch = peer->epoch;
}

baton_status baton__send_control(baton__peer *peer, baton__frame *frame, const void *body, size_t size)
{
    return baton__send_control_with(peer, frame, body, size, (baton__slice){.size = 0});
}

baton_status baton__send_control_with(baton__peer *peer, baton__frame *frame, const void *body, size_t size,
                                      baton__slice tail)
{
    if (peer->endpoint == NULL || peer->closing || peer->reset_wanted) {
        return BATON_ERR_PEER_LOST;
    }
    baton__control *control = new_control(peer->connector);
    if (control == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    baton__frame_address(peer, frame);
    baton__frame_encode(frame, control->header);
    control->peer = peer;
    peer->transfers++;
    DL_APPEND(peer->controls, control);
    const void *copy = copy_body(control, body, size, &tail);
    bool pending = false;
    int native = 0;
    baton_status status = BATON_ERR_OUT_OF_MEMORY;
    if (copy != NULL) {
        status = peer->connector->table->send(peer->endpoint, control->header, BATON__FRAME_SIZE, copy,
                                              size + tail.size, &control->transfer, &pending, &native);
    }
    BATON__TRACE("%s -> %s: %s", baton__frame_type_name(frame->type), peer->name,
                 baton_status_name(status));
    if (pending) {
        count(control);
    } else {
        control_done(&control->transfer, status, native);
    }
    if (status != BATON_OK) {
        baton__peer_failed(peer, native);
    }
    return status;
}

void baton__flush(baton__peer *peer)
{
    baton__control *control = baton__peer_is_up(peer) ? new_control(peer->connector) : NULL;
    if (control == NULL) {
        return;
    }
    control->peer = peer;
    peer->transfers++;
    DL_APPEND(peer->controls, control);
    bool pending = false;
    baton_status status =
        peer->connector->table->endpoint_flush(peer->endpoint, &control->transfer, &pending);
    if (!pending) {
        control_done(&control->transfer, status, 0);
    }
}

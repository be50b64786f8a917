/* SPDX-License-Identifier: Apache-2.0 */
/* A view: the application reads a peer's memory in place, by a pointer, until it lets go. */
#include "core/connector.h"

#include "base/error.h"
#include "base/log.h"
#include <stdlib.h>

static baton__view *view_of(const baton_operation *op)
{
    return op != NULL && baton__is_active(op) ? op->a.view : NULL;
}

static uint32_t state_of(const baton__view *view)
{
    return __atomic_load_n(&view->state, __ATOMIC_ACQUIRE);
}

baton_status baton_connector_check_view(const baton_connector *connector, const baton_metadata *metadata)
{
    if (connector == NULL || metadata == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "view: no metadata, or no connector");
    }
    if (baton_metadata_get_kind(metadata) != BATON_METADATA_READABLE) {
        return baton__fail(BATON_ERR_KIND_MISMATCH, "no view: the metadata is of a writable operation");
    }
    const char *why = baton__map_objection(connector, metadata);
    return why == NULL ? BATON_OK : baton__fail(BATON_ERR_NOT_SUPPORTED, "no view: %s", why);
}

baton_status baton__view_create(baton_operation *op)
{
    op->a.map = baton__map_new(op);
    op->a.view = calloc(1, sizeof(*op->a.view));
    if (op->a.map == NULL || op->a.view == NULL) {
        return baton__fail_memory("a view");
    }
    op->a.view->fd = -1;
    return BATON_OK;
}

void baton__view_fini(baton_operation *op)
{
    if (op->a.view != NULL) {
        baton__pollable_close(op->a.view->fd);
        free(op->a.view);
        op->a.view = NULL;
    }
}

bool baton__view_is_held(const baton_operation *op)
{
    const baton__view *view = view_of(op);
    return view != NULL && state_of(view) == BATON__VIEW_HELD;
}

bool baton__view_allows_end(const baton_operation *op)
{
    const baton__view *view = view_of(op);
    return view == NULL || view->worked_off || op->a.answered;
}

static void publish(baton_connector *connector)
{
    __atomic_store_n(&connector->stats.views, connector->views.count, __ATOMIC_RELAXED);
}

static void unlist(baton_connector *connector, baton__view *view)
{
    baton__table_remove(&connector->views, &view->by_nonce);
    publish(connector);
}

baton_status baton__view_hold(baton_operation *op)
{
    baton_connector *connector = op->connector;
    baton__view *view = op->a.view;
    if (view == NULL) {
        return BATON_OK;
    }
    baton__table_add(&connector->views, &view->by_nonce, &op->a.nonce);
    publish(connector);
    uint32_t none = BATON__VIEW_NONE;
    if (!__atomic_compare_exchange_n(&view->state, &none, BATON__VIEW_HELD, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        unlist(connector, view);
        return BATON_ERR_CANCELLED; /* its handle was destroyed meanwhile */
    }
    return BATON_OK;
}

void baton__view_tell(baton_operation *op)
{
    baton__view *view = view_of(op);
    if (view != NULL && !baton__event_is_set(&view->ready)) {
        baton__event_set(&view->ready);
        baton__pollable_wake(&view->fd);
    }
}

bool baton__view_let_go(baton_operation *op)
{
    baton__view *view = view_of(op);
    uint32_t held = BATON__VIEW_HELD;
    return view != NULL && __atomic_compare_exchange_n(&view->state, &held, BATON__VIEW_RELEASED, false, __ATOMIC_ACQ_REL,
                                                       __ATOMIC_ACQUIRE);
}

void baton__view_abandon(baton_operation *op)
{
    baton__view *view = view_of(op);
    uint32_t before = view != NULL ? state_of(view) : BATON__VIEW_RELEASED;
    while (before < BATON__VIEW_RELEASED &&
           !__atomic_compare_exchange_n(&view->state, &before, BATON__VIEW_ABANDONED, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
    }
    if (before == BATON__VIEW_HELD) {
        baton__operation_request(op, BATON__REQUEST_RELEASE);
    }
}

/* Its operation is over, and the peer may hold the memory only for us: it learns it whatever has become of the session. */
static void tell_late(baton_operation *op)
{
    baton_connector *connector = op->connector;
    baton__peer *peer = NULL;
    if (connector->transport == NULL ||
        baton__peer_get(connector, baton__metadata_block(op->a.metadata), &peer) != BATON_OK) {
        BATON__WARN("%s: %s cannot be told that a view is released; it holds the memory until this process ends",
                    connector->name, op->peer_name);
        op->a.map->held = false;
        return;
    }
    baton__map_release(op, peer);
}

void baton__view_end(baton_operation *op)
{
    baton__view *view = op->a.view;
    unlist(op->connector, view);
    baton__map_put_pools(op);
    if (state_of(view) == BATON__VIEW_ABANDONED) {
        baton__active_stop(op, BATON_ERR_CANCELLED, 0);
    }
    if (baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS) {
        if (op->a.map->held) {
            tell_late(op);
        }
        return;
    }
    op->a.map->state = BATON__MAP_COPIED;
    view->worked_off = true;
    if (op->a.answered) {
        return; /* ACK says it */
    }
    if (op->completion == BATON_COMPLETION_ACK) {
        baton__map_release(op, op->peer); /* and the application's word comes later */
    } else {
        baton__active_pump(op);
    }
}

bool baton__view_is_read(baton_connector *connector, const baton_key *nonce)
{
    const baton__view *view = BATON__NODE_OWNER(baton__table_find(&connector->views, nonce), baton__view, by_nonce);
    return view != NULL && state_of(view) == BATON__VIEW_HELD;
}

void baton__views_fini(baton_connector *connector)
{
    for (baton__node *node; (node = baton__table_next(&connector->views, NULL)) != NULL;) {
        BATON__WARN("%s: a view is held beyond the end of its connector; the peer keeps that memory until this process ends",
                    connector->name);
        unlist(connector, BATON__NODE_OWNER(node, baton__view, by_nonce));
    }
}

baton_status baton_operation_view(const baton_operation *op, size_t index, const void **pointer_out, size_t *size_out)
{
    const baton__view *view = view_of(op);
    if (view == NULL || index >= op->count || pointer_out == NULL || size_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "view: not an operation of begin_view, no such piece, or no place for the result");
    }
    if (state_of(view) != BATON__VIEW_HELD) {
        return baton__fail(BATON_ERR_WRONG_STATE, "view: it cannot be read yet, or was released");
    }
    *pointer_out = op->a.map->sources[index];
    *size_out = (size_t)baton_metadata_descriptor_at(op->a.metadata, index)->size_bytes;
    return BATON_OK;
}

baton_status baton_operation_wait_view(baton_operation *op, uint32_t timeout_ms)
{
    baton__view *view = view_of(op);
    if (view == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "view: not an operation of begin_view");
    }
    baton_status status = baton__connector_wait(op->connector, &view->ready, timeout_ms);
    if (status != BATON_OK || state_of(view) == BATON__VIEW_HELD) {
        return status;
    }
    if (state_of(view) == BATON__VIEW_RELEASED) {
        return baton__fail(BATON_ERR_WRONG_STATE, "view: it was released");
    }
    return baton__operation_fail_reason(op);
}

baton_status baton_operation_view_fd(baton_operation *op, int *fd_out)
{
    baton__view *view = view_of(op);
    if (view == NULL || fd_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "view fd: not an operation of begin_view, or no place for the result");
    }
    return baton__pollable_get(&view->fd, &view->ready, fd_out);
}

baton_status baton_operation_release_view(baton_operation *op)
{
    if (view_of(op) == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "view: not an operation of begin_view");
    }
    baton_status status = baton__connector_check(op->connector);
    if (status != BATON_OK) {
        return status;
    }
    if (!baton__view_let_go(op)) {
        return baton__fail(BATON_ERR_WRONG_STATE, "view: it cannot be read yet, or was released");
    }
    baton__operation_request(op, BATON__REQUEST_RELEASE);
    return BATON_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handoff that is taken as a view: the application reads the origin's memory in place. The operation belongs to the owner thread
 * as long as it runs; if it ends while the application still has the view, the handle is the application's to destroy, with the
 * release. Which of the two it is stands under the record's lock.
 */
#include "handoff.h"

#include "base/error.h"
#include "base/log.h"

static void lock(const baton_handoff *handoff)
{
    (void)pthread_mutex_lock((pthread_mutex_t *)&handoff->record.lock);
}

static void unlock(const baton_handoff *handoff)
{
    (void)pthread_mutex_unlock((pthread_mutex_t *)&handoff->record.lock);
}

static void release(baton_handoff *handoff, baton_operation *operation)
{
    if (baton_operation_release_view(operation) != BATON_OK) {
        BATON__ERROR("worker %s: a view cannot be released: %s", handoff->session->name, baton_error_text());
    }
}

baton_operation *baton__handoff_forget_view(baton_handoff *handoff)
{
    baton_operation *ours = handoff->view_is_ours ? handoff->view : NULL;
    handoff->view = NULL;
    handoff->view_is_over = true;
    return ours;
}

baton_operation *baton__handoff_drop_view(baton_handoff *handoff)
{
    if (handoff->view == NULL) {
        return NULL;
    }
    release(handoff, handoff->view);
    return baton__handoff_forget_view(handoff);
}

void baton__handoff_begin_view(baton_handoff *handoff, baton_operation *operation)
{
    lock(handoff);
    if (handoff->released) {
        handoff->view_is_over = true; /* nobody will look at it */
        release(handoff, operation);
    } else {
        handoff->view = operation;
    }
    unlock(handoff);
}

bool baton__handoff_keeps_view(baton_handoff *handoff)
{
    lock(handoff);
    handoff->view_is_ours = handoff->view != NULL;
    bool keeps = handoff->view_is_ours;
    unlock(handoff);
    return keeps;
}

bool baton__handoff_is_read(const baton_handoff *handoff)
{
    lock(handoff);
    bool is_read = handoff->views && !handoff->view_is_over;
    unlock(handoff);
    return is_read;
}

static bool take(baton_handoff *handoff, baton_handoff_moved_fn on_moved, void *context)
{
    lock(handoff);
    bool is_open = handoff->decision == BATON__DECISION_NONE && !handoff->record.is_over;
    if (is_open) {
        handoff->decision = BATON__DECISION_ACCEPT;
        handoff->views = true;
        handoff->on_moved = on_moved;
        handoff->moved_context = context;
    }
    unlock(handoff);
    return is_open;
}

baton_status baton_handoff_accept_view(baton_handoff *handoff, baton_handoff_moved_fn on_moved, void *context)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    baton_status status = baton__session_check_view(handoff->session, handoff->message.metadata);
    if (status != BATON_OK) {
        return status;
    }
    if (!take(handoff, on_moved, context)) {
        return baton__fail(BATON_ERR_WRONG_STATE,
                           "handoff: it was accepted, rejected or returned before, or is over");
    }
    (void)baton__handoff_post(handoff, &handoff->decide_task);
    return BATON_OK;
}

baton_status baton_handoff_transfer_view(baton_handoff *handoff)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    if (baton__session_is_owner(handoff->session)) {
        return baton__fail(BATON_ERR_WRONG_THREAD,
                           "handoff: the owner thread cannot wait for it; use baton_handoff_accept_view");
    }
    baton_status status = baton_handoff_accept_view(handoff, NULL, NULL);
    if (status == BATON_OK) {
        status = baton__handoff_await(handoff, &handoff->moved_or_over, BATON_FOREVER);
    }
    if (status != BATON_OK || !baton__record_is_over(&handoff->record)) {
        return status;
    }
    return baton__handoff_verdict(handoff);
}

baton_status baton_handoff_view(const baton_handoff *handoff, size_t index, const void **pointer_out, size_t *size_out)
{
    if (handoff == NULL || pointer_out == NULL || size_out == NULL || index >= baton_handoff_count(handoff)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff: NULL, or there is no descriptor %zu", index);
    }
    lock(handoff);
    baton_status status = handoff->view != NULL
                              ? baton_operation_view(handoff->view, index, pointer_out, size_out)
                              : baton__fail(BATON_ERR_WRONG_STATE, "handoff: no view, not yet, or it was released");
    unlock(handoff);
    return status;
}

baton_status baton_handoff_release_view(baton_handoff *handoff)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    lock(handoff);
    bool is_there = handoff->view != NULL;
    baton_operation *ours = baton__handoff_drop_view(handoff);
    unlock(handoff);
    baton_operation_destroy(ours);
    return is_there ? BATON_OK
                    : baton__fail(BATON_ERR_WRONG_STATE, "handoff: no view, not yet, or it was released");
}

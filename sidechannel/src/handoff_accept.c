/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting a handoff, waiting for it, and the short ways that do both. Any thread. */
#include "handoff.h"

#include "base/error.h"
#include "base/options.h"
#include <stdio.h>
#include <stdlib.h>

void baton__handoff_describe(const baton_handoff *handoff, char *text, size_t size)
{
    char id[BATON_UUID_TEXT_SIZE];
    baton_uuid_print(&handoff->key.id, id);
    (void)snprintf(text, size, "handoff %s (attempt %u) from \"%s\"", id, handoff->key.attempt,
                   handoff->message.origin);
}

baton_status baton__handoff_await(baton_handoff *handoff, baton__event *event, uint32_t timeout_ms)
{
    char what[192];
    if (baton__event_is_set(event)) {
        baton__session_say_last_words(handoff->session, timeout_ms);
        return BATON_OK;
    }
    baton_status status = baton__session_check(handoff->session);
    if (status != BATON_OK) {
        return status;
    }
    if (baton__session_is_owner(handoff->session)) {
        baton__handoff_describe(handoff, what, sizeof(what));
        return baton__fail(
            BATON_ERR_WRONG_THREAD,
            "%s: the owner thread cannot wait for it; use baton_handoff_accept with on_moved",
            what);
    }
    if (!baton__session_wait(handoff->session, event, timeout_ms)) {
        baton__handoff_describe(handoff, what, sizeof(what));
        return baton__fail(BATON_ERR_TIMED_OUT, "%s: not over after %u ms; it goes on", what,
                           timeout_ms);
    }
    return BATON_OK;
}

void baton__handoff_free_locals(baton_descriptor **locals, size_t count)
{
    for (size_t i = 0; locals != NULL && i < count; i++) {
        baton_descriptor_release(locals[i]);
    }
    free(locals);
}

static baton_descriptor **make_array(size_t count)
{
    baton_descriptor **locals = calloc(count, sizeof(baton_descriptor *));
    if (locals == NULL) {
        (void)baton__fail_memory("a list of descriptors");
    }
    return locals;
}

baton_status baton__handoff_allocate(const baton_handoff *handoff, baton_descriptor ***locals_out)
{
    size_t count = baton_handoff_count(handoff);
    baton_descriptor **locals = make_array(count);
    if (locals == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t size = baton_metadata_descriptor_at(handoff->message.metadata, i)->size_bytes;
        baton_status status =
            size > SIZE_MAX / 2
                ? baton__fail(BATON_ERR_OUT_OF_MEMORY, "handoff: too large")
                : baton_descriptor_allocate((size_t)size, BATON_DEVICE_HOST, &locals[i]);
        if (status != BATON_OK) {
            baton__handoff_free_locals(locals, count);
            return status;
        }
    }
    *locals_out = locals;
    return BATON_OK;
}

static baton_status check_locals(const baton_handoff *handoff, baton_descriptor *const *locals,
                                 size_t count)
{
    if (count != baton_handoff_count(handoff)) {
        return baton__fail(BATON_ERR_COUNT_MISMATCH, "handoff: %zu descriptors here, %zu at \"%s\"",
                           count, baton_handoff_count(handoff), handoff->message.origin);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t remote = baton_metadata_descriptor_at(handoff->message.metadata, i)->size_bytes;
        if (locals[i] == NULL) {
            return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff: descriptor %zu is NULL", i);
        }
        if (baton_descriptor_size(locals[i]) != remote) {
            return baton__fail(BATON_ERR_SIZE_MISMATCH,
                               "handoff: descriptor %zu has %zu bytes here, %llu at \"%s\"", i,
                               baton_descriptor_size(locals[i]), (unsigned long long)remote,
                               handoff->message.origin);
        }
    }
    return BATON_OK;
}

static baton_status copy_locals(const baton_handoff *handoff, baton_descriptor *const *locals,
                                size_t count, baton_descriptor ***locals_out)
{
    baton_status status = check_locals(handoff, locals, count);
    baton_descriptor **copy = status == BATON_OK ? make_array(count) : NULL;
    if (copy == NULL) {
        return status != BATON_OK ? status : BATON_ERR_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        copy[i] = baton_descriptor_acquire(locals[i]);
    }
    *locals_out = copy;
    return BATON_OK;
}

/* False if it has been decided, or is over. */
static bool take(baton_handoff *handoff, baton_descriptor **locals, baton_handoff_moved_fn on_moved,
                 void *context)
{
    (void)pthread_mutex_lock(&handoff->record.lock);
    bool is_open = handoff->decision == BATON__DECISION_NONE && !handoff->record.is_over;
    if (is_open) {
        handoff->decision = BATON__DECISION_ACCEPT;
        handoff->locals = locals;
        handoff->count = baton_handoff_count(handoff);
        handoff->on_moved = on_moved;
        handoff->moved_context = context;
    }
    (void)pthread_mutex_unlock(&handoff->record.lock);
    return is_open;
}

baton_status baton_handoff_accept(baton_handoff *handoff, baton_descriptor *const *locals,
                                  size_t count, baton_handoff_moved_fn on_moved, void *context)
{
    baton_descriptor **mine = NULL;
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    if (locals == NULL && baton_handoff_kind(handoff) != BATON_OPERATION_READ) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "handoff: what is written to the origin needs descriptors");
    }
    baton_status status = locals == NULL ? baton__handoff_allocate(handoff, &mine)
                                         : copy_locals(handoff, locals, count, &mine);
    if (status != BATON_OK) {
        return status;
    }
    if (!take(handoff, mine, on_moved, context)) {
        baton__handoff_free_locals(mine, baton_handoff_count(handoff));
        return baton__fail(BATON_ERR_WRONG_STATE,
                           "handoff: it was accepted, rejected or returned before, or is over");
    }
    (void)baton__handoff_post(handoff, &handoff->decide_task);
    return BATON_OK;
}

baton_status baton__handoff_verdict(baton_handoff *handoff)
{
    char what[192];
    if (baton__record_is_complete(&handoff->record)) {
        return BATON_OK;
    }
    baton__handoff_describe(handoff, what, sizeof(what));
    return baton__record_verdict(&handoff->record, what);
}

baton_status baton_handoff_transfer(baton_handoff *handoff, baton_descriptor *const *locals,
                                    size_t count)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    bool is_there = handoff->prefetch && locals == NULL;
    if (!is_there && baton__session_is_owner(handoff->session)) {
        return baton__fail(
            BATON_ERR_WRONG_THREAD,
            "handoff: the owner thread cannot wait for it; use baton_handoff_accept");
    }
    baton_status status =
        is_there ? BATON_OK : baton_handoff_accept(handoff, locals, count, NULL, NULL);
    if (status == BATON_OK) {
        status = baton__handoff_await(handoff, &handoff->moved_or_over, BATON_FOREVER);
    }
    if (status != BATON_OK || !baton__record_is_over(&handoff->record)) {
        return status;
    }
    return baton__handoff_verdict(handoff);
}

static baton_status check_short(const baton_handoff *handoff, baton_operation_kind kind)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    if (baton_handoff_kind(handoff) != kind) {
        return baton__fail(BATON_ERR_KIND_MISMATCH, "handoff: \"%s\" offers memory to %s",
                           handoff->message.origin,
                           kind == BATON_OPERATION_READ ? "write into; use baton_handoff_send"
                                                        : "read; use baton_handoff_receive");
    }
    if (baton_handoff_count(handoff) != 1) {
        return baton__fail(BATON_ERR_COUNT_MISMATCH,
                           "handoff: %zu descriptors; use baton_handoff_transfer",
                           baton_handoff_count(handoff));
    }
    return BATON_OK;
}

baton_status baton_handoff_receive(baton_handoff *handoff, baton_descriptor *local,
                                   baton_descriptor **descriptor_out)
{
    baton_status status = check_short(handoff, BATON_OPERATION_READ);
    if (status == BATON_OK && descriptor_out == NULL) {
        status = baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff: descriptor_out is NULL");
    }
    if (status == BATON_OK) {
        status = baton_handoff_transfer(handoff, local != NULL ? &local : NULL, 1);
    }
    return status == BATON_OK ? baton_handoff_local(handoff, 0, descriptor_out) : status;
}

baton_status baton_handoff_send(baton_handoff *handoff, baton_descriptor *local)
{
    baton_status status = check_short(handoff, BATON_OPERATION_WRITE);
    if (status == BATON_OK && local == NULL) {
        status = baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff: the descriptor is NULL");
    }
    return status == BATON_OK ? baton_handoff_transfer(handoff, &local, 1) : status;
}

baton_status baton_handoff_local(const baton_handoff *handoff, size_t index,
                                 baton_descriptor **descriptor_out)
{
    if (handoff == NULL || descriptor_out == NULL || index >= baton_handoff_count(handoff)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "handoff: NULL, or there is no descriptor %zu", index);
    }
    pthread_mutex_t *lock = (pthread_mutex_t *)&handoff->record.lock;
    (void)pthread_mutex_lock(lock);
    baton_descriptor *local = handoff->locals != NULL ? handoff->locals[index] : NULL;
    if (local != NULL) {
        (void)baton_descriptor_acquire(local);
    }
    (void)pthread_mutex_unlock(lock);
    if (local == NULL) {
        return baton__fail(BATON_ERR_WRONG_STATE, "handoff: it was not accepted, or as a view");
    }
    *descriptor_out = local;
    return BATON_OK;
}

baton_status baton_handoff_wait(baton_handoff *handoff, uint32_t timeout_ms,
                                baton_outcome *outcome_out)
{
    if (handoff == NULL || (outcome_out != NULL && !baton__output_is_sized(outcome_out))) {
        return baton__fail(
            BATON_ERR_INVALID_ARGUMENT,
            "handoff is NULL, or the outcome does not begin with BATON_OUTCOME_INIT");
    }
    baton_status status = baton__handoff_await(handoff, &handoff->record.ended, timeout_ms);
    if (status == BATON_OK && outcome_out != NULL) {
        status = baton__record_read(&handoff->record, outcome_out);
    }
    return status == BATON_OK ? baton__handoff_verdict(handoff) : status;
}

baton_status baton_handoff_get_outcome(const baton_handoff *handoff, baton_outcome *outcome_out)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    return baton__record_read(&handoff->record, outcome_out);
}

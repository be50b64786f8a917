/* SPDX-License-Identifier: Apache-2.0 */
/* What any thread may call on an operation. */
#include "core/engine.h"

#include "base/error.h"
#include "base/options.h"
#include "base/log.h"
#include "core/connector.h"
#include "device/device.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

const char *baton_operation_status_name(baton_operation_status status)
{
    switch (status) {
#define STATUS_NAME(name, value, text)                                                             \
    case BATON_OPERATION_##name:                                                                   \
        return text;
        BATON_OPERATION_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    default:
        return "UNKNOWN";
    }
}

bool baton__operation_hold(baton_operation *op)
{
    uint32_t holders = __atomic_load_n(&op->holders, __ATOMIC_RELAXED);
    while (holders != 0) {
        if (__atomic_compare_exchange_n(&op->holders, &holders, holders + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

void baton__operation_let_go(baton_operation *op)
{
    if (__atomic_sub_fetch(&op->holders, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    if (op->descriptors == op->one) { /* without a look at how many there are: their number is in another line */
        baton_descriptor_release(op->one[0]);
        return;
    }
    for (uint32_t i = 0; op->descriptors != NULL && i < op->count; i++) {
        baton_descriptor_release(op->descriptors[i]);
    }
}

void baton__operation_unref(baton_operation *op)
{
    if (__atomic_sub_fetch(&op->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    if (baton__is_active(op)) {
        baton__active_fini(op);
    } else {
        baton__passive_fini(op);
    }
    if (baton__is_active(op) || !baton__event_is_set(&op->over)) {
        baton__operation_let_go(op);
    }
    if (op->descriptors != op->one) { /* else there is one run too, and no need to look */
        free(op->descriptors);
        free((baton__run *)op->layout.runs);
    }
    baton__gates_fini(op);
    baton__pollable_close(op->fd);
    free(op->result);
    baton_connector *connector = op->connector;
    baton__depot_give(baton__operation_depot(connector, op->kind), op);
    baton__connector_unref(connector);
}

baton_operation_status baton_operation_get_status(const baton_operation *op)
{
    return baton__operation_status(op);
}

baton_status baton_operation_reason(const baton_operation *op)
{
    return baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS ? op->reason : BATON_OK;
}

bool baton_operation_is_over(const baton_operation *op)
{
    return baton__event_is_set(&op->over);
}

baton_uuid baton_operation_id(const baton_operation *op)
{
    return op->id;
}

static const char *path_of(const baton_operation *op)
{
    if (__atomic_load_n(&op->reached, __ATOMIC_RELAXED)) {
        return "rma";
    }
    if (__atomic_load_n(&op->mapped, __ATOMIC_RELAXED)) {
        return "map";
    }
    bool by_copy = (__atomic_load_n(&op->staged, __ATOMIC_RELAXED) & BATON__STAGED_BY_COPY) != 0;
    bool staged = by_copy && !__atomic_load_n(&op->direct, __ATOMIC_RELAXED);
    return staged ? "staged" : "am";
}

baton_status baton_operation_get_report(const baton_operation *op, baton_operation_report *report_out)
{
    if (op == NULL || report_out == NULL || !baton__output_is_sized(report_out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "report: struct_size must be set");
    }
    baton_operation_status status = baton__operation_status(op);
    bool over = status > BATON_OPERATION_IN_PROGRESS;
    uint64_t moved = __atomic_load_n(&op->bytes_moved, __ATOMIC_RELAXED);
    uint64_t most = op->bytes_total * op->readers;
    const char *why_not_rma = __atomic_load_n(&op->why_not_rma, __ATOMIC_RELAXED);
    const char *why_staged = moved == 0 || __atomic_load_n(&op->reached, __ATOMIC_RELAXED) ? NULL : __atomic_load_n(&op->why_staged, __ATOMIC_RELAXED);
    const char *why_not_map = __atomic_load_n(&op->why_not_map, __ATOMIC_RELAXED);
    baton_operation_report report = {
        .kind = op->kind,
        .status = status,
        .reason = over ? op->reason : BATON_OK,
        .native_code = over ? op->native : 0,
        .bytes_moved = moved < most ? moved : most,
        .bytes_total = op->bytes_total,
        .peer = status >= BATON_OPERATION_IN_PROGRESS ? op->peer_name : "",
        .path = moved == 0 ? "" : path_of(op),
        .transport = over ? op->transport : "",
        .readers_done = (uint32_t)__atomic_load_n(&op->readers_done, __ATOMIC_RELAXED),
        .chunks_repeated = over ? op->chunks_repeated : 0,
        .why_not_map = why_not_map == NULL ? "" : why_not_map,
        .why_not_rma = why_not_rma == NULL ? "" : why_not_rma,
        .why_staged = why_staged == NULL ? "" : why_staged,
    };
    if (over && report.path[0] != '\0') {
        bool viewed = op->mapped && op->viewed;
        bool cut = baton__is_active(op) && !viewed;
        report.copies = viewed ? 0 : baton__copies(op->direct ? "direct" : report.path, report.transport);
        report.chunk_bytes = cut ? op->plan.chunk_size : 0;
        report.chunk_depth = !cut ? 0 : op->mapped ? 1 : op->a.depth;
    }
    baton__output_copy(report_out, &report, sizeof(report));
    return BATON_OK;
}

static const char *native_source(const baton_operation *op)
{
    return op->reason == BATON_ERR_DEVICE ? "; CUDA: " : "; UCX: ";
}

static const char *native_text(const baton_operation *op)
{
    return op->reason == BATON_ERR_DEVICE ? baton__device_native_text(op->native) : op->connector->table->native_text(op->native);
}

baton_status baton__operation_fail_reason(const baton_operation *op)
{
    const char *why_not_map = baton__is_active(op) && op->a.view != NULL ? op->why_not_map : NULL;
    return baton__fail(op->reason, "operation with %s: %s%s%s%s%s",
                       op->peer_name[0] != '\0' ? op->peer_name : "nobody yet",
                       baton_status_text(op->reason), op->native != 0 ? native_source(op) : "",
                       op->native != 0 ? native_text(op) : "",
                       why_not_map != NULL ? "; no view: " : "", why_not_map != NULL ? why_not_map : "");
}

baton_status baton_operation_wait(baton_operation *op, uint32_t timeout_ms)
{
    if (op == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "wait: no operation");
    }
    baton_status status = baton__connector_wait(op->connector, &op->over, timeout_ms);
    if (status != BATON_OK) {
        return status;
    }
    return op->reason == BATON_OK ? BATON_OK : baton__operation_fail_reason(op);
}

baton_status baton__pollable_get(int *slot, const baton__event *event, int *fd_out)
{
    int fd = __atomic_load_n(slot, __ATOMIC_SEQ_CST);
    if (fd < 0) {
        int made = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (made < 0) {
            return baton__fail_errno(errno, "operation fd");
        }
        if (__atomic_compare_exchange_n(slot, &fd, made, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            fd = made;
        } else {
            (void)close(made);
        }
        if (baton__event_is_set(event)) { /* the owner may have looked before fd was there */
            baton__pollable_wake(slot);
        }
    }
    *fd_out = fd;
    return BATON_OK;
}

void baton__pollable_wake(const int *slot)
{
    int fd = __atomic_load_n(slot, __ATOMIC_SEQ_CST);
    if (fd >= 0) {
        uint64_t one = 1;
        ssize_t written = write(fd, &one, sizeof(one));
        (void)written; /* EAGAIN: readable already */
    }
}

void baton__pollable_close(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

baton_status baton_operation_fd(baton_operation *op, int *fd_out)
{
    if (op == NULL || fd_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "operation fd: an argument is NULL");
    }
    return baton__pollable_get(&op->fd, &op->over, fd_out);
}

baton_status baton_operation_fail(baton_operation *op, baton_status reason)
{
    if (op == NULL || reason >= BATON_OK) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "cancel: no operation, or no failure as reason");
    }
    if (baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS) {
        return BATON_OK;
    }
    baton__operation_fetch(op, 1, 2); /* for the owner thread, which will be at it in no time */
    if (!baton__is_active(op)) {
        baton__table_fetch(&op->connector->by_id, &op->node, &op->id);
    }
    uint32_t none = 0;
    (void)__atomic_compare_exchange_n(&op->cancel_reason, &none, (uint32_t)reason, false,
                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    baton__operation_request(op, BATON__REQUEST_CANCEL);
    return BATON_OK;
}

baton_status baton_operation_cancel(baton_operation *op)
{
    return baton_operation_fail(op, BATON_ERR_CANCELLED);
}

baton_status baton_operation_close(baton_operation *op, uint32_t timeout_ms)
{
    baton_status status = baton_operation_cancel(op);
    if (status == BATON_OK) {
        status = baton__connector_wait(op->connector, &op->over, timeout_ms);
    }
    if (status == BATON_OK && op->reason == BATON_ERR_QUARANTINED) {
        status = baton__fail(BATON_ERR_QUARANTINED, "close: %s may still reach the memory; it is held back until it "
                             "cannot", op->peer_name);
    }
    return status;
}

void baton_operation_destroy(baton_operation *op)
{
    if (op == NULL) {
        return;
    }
    baton__operation_fetch(op, 0, 1);
    baton__view_abandon(op);
    bool may_wait = !baton_loop_is_owner(op->connector->loop); /* not inside of a callback */
    baton_status status = may_wait ? baton_operation_close(op, BATON_FOREVER) : baton_operation_cancel(op);
    if (status != BATON_OK && status != BATON_ERR_QUARANTINED) {
        BATON__ERROR("operation destroy: %s", baton_error_text());
    }
    baton__operation_unref(op);
}

baton_status baton_operation_stream_wait(const baton_operation *op, void *cuda_stream)
{
    (void)cuda_stream; /* whichever it is: a copy that is over is seen by all that begins after it */
    if (op == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "stream: no operation");
    }
    if (baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS) {
        return op->reason == BATON_OK ? BATON_OK : baton__operation_fail_reason(op);
    }
    if (__atomic_load_n(&op->moved, __ATOMIC_ACQUIRE) == 0) {
        return baton__fail(BATON_ERR_WRONG_STATE, "stream: the bytes are not all there yet");
    }
    return BATON_OK;
}

size_t baton_operation_count(const baton_operation *op)
{
    return op->count;
}

baton_status baton_operation_result(const baton_operation *op, size_t index, baton_descriptor **descriptor_out)
{
    if (op == NULL || descriptor_out == NULL || index >= op->count) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "result: no such descriptor");
    }
    if (!baton__is_active(op) || op->descriptors == NULL) {
        return baton__fail(BATON_ERR_WRONG_STATE, "result: a passive operation and a view have none");
    }
    *descriptor_out = baton_descriptor_acquire(op->descriptors[index]);
    return BATON_OK;
}

static baton_status answer(baton_operation *op, const void *result, size_t size, uint32_t state)
{
    if (op == NULL || (result == NULL && size != 0)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "acknowledge: an argument is NULL");
    }
    if (size > BATON_RESULT_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "acknowledge: a result of %zu bytes; %d is the most", size,
                           BATON_RESULT_MAX);
    }
    if (!baton__is_active(op) || __atomic_load_n(&op->moved, __ATOMIC_ACQUIRE) == 0 ||
        op->completion != BATON_COMPLETION_ACK ||
        baton__operation_status(op) != BATON_OPERATION_IN_PROGRESS) {
        return baton__fail(BATON_ERR_WRONG_STATE,
                           "acknowledge: only an active operation in ACK mode whose bytes are all there");
    }
    uint32_t none = 0;
    if (!__atomic_compare_exchange_n(&op->answer_state, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return baton__fail(BATON_ERR_WRONG_STATE, "acknowledge: answered before");
    }
    baton_status status = baton__result_copy(&op->result, &op->result_size, result, size);
    __atomic_store_n(&op->answer_state, status == BATON_OK ? state : 0, __ATOMIC_RELEASE);
    if (status == BATON_OK) {
        baton__operation_request(op, BATON__REQUEST_ANSWER | (baton__view_let_go(op) ? BATON__REQUEST_RELEASE : 0));
    }
    return status;
}

baton_status baton_operation_ack(baton_operation *op, const void *result, size_t size)
{
    return answer(op, result, size, BATON__ANSWER_ACK);
}

baton_status baton_operation_nack(baton_operation *op, const void *result, size_t size)
{
    return answer(op, result, size, BATON__ANSWER_NACK);
}

const void *baton_operation_peer_result(const baton_operation *op, size_t *size_out)
{
    if (baton__is_active(op) || baton__operation_status(op) <= BATON_OPERATION_IN_PROGRESS) {
        *size_out = 0;
        return NULL;
    }
    *size_out = op->result_size;
    return op->result;
}

baton_status baton_operation_settle_keys(const baton_operation *op, baton_settle_keys *keys_out)
{
    if (op == NULL || keys_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "settle keys: an argument is NULL");
    }
    if (__atomic_load_n(&op->keys_there, __ATOMIC_ACQUIRE) == 0) {
        return baton__fail(BATON_ERR_WRONG_STATE, "settle keys: it is not granted yet");
    }
    *keys_out = op->keys;
    return BATON_OK;
}

baton_status baton_operation_settle(baton_operation *op, baton_settlement settlement, const baton_key *key,
                                    baton_status reason, const void *result, size_t size)
{
    if (op == NULL || key == NULL || (result == NULL && size != 0)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "settle: an argument is NULL");
    }
    if (!baton_loop_is_owner(op->connector->loop)) {
        return baton__fail(BATON_ERR_WRONG_THREAD, "settle: owner thread only");
    }
    if (size > BATON_RESULT_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "settle: a result of %zu bytes; %d is the most", size,
                           BATON_RESULT_MAX);
    }
    if (baton__operation_status(op) > BATON_OPERATION_IN_PROGRESS) {
        return BATON_OK;
    }
    if (baton__is_active(op)) {
        return baton__active_settle(op, settlement, key, reason);
    }
    return baton__passive_settle(op, settlement, key, reason, result, size);
}

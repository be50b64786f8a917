/* SPDX-License-Identifier: Apache-2.0 */
/* Making operations: checked and built on the caller's thread, begun on the owner's. */
#include "core/connector.h"

#include "base/error.h"
#include "device/device.h"
#include "memory/descriptor.h"
#include "base/options.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000u
#define READERS_MAX 1024u

static baton_status take_options(const baton_operation_options *given, baton_operation_kind kind,
                                 baton_operation_options *options)
{
    *options = (baton_operation_options)BATON_OPERATION_OPTIONS_INIT;
    if (given == NULL) {
        return BATON_OK;
    }
    if (!baton__options_copy(options, sizeof(*options), given)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "operation options: struct_size is not set, or they ask for what "
                           "this version does not know");
    }
    if (options->deadline_ms == 0 || options->deadline_ms > DAY_MS || options->lease_ms > DAY_MS) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "operation options: deadline_ms from 1 and lease_ms from 0 to 86400000");
    }
    if (options->completion > BATON_COMPLETION_ACK || options->attempt == 0) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "operation options: unknown completion, or attempt 0");
    }
    uint32_t most = kind == BATON_OPERATION_READABLE ? READERS_MAX : 1;
    if (options->readers == 0 || options->readers > most) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "operation options: readers from 1 to %u for this kind", most);
    }
    return BATON_OK;
}

static baton_status check_descriptors(baton_descriptor *const *descriptors, size_t count)
{
    if (descriptors == NULL || count == 0 || count > BATON_DESCRIPTORS_MAX) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "operation: 1 to %d descriptors are needed",
                           BATON_DESCRIPTORS_MAX);
    }
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (descriptors[i] == NULL || total + baton_descriptor_size(descriptors[i]) < total) {
            return baton__fail(BATON_ERR_INVALID_ARGUMENT, "operation: descriptor %zu is NULL or too much", i);
        }
        total += baton_descriptor_size(descriptors[i]);
    }
    return BATON_OK;
}

/* The first device decides whose lanes the operation takes: a copy may reach another one's memory. */
static void note_device(baton_operation *op, const baton_descriptor *descriptor)
{
    baton_device device = baton_descriptor_device(descriptor);
    if ((op->staged & BATON__STAGED_BY_COPY) == 0 && baton__device_find(device.kind)->lanes != NULL) {
        op->staged |= BATON__STAGED_BY_COPY;
        op->device = device;
    }
}

/* False: no memory. */
static bool take_descriptors(baton_operation *op, baton_descriptor *const *descriptors, size_t count)
{
    op->descriptors = count == 1 ? op->one : malloc(count * sizeof(*op->descriptors));
    baton__run *runs = count == 1 ? op->one_run : malloc(count * sizeof(*runs));
    if (op->descriptors == NULL || runs == NULL) {
        if (count != 1) {
            free(op->descriptors);
            free(runs);
        }
        return false;
    }
    op->layout.runs = runs;
    for (size_t i = 0; i < count; i++) {
        op->descriptors[i] = baton_descriptor_acquire(descriptors[i]);
        note_device(op, descriptors[i]);
        baton__layout_add(runs, &op->layout.count, &op->layout.total, baton__descriptor_run(descriptors[i]));
    }
    return true;
}

/* descriptors: NULL for a view, which has none; total: of its metadata then. */
static baton_status new_operation(baton_connector *connector, baton_operation_kind kind,
                                  baton_descriptor *const *descriptors, size_t count, uint64_t total,
                                  const baton_operation_options *given, baton_operation **op_out)
{
    baton_operation_options options;
    baton_status status = take_options(given, kind, &options);
    if (status != BATON_OK) {
        return status;
    }
    baton__depot *depot = baton__operation_depot(connector, kind);
    baton_operation *op = baton__depot_take(depot);
    if (op == NULL) {
        return baton__fail_memory("an operation");
    }
    if (descriptors != NULL && !take_descriptors(op, descriptors, count)) {
        baton__depot_give(depot, op);
        return baton__fail_memory("an operation's descriptors");
    }
    op->connector = connector;
    (void)__atomic_add_fetch(&connector->references, 1, __ATOMIC_RELAXED);
    op->kind = kind;
    op->references = 2; /* the caller's handle, and the engine's until it is over */
    op->holders = 1;
    op->fd = -1;
    op->count = (uint32_t)count;
    op->bytes_total = descriptors != NULL ? op->layout.total : total;
    op->completion = options.completion;
    op->lease_ms = baton__is_active(op) ? 0 : options.lease_ms;
    op->readers = options.readers;
    op->attempt = options.attempt;
    op->deadline_ns = baton__after_ms(connector, options.deadline_ms);
    op->on_complete = options.on_complete;
    op->on_event = options.on_event;
    op->context = options.context;
    op->task.run = baton__operation_requested;
    baton__direct_note(op);
    status = baton__gates_take(op);
    if (status != BATON_OK) {
        op->references = 1;
        baton__operation_unref(op);
        return status;
    }
    *op_out = op;
    return BATON_OK;
}

/* From here on the engine has it, and on_complete will run. False: the connector is ending. */
static bool enter_creation(baton_connector *connector)
{
    (void)__atomic_add_fetch(&connector->creating, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&connector->shutting, __ATOMIC_SEQ_CST) == 0) {
        return true;
    }
    (void)__atomic_sub_fetch(&connector->creating, 1, __ATOMIC_SEQ_CST);
    return false;
}

/* On the owner thread it begins at once: what it comes to is told later all the same, from the list of what is ready. */
static void submit(baton_operation *op)
{
    __atomic_store_n(&op->status, BATON_OPERATION_INITIALIZED, __ATOMIC_RELEASE);
    if (baton_loop_is_owner(op->connector->loop)) {
        baton__operation_begin(op);
    } else {
        baton__operation_request(op, BATON__REQUEST_BEGIN);
    }
}

static baton_status begin_creation(baton_connector *connector, const void *result)
{
    if (connector == NULL || result == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "operation: no connector, or no place for the result");
    }
    baton_status status = baton__connector_check(connector);
    if (status == BATON_OK && !enter_creation(connector)) {
        status = baton__fail(BATON_ERR_SHUT_DOWN, "%s is shutting down", connector->name);
    }
    return status;
}

static void end_creation(baton_connector *connector)
{
    (void)__atomic_sub_fetch(&connector->creating, 1, __ATOMIC_SEQ_CST);
}

static baton_status create_passive(baton_connector *connector, baton_operation_kind kind,
                                   baton_descriptor *const *descriptors, size_t count,
                                   const baton_operation_options *options, baton_operation **operation_out)
{
    baton_status status = begin_creation(connector, operation_out);
    if (status != BATON_OK) {
        return status;
    }
    baton_operation *op = NULL;
    status = check_descriptors(descriptors, count);
    if (status == BATON_OK) {
        status = new_operation(connector, kind, descriptors, count, 0, options, &op);
    }
    if (status == BATON_OK) {
        op->id = baton_uuid_random();
        baton__table_fetch(&connector->by_id, &op->node, &op->id);
        *operation_out = op; /* before it can be over */
        submit(op);
    }
    end_creation(connector);
    return status;
}

baton_status baton_connector_create_readable(baton_connector *connector, baton_descriptor *const *descriptors,
                                             size_t count, const baton_operation_options *options,
                                             baton_operation **operation_out)
{
    return create_passive(connector, BATON_OPERATION_READABLE, descriptors, count, options, operation_out);
}

baton_status baton_connector_create_writable(baton_connector *connector, baton_descriptor *const *descriptors,
                                             size_t count, const baton_operation_options *options,
                                             baton_operation **operation_out)
{
    return create_passive(connector, BATON_OPERATION_WRITABLE, descriptors, count, options, operation_out);
}

static baton_status match(const baton_metadata *metadata, baton_operation_kind kind,
                          baton_descriptor *const *descriptors, size_t count)
{
    baton_metadata_kind wanted =
        kind == BATON_OPERATION_READ ? BATON_METADATA_READABLE : BATON_METADATA_WRITABLE;
    if (baton_metadata_get_kind(metadata) != wanted) {
        return baton__fail(BATON_ERR_KIND_MISMATCH, "the metadata is of a %s operation",
                           wanted == BATON_METADATA_READABLE ? "writable" : "readable");
    }
    if (baton_metadata_count(metadata) != count) {
        return baton__fail(BATON_ERR_COUNT_MISMATCH, "%zu local descriptors for %zu remote ones", count,
                           baton_metadata_count(metadata));
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t remote = baton_metadata_descriptor_at(metadata, i)->size_bytes;
        if (remote != baton_descriptor_size(descriptors[i])) {
            return baton__fail(BATON_ERR_SIZE_MISMATCH, "descriptor %zu has %zu bytes here, %llu there", i,
                               baton_descriptor_size(descriptors[i]), (unsigned long long)remote);
        }
    }
    return BATON_OK;
}

/* Where memory of a device is staged, on either side, there are more steps to overlap. */
static uint32_t depth_of(const baton_operation *op, uint32_t on_device)
{
    bool staged = (op->staged & BATON__STAGED_BY_COPY) != 0 || on_device != 0;
    return staged ? BATON__STAGED_DEPTH : BATON__DEPTH;
}

static uint32_t count_on_device(const baton_metadata *metadata)
{
    uint32_t found = 0;
    for (size_t i = 0; i < baton_metadata_count(metadata); i++) {
        found += baton_metadata_descriptor_at(metadata, i)->device.kind != BATON_DEVICE_KIND_HOST;
    }
    return found;
}

static baton_status fill_active(baton_operation *op, const baton_metadata *metadata)
{
    baton_status status = baton_metadata_copy(metadata, &op->a.metadata);
    if (status == BATON_OK && op->descriptors == NULL) {
        status = baton__view_create(op);
    }
    if (status != BATON_OK) {
        return status;
    }
    op->id = baton_metadata_operation_id(metadata);
    op->attempt = baton__metadata_block(metadata)->attempt;
    uint32_t on_device = count_on_device(metadata);
    op->a.peer_on_device = on_device == baton_metadata_count(metadata);
    op->a.depth = depth_of(op, on_device);
    op->a.nonce = baton_key_random();
    op->a.cancel_key = baton_key_random();
    return BATON_OK;
}

static baton_status start_active(baton_connector *connector, baton_operation_kind kind,
                                 const baton_metadata *metadata, baton_descriptor *const *descriptors,
                                 const baton_operation_options *options, baton_operation **operation_out)
{
    baton_operation *op = NULL;
    baton_status status = new_operation(connector, kind, descriptors, baton_metadata_count(metadata),
                                        baton_metadata_total_size(metadata), options, &op);
    if (status != BATON_OK) {
        return status;
    }
    status = fill_active(op, metadata);
    if (status == BATON_OK) {
        *operation_out = op;
        submit(op);
    } else {
        op->references = 1;
        baton__operation_unref(op);
    }
    return status;
}

static baton_status begin_active(baton_connector *connector, baton_operation_kind kind,
                                 const baton_metadata *metadata, baton_descriptor *const *descriptors,
                                 size_t count, const baton_operation_options *options,
                                 baton_operation **operation_out)
{
    if (metadata == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "operation: no metadata");
    }
    baton_status status = begin_creation(connector, operation_out);
    if (status != BATON_OK) {
        return status;
    }
    status = check_descriptors(descriptors, count);
    if (status == BATON_OK) {
        status = match(metadata, kind, descriptors, count);
    }
    if (status == BATON_OK) {
        status = start_active(connector, kind, metadata, descriptors, options, operation_out);
    }
    end_creation(connector);
    return status;
}

baton_status baton_connector_begin_read(baton_connector *connector, const baton_metadata *metadata,
                                        baton_descriptor *const *descriptors, size_t count,
                                        const baton_operation_options *options,
                                        baton_operation **operation_out)
{
    return begin_active(connector, BATON_OPERATION_READ, metadata, descriptors, count, options, operation_out);
}

baton_status baton_connector_begin_write(baton_connector *connector, const baton_metadata *metadata,
                                         baton_descriptor *const *descriptors, size_t count,
                                         const baton_operation_options *options,
                                         baton_operation **operation_out)
{
    return begin_active(connector, BATON_OPERATION_WRITE, metadata, descriptors, count, options, operation_out);
}

baton_status baton_connector_begin_view(baton_connector *connector, const baton_metadata *metadata,
                                        const baton_operation_options *options, baton_operation **operation_out)
{
    baton_status status = begin_creation(connector, operation_out);
    if (status != BATON_OK) {
        return status;
    }
    status = baton_connector_check_view(connector, metadata);
    if (status == BATON_OK) {
        status = start_active(connector, BATON_OPERATION_READ, metadata, NULL, options, operation_out);
    }
    end_creation(connector);
    return status;
}

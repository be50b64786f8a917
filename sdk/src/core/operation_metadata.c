/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata that a passive operation gives out. */
#include "core/connector.h"
#include "core/metadata_memory.h"

#include "base/error.h"
#include "memory/pool.h"

static bool is_mappable(const baton_operation *op)
{
    for (uint32_t i = 0; i < op->count; i++) {
        if (baton__pool_share(op->descriptors[i]) == NULL) {
            return false;
        }
    }
    return op->kind == BATON_OPERATION_READABLE && __atomic_load_n(&op->staged, __ATOMIC_RELAXED) == 0;
}

static void list_descriptors(const baton_operation *op, baton_metadata_descriptor *list)
{
    for (uint32_t i = 0; i < op->count; i++) {
        list[i] = (baton_metadata_descriptor){
            .device = baton_descriptor_device(op->descriptors[i]),
            .address = (uint64_t)(uintptr_t)baton_descriptor_pointer(op->descriptors[i]),
            .size_bytes = baton_descriptor_size(op->descriptors[i]),
        };
    }
}

static baton_status build_metadata(const baton_operation *op, baton_metadata **metadata_out)
{
    baton_connector *connector = op->connector;
    const baton__identity *identity = baton__identity_get(connector);
    baton__block block = identity->decoded;
    block.operation_id = op->id;
    block.claim_token = baton__claim_token(connector, &op->id, op->attempt);
    block.attempt = op->attempt;
    block.flags = (is_mappable(op) ? BATON__BLOCK_MAPPABLE : 0) |
                  (connector->why_no_rma == NULL && baton__rma_why_not_memory(op) == NULL ? BATON__BLOCK_REACHABLE : 0);
    size_t size = baton__block_size(&block);
    size_t list_size = op->count * sizeof(baton_metadata_descriptor);
    uint8_t *encoded = baton__metadata_memory_take(size);
    baton_metadata_descriptor *list = baton__metadata_memory_take(list_size);
    baton_status status =
        encoded != NULL && list != NULL ? baton__block_encode(&block, encoded, size, &size)
                                        : baton__fail_memory("metadata");
    if (status == BATON_OK) {
        char key[BATON_UUID_TEXT_SIZE];
        baton_uuid_print(&op->id, key);
        list_descriptors(op, list);
        status = baton_metadata_create(op->kind == BATON_OPERATION_READABLE ? BATON_METADATA_READABLE
                                                                            : BATON_METADATA_WRITABLE,
                                       list, op->count, key, encoded, size, metadata_out);
    }
    baton__metadata_memory_give(encoded, baton__block_size(&block));
    baton__metadata_memory_give(list, list_size);
    return status;
}

baton_status baton_operation_metadata(const baton_operation *operation, baton_metadata **metadata_out)
{
    if (operation == NULL || metadata_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "metadata: an argument is NULL");
    }
    /* Holding counts; nothing that the caller can see changes. */
    baton_operation *op = (baton_operation *)operation;
    if (baton__is_active(op) || !baton__operation_hold(op)) {
        return baton__fail(BATON_ERR_WRONG_STATE, "metadata: only a passive operation that is not over has any");
    }
    baton_status status = build_metadata(op, metadata_out);
    baton__operation_let_go(op);
    return status;
}

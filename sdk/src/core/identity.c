/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

const baton__identity *baton__identity_get(const baton_connector *connector)
{
    return __atomic_load_n(&connector->identity, __ATOMIC_ACQUIRE);
}

static void describe(const baton_connector *connector, baton__block *block)
{
    unsigned major;
    unsigned minor;
    baton__transport_ucx_version(&major, &minor);
    *block = (baton__block){
        .instance = connector->instance,
        .epoch = connector->epoch,
        .operation_id = connector->instance,
        .attempt = 1,
        .transport_major = (uint16_t)major,
        .transport_minor = (uint16_t)minor,
        .address_version = connector->address_version,
    };
    block->process = connector->process;
    memcpy(block->name, connector->name, sizeof(block->name));
    block->address = connector->table->address(connector->transport, &block->address_size);
}

baton_status baton__identity_renew(baton_connector *connector)
{
    baton__block block;
    describe(connector, &block);
    if (block.address_size > BATON__ADDRESS_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "connector: a UCX address of %zu bytes; limit the devices "
                           "with UCX_NET_DEVICES or UCX_TLS", block.address_size);
    }
    size_t size = baton__block_size(&block);
    baton__identity *identity = malloc(sizeof(*identity) + size);
    if (identity == NULL) {
        return baton__fail_memory("the connector's identity");
    }
    baton_status status = baton__block_encode(&block, identity->block, size, &identity->size);
    if (status == BATON_OK) {
        status = baton__block_decode(identity->block, identity->size, &identity->decoded);
    }
    if (status != BATON_OK) {
        free(identity);
        return status;
    }
    identity->older = connector->identity;
    __atomic_store_n(&connector->identity, identity, __ATOMIC_RELEASE);
    return BATON_OK;
}

void baton__identity_free(baton_connector *connector)
{
    for (baton__identity *identity; (identity = connector->identity) != NULL;) {
        connector->identity = identity->older;
        free(identity);
    }
}

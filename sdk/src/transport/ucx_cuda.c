/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What UCX does with memory of CUDA devices, found out at run time: the context says whether it knows such memory at all, the lanes
 * of an endpoint whether it gets there without the CPU. Without such a lane UCX would copy it piece by piece through its own buffers,
 * waiting for each; then baton's lanes of copies are the better way.
 */
#include "transport/ucx.h"

#include <pthread.h>
#include <string.h>
#include <uct/api/uct.h>

ucs_status_t baton__ucx_cuda_init(baton__transport *transport)
{
    ucp_context_attr_t attributes = {.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES};
    ucs_status_t status = ucp_context_query(transport->context, &attributes);
    transport->knows_cuda = status == UCS_OK && (attributes.memory_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
    return status;
}

void baton__ucx_cuda_lane(baton__endpoint *endpoint, const char *kind)
{
    if (strcmp(kind, "cuda_ipc") == 0) {
        endpoint->cuda_ipc = true;
    } else if (strncmp(kind, "rc", 2) == 0 || strncmp(kind, "dc", 2) == 0) {
        endpoint->rdma = true;
    }
}

static bool domain_registers_cuda(uct_component_h component, const char *name)
{
    uct_md_config_t *config;
    uct_md_h md;
    ucs_status_t status = uct_md_config_read(component, NULL, NULL, &config);
    if (status == UCS_OK) {
        status = uct_md_open(component, name, config, &md);
        uct_config_release(config);
    }
    if (status != UCS_OK) {
        return false;
    }
    uct_md_attr_t attributes;
    bool registers = uct_md_query(md, &attributes) == UCS_OK &&
                     (attributes.cap.reg_mem_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
    uct_md_close(md);
    return registers;
}

static bool component_registers_cuda(uct_component_h component)
{
    enum { DOMAINS_MAX = 64 };
    uct_md_resource_desc_t domains[DOMAINS_MAX];
    uct_component_attr_t attributes = {.field_mask = UCT_COMPONENT_ATTR_FIELD_NAME | UCT_COMPONENT_ATTR_FIELD_MD_RESOURCE_COUNT};
    if (uct_component_query(component, &attributes) != UCS_OK || strcmp(attributes.name, "ib") != 0 ||
        attributes.md_resource_count > DOMAINS_MAX) {
        return false;
    }
    attributes.field_mask = UCT_COMPONENT_ATTR_FIELD_MD_RESOURCES;
    attributes.md_resources = domains;
    if (uct_component_query(component, &attributes) != UCS_OK) {
        return false;
    }
    bool registers = false;
    for (unsigned i = 0; i < attributes.md_resource_count && !registers; i++) {
        registers = domain_registers_cuda(component, domains[i].md_name);
    }
    return registers;
}

static bool gpudirect;

static void find_gpudirect(void)
{
    uct_component_h *components;
    unsigned count;
    if (uct_query_components(&components, &count) != UCS_OK) {
        return;
    }
    for (unsigned i = 0; i < count && !gpudirect; i++) {
        gpudirect = component_registers_cuda(components[i]);
    }
    uct_release_component_list(components);
}

bool baton__ucx_has_gpudirect(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    baton__ucx_set_up_process();
    (void)pthread_once(&once, find_gpudirect);
    return gpudirect;
}

const char *baton__ucx_knows_no_device(const baton__transport *transport)
{
    return transport->knows_cuda ? NULL : "this UCX has no CUDA";
}

const char *baton__ucx_why_not_device(const baton__endpoint *endpoint, bool peer_on_device)
{
    if (!endpoint->transport->knows_cuda) {
        return baton__ucx_knows_no_device(endpoint->transport);
    }
    if (endpoint->rdma && baton__ucx_has_gpudirect()) {
        return NULL;
    }
    if (!endpoint->cuda_ipc) {
        return endpoint->rdma ? "RDMA cannot reach a device's memory here: GPUDirect (nvidia_peermem) is missing"
                              : "no lane of UCX's to this peer reaches a device's memory: it has neither cuda_ipc nor RDMA";
    }
    return peer_on_device ? NULL : "cuda_ipc copies between devices alone, and the peer's memory is not of one";
}

bool baton__ucx_exposes_device(const baton__endpoint *endpoint)
{
    return endpoint->cuda_ipc;
}

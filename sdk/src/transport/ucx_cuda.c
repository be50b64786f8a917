/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What UCX does with memory of CUDA devices, found out at run time: the context says whether it knows such memory at all, the lanes
 * of an endpoint whether it gets there without the CPU. Without such a lane UCX would copy it piece by piece through its own buffers,
 * waiting for each; then baton's lanes of copies are the better way.
 */
#include "transport/ucx.h"
#include "transport/ucx_domain.h"

#include "base/error.h"
#include "base/options.h"
#include <baton/transport.h>
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

enum { DOMAINS_MAX = 64 };

static bool domain_registers_cuda(uct_component_h component, const char *name)
{
    uct_md_h md;
    ucs_status_t status = baton__ucx_open_domain(component, name, &md);
    if (status != UCS_OK) {
        return false;
    }
    uct_md_attr_t attributes;
    bool registers = uct_md_query(md, &attributes) == UCS_OK &&
                     (attributes.cap.reg_mem_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
    uct_md_close(md);
    return registers;
}

/* Of that component: how many memory domains it has, and their names. 0: it is another one, or has none. */
static unsigned domains_of(uct_component_h component, const char *name, uct_md_resource_desc_t *domains)
{
    uct_component_attr_t attributes = {.field_mask = UCT_COMPONENT_ATTR_FIELD_NAME | UCT_COMPONENT_ATTR_FIELD_MD_RESOURCE_COUNT};
    if (uct_component_query(component, &attributes) != UCS_OK || strcmp(attributes.name, name) != 0 ||
        attributes.md_resource_count > DOMAINS_MAX) {
        return 0;
    }
    attributes.field_mask = UCT_COMPONENT_ATTR_FIELD_MD_RESOURCES;
    attributes.md_resources = domains;
    return uct_component_query(component, &attributes) == UCS_OK ? attributes.md_resource_count : 0;
}

/* What of UCX's there is, whatever the environment leaves out. */
typedef struct parts {
    bool cuda_ipc;
    bool gpudirect;
} parts;

static void look_at(uct_component_h component, parts *found)
{
    uct_md_resource_desc_t domains[DOMAINS_MAX];
    found->cuda_ipc = found->cuda_ipc || domains_of(component, "cuda_ipc", domains) != 0;
    unsigned count = domains_of(component, "ib", domains);
    for (unsigned i = 0; i < count && !found->gpudirect; i++) {
        found->gpudirect = domain_registers_cuda(component, domains[i].md_name);
    }
}

static parts there;

static void find_parts(void)
{
    uct_component_h *components;
    unsigned count;
    if (uct_query_components(&components, &count) != UCS_OK) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        look_at(components[i], &there);
    }
    uct_release_component_list(components);
}

static const parts *parts_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    baton__ucx_set_up_process();
    (void)pthread_once(&once, find_parts);
    return &there;
}

baton_status baton_transport_describe_cuda(baton_transport_cuda_info *info_out)
{
    static const baton__transport_callbacks no_callbacks;
    baton__transport *transport;
    if (info_out == NULL || !baton__output_is_sized(info_out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_transport_describe_cuda: struct_size must be set");
    }
    baton_status status = baton__transport_ucx.open("query", &no_callbacks, NULL, &transport);
    if (status != BATON_OK) {
        return status;
    }
    baton_transport_cuda_info info = {.known = transport->knows_cuda};
    baton__transport_ucx.close(transport);
    info.cuda_ipc = info.known && parts_there()->cuda_ipc;
    info.gpudirect = info.known && parts_there()->gpudirect;
    baton__output_copy(info_out, &info, sizeof(info));
    return BATON_OK;
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
    if (endpoint->rdma && parts_there()->gpudirect) {
        return NULL;
    }
    if (!endpoint->cuda_ipc) {
        return endpoint->rdma ? "RDMA cannot reach a device's memory here: GPUDirect (nvidia_peermem) is missing"
                              : "no lane of UCX's to this peer reaches a device's memory: neither cuda_ipc, which containers need a "
                                "common IPC and PID namespace for, nor RDMA";
    }
    return peer_on_device ? NULL : "cuda_ipc copies between devices alone, and the peer's memory is not of one";
}

bool baton__ucx_exposes_device(const baton__endpoint *endpoint)
{
    return endpoint->cuda_ipc;
}

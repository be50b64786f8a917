/* SPDX-License-Identifier: Apache-2.0 */
/* Context, worker, progress and registration: the table's row for UCX. */
#include "transport/ucx.h"

#include "base/error.h"
#include "base/log.h"
#include "transport/rma.h"
#include <baton/version.h>
#include <stdio.h>
#include <stdlib.h>

baton_status baton__ucx_status(ucs_status_t status)
{
    switch (status) {
    case UCS_OK:
        return BATON_OK;
    case UCS_ERR_NO_MEMORY:
        return BATON_ERR_OUT_OF_MEMORY;
    case UCS_ERR_UNREACHABLE:
    case UCS_ERR_SHMEM_SEGMENT:
    case UCS_ERR_NO_DEVICE:
        return BATON_ERR_UNREACHABLE;
    case UCS_ERR_CANCELED:
        return BATON_ERR_CANCELLED;
    case UCS_ERR_CONNECTION_RESET:
    case UCS_ERR_NOT_CONNECTED:
    case UCS_ERR_ENDPOINT_TIMEOUT:
    case UCS_ERR_REJECTED:
        return BATON_ERR_PEER_LOST;
    default:
        return BATON_ERR_TRANSPORT;
    }
}

static const char *native_text(int native)
{
    return ucs_status_string((ucs_status_t)native);
}

static const char *version(void)
{
    return ucp_get_version_string();
}

void baton__transport_ucx_version(unsigned *major_out, unsigned *minor_out)
{
    unsigned release;
    ucp_get_version(major_out, minor_out, &release);
}

const char *baton_transport_version(void)
{
    static _Thread_local char text[32];
    unsigned major;
    unsigned minor;
    unsigned release;
    ucp_get_version(&major, &minor, &release);
    (void)snprintf(text, sizeof(text), "%u.%u.%u", major, minor, release);
    return text;
}

static baton_status fail(const char *what, ucs_status_t status)
{
    return baton__fail(BATON_ERR_TRANSPORT, "UCX %s: %s: %s. UCX_LOG_LEVEL=info tells more; "
                       "UCX_TLS may exclude every transport", ucp_get_version_string(), what,
                       ucs_status_string(status));
}

static ucs_status_t open_context(baton__transport *transport, const char *label)
{
    ucp_config_t *config;
    ucs_status_t status = baton__ucx_read_config(&config);
    if (status != UCS_OK) {
        return status;
    }
    /* No UCP_FEATURE_RMA: over emulated transports it would let any peer put and get anywhere. */
    ucp_params_t params = {
        .field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME,
        .features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP,
        .name = label,
    };
    status = ucp_init(&params, config, &transport->context);
    ucp_config_release(config);
    return status;
}

static ucs_status_t open_worker(baton__transport *transport)
{
    /* One thread at a time: the owner, which may change where the application drives progress. */
    ucp_worker_params_t params = {
        .field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
        .thread_mode = UCS_THREAD_MODE_SERIALIZED,
    };
    ucs_status_t status = ucp_worker_create(transport->context, &params, &transport->worker);
    if (status == UCS_OK) {
        status = baton__ucx_register_handlers(transport);
    }
    if (status == UCS_OK) {
        status = ucp_worker_get_efd(transport->worker, &transport->fd);
    }
    if (status == UCS_OK) {
        status = ucp_worker_get_address(transport->worker, &transport->address,
                                        &transport->address_size);
    }
    return status;
}

static void close_worker(ucp_worker_h worker, ucp_address_t *address)
{
    if (address != NULL) {
        ucp_worker_release_address(worker, address);
    }
    if (worker != NULL) {
        ucp_worker_destroy(worker);
    }
}

static void retire(baton__transport *transport)
{
    if (transport->old_worker != NULL) {
        baton__ucx_wire_retire(transport, transport->old_worker);
        ucp_worker_destroy(transport->old_worker);
        transport->old_worker = NULL;
    }
}

static baton_status renew(baton__transport *transport)
{
    retire(transport);
    baton__transport before = *transport;
    transport->worker = NULL;
    transport->address = NULL;
    ucs_status_t status = open_worker(transport);
    if (status != UCS_OK) {
        close_worker(transport->worker, transport->address);
        transport->worker = before.worker;
        transport->address = before.address;
        transport->address_size = before.address_size;
        transport->fd = before.fd;
        return fail("cannot open a new worker", status);
    }
    ucp_worker_release_address(before.worker, before.address);
    transport->old_worker = before.worker;
    transport->shared_kinds = 0;
    return BATON_OK;
}

static void close_transport(baton__transport *transport)
{
    retire(transport);
    close_worker(transport->worker, transport->address);
    if (transport->context != NULL) {
        ucp_cleanup(transport->context);
    }
    baton__ucx_revocable_fini(transport);
    free(transport);
}

static baton_status open_transport(const char *label, const baton__transport_callbacks *callbacks,
                                   void *context, baton__transport **transport_out)
{
    baton__transport *transport = calloc(1, sizeof(*transport));
    if (transport == NULL) {
        return baton__fail_memory("the transport");
    }
    transport->callbacks = *callbacks;
    transport->callback_context = context;
    baton__ucx_set_up_process();
    ucs_status_t status = open_context(transport, label);
    if (status != UCS_OK) {
        close_transport(transport);
        return fail("cannot open a context", status);
    }
    status = baton__ucx_revocable_init(transport);
    if (status == UCS_OK) {
        status = baton__ucx_cuda_init(transport);
    }
    if (status == UCS_OK) {
        status = open_worker(transport);
    }
    if (status != UCS_OK) {
        close_transport(transport);
        return fail("cannot open a worker", status);
    }
    *transport_out = transport;
    return BATON_OK;
}

static const void *address(const baton__transport *transport, size_t *size_out)
{
    *size_out = transport->address_size;
    return transport->address;
}

static int progress(baton__transport *transport)
{
    int done = (int)ucp_worker_progress(transport->worker);
    if (transport->old_worker != NULL) {
        transport->hears_old = true;
        done += (int)ucp_worker_progress(transport->old_worker);
        transport->hears_old = false;
    }
    if (transport->unsent != NULL || transport->cancelled != NULL || transport->closing != NULL) {
        done += baton__ucx_wire_progress(transport);
    }
    return done;
}

static bool arm(baton__transport *transport)
{
    if (transport->cancelled != NULL) {
        return false;
    }
    ucs_status_t status = ucp_worker_arm(transport->worker);
    if (status != UCS_OK && status != UCS_ERR_BUSY) {
        BATON__ERROR("ucx: cannot arm the worker: %s", ucs_status_string(status));
    }
    return status != UCS_ERR_BUSY;
}

static int transport_fd(const baton__transport *transport)
{
    return transport->fd;
}

static bool shares_inbox(const baton__endpoint *endpoint)
{
    return endpoint->shares_inbox;
}

static baton_status memory_register(baton__transport *transport, void *pointer, size_t size,
                                    baton__memory **memory_out)
{
    ucp_mem_map_params_t params = {
        .field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                      UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE,
        .address = pointer,
        .length = size,
        .memory_type = UCS_MEMORY_TYPE_HOST,
    };
    ucp_mem_h handle;
    ucs_status_t status = ucp_mem_map(transport->context, &params, &handle);
    if (status != UCS_OK) {
        return baton__fail(BATON_ERR_TRANSPORT, "UCX cannot register %zu bytes: %s. A limit on locked "
                           "memory (ulimit -l) is the usual cause", size, ucs_status_string(status));
    }
    *memory_out = (baton__memory *)handle;
    return BATON_OK;
}

static void memory_deregister(baton__transport *transport, baton__memory *memory)
{
    ucs_status_t status = ucp_mem_unmap(transport->context, (ucp_mem_h)memory);
    if (status != UCS_OK) {
        BATON__ERROR("ucx: cannot deregister memory: %s", ucs_status_string(status));
    }
}

const baton__transport_table baton__transport_ucx = {
    .name = "ucx",
    .open = open_transport,
    .renew = renew,
    .retire = retire,
    .close = close_transport,
    .address = address,
    .progress = progress,
    .arm = arm,
    .fd = transport_fd,
    .endpoint_create = baton__ucx_endpoint_create,
    .endpoint_close = baton__ucx_endpoint_close,
    .endpoint_flush = baton__ucx_endpoint_flush,
    .endpoint_heard = baton__ucx_wire_heard,
    .endpoint_describe = baton__ucx_endpoint_describe,
    .endpoint_shares_inbox = shares_inbox,
    .knows_no_device = baton__ucx_knows_no_device,
    .why_not_device = baton__ucx_why_not_device,
    .exposes_device = baton__ucx_exposes_device,
    .loopback_begin = baton__ucx_loopback_begin,
    .loopback_arrived = baton__ucx_loopback_arrived,
    .loopback_end = baton__ucx_loopback_end,
    .send = baton__ucx_send,
    .send_chunk = baton__ucx_send_chunk,
    .receive = baton__ucx_receive,
    .payload_release = baton__ucx_payload_release,
    .revoke = baton__ucx_revoke,
    .memory_register = memory_register,
    .memory_deregister = memory_deregister,
    .native_text = native_text,
    .version = version,
    .rma = &baton__rma_ucx,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Links of the path rma: one queue pair each, connected by addresses that core carries, ended by either side alone. */
#include "transport/ucx_rma.h"

#include "base/crc32c.h"
#include "base/error.h"
#include "base/log.h"
#include "base/wire.h"
#include "transport/ucx.h"
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

_Static_assert(sizeof(uct_completion_t) <= sizeof(((baton__rma_job *)0)->own_), "a completion fits into a job");

ucs_status_t baton__rma_on_failure(void *argument, uct_ep_h ep, ucs_status_t status)
{
    baton__rma *rma = argument;
    baton__rma_link *link;
    DL_FOREACH(rma->links, link)
    {
        if (link->ep == ep && !link->closing) {
            link->failed(link->owner, (int)status);
            break;
        }
    }
    return UCS_OK;
}

baton_status baton__rma_link_create(baton__rma *rma, void (*failed)(void *owner, int native), void *owner,
                                    baton__rma_link **link_out)
{
    baton__rma_link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return baton__fail_memory("a queue pair");
    }
    uct_ep_params_t params = {.field_mask = UCT_EP_PARAM_FIELD_IFACE, .iface = rma->iface};
    ucs_status_t status = uct_ep_create(&params, &link->ep);
    if (status != UCS_OK) {
        free(link);
        return baton__fail(BATON_ERR_TRANSPORT, "%s gives no queue pair: %s", rma->device.name, ucs_status_string(status));
    }
    link->rma = rma;
    link->failed = failed;
    link->owner = owner;
    DL_APPEND(rma->links, link);
    *link_out = link;
    return BATON_OK;
}

/*
 * u8 length of the device's address, u8 of the interface's, u8 of the endpoint's, u8 first letter after "rc_" of the transport, the
 * three, and a CRC-32C of all that: UCX reads an address without a bound.
 */
size_t baton__rma_link_address(const baton__rma_link *link, uint8_t address[BATON__RMA_ADDRESS_MAX])
{
    const baton__rma *rma = link->rma;
    const uct_iface_attr_t *a = &rma->attributes;
    uint8_t *device = address + 4;
    uint8_t *interface = device + a->device_addr_len;
    uint8_t *endpoint = interface + a->iface_addr_len;
    size_t size = 4 + a->device_addr_len + a->iface_addr_len + a->ep_addr_len;
    memset(address, 0, BATON__RMA_ADDRESS_MAX);
    address[0] = (uint8_t)a->device_addr_len;
    address[1] = (uint8_t)a->iface_addr_len;
    address[2] = (uint8_t)a->ep_addr_len;
    address[3] = (uint8_t)rma->device.transport[3];
    if (uct_iface_get_device_address(rma->iface, (uct_device_addr_t *)device) != UCS_OK ||
        uct_iface_get_address(rma->iface, (uct_iface_addr_t *)interface) != UCS_OK ||
        uct_ep_get_address(link->ep, (uct_ep_addr_t *)endpoint) != UCS_OK) {
        return 0;
    }
    baton__writer writer = baton__writer_make(address + size, 4);
    baton__write_u32(&writer, baton__crc32c(0, address, size));
    return size + 4;
}

static bool is_whole(const uint8_t *address, size_t size)
{
    if (size < 8 || size > BATON__RMA_ADDRESS_MAX ||
        size != 8u + address[0] + address[1] + address[2]) {
        return false;
    }
    baton__reader reader = baton__reader_make(address + size - 4, 4);
    return baton__read_u32(&reader) == baton__crc32c(0, address, size - 4);
}

baton_status baton__rma_link_connect(baton__rma_link *link, const uint8_t *address, size_t size)
{
    const baton__rma *rma = link->rma;
    const uct_iface_attr_t *a = &rma->attributes;
    if (!is_whole(address, size)) {
        return BATON_ERR_MALFORMED;
    }
    if (address[0] != a->device_addr_len || address[1] != a->iface_addr_len || address[2] != a->ep_addr_len ||
        address[3] != (uint8_t)rma->device.transport[3]) {
        return BATON_ERR_UNREACHABLE; /* another kind of network, or another transport of it */
    }
    /* Padded: the flags in an address say how far UCX reads. */
    uint8_t device[BATON__RMA_ADDRESS_MAX] = {0};
    uint8_t interface[BATON__RMA_ADDRESS_MAX] = {0};
    uint8_t endpoint[BATON__RMA_ADDRESS_MAX] = {0};
    memcpy(device, address + 4, address[0]);
    memcpy(interface, address + 4 + address[0], address[1]);
    memcpy(endpoint, address + 4 + address[0] + address[1], address[2]);
    if (!uct_iface_is_reachable(rma->iface, (uct_device_addr_t *)device, (uct_iface_addr_t *)interface)) {
        return BATON_ERR_UNREACHABLE;
    }
    ucs_status_t status = uct_ep_connect_to_ep(link->ep, (uct_device_addr_t *)device, (uct_ep_addr_t *)endpoint);
    if (status != UCS_OK) {
        BATON__DEBUG("ucx: a queue pair of %s cannot be connected: %s", rma->device.name, ucs_status_string(status));
        return BATON_ERR_UNREACHABLE;
    }
    return BATON_OK;
}

static void on_flushed(uct_completion_t *completion)
{
    baton__rma_link *link = (baton__rma_link *)((char *)completion - offsetof(baton__rma_link, flush));
    link->flushed = true;
}

void baton__rma_link_close(baton__rma_link *link)
{
    link->closing = true;
    link->rma->closing++;
}

/* Its queue pair goes into the error state: what was under way comes back, and nothing more reaches our memory. */
static void begin_flush(baton__rma_link *link)
{
    link->flush = (uct_completion_t){.func = on_flushed, .count = 1, .status = UCS_OK};
    ucs_status_t status = uct_ep_flush(link->ep, UCT_FLUSH_FLAG_CANCEL, &link->flush);
    link->flushing = status == UCS_INPROGRESS;
    link->flushed = status != UCS_INPROGRESS && status != UCS_ERR_NO_RESOURCE;
}

static void destroy(baton__rma_link *link)
{
    uct_ep_destroy(link->ep); /* a job that has not come back yet does so here */
    DL_DELETE(link->rma->links, link);
    free(link);
}

int baton__rma_links_work(baton__rma *rma)
{
    int done = 0;
    baton__rma_link *link;
    baton__rma_link *next;
    DL_FOREACH_SAFE(rma->links, link, next)
    {
        if (link->closing && !link->flushing && !link->flushed) {
            begin_flush(link);
            done++;
        }
        if (link->flushed) {
            rma->closing--;
            destroy(link);
            done++;
        }
    }
    return done;
}

void baton__rma_links_fini(baton__rma *rma)
{
    enum { TURNS = 10000 };
    baton__rma_link *link;
    DL_FOREACH(rma->links, link)
    {
        if (!link->closing) {
            baton__rma_link_close(link);
        }
    }
    for (int turn = 0; turn < TURNS && rma->links != NULL; turn++) {
        (void)baton__rma_links_work(rma);
        (void)uct_worker_progress(rma->worker);
    }
    while (rma->links != NULL) {
        destroy(rma->links);
    }
}

/* rc_verbs says CONNECTION_RESET for an access that was refused, rc_mlx5 IO_ERROR; neither says so for anything else that happens
 * to a link that worked a moment ago. */
static baton_status end_of_job(ucs_status_t status)
{
    switch (status) {
    case UCS_OK:
        return BATON_OK;
    case UCS_ERR_CANCELED:
        return BATON_ERR_CANCELLED;
    case UCS_ERR_ENDPOINT_TIMEOUT:
        return BATON_ERR_PEER_LOST;
    default:
        return BATON_ERR_FORBIDDEN;
    }
}

static void on_done(uct_completion_t *completion)
{
    baton__rma_job *job = (baton__rma_job *)((char *)completion - offsetof(baton__rma_job, own_));
    ucs_status_t status = completion->status;
    job->done(job, end_of_job(status), (int)status);
}

static uct_completion_t *completion_of(baton__rma_job *job)
{
    uct_completion_t *completion = (uct_completion_t *)(void *)job->own_;
    *completion = (uct_completion_t){.func = on_done, .count = 1, .status = UCS_OK};
    return completion;
}

static baton_status started(ucs_status_t status, baton__rma_job *job)
{
    if (status == UCS_INPROGRESS) {
        return BATON_OK;
    }
    if (status == UCS_OK) {
        job->done(job, BATON_OK, 0);
        return BATON_OK;
    }
    return status == UCS_ERR_NO_RESOURCE ? BATON_ERR_BUSY : BATON_ERR_TRANSPORT;
}

static uct_iov_t vector_of(const baton__rma_span *span)
{
    return (uct_iov_t){.buffer = span->pointer, .length = span->size, .memh = span->region->memory, .count = 1};
}

baton_status baton__rma_get(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job)
{
    uct_iov_t vector = vector_of(span);
    return started(uct_ep_get_zcopy(link->ep, &vector, 1, span->address, (uct_rkey_t)span->key, completion_of(job)), job);
}

baton_status baton__rma_put(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job)
{
    uct_iov_t vector = vector_of(span);
    return started(uct_ep_put_zcopy(link->ep, &vector, 1, span->address, (uct_rkey_t)span->key, completion_of(job)), job);
}

baton_status baton__rma_flush(baton__rma_link *link, baton__rma_job *job)
{
    return started(uct_ep_flush(link->ep, UCT_FLUSH_FLAG_LOCAL, completion_of(job)), job);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-sided access by UCT, the lower layer of UCX, and not by a second context of UCP: there a get or put may be emulated by the
 * other side's software, which checks nothing (UCX 1.16 to 1.18 do so for every get with error handling, over verbs too);
 * registrations are cached, so that unmapping takes no key back; and an endpoint is connected by messages that the other side must
 * make progress for. Here a get is a get, a registration is one, and a link is one queue pair, which both sides can end.
 */
#include "transport/ucx_rma.h"

#include "base/error.h"
#include "base/log.h"
#include "transport/ucx.h"
#include <baton/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char needed_text[] = "the verbs device of this host has no reliable connection with get and put";

static ucs_status_t open_interface(baton__rma *rma)
{
    uct_iface_config_t *config;
    ucs_status_t status = uct_md_iface_config_read(rma->device.md, rma->device.transport, NULL, NULL, &config);
    if (status != UCS_OK) {
        return status;
    }
    /* No message ever comes: without this, 4,096 buffers wait for one. */
    (void)uct_config_modify(config, "RX_QUEUE_LEN", "64");
    uct_iface_params_t params = {
        .field_mask = UCT_IFACE_PARAM_FIELD_OPEN_MODE | UCT_IFACE_PARAM_FIELD_DEVICE |
                      UCT_IFACE_PARAM_FIELD_ERR_HANDLER | UCT_IFACE_PARAM_FIELD_ERR_HANDLER_ARG |
                      UCT_IFACE_PARAM_FIELD_ERR_HANDLER_FLAGS | UCT_IFACE_PARAM_FIELD_FEATURES,
        .open_mode = UCT_IFACE_OPEN_MODE_DEVICE,
        .mode.device = {.tl_name = rma->device.transport, .dev_name = rma->device.name},
        .err_handler = baton__rma_on_failure,
        .err_handler_arg = rma,
        .features = UCT_IFACE_FEATURE_PUT | UCT_IFACE_FEATURE_GET,
    };
    status = uct_iface_open(rma->device.md, rma->worker, &params, config, &rma->iface);
    uct_config_release(config);
    return status;
}

static bool is_able(const baton__rma *rma)
{
    static const uint64_t needed = UCT_IFACE_FLAG_GET_ZCOPY | UCT_IFACE_FLAG_PUT_ZCOPY | UCT_IFACE_FLAG_CONNECT_TO_EP;
    const uct_iface_attr_t *a = &rma->attributes;
    return (a->cap.flags & needed) == needed && (a->cap.event_flags & UCT_IFACE_FLAG_EVENT_SEND_COMP) != 0 &&
           4 + a->device_addr_len + a->iface_addr_len + a->ep_addr_len + 4 <= BATON__RMA_ADDRESS_MAX &&
           a->device_addr_len < 256 && a->iface_addr_len < 256 && a->ep_addr_len < 256;
}

static ucs_status_t open_all(baton__rma *rma)
{
    ucs_status_t status = ucs_async_context_create(UCS_ASYNC_MODE_THREAD_SPINLOCK, &rma->async);
    if (status == UCS_OK) {
        status = uct_worker_create(rma->async, UCS_THREAD_MODE_SINGLE, &rma->worker);
    }
    if (status == UCS_OK) {
        status = open_interface(rma);
    }
    if (status == UCS_OK) {
        status = uct_iface_query(rma->iface, &rma->attributes);
    }
    uct_md_attr_t domain;
    if (status == UCS_OK) {
        status = uct_md_query(rma->device.md, &domain);
    }
    if (status == UCS_OK) {
        rma->key_size = domain.rkey_packed_size;
        rma->reaches_devices = (domain.cap.reg_mem_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
        status = is_able(rma) && rma->key_size <= BATON__RMA_KEY_MAX ? uct_iface_event_fd_get(rma->iface, &rma->fd)
                                                                     : UCS_ERR_UNSUPPORTED;
    }
    if (status == UCS_OK) {
        uct_iface_progress_enable(rma->iface, UCT_PROGRESS_SEND | UCT_PROGRESS_RECV);
    }
    return status;
}

static void close_rma(baton__rma *rma)
{
    baton__rma_links_fini(rma);
    if (rma->iface != NULL) {
        uct_iface_close(rma->iface);
    }
    if (rma->worker != NULL) {
        uct_worker_destroy(rma->worker);
    }
    if (rma->async != NULL) {
        ucs_async_context_destroy(rma->async);
    }
    uct_md_close(rma->device.md);
    free(rma);
}

static baton_status open_rma(const char **why_out, baton__rma **rma_out)
{
    baton__ucx_set_up_process();
    baton__rma *rma = calloc(1, sizeof(*rma));
    if (rma == NULL) {
        return baton__fail_memory("a verbs device");
    }
    baton_status status = baton__rma_device_open(&rma->device, why_out);
    if (status != BATON_OK) {
        free(rma);
        return status;
    }
    ucs_status_t native = open_all(rma);
    if (native != UCS_OK) {
        BATON__INFO("ucx: %s on %s: %s", rma->device.transport, rma->device.name, ucs_status_string(native));
        close_rma(rma);
        *why_out = native == UCS_ERR_UNSUPPORTED ? needed_text : "UCX cannot open the verbs device of this host";
        return native == UCS_ERR_NO_MEMORY ? BATON_ERR_OUT_OF_MEMORY : BATON_ERR_NOT_SUPPORTED;
    }
    *rma_out = rma;
    return BATON_OK;
}

static const char *name(const baton__rma *rma)
{
    return rma->device.transport;
}

static int progress(baton__rma *rma)
{
    int done = (int)uct_worker_progress(rma->worker);
    return rma->closing != 0 ? done + baton__rma_links_work(rma) : done;
}

static bool arm(baton__rma *rma)
{
    ucs_status_t status = uct_iface_event_arm(rma->iface, UCT_EVENT_SEND_COMP);
    if (status != UCS_OK && status != UCS_ERR_BUSY) {
        BATON__ERROR("ucx: cannot arm %s: %s", rma->device.name, ucs_status_string(status));
    }
    return status != UCS_ERR_BUSY;
}

static int fd_of(const baton__rma *rma)
{
    return rma->fd;
}

static size_t get_min(const baton__rma *rma)
{
    return rma->attributes.cap.get.min_zcopy;
}

static bool reaches_devices(const baton__rma *rma)
{
    return rma->reaches_devices;
}

static baton_status region_create(baton__rma *rma, void *pointer, size_t size, baton__rma_region **region_out)
{
    baton__rma_region *region = calloc(1, sizeof(*region));
    if (region == NULL) {
        return baton__fail_memory("a registration");
    }
    unsigned access = UCT_MD_MEM_ACCESS_LOCAL_READ | UCT_MD_MEM_ACCESS_LOCAL_WRITE |
                      UCT_MD_MEM_ACCESS_REMOTE_GET | UCT_MD_MEM_ACCESS_REMOTE_PUT;
    ucs_status_t status = uct_md_mem_reg(rma->device.md, pointer, size, access, &region->memory);
    if (status != UCS_OK) {
        free(region);
        return baton__fail(BATON_ERR_TRANSPORT, "%s cannot register %zu bytes: %s. A limit on locked memory (ulimit -l) is "
                           "the usual cause", rma->device.name, size, ucs_status_string(status));
    }
    region->key_size = rma->key_size;
    status = uct_md_mkey_pack(rma->device.md, region->memory, region->key);
    if (status != UCS_OK) {
        (void)uct_md_mem_dereg(rma->device.md, region->memory);
        free(region);
        return baton__fail(BATON_ERR_TRANSPORT, "%s gives no key: %s", rma->device.name, ucs_status_string(status));
    }
    *region_out = region;
    return BATON_OK;
}

static baton_status region_destroy(baton__rma *rma, baton__rma_region *region)
{
    ucs_status_t status = uct_md_mem_dereg(rma->device.md, region->memory);
    free(region);
    if (status != UCS_OK) {
        BATON__ERROR("ucx: %s does not deregister memory: %s", rma->device.name, ucs_status_string(status));
        return BATON_ERR_TRANSPORT;
    }
    return BATON_OK;
}

static size_t region_key(const baton__rma_region *region, uint8_t key[BATON__RMA_KEY_MAX])
{
    memcpy(key, region->key, region->key_size);
    return region->key_size;
}

static bool key_open(const baton__rma *rma, const uint8_t *bytes, size_t size, uint64_t *key_out)
{
    uint64_t aligned[BATON__RMA_KEY_MAX / sizeof(uint64_t)] = {0};
    uct_rkey_bundle_t bundle;
    if (size != rma->key_size) {
        return false;
    }
    memcpy(aligned, bytes, size);
    if (uct_rkey_unpack(rma->device.component, aligned, &bundle) != UCS_OK) {
        return false;
    }
    /* Of verbs it is a number: there is nothing to keep, and nothing to give back later. */
    bool is_number = bundle.handle == NULL;
    *key_out = bundle.rkey;
    return uct_rkey_release(rma->device.component, &bundle) == UCS_OK && is_number;
}

baton_status baton_transport_rma(char text_out[BATON_TRANSPORT_TEXT_SIZE])
{
    if (text_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_transport_rma: NULL");
    }
    const char *why = NULL;
    baton__rma *rma = NULL;
    baton_status status = open_rma(&why, &rma);
    if (status == BATON_OK) {
        (void)snprintf(text_out, BATON_TRANSPORT_TEXT_SIZE, "%s on %s", rma->device.transport, rma->device.name);
        close_rma(rma);
    } else if (status == BATON_ERR_NOT_SUPPORTED) {
        (void)snprintf(text_out, BATON_TRANSPORT_TEXT_SIZE, "%s", why);
        return baton__fail(status, "no rma: %s", why);
    }
    return status;
}

static const char *native_text(int native)
{
    return ucs_status_string((ucs_status_t)native);
}

const baton__rma_table baton__rma_ucx = {
    .open = open_rma,
    .close = close_rma,
    .name = name,
    .progress = progress,
    .arm = arm,
    .fd = fd_of,
    .get_min = get_min,
    .reaches_devices = reaches_devices,
    .region_create = region_create,
    .region_destroy = region_destroy,
    .region_key = region_key,
    .key_open = key_open,
    .link_create = baton__rma_link_create,
    .link_address = baton__rma_link_address,
    .link_connect = baton__rma_link_connect,
    .link_close = baton__rma_link_close,
    .get = baton__rma_get,
    .put = baton__rma_put,
    .flush = baton__rma_flush,
    .native_text = native_text,
};

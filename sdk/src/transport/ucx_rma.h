/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TRANSPORT_UCX_RMA_H
#define BATON_TRANSPORT_UCX_RMA_H

#include "transport/rma.h"
#include <ucs/async/async_fwd.h>
#include <uct/api/uct.h>

/* A device with its port, of one UCT transport (ucx_rma_device.c). */
typedef struct baton__rma_device {
    uct_component_h component;
    uct_md_h md;
    char transport[BATON__RMA_NAME_SIZE];
    char name[BATON__RMA_NAME_SIZE];
} baton__rma_device;

struct baton__rma {
    baton__rma_device device;
    ucs_async_context_t *async;
    uct_worker_h worker;
    uct_iface_h iface;
    uct_iface_attr_t attributes;
    size_t key_size;
    bool reaches_devices; /* GPUDirect */
    int fd;
    baton__rma_link *links;   /* all of them */
    uint32_t closing;         /* how many of these end */
};

struct baton__rma_region {
    uct_mem_h memory;
    size_t key_size;
    uint8_t key[BATON__RMA_KEY_MAX];
};

struct baton__rma_link {
    baton__rma *rma;
    uct_ep_h ep;
    void (*failed)(void *owner, int native);
    void *owner;
    bool closing;
    bool flushing;            /* the flush of its close is under way */
    bool flushed;
    uct_completion_t flush;
    baton__rma_link *prev;
    baton__rma_link *next;
};

/* The device to take: opens its memory domain. Errors: ERR_NOT_SUPPORTED (why_out), ERR_TRANSPORT. */
baton_status baton__rma_device_open(baton__rma_device *device, const char **why_out);
/* Whether a list as UCX_TLS and UCX_NET_DEVICES have it ("a,b", "^a,b", "all", NULL) has one of the names; names ends with NULL. */
bool baton__rma_list_has(const char *list, const char *const *names);

/* ucx_rma_link.c: its rows of the table, and the end of links. */
baton_status baton__rma_link_create(baton__rma *rma, void (*failed)(void *owner, int native), void *owner,
                                    baton__rma_link **link_out);
size_t baton__rma_link_address(const baton__rma_link *link, uint8_t address[BATON__RMA_ADDRESS_MAX]);
baton_status baton__rma_link_connect(baton__rma_link *link, const uint8_t *address, size_t size);
void baton__rma_link_close(baton__rma_link *link);
baton_status baton__rma_get(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job);
baton_status baton__rma_put(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job);
baton_status baton__rma_flush(baton__rma_link *link, baton__rma_job *job);
/* Outside of UCT's callbacks: goes on with links that are closing. Returns how many ended. */
int baton__rma_links_work(baton__rma *rma);
/* Those that are left, whatever state they are in. */
void baton__rma_links_fini(baton__rma *rma);
/* UCT's word for a failed endpoint. */
ucs_status_t baton__rma_on_failure(void *argument, uct_ep_h ep, ucs_status_t status);

#endif

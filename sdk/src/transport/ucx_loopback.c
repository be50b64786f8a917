/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to ourselves through the shared-memory queues of the worker, as any other process of this host sends them: from a
 * worker of their own, in a context of their own that has one kind of shared memory and nothing else. Made and ended
 * for one look, which takes the owner thread some milliseconds.
 */
#include "transport/ucx.h"

#include "base/log.h"
#include <baton/id.h>
#include <stdlib.h>
#include <string.h>

/* One bit each in shared_kinds. */
static const char *const kinds[] = {"posix", "sysv", "xpmem"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

unsigned baton__ucx_shared_kinds(const char *list)
{
    unsigned found = 0;
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        for (unsigned i = 0; i < KINDS; i++) {
            if (strlen(kinds[i]) == length && strncmp(list, kinds[i], length) == 0) {
                found |= 1u << i;
            }
        }
        list += length + (list[length] == ',');
    }
    return found;
}

typedef struct word {
    baton_key nonce; /* of this look */
    uint8_t kind;
} word;

typedef struct way {
    ucp_context_h context;
    ucp_worker_h worker;
    word word; /* stays until its worker is gone: it may not leave at once */
} way;

struct baton__loopback {
    way ways[KINDS];
    unsigned wanted; /* kinds */
    unsigned arrived;
};

static ucs_status_t open_way(way *w, const char *kind)
{
    ucp_config_t *config;
    ucs_status_t status = baton__ucx_read_config(&config);
    if (status != UCS_OK) {
        return status;
    }
    status = ucp_config_modify(config, "TLS", kind);
    ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES, .features = UCP_FEATURE_AM};
    if (status == UCS_OK) {
        status = ucp_init(&params, config, &w->context);
    }
    ucp_config_release(config);
    if (status != UCS_OK) {
        return status;
    }
    ucp_worker_params_t worker_params = {
        .field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
        .thread_mode = UCS_THREAD_MODE_SERIALIZED,
    };
    return ucp_worker_create(w->context, &worker_params, &w->worker);
}

static void on_sent(void *request, ucs_status_t status, void *user_data)
{
    (void)status;
    (void)user_data;
    ucp_request_free(request);
}

static ucs_status_t send_word(const way *w, const ucp_address_t *address)
{
    /* No error handling at this end: with it UCX would exchange endpoint ids first. */
    ucp_ep_params_t params = {
        .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE,
        .address = address,
        .err_mode = UCP_ERR_HANDLING_MODE_NONE,
    };
    ucp_ep_h ep;
    ucs_status_t status = ucp_ep_create(w->worker, &params, &ep);
    if (status != UCS_OK) {
        return status;
    }
    ucp_request_param_t send = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_FLAGS,
        .flags = UCP_AM_SEND_FLAG_EAGER,
        .cb = {.send = on_sent},
    };
    ucs_status_ptr_t request =
        ucp_am_send_nbx(ep, BATON__AM_ID_LOOPBACK, &w->word, sizeof(w->word), NULL, 0, &send);
    return UCS_PTR_IS_ERR(request) ? UCS_PTR_STATUS(request) : UCS_OK;
}

static ucs_status_t begin_way(const baton__transport *transport, unsigned kind)
{
    way *w = &transport->loopback->ways[kind];
    ucs_status_t status = open_way(w, kinds[kind]);
    return status == UCS_OK ? send_word(w, transport->address) : status;
}

baton_status baton__ucx_loopback_begin(baton__transport *transport)
{
    if (transport->shared_kinds == 0) {
        return BATON_ERR_UNREACHABLE;
    }
    baton__loopback *loopback = calloc(1, sizeof(*loopback));
    if (loopback == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    transport->loopback = loopback;
    loopback->wanted = transport->shared_kinds;
    baton_key nonce = baton_key_random();
    for (unsigned kind = 0; kind < KINDS; kind++) {
        loopback->ways[kind].word = (word){.nonce = nonce, .kind = (uint8_t)kind};
        ucs_status_t status =
            (loopback->wanted & 1u << kind) != 0 ? begin_way(transport, kind) : UCS_OK;
        if (status != UCS_OK) {
            BATON__DEBUG("ucx: a message to ourselves over %s: %s", kinds[kind], ucs_status_string(status));
            baton__ucx_loopback_end(transport);
            return BATON_ERR_TRANSPORT;
        }
    }
    return BATON_OK;
}

bool baton__ucx_loopback_arrived(baton__transport *transport)
{
    baton__loopback *loopback = transport->loopback;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (loopback->ways[kind].worker != NULL) {
            (void)ucp_worker_progress(loopback->ways[kind].worker); /* the queue may have been full */
        }
    }
    return loopback->arrived == loopback->wanted;
}

void baton__ucx_loopback_end(baton__transport *transport)
{
    baton__loopback *loopback = transport->loopback;
    transport->loopback = NULL;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (loopback->ways[kind].worker != NULL) {
            ucp_worker_destroy(loopback->ways[kind].worker);
        }
        if (loopback->ways[kind].context != NULL) {
            ucp_cleanup(loopback->ways[kind].context);
        }
    }
    free(loopback);
}

bool baton__ucx_loopback_heard(baton__transport *transport, const void *text, size_t size)
{
    baton__loopback *loopback = transport->loopback;
    word heard;
    if (loopback == NULL || size != sizeof(heard)) {
        return false;
    }
    memcpy(&heard, text, sizeof(heard));
    if (heard.kind >= KINDS || !baton_key_equal(&heard.nonce, &loopback->ways[heard.kind].word.nonce)) {
        return false;
    }
    loopback->arrived |= 1u << heard.kind;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints: always in PEER error mode, always closed with force (both sides, or UCX leaks a TCP socket a cycle). */
#include "transport/ucx.h"

#include "base/error.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_error(void *argument, ucp_ep_h ep, ucs_status_t status)
{
    baton__endpoint *endpoint = argument;
    (void)ep;
    endpoint->broken = true;
    if (endpoint->closed == NULL) {
        endpoint->transport->callbacks.endpoint_failed(endpoint->transport->callback_context,
                                                       endpoint->owner, (int)status);
    }
}

/*
 * UCX 1.13 has no query for the transports of an endpoint, but prints them: lines such as
 *   "#               lane[0]:  2:posix/memory.0 md[1] -> ... am am_bw#0 wireup"
 * Collects the names of the lanes that carry active messages or rendezvous data.
 */
static void collect(baton__endpoint *endpoint, const char *line)
{
    char *text = endpoint->kinds;
    size_t size = sizeof(endpoint->kinds);
    const char *lane = strstr(line, "lane[");
    const char *colon = lane == NULL ? NULL : strchr(lane, ':');
    colon = colon == NULL ? NULL : strchr(colon + 1, ':');
    if (colon == NULL || (strstr(line, " am") == NULL && strstr(line, " rma_bw") == NULL)) {
        return;
    }
    char name[32];
    size_t length = strcspn(colon + 1, "/ \n");
    if (length == 0 || length >= sizeof(name)) {
        return;
    }
    memcpy(name, colon + 1, length);
    name[length] = '\0';
    baton__ucx_cuda_lane(endpoint, name);
    if (strstr(text, name) == NULL && strlen(text) + length + 2 < size) {
        (void)snprintf(text + strlen(text), size - strlen(text), "%s%s", *text ? "," : "", name);
    }
}

static void find_kinds(baton__endpoint *endpoint)
{
    char *printed = NULL;
    size_t printed_size = 0;
    FILE *stream = open_memstream(&printed, &printed_size);
    if (stream == NULL) {
        return;
    }
    ucp_ep_print_info(endpoint->ep, stream);
    if (fclose(stream) == 0) {
        char *rest = printed;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
            collect(endpoint, line);
        }
    }
    free(printed);
}

baton_status baton__ucx_endpoint_create(baton__transport *transport, const void *address, size_t size,
                                        void *owner, baton__endpoint **endpoint_out)
{
    (void)size; /* UCX takes the address without a length: the caller has checked it */
    baton__endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL) {
        return baton__fail_memory("an endpoint");
    }
    endpoint->transport = transport;
    endpoint->worker = transport->worker;
    endpoint->owner = owner;
    ucp_ep_params_t params = {
        .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER,
        .address = (const ucp_address_t *)address,
        .err_mode = UCP_ERR_HANDLING_MODE_PEER,
        .err_handler = {.cb = on_error, .arg = endpoint},
    };
    ucs_status_t status = ucp_ep_create(transport->worker, &params, &endpoint->ep);
    if (status != UCS_OK) {
        free(endpoint);
        baton_status mapped = baton__ucx_status(status);
        return baton__fail(mapped == BATON_ERR_TRANSPORT ? BATON_ERR_UNREACHABLE : mapped,
                           "UCX cannot reach the peer: %s", ucs_status_string(status));
    }
    find_kinds(endpoint);
    unsigned shared = baton__ucx_shared_kinds(endpoint->kinds);
    endpoint->shares_inbox = shared != 0;
    transport->shared_kinds |= shared;
    endpoint->revocable = endpoint->kinds[0] != '\0' && baton__ucx_is_revocable(endpoint->kinds);
    baton__ucx_wire_init(endpoint);
    *endpoint_out = endpoint;
    return BATON_OK;
}

static void finish_close(baton__endpoint *endpoint)
{
    void (*closed)(void *) = endpoint->closed;
    void *owner = endpoint->owner;
    if (endpoint->wire != NULL) {
        endpoint->wire->endpoint = NULL;
    }
    free(endpoint);
    closed(owner);
}

static void on_closed(void *request, ucs_status_t status, void *user_data)
{
    (void)status; /* an endpoint that was broken before reports it once more */
    ucp_request_free(request);
    finish_close(user_data);
}

void baton__ucx_endpoint_close(baton__endpoint *endpoint, void (*closed)(void *owner))
{
    endpoint->closed = closed;
    if (baton__ucx_wire_close(endpoint)) {
        baton__ucx_close_now(endpoint);
    }
}

void baton__ucx_close_now(baton__endpoint *endpoint)
{
    ucp_request_param_t params = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_CALLBACK |
                        UCP_OP_ATTR_FIELD_USER_DATA,
        .flags = UCP_EP_CLOSE_FLAG_FORCE,
        .cb = {.send = on_closed},
        .user_data = endpoint,
    };
    ucs_status_ptr_t request = ucp_ep_close_nbx(endpoint->ep, &params);
    if (request != NULL && !UCS_PTR_IS_ERR(request)) {
        return;
    }
    if (UCS_PTR_IS_ERR(request)) {
        BATON__DEBUG("ucx: closing an endpoint: %s", ucs_status_string(UCS_PTR_STATUS(request)));
    }
    finish_close(endpoint);
}

baton_status baton__ucx_endpoint_flush(baton__endpoint *endpoint, baton__transfer *transfer,
                                       bool *pending_out)
{
    ucp_request_param_t params = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA,
        .cb = {.send = baton__ucx_sent},
        .user_data = transfer,
    };
    int native;
    return baton__ucx_started(ucp_ep_flush_nbx(endpoint->ep, &params), pending_out, &native);
}

void baton__ucx_endpoint_describe(baton__endpoint *endpoint, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", endpoint->kinds);
}

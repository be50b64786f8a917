/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first words on a TCP endpoint, in an order in which UCX 1.13 survives the death of the peer.
 *
 * Before anything but a short message, UCX exchanges endpoint ids: REQUEST, answered by REPLY
 * (ucp_ep_resolve_remote_id). UCX 1.13 queues a REPLY in the lane itself if the lane can take nothing now, that is
 * before TCP's own handshake has ended. If the peer dies then, or the endpoint is closed, the lane is purged, and
 * the REPLY in it fails an assertion which aborts the process (ucp_request.c:684; gone in 1.14). A REQUEST that
 * waits, and a REPLY of a side that has sent a REQUEST itself, are safe: they sit in a proxy with a purge of its own.
 *
 * So nobody may send a REQUEST to a side that would queue its REPLY in the lane. Each side
 *   1. sends what it has to say as short messages which UCX takes at once or not at all, and asks for no ids;
 *   2. sends its REQUEST (an empty message that is not short) as soon as it has both sent one frame and heard one,
 *      with nothing in between: inside the callback that brought the frame.
 * Who sends a REQUEST has heard a frame of the other side, and its own frame went before the REQUEST through the same
 * lane. When the REQUEST arrives, the other side has therefore sent and heard, and has a REQUEST of its own under way.
 *   3. does not close an endpoint that has spoken before the exchange has ended, or CLOSE_MS have passed. A REQUEST
 *      for an endpoint that is gone makes UCX create an internal one inside its receive loop, whose REPLY is queued in a
 *      lane; and what follows the REQUEST in the same read, the sender's own close say, then crashes 1.13
 *      (uct_tcp_ep_replace_ep takes the buffer away from uct_tcp_ep_progress_am_rx). Memory does not wait for it.
 *      An endpoint with a chunk of ours in UCX is closed at once all the same: the chunk is revoked by then, and UCX
 *      would go on sending it, without its bytes, to a peer that may still take them.
 * What is left: a peer whose REQUEST is on its way for longer than that, because it was stopped.
 */
#include "transport/ucx.h"

#include "base/clock.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum {
    FIRST_FIXED_MINOR = 14,
    CLOSE_MS = 200,
    PATIENCE_MS = 1000 /* with a lane that takes nothing short: then UCX does it its own way */
};

void baton__ucx_wire_init(baton__endpoint *endpoint)
{
    unsigned major;
    unsigned minor;
    baton__transport_ucx_version(&major, &minor);
    endpoint->wired = true;
    if (major == 1 && minor < FIRST_FIXED_MINOR) {
        /* A short message of shared memory has no room for a frame. */
        endpoint->wired = strcmp(endpoint->kinds, "tcp") != 0;
    }
}

static void wire_sent(void *request, ucs_status_t status, void *user_data)
{
    (void)status;
    baton__wire *exchange = user_data;
    ucp_request_free(request);
    if (exchange->endpoint != NULL) {
        exchange->endpoint->wire = NULL;
    }
    free(exchange);
}

static void wire(baton__endpoint *endpoint)
{
    baton__wire *exchange = calloc(1, sizeof(*exchange));
    endpoint->wired = true;
    if (exchange == NULL) {
        BATON__ERROR("out of memory for the exchange of endpoint ids: UCX does it with the next send");
        return;
    }
    exchange->endpoint = endpoint;
    ucp_request_param_t params = {
        /* NO_IMM_CMPL keeps UCX from sending it short. */
        .op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_FLAGS |
                        UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_NO_IMM_CMPL,
        .flags = UCP_AM_SEND_FLAG_EAGER,
        .cb = {.send = wire_sent},
        .user_data = exchange,
    };
    endpoint->wire = exchange;
    ucs_status_ptr_t request =
        ucp_am_send_nbx(endpoint->ep, BATON__AM_ID_WIRE, NULL, 0, NULL, 0, &params);
    if (request == NULL || UCS_PTR_IS_ERR(request)) {
        BATON__DEBUG("ucx: exchange of endpoint ids: %s", ucs_status_string(UCS_PTR_STATUS(request)));
        endpoint->wire = NULL;
        free(exchange);
    }
}

static void wire_if_due(baton__endpoint *endpoint)
{
    if (endpoint->heard && endpoint->spoke && !endpoint->wired) {
        wire(endpoint);
    }
}

/* ERR_NO_RESOURCE: not now. */
static ucs_status_ptr_t try_short(baton__endpoint *endpoint, const baton__waiting *message)
{
    if (!message->eager) {
        return UCS_STATUS_PTR(UCS_ERR_NO_RESOURCE);
    }
    ucs_status_ptr_t sent =
        baton__ucx_send_now(endpoint, message, UCP_OP_ATTR_FLAG_FORCE_IMM_CMPL);
    endpoint->spoke = endpoint->spoke || sent == NULL;
    return sent;
}

static baton_status enqueue(baton__endpoint *endpoint, const baton__waiting *message)
{
    baton__waiting *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    *copy = *message;
    if (!endpoint->unsent) {
        endpoint->unsent = true;
        endpoint->since_ns = baton__clock_now(&baton__clock_boottime);
        DL_APPEND(endpoint->transport->unsent, endpoint);
    }
    DL_APPEND(endpoint->waiting, copy);
    return BATON_OK;
}

baton_status baton__ucx_wire_send(baton__endpoint *endpoint, const baton__waiting *message,
                                  bool *pending_out, int *native_out)
{
    *native_out = 0;
    *pending_out = false;
    if (endpoint->waiting == NULL) { /* else in the order of their coming */
        ucs_status_ptr_t sent = try_short(endpoint, message);
        if (UCS_PTR_STATUS(sent) != UCS_ERR_NO_RESOURCE) {
            wire_if_due(endpoint);
            return baton__ucx_started(sent, pending_out, native_out);
        }
    }
    *pending_out = true;
    return enqueue(endpoint, message);
}

void baton__ucx_wire_heard(baton__endpoint *endpoint)
{
    endpoint->heard = true;
    wire_if_due(endpoint);
}

static void end(baton__waiting *message, ucs_status_t status)
{
    baton__transfer *transfer = message->transfer;
    free(message);
    transfer->done(transfer, baton__ucx_status(status), (int)status);
}

/* False: the lane takes nothing now. */
static bool send_first(baton__endpoint *endpoint)
{
    baton__waiting *message = endpoint->waiting;
    ucs_status_ptr_t sent;
    if (!endpoint->wired) {
        sent = try_short(endpoint, message);
        if (UCS_PTR_STATUS(sent) == UCS_ERR_NO_RESOURCE) {
            return false;
        }
        wire_if_due(endpoint);
    } else {
        sent = baton__ucx_send_now(endpoint, message, 0);
    }
    DL_DELETE(endpoint->waiting, message);
    if (sent == NULL || UCS_PTR_IS_ERR(sent)) {
        end(message, UCS_PTR_STATUS(sent));
    } else {
        free(message); /* UCX calls the transfer back */
    }
    return true;
}

static void unlist(baton__endpoint *endpoint)
{
    if (endpoint->unsent) {
        endpoint->unsent = false;
        DL_DELETE(endpoint->transport->unsent, endpoint);
    }
}

static int send_waiting(baton__endpoint *endpoint)
{
    int done = 0;
    while (endpoint->waiting != NULL && send_first(endpoint)) {
        done++;
    }
    if (endpoint->waiting == NULL) {
        unlist(endpoint);
    } else if (baton__clock_now(&baton__clock_boottime) - endpoint->since_ns >
               PATIENCE_MS * BATON__NS_PER_MS) {
        wire(endpoint);
        done++;
    }
    return done;
}

static bool is_exchanging(const baton__endpoint *endpoint)
{
    return !endpoint->broken && endpoint->spoke && !endpoint->carried &&
           (!endpoint->wired || endpoint->wire != NULL);
}

static int close_settled(baton__transport *transport)
{
    int done = 0;
    uint64_t now = baton__clock_now(&baton__clock_boottime);
    baton__endpoint *endpoint;
    baton__endpoint *next;
    DL_FOREACH_SAFE(transport->closing, endpoint, next)
    {
        if (!is_exchanging(endpoint) || now - endpoint->since_ns > CLOSE_MS * BATON__NS_PER_MS) {
            DL_DELETE(transport->closing, endpoint);
            baton__ucx_close_now(endpoint);
            done++;
        }
    }
    return done;
}

int baton__ucx_wire_progress(baton__transport *transport)
{
    int done = 0;
    while (transport->cancelled != NULL) {
        baton__waiting *message = transport->cancelled;
        DL_DELETE(transport->cancelled, message);
        end(message, UCS_ERR_CANCELED);
        done++;
    }
    baton__endpoint *endpoint;
    baton__endpoint *next;
    DL_FOREACH_SAFE(transport->unsent, endpoint, next)
    {
        done += send_waiting(endpoint);
    }
    return done + (transport->closing != NULL ? close_settled(transport) : 0);
}

void baton__ucx_wire_retire(baton__transport *transport, ucp_worker_h worker)
{
    baton__endpoint *endpoint;
    baton__endpoint *next;
    DL_FOREACH_SAFE(transport->closing, endpoint, next)
    {
        if (endpoint->worker == worker) {
            DL_DELETE(transport->closing, endpoint);
            baton__ucx_close_now(endpoint);
        }
    }
}

bool baton__ucx_wire_close(baton__endpoint *endpoint)
{
    unlist(endpoint);
    DL_CONCAT(endpoint->transport->cancelled, endpoint->waiting);
    endpoint->waiting = NULL;
    if (!is_exchanging(endpoint)) {
        return true;
    }
    endpoint->since_ns = baton__clock_now(&baton__clock_boottime);
    DL_APPEND(endpoint->transport->closing, endpoint);
    return false;
}

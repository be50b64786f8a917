/* SPDX-License-Identifier: Apache-2.0 */
/* Active messages: the hot path. */
#include "device/cuda_device.h"
#include "transport/ucx.h"

static ucs_status_t on_message(void *argument, const void *header, size_t header_length, void *data,
                               size_t length, const ucp_am_recv_param_t *param)
{
    baton__transport *transport = argument;
    bool keep = false;
    baton__payload payload = {
        .data = data,
        .size = length,
        .announced = (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0,
        .late = transport->hears_old,
        .keep = &keep,
    };
    transport->callbacks.message(transport->callback_context, header, header_length, &payload);
    return keep ? UCS_INPROGRESS : UCS_OK; /* what was announced, and not received inside nor kept, is dropped by UCX */
}

static ucs_status_t on_foreign(void *argument, const void *header, size_t header_length, void *data,
                               size_t length, const ucp_am_recv_param_t *param)
{
    (void)header;
    (void)header_length;
    (void)data;
    (void)length;
    (void)param;
    baton__transport *transport = argument;
    transport->callbacks.foreign(transport->callback_context);
    return UCS_OK;
}

static ucs_status_t on_wire(void *argument, const void *header, size_t header_length, void *data,
                            size_t length, const ucp_am_recv_param_t *param)
{
    if (header_length == 0 && length == 0) {
        return UCS_OK; /* what UCX exchanged because of it was all it was for */
    }
    return on_foreign(argument, header, header_length, data, length, param);
}

static ucs_status_t on_loopback(void *argument, const void *header, size_t header_length, void *data,
                                size_t length, const ucp_am_recv_param_t *param)
{
    if (length == 0 && baton__ucx_loopback_heard(argument, header, header_length)) {
        return UCS_OK;
    }
    return on_foreign(argument, header, header_length, data, length, param);
}

static ucp_am_recv_callback_t handler_of(unsigned id)
{
    switch (id) {
    case BATON__AM_ID:
        return on_message;
    case BATON__AM_ID_WIRE:
        return on_wire;
    case BATON__AM_ID_LOOPBACK:
        return on_loopback;
    default:
        return on_foreign;
    }
}

ucs_status_t baton__ucx_register_handlers(baton__transport *transport)
{
    /* Downwards: UCX makes its table whole with the first one. A message with an identifier beyond the
     * table crashes the receiver up to 1.18. */
    for (unsigned id = UINT16_MAX + 1; id-- > 0;) {
        ucp_am_handler_param_t params = {
            .field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                          UCP_AM_HANDLER_PARAM_FIELD_ARG,
            .id = id,
            .cb = handler_of(id),
            .arg = transport,
        };
        ucs_status_t status = ucp_worker_set_am_recv_handler(transport->worker, &params);
        if (status != UCS_OK) {
            return status;
        }
    }
    return UCS_OK;
}

baton_status baton__ucx_started(ucs_status_ptr_t request, bool *pending_out, int *native_out)
{
    *pending_out = false;
    *native_out = 0;
    if (request == NULL) {
        return BATON_OK;
    }
    if (UCS_PTR_IS_ERR(request)) {
        *native_out = (int)UCS_PTR_STATUS(request);
        return baton__ucx_status(UCS_PTR_STATUS(request));
    }
    *pending_out = true;
    return BATON_OK;
}

void baton__ucx_sent(void *request, ucs_status_t status, void *user_data)
{
    baton__transfer *transfer = user_data;
    ucp_request_free(request);
    transfer->done(transfer, baton__ucx_status(status), (int)status);
}

static void on_received(void *request, ucs_status_t status, size_t length, void *user_data)
{
    (void)length; /* announced and asked for in full */
    baton__ucx_sent(request, status, user_data);
}

/*
 * Through our own functions: on links that copy, since UCX can then be told to leave the memory alone, and wherever a chunk is of
 * several pieces. With RDMA lanes those are gathered into buffers that UCX has registered; an IOV would be registered piece by piece for each
 * chunk. What is one piece is sent from its place there. Memory of a device is always one piece, in its place.
 */
static void set_slice(const baton__endpoint *endpoint, baton__transfer *transfer, const baton__slice *slice)
{
    transfer->slice = *slice;
    transfer->hint = 0;
    transfer->revocable = transfer->device < 0 && (endpoint->revocable || baton__slice_pieces(slice, 2) > 1);
}

/* Of what is not revocable: it is one piece. */
static void *in_place(const baton__transfer *transfer)
{
    uint32_t hint = 0;
    return baton__layout_at(transfer->slice.layout, transfer->slice.offset, &hint).pointer;
}

/* What UCX calls of CUDA belongs to the device's context. */
static ucs_status_ptr_t visit(const baton__transfer *transfer, baton__cuda_visit *visit_out)
{
    baton_status status = baton__cuda_visit_checked((uint32_t)transfer->device, visit_out);
    return status == BATON_OK ? NULL : UCS_STATUS_PTR(UCS_ERR_IO_ERROR);
}

/* Announced, however small: UCX waits for a device to send what is not. */
static ucs_status_ptr_t send_from_device(baton__endpoint *endpoint, const baton__waiting *message, ucp_request_param_t *params)
{
    baton__cuda_visit there;
    ucs_status_ptr_t request = visit(message->transfer, &there);
    if (request != NULL) {
        return request;
    }
    params->flags = UCP_AM_SEND_FLAG_RNDV;
    params->memory_type = UCS_MEMORY_TYPE_CUDA;
    request = ucp_am_send_nbx(endpoint->ep, BATON__AM_ID, message->header, message->header_size, in_place(message->transfer),
                              message->size, params);
    baton__cuda_leave(&there);
    return request;
}

ucs_status_ptr_t baton__ucx_send_now(baton__endpoint *endpoint, const baton__waiting *message,
                                     uint32_t attributes)
{
    /* No memory handle: with RDMA lanes UCX would leave out its own invalidation when the send fails,
     * and on TCP and shared memory a handle gains nothing. */
    ucp_request_param_t params = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                        UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_MEMORY_TYPE | attributes,
        .flags = message->eager ? UCP_AM_SEND_FLAG_EAGER : 0,
        .cb = {.send = baton__ucx_sent},
        .user_data = message->transfer,
        .memory_type = UCS_MEMORY_TYPE_HOST,
    };
    const void *data = message->data;
    size_t count = message->size;
    endpoint->carried = endpoint->carried || !message->eager;
    if (!message->eager && message->transfer->device >= 0) {
        return send_from_device(endpoint, message, &params);
    }
    if (!message->eager && message->transfer->revocable) {
        params.op_attr_mask |= UCP_OP_ATTR_FIELD_DATATYPE;
        params.datatype = endpoint->transport->revocable;
        data = message->transfer;
        count = 1;
    } else if (!message->eager) {
        data = in_place(message->transfer);
    }
    return ucp_am_send_nbx(endpoint->ep, BATON__AM_ID, message->header, message->header_size, data, count,
                           &params);
}

static baton_status send_message(baton__endpoint *endpoint, const baton__waiting *message, bool *pending_out,
                                 int *native_out)
{
    if (!endpoint->wired) {
        return baton__ucx_wire_send(endpoint, message, pending_out, native_out);
    }
    return baton__ucx_started(baton__ucx_send_now(endpoint, message, 0), pending_out, native_out);
}

baton_status baton__ucx_send(baton__endpoint *endpoint, const void *header, size_t header_size,
                             const void *data, size_t size, baton__transfer *transfer,
                             bool *pending_out, int *native_out)
{
    baton__waiting message = {.transfer = transfer,
                              .header = header,
                              .header_size = header_size,
                              .data = data,
                              .size = size,
                              .eager = true};
    return send_message(endpoint, &message, pending_out, native_out);
}

baton_status baton__ucx_send_chunk(baton__endpoint *endpoint, const void *header, size_t header_size,
                                   const baton__slice *slice, baton__transfer *transfer,
                                   bool *pending_out, int *native_out)
{
    baton__waiting message = {.transfer = transfer,
                              .header = header,
                              .header_size = header_size,
                              .size = slice->size,
                              .eager = false};
    set_slice(endpoint, transfer, slice);
    return send_message(endpoint, &message, pending_out, native_out);
}

static baton_status receive_to_device(baton__endpoint *endpoint, const baton__payload *payload, baton__transfer *transfer,
                                      ucp_request_param_t *params, bool *pending_out, int *native_out)
{
    baton__cuda_visit there;
    ucs_status_ptr_t request = visit(transfer, &there);
    if (request == NULL) {
        params->memory_type = UCS_MEMORY_TYPE_CUDA;
        request = ucp_am_recv_data_nbx(endpoint->worker, payload->data, in_place(transfer), payload->size, params);
        baton__cuda_leave(&there);
    }
    return baton__ucx_started(request, pending_out, native_out);
}

baton_status baton__ucx_receive(baton__endpoint *endpoint, const baton__payload *payload,
                                const baton__slice *slice, baton__transfer *transfer,
                                bool *pending_out, int *native_out)
{
    ucp_request_param_t params = {
        .op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                        UCP_OP_ATTR_FIELD_MEMORY_TYPE,
        .cb = {.recv_am = on_received},
        .user_data = transfer,
        .memory_type = UCS_MEMORY_TYPE_HOST,
    };
    set_slice(endpoint, transfer, slice);
    if (transfer->device >= 0) {
        return receive_to_device(endpoint, payload, transfer, &params, pending_out, native_out);
    }
    void *buffer = transfer;
    size_t count = 1;
    if (transfer->revocable) {
        params.op_attr_mask |= UCP_OP_ATTR_FIELD_DATATYPE;
        params.datatype = endpoint->transport->revocable;
    } else {
        buffer = in_place(transfer);
        count = payload->size;
    }
    return baton__ucx_started(
        ucp_am_recv_data_nbx(endpoint->worker, payload->data, buffer, count, &params), pending_out,
        native_out);
}

void baton__ucx_payload_release(baton__endpoint *endpoint, void *data)
{
    ucp_am_data_release(endpoint->worker, data);
}

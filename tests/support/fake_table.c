/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_rma.h"
#include "support/fake_state.h"

#include <sys/eventfd.h>
#include <unistd.h>

static baton_status open_worker(const char *label, const baton__transport_callbacks *callbacks,
                                void *context, baton__transport **transport_out)
{
    (void)label;
    baton__transport *transport = calloc(1, sizeof(*transport));
    if (transport == NULL || fake.workers_count == FAKE_WORKERS_MAX) {
        free(transport);
        return BATON_ERR_OUT_OF_MEMORY;
    }
    transport->index = fake.workers_count;
    transport->old_index = FAKE_WORKERS_MAX;
    transport->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    transport->callbacks = *callbacks;
    transport->context = context;
    fake.workers[fake.workers_count++] = transport;
    *transport_out = transport;
    return BATON_OK;
}

/* Nobody is left to hear how what is held back ends. */
static void forget_held(const baton__transport *transport)
{
    message *m;
    message *next;
    DL_FOREACH_SAFE(fake.held, m, next)
    {
        m->from = m->from == transport ? NULL : m->from;
        if (m->to == transport) {
            DL_DELETE(fake.held, m);
            fake_end_message(m, BATON_ERR_PEER_LOST, FAKE_RESET);
        }
    }
}

static baton_status renew_worker(baton__transport *transport)
{
    if (fake.workers_count == FAKE_WORKERS_MAX || fake.renewal_refused) {
        return BATON_ERR_TRANSPORT;
    }
    transport->old_index = transport->index;
    transport->index = fake.workers_count;
    fake.workers[fake.workers_count++] = transport;
    return BATON_OK;
}

static void retire_worker(baton__transport *transport)
{
    if (transport->old_index == FAKE_WORKERS_MAX) {
        return;
    }
    fake.workers[transport->old_index] = NULL;
    message *m;
    message *next;
    DL_FOREACH_SAFE(transport->inbox, m, next)
    {
        if (m->to_index == transport->old_index) {
            DL_DELETE(transport->inbox, m);
            fake_end_message(m, BATON_ERR_PEER_LOST, FAKE_RESET);
        }
    }
    transport->old_index = FAKE_WORKERS_MAX;
}

static void close_worker(baton__transport *transport)
{
    retire_worker(transport);
    fake.workers[transport->index] = NULL;
    forget_held(transport);
    while (transport->inbox != NULL) {
        message *m = transport->inbox;
        DL_DELETE(transport->inbox, m);
        fake_end_message(m, BATON_ERR_PEER_LOST, FAKE_RESET);
    }
    (void)close(transport->fd);
    free(transport);
}

static const void *address_of(const baton__transport *transport, size_t *size_out)
{
    *size_out = sizeof(transport->index);
    return &transport->index;
}

static int fd_of(const baton__transport *transport)
{
    return transport->fd;
}

static baton_status endpoint_create(baton__transport *transport, const void *address, size_t size,
                                    void *owner, baton__endpoint **endpoint_out)
{
    unsigned index = FAKE_WORKERS_MAX;
    if (size == sizeof(index)) {
        memcpy(&index, address, size);
    }
    if (index >= fake.workers_count || fake.workers[index] == NULL || fake.is_unreachable) {
        return BATON_ERR_UNREACHABLE;
    }
    baton__endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    endpoint->transport = transport;
    endpoint->target = fake.workers[index];
    endpoint->target_index = index;
    endpoint->own_index = transport->index;
    endpoint->owner = owner;
    DL_APPEND(transport->endpoints, endpoint);
    *endpoint_out = endpoint;
    return BATON_OK;
}

static void break_other_end(const baton__endpoint *endpoint)
{
    for (unsigned i = 0; i < fake.workers_count && !fake.is_cut; i++) {
        baton__endpoint *other = fake.workers[i] == NULL || fake.workers[i] != endpoint->target
                                     ? NULL
                                     : fake.workers[i]->endpoints;
        for (; other != NULL; other = other->next) {
            if (other->target_index == endpoint->own_index && other->own_index == endpoint->target_index) {
                other->broken = true;
            }
        }
    }
}

static void endpoint_close(baton__endpoint *endpoint, void (*closed)(void *owner))
{
    baton__transport *transport = endpoint->transport;
    fake_cut_endpoint(endpoint);
    if (!fake.is_stuck) {
        break_other_end(endpoint);
    }
    completion *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        abort();
    }
    c->closed = closed;
    c->owner = endpoint->owner;
    DL_APPEND(transport->completions, c);
    DL_DELETE(transport->endpoints, endpoint);
    free(endpoint);
}

static baton_status endpoint_flush(baton__endpoint *endpoint, baton__transfer *transfer,
                                   bool *pending_out)
{
    fake_complete(endpoint->transport, transfer, BATON_OK, 0);
    *pending_out = true;
    return BATON_OK;
}

static void endpoint_heard(baton__endpoint *endpoint)
{
    (void)endpoint;
}

static void endpoint_describe(baton__endpoint *endpoint, char *text, size_t size)
{
    (void)endpoint;
    if (size > 4) {
        memcpy(text, "fake", 5);
    }
}

static bool shares_inbox(const baton__endpoint *endpoint)
{
    (void)endpoint;
    return fake.is_shared;
}

static const char *knows_no_device(const baton__transport *transport)
{
    (void)transport;
    return fake.peek != NULL ? NULL : "the fake knows no device";
}

static const char *why_not_device(const baton__endpoint *endpoint, bool peer_on_device)
{
    if (fake.no_lane[endpoint->own_index]) {
        return "the fake has no lane";
    }
    return peer_on_device ? NULL : "the fake's lane is between devices";
}

static bool exposes_device(const baton__endpoint *endpoint)
{
    (void)endpoint;
    return true;
}

static baton_status loopback_begin(baton__transport *transport)
{
    (void)transport;
    fake.loopbacks++;
    return BATON_OK;
}

static bool loopback_arrived(baton__transport *transport)
{
    return !fake.blocked[transport->index];
}

static void loopback_end(baton__transport *transport)
{
    (void)transport;
}

static message *new_message(const baton__endpoint *endpoint, const void *header, size_t header_size,
                            size_t size)
{
    message *m = calloc(1, sizeof(*m));
    if (m == NULL || header_size > sizeof(m->header)) {
        abort();
    }
    m->to = endpoint->target;
    m->to_index = endpoint->target_index;
    m->from = endpoint->transport;
    m->endpoint = (baton__endpoint *)endpoint;
    m->size = size;
    m->header_size = header_size;
    memcpy(m->header, header, header_size);
    return m;
}

/* NULL: the other side is gone. */
static message *begin_message(baton__endpoint *endpoint, const void *header, size_t header_size, size_t size, bool *pending_out,
                              int *native_out)
{
    bool gone = endpoint->broken || fake.workers[endpoint->target_index] != endpoint->target;
    *pending_out = false;
    *native_out = gone ? FAKE_RESET : 0;
    return gone ? NULL : new_message(endpoint, header, header_size, size);
}

static void give_copy(message *m)
{
    m->data = malloc(m->size + 1);
    if (m->data == NULL) {
        abort();
    }
}

static baton_status send_message(baton__endpoint *endpoint, const void *header, size_t header_size,
                                 const void *data, size_t size, baton__transfer *transfer,
                                 bool *pending_out, int *native_out)
{
    (void)transfer;
    message *m = begin_message(endpoint, header, header_size, size, pending_out, native_out);
    if (m == NULL) {
        return BATON_ERR_PEER_LOST;
    }
    give_copy(m);
    if (size != 0) {
        memcpy(m->data, data, size);
    }
    fake_post(m);
    return BATON_OK;
}

/* NULL: it is the host's. As UCX, it looks at the layout now and never again. */
static void *on_device(const baton__slice *slice, const baton__transfer *transfer)
{
    uint32_t hint = 0;
    return transfer->device >= 0 ? baton__layout_at(slice->layout, slice->offset, &hint).pointer : NULL;
}

static baton_status send_chunk(baton__endpoint *endpoint, const void *header, size_t header_size,
                               const baton__slice *slice, baton__transfer *transfer, bool *pending_out,
                               int *native_out)
{
    message *m = begin_message(endpoint, header, header_size, slice->size, pending_out, native_out);
    if (m == NULL) {
        return BATON_ERR_PEER_LOST;
    }
    m->announced = slice->size > FAKE_EAGER_MAX;
    if (m->announced) {
        m->from_slice = *slice;
        m->from_device = on_device(slice, transfer);
        m->sending = transfer;
        *pending_out = true;
    } else {
        uint32_t hint = 0;
        give_copy(m);
        baton__layout_gather(slice->layout, slice->offset, m->data, m->size, &hint);
    }
    fake_post(m);
    return BATON_OK;
}

static baton_status receive(baton__endpoint *endpoint, const baton__payload *payload,
                            const baton__slice *slice, baton__transfer *transfer, bool *pending_out,
                            int *native_out)
{
    (void)endpoint;
    message *m = payload->data;
    *pending_out = true;
    *native_out = 0;
    if (m->kept) {
        DL_DELETE(m->to->kept, m);
        if (m->from == NULL && m->data == NULL) { /* its sender is gone */
            fake_complete(m->to, transfer, BATON_ERR_PEER_LOST, FAKE_RESET);
            fake_end_message(m, BATON_ERR_PEER_LOST, FAKE_RESET);
            return BATON_OK;
        }
        m->kept = false;
        DL_APPEND(m->to->inbox, m);
    }
    m->receiving = transfer;
    m->to_slice = *slice;
    m->to_device = on_device(slice, transfer);
    m->slow = fake.slow != 0 && m->from_device != NULL && m->to_device != NULL;
    fake.slow -= m->slow;
    return BATON_OK;
}

static void payload_release(baton__endpoint *endpoint, void *data)
{
    (void)endpoint;
    message *m = data;
    DL_DELETE(m->to->kept, m);
    fake_end_message(m, BATON_OK, 0);
}

static bool revoke_transfer(baton__transfer *transfer)
{
    (void)transfer;
    return false;
}

static baton_status memory_register(baton__transport *transport, void *pointer, size_t size,
                                    baton__memory **memory_out)
{
    (void)transport;
    (void)size;
    *memory_out = pointer;
    return BATON_OK;
}

static void memory_deregister(baton__transport *transport, baton__memory *memory)
{
    (void)transport;
    (void)memory;
}

static const char *native_text(int native)
{
    return native == FAKE_RESET ? "connection reset" : "cancelled";
}

static const char *version(void)
{
    return "0.0 (fake)";
}

const baton__transport_table fake_transport_table = {
    .name = "fake",
    .open = open_worker,
    .renew = renew_worker,
    .retire = retire_worker,
    .close = close_worker,
    .address = address_of,
    .progress = fake_progress,
    .arm = fake_arm,
    .fd = fd_of,
    .endpoint_create = endpoint_create,
    .endpoint_close = endpoint_close,
    .endpoint_flush = endpoint_flush,
    .endpoint_heard = endpoint_heard,
    .endpoint_describe = endpoint_describe,
    .endpoint_shares_inbox = shares_inbox,
    .knows_no_device = knows_no_device,
    .why_not_device = why_not_device,
    .exposes_device = exposes_device,
    .loopback_begin = loopback_begin,
    .loopback_arrived = loopback_arrived,
    .loopback_end = loopback_end,
    .send = send_message,
    .send_chunk = send_chunk,
    .receive = receive,
    .payload_release = payload_release,
    .revoke = revoke_transfer,
    .memory_register = memory_register,
    .memory_deregister = memory_deregister,
    .native_text = native_text,
    .version = version,
    .rma = &fake_rma_table,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_state.h"

fake_state fake = {.now_ns = UINT64_C(1000000000000)};

static uint64_t fake_now(void *context)
{
    (void)context;
    return fake.now_ns;
}

const baton__clock fake_clock = {.now_ns = fake_now, .context = NULL};

void fake_clock_advance_ms(uint64_t ms)
{
    fake.now_ns += ms * BATON__NS_PER_MS;
}

uint8_t fake_type_of(const message *m)
{
    return m->header_size > 3 ? m->header[3] : 0;
}

void fake_plan(baton__frame_type type, fake_fate fate, unsigned times)
{
    fake.plans[type].fate = fate;
    fake.plans[type].times = times;
}

void fake_before_delivery(baton__frame_type type, void (*hook)(void))
{
    fake.plans[type].hook = hook;
}

unsigned fake_sent(baton__frame_type type)
{
    return fake.plans[type].sent;
}

void fake_set_cut(bool cut)
{
    fake.is_cut = cut;
}

void fake_set_stuck(bool stuck)
{
    fake.is_stuck = stuck;
}

void fake_delay_arrivals(unsigned times)
{
    fake.slow = times;
}

void fake_let_arrive(void)
{
    message *m;
    for (unsigned i = 0; i < fake.workers_count; i++) {
        DL_FOREACH(fake.workers[i] == NULL ? NULL : fake.workers[i]->inbox, m)
        {
            m->slow = false;
        }
    }
}

bool fake_is_arriving(void)
{
    const message *m;
    for (unsigned i = 0; i < fake.workers_count; i++) {
        DL_FOREACH(fake.workers[i] == NULL ? NULL : fake.workers[i]->inbox, m)
        {
            if (m->slow) {
                return true;
            }
        }
    }
    return false;
}

void fake_set_unreachable(bool unreachable)
{
    fake.is_unreachable = unreachable;
}

void fake_set_shared(bool shared)
{
    fake.is_shared = shared;
}

void fake_block(unsigned index)
{
    fake.blocked[index] = true;
}

void fake_refuse_renewal(bool refuse)
{
    fake.renewal_refused = refuse;
}

unsigned fake_address(unsigned index)
{
    return fake.workers[index]->index;
}

unsigned fake_loopbacks(void)
{
    return fake.loopbacks;
}

void fake_complete(baton__transport *transport, baton__transfer *transfer, baton_status status,
                   int native)
{
    if (transfer == NULL) {
        return;
    }
    completion *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        abort();
    }
    c->transfer = transfer;
    c->status = status;
    c->native = native;
    DL_APPEND(transport->completions, c);
}

static void free_message(message *m)
{
    if (!m->announced) {
        free(m->data);
    }
    free(m);
}

/* Both sides of an announced message learn that it ends. */
void fake_end_message(message *m, baton_status status, int native)
{
    if (m->from != NULL) {
        fake_complete(m->from, m->sending, status, native);
    }
    fake_complete(m->to, m->receiving, status, native);
    free_message(m);
}

void fake_release(void)
{
    message *list = fake.held;
    fake.held = NULL;
    while (list != NULL) {
        message *m = list;
        DL_DELETE(list, m);
        DL_APPEND(m->to->inbox, m);
    }
}

/* The message stays with its receiver, but its sender has done with it. */
static void cut_sender(message *m)
{
    fake_complete(m->from, m->sending, BATON_ERR_CANCELLED, FAKE_CANCELLED);
    m->from = NULL;
    m->sending = NULL;
    m->endpoint = NULL;
}

void fake_fail_held(void)
{
    message *m;
    DL_FOREACH(fake.held, m)
    {
        if (m->from != NULL) {
            cut_sender(m);
        }
    }
}

static void cut_messages(message **list, const baton__endpoint *endpoint)
{
    message *m;
    message *next;
    DL_FOREACH_SAFE(*list, m, next)
    {
        bool ours = m->endpoint == endpoint;
        bool fetched =
            m->receiving != NULL && m->to == endpoint->transport && m->from == endpoint->target;
        if (m->slow) {
            if (ours) {
                cut_sender(m);
            }
        } else if (m->announced && (ours || fetched) && !fake.is_stuck) {
            DL_DELETE(*list, m);
            fake_end_message(m, BATON_ERR_CANCELLED, FAKE_CANCELLED);
        } else if (ours) {
            m->endpoint = NULL;
        }
    }
}

static void cut_kept(message *list, const baton__endpoint *endpoint)
{
    message *m;
    DL_FOREACH(list, m)
    {
        if (m->endpoint == endpoint && m->from != NULL) {
            cut_sender(m);
        }
    }
}

/* What the endpoint sends, and what it fetches, ends with an error. */
void fake_cut_endpoint(const baton__endpoint *endpoint)
{
    for (unsigned i = 0; i < fake.workers_count; i++) {
        if (fake.workers[i] != NULL) {
            cut_messages(&fake.workers[i]->inbox, endpoint);
            cut_kept(fake.workers[i]->kept, endpoint);
        }
    }
    cut_messages(&fake.held, endpoint);
}

void fake_break(void)
{
    for (unsigned i = 0; i < fake.workers_count; i++) {
        if (fake.workers[i] == NULL) {
            continue;
        }
        baton__endpoint *endpoint;
        DL_FOREACH(fake.workers[i]->endpoints, endpoint)
        {
            fake_cut_endpoint(endpoint);
            endpoint->broken = true;
        }
        while (fake.workers[i]->inbox != NULL) {
            message *m = fake.workers[i]->inbox;
            DL_DELETE(fake.workers[i]->inbox, m);
            fake_end_message(m, BATON_ERR_PEER_LOST, FAKE_RESET);
        }
    }
}

void fake_reset(void)
{
    while (fake.held != NULL) {
        message *m = fake.held;
        DL_DELETE(fake.held, m);
        fake_end_message(m, BATON_ERR_PEER_LOST, FAKE_RESET);
    }
    memset(fake.plans, 0, sizeof(fake.plans));
    fake.slow = 0;
    fake.is_cut = false;
    fake.is_stuck = false;
    fake.peek = NULL;
    memset(fake.no_lane, 0, sizeof(fake.no_lane));
    fake.is_unreachable = false;
    fake.is_shared = false;
    fake.renewal_refused = false;
    fake.loopbacks = 0;
    memset(fake.blocked, 0, sizeof(fake.blocked));
}

void fake_gather(const message *m, uint8_t *to)
{
    uint32_t hint = 0;
    if (m->data != NULL) {
        memcpy(to, m->data, m->size);
    } else if (m->from_device != NULL) {
        if (fake.peek(m->from_device, to, m->size) != 0) {
            abort();
        }
    } else if (m->size != 0) {
        baton__layout_gather(m->from_slice.layout, m->from_slice.offset, to, m->size, &hint);
    }
}

void fake_reach_devices(int (*peek)(const void *, void *, size_t), int (*poke)(void *, const void *, size_t))
{
    fake.peek = peek;
    fake.poke = poke;
}

void fake_take_lane(unsigned index)
{
    fake.no_lane[index] = true;
}

static message *copy_of(const message *m)
{
    message *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        abort();
    }
    *copy = *m;
    copy->announced = false;
    copy->sending = NULL;
    copy->data = malloc(m->size + 1);
    if (copy->data == NULL) {
        abort();
    }
    fake_gather(m, copy->data);
    return copy;
}

void fake_post(message *m)
{
    uint8_t type = fake_type_of(m);
    fake_fate fate = FAKE_DELIVER;
    fake.plans[type].sent++;
    if (fake.plans[type].times != 0) {
        fake.plans[type].times--;
        fate = fake.plans[type].fate;
    }
    if (fake.is_cut) {
        fate = FAKE_HOLD;
    }
    switch (fate) {
    case FAKE_DROP:
        fake_end_message(m, BATON_OK, 0);
        return;
    case FAKE_HOLD:
        DL_APPEND(fake.held, m);
        return;
    case FAKE_DUPLICATE: {
        message *copy = copy_of(m);
        DL_APPEND(m->to->inbox, m);
        DL_APPEND(m->to->inbox, copy);
        return;
    }
    default:
        m->last = fate == FAKE_LAST;
        DL_APPEND(m->to->inbox, m);
        return;
    }
}

void fake_inject(unsigned index, const void *header, size_t header_size, const void *data,
                 size_t size, bool announced)
{
    message *m = calloc(1, sizeof(*m));
    if (m == NULL || index >= fake.workers_count || fake.workers[index] == NULL) {
        abort();
    }
    m->to = fake.workers[index];
    m->to_index = index;
    m->header_size = header_size < sizeof(m->header) ? header_size : sizeof(m->header);
    if (m->header_size != 0) {
        memcpy(m->header, header, m->header_size);
    }
    m->size = size;
    m->data = (uint8_t *)data;
    if (!announced) {
        message *copy = copy_of(m);
        free(m);
        m = copy;
    }
    m->announced = announced; /* then data stays the caller's until it has arrived */
    DL_APPEND(m->to->inbox, m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of the fake transport: messages arrive, transfers end, broken endpoints are told. */
#include "support/fake_state.h"

static message *next_message(baton__transport *transport)
{
    message *m;
    DL_FOREACH(transport->inbox, m)
    {
        if (!m->last && m->receiving == NULL && !fake.blocked[m->to_index]) {
            return m;
        }
    }
    return NULL;
}

static void deliver(baton__transport *transport, message *m)
{
    DL_DELETE(transport->inbox, m);
    void (*hook)(void) = fake.plans[fake_type_of(m)].hook;
    fake.plans[fake_type_of(m)].hook = NULL;
    if (hook != NULL) {
        hook();
    }
    bool keep = false;
    baton__payload payload = {
        .data = m->announced ? (void *)m : m->data, .size = m->size, .announced = m->announced,
        .late = m->to_index == transport->old_index, .keep = &keep};
    transport->callbacks.message(transport->context, m->header, m->header_size, &payload);
    if (m->receiving != NULL) {
        DL_APPEND(transport->inbox, m);
    } else if (keep) {
        m->kept = true;
        DL_APPEND(transport->kept, m);
    } else {
        fake_end_message(m, BATON_OK, 0); /* dropped by the receiver: the sender sees success */
    }
}

static void move(const message *m)
{
    uint32_t hint = 0;
    uint8_t *between = malloc(m->size);
    if (between == NULL || m->to_slice.size != m->size) {
        abort();
    }
    fake_gather(m, between);
    if (m->to_device != NULL) {
        if (fake.poke(m->to_device, between, m->size) != 0) {
            abort();
        }
    } else {
        baton__layout_scatter(m->to_slice.layout, m->to_slice.offset, between, m->size, &hint);
    }
    free(between);
}

/* Announced payloads that were asked for in an earlier progress arrive. */
static int fetch(baton__transport *transport)
{
    int done = 0;
    message *m;
    message *next;
    DL_FOREACH_SAFE(transport->inbox, m, next)
    {
        if (m->receiving != NULL && !m->slow) {
            move(m);
            DL_DELETE(transport->inbox, m);
            fake_end_message(m, BATON_OK, 0);
            done++;
        }
    }
    return done;
}

static int run_completions(baton__transport *transport)
{
    int done = 0;
    for (completion *c; (c = transport->completions) != NULL; done++) {
        DL_DELETE(transport->completions, c);
        completion copy = *c;
        free(c);
        if (copy.transfer != NULL) {
            copy.transfer->done(copy.transfer, copy.status, copy.native);
        } else {
            copy.closed(copy.owner);
        }
    }
    return done;
}

static int tell_broken(baton__transport *transport)
{
    int done = 0;
    baton__endpoint *endpoint;
    DL_FOREACH(transport->endpoints, endpoint)
    {
        if (endpoint->broken && !endpoint->told) {
            endpoint->told = true;
            transport->callbacks.endpoint_failed(transport->context, endpoint->owner, FAKE_RESET);
            done++;
        }
    }
    return done;
}

int fake_progress(baton__transport *transport)
{
    int done = fetch(transport) + run_completions(transport) + tell_broken(transport);
    for (message *m; (m = next_message(transport)) != NULL; done++) {
        deliver(transport, m);
    }
    for (message *m = transport->inbox; m != NULL; m = m->next) {
        if (m->receiving == NULL) {
            m->last = false; /* their turn is next */
        }
    }
    return done;
}

bool fake_arm(baton__transport *transport)
{
    message *m;
    DL_FOREACH(transport->inbox, m)
    {
        if (!m->slow && !fake.blocked[m->to_index]) {
            return false;
        }
    }
    return transport->completions == NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of hand-offs: takes what is offered to a pool of its own, by its name. On the host the data is prefetched, to memory of
 * baton's; memory of a device is this program's, and what comes is read into it.
 */
#include "perf_buffers.h"
#include "perf_failure.h"
#include "perf_handoff.h"
#include "perf_path.h"
#include "perf_worker.h"
#include <string.h>

enum { PLACES = 8, RUN_MS = 3600 * 1000 };

typedef struct consumer {
    const perf_options *options;
    perf_channel *channel;
    perf_buffers *buffers; /* what is expected; of a device: where it goes */
    baton_worker *worker;
    baton_handoff *last; /* that was read into memory of a device: whoever takes it out of here destroys it */
} consumer;

static bool is_on_device(const consumer *self)
{
    return self->options->peer_device.kind != BATON_DEVICE_KIND_HOST;
}

/* The data is here: it was prefetched. In application mode it is asked whether it is right. */
static void take(baton_handoff *handoff, void *context)
{
    const consumer *self = context;
    baton_descriptor *came = NULL;
    if (baton_handoff_acknowledge(handoff) != BATON_ACKNOWLEDGE_APPLICATION ||
        baton_handoff_local(handoff, 0, &came) != BATON_OK) {
        return; /* it completes by itself; without an answer where one is asked for, it fails */
    }
    baton_descriptor *mine = perf_buffers_slot(self->buffers, 0)[0];
    size_t size = baton_descriptor_size(mine);
    bool is_right =
        baton_descriptor_size(came) == size &&
        memcmp(baton_descriptor_pointer(came), baton_descriptor_pointer(mine), size) == 0;
    baton_status status =
        is_right ? baton_handoff_ack(handoff, NULL) : baton_handoff_nack(handoff, NULL);
    (void)status; /* the origin learns it in any case */
    baton_descriptor_release(came);
}

static baton_handoff *replace_last(consumer *self, baton_handoff *handoff)
{
    return __atomic_exchange_n(&self->last, handoff, __ATOMIC_ACQ_REL);
}

static void read_into_device(baton_handoff *handoff, void *context)
{
    consumer *self = context;
    baton_handoff_keep(handoff);
    baton_handoff_destroy(replace_last(self, handoff));
    if (baton_handoff_accept(handoff, perf_buffers_slot(self->buffers, 0), 1, NULL, NULL) != BATON_OK) {
        baton_status status = baton_handoff_reject(handoff, baton_error_text());
        (void)status; /* it was over before: the origin knows */
    }
}

static baton_status serve(consumer *self)
{
    baton_serve_options settings = BATON_SERVE_OPTIONS_INIT;
    baton_service *service = NULL; /* the worker's */
    settings.concurrency = PLACES;
    settings.prefetch = !is_on_device(self);
    baton_status status = perf_channel_expect(self->channel, PERF_FRAME_NAME, PERF_ANSWER_MS);
    if (status == BATON_OK) {
        status = perf_worker_create(self->options, (const char *)self->channel->data, &self->worker);
    }
    if (status != BATON_OK) {
        return status;
    }
    status = baton_worker_serve(self->worker, (const char *)self->channel->data, &settings,
                                is_on_device(self) ? read_into_device : take, self, &service);
    if (status != BATON_OK) {
        return perf_fail_baton(status, "to serve");
    }
    if (self->options->application) {
        perf_channel_drive(self->channel, baton_worker_connector(self->worker));
    }
    return perf_channel_say(self->channel, PERF_FRAME_READY, "");
}

static baton_status check_path(consumer *self)
{
    baton_outcome outcome = BATON_OUTCOME_INIT;
    baton_handoff *handoff = replace_last(self, NULL);
    if (handoff == NULL) {
        return perf_fail(BATON_ERR_MALFORMED, "nothing has come that could be checked");
    }
    baton_status status = baton_handoff_wait(handoff, PERF_ANSWER_MS, &outcome);
    status = status == BATON_OK ? perf_path_check(self->options, self->options->peer_device, outcome.path, "")
                                : perf_fail_baton(status, "a hand-off");
    baton_handoff_destroy(handoff);
    return status;
}

/* What came last is right and came by the path that was asked for; the next one finds something else there. */
static baton_status check(consumer *self)
{
    baton_status status = check_path(self);
    if (status == BATON_OK) {
        status = perf_buffers_check(self->buffers, 0, "last");
    }
    if (status == BATON_OK) {
        status = perf_buffers_spoil(self->buffers);
    }
    return status == BATON_OK ? perf_channel_say(self->channel, PERF_FRAME_READY, "") : status;
}

/* Until the origin says BYE. */
static baton_status answer(consumer *self)
{
    perf_frame question = PERF_FRAME_READY;
    for (;;) {
        baton_status status = perf_channel_receive(self->channel, RUN_MS, &question);
        if (status != BATON_OK || question == PERF_FRAME_BYE) {
            return status;
        }
        status = question == PERF_FRAME_CHECK && is_on_device(self)
                     ? check(self)
                     : perf_fail(BATON_ERR_MALFORMED, "%d does not belong here", (int)question);
        if (status != BATON_OK) {
            return status;
        }
    }
}

baton_status perf_handoff_consume(const perf_options *options, perf_channel *channel)
{
    consumer self = {.options = options, .channel = channel};
    const perf_shape shape = {.size_bytes = options->size_bytes, .segments = 1, .slots = 1, .device = options->peer_device};
    baton_status status = perf_buffers_create(&shape, &self.buffers);
    if (status == BATON_OK) {
        status = (is_on_device(&self) ? perf_buffers_spoil : perf_buffers_fill)(self.buffers);
    }
    if (status == BATON_OK) {
        status = serve(&self);
    }
    if (status == BATON_OK) {
        status = answer(&self);
    }
    if (status != BATON_OK) {
        perf_channel_send_failure(channel);
    }
    baton_handoff_destroy(self.last);
    baton_worker_destroy(self.worker);
    channel->driven = NULL;
    perf_buffers_destroy(self.buffers);
    return status;
}

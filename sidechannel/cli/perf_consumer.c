/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of hand-offs: takes what is offered to a pool of its own, by its name. */
#include "perf_buffers.h"
#include "perf_failure.h"
#include "perf_handoff.h"
#include "perf_worker.h"
#include <stdlib.h>
#include <string.h>

enum { PLACES = 8, RUN_MS = 3600 * 1000 };

/* The data is here: it was prefetched. In application mode it is asked whether it is right. */
static void take(baton_handoff *handoff, void *context)
{
    const perf_buffers *expected = context;
    baton_descriptor *came = NULL;
    if (baton_handoff_acknowledge(handoff) != BATON_ACKNOWLEDGE_APPLICATION ||
        baton_handoff_local(handoff, 0, &came) != BATON_OK) {
        return; /* it completes by itself; without an answer where one is asked for, it fails */
    }
    baton_descriptor *mine = perf_buffers_slot(expected, 0)[0];
    size_t size = baton_descriptor_size(mine);
    bool is_right =
        baton_descriptor_size(came) == size &&
        memcmp(baton_descriptor_pointer(came), baton_descriptor_pointer(mine), size) == 0;
    baton_status status =
        is_right ? baton_handoff_ack(handoff, NULL) : baton_handoff_nack(handoff, NULL);
    (void)status; /* the origin learns it in any case */
    baton_descriptor_release(came);
}

static baton_status serve(const perf_options *options, perf_channel *channel,
                          perf_buffers *expected, baton_worker **worker_out)
{
    baton_serve_options settings = BATON_SERVE_OPTIONS_INIT;
    baton_service *service = NULL; /* the worker's */
    settings.concurrency = PLACES;
    settings.prefetch = true;
    baton_status status = perf_channel_expect(channel, PERF_FRAME_NAME, PERF_ANSWER_MS);
    if (status == BATON_OK) {
        status = perf_worker_create(options, (const char *)channel->data, worker_out);
    }
    if (status != BATON_OK) {
        return status;
    }
    status = baton_worker_serve(*worker_out, (const char *)channel->data, &settings, take, expected,
                                &service);
    if (status != BATON_OK) {
        return perf_fail_baton(status, "to serve");
    }
    if (options->application) {
        perf_channel_drive(channel, baton_worker_connector(*worker_out));
    }
    return perf_channel_say(channel, PERF_FRAME_READY, "");
}

baton_status perf_handoff_consume(const perf_options *options, perf_channel *channel)
{
    perf_buffers *expected = NULL;
    baton_worker *worker = NULL;
    baton_status status = perf_buffers_create(options->size_bytes, 1, 0, 1, &expected);
    if (status == BATON_OK) {
        perf_buffers_fill(expected);
        status = serve(options, channel, expected, &worker);
    }
    if (status == BATON_OK) {
        status = perf_channel_expect(channel, PERF_FRAME_BYE, RUN_MS);
    }
    if (status != BATON_OK) {
        perf_channel_send_failure(channel);
    }
    baton_worker_destroy(worker);
    channel->driven = NULL;
    perf_buffers_destroy(expected);
    return status;
}

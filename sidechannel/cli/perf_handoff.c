/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_handoff.h"

#include "perf_buffers.h"
#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_nats_server.h"
#include "perf_path.h"
#include "perf_peer.h"
#include "perf_report.h"
#include "perf_size.h"
#include "perf_worker.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 10, PING_MS = 2000, START_MS = 20000, CHECK_MS = 600000 };

typedef struct origin {
    const perf_options *options;
    perf_peer *peer;
    char consumer[64]; /* its name, and that of its pool */
    baton_worker *worker;
    perf_buffers *buffers;
    double *handoffs_us;
    double *pings_us;
    uint64_t measured; /* of each */
    baton_outcome outcome;
    baton_offer *last; /* keeps the strings of the outcome */
} origin;

/* What failed in words; what the other side says of itself comes first. */
static baton_status fail_step(origin *self, baton_status status, const char *what)
{
    char words[400];
    (void)snprintf(words, sizeof(words), "%s", baton_error_text());
    return perf_channel_check(&self->peer->channel) == BATON_OK
               ? perf_fail(status, "%s: %s", what, words)
               : perf_failure_status();
}

/* In slices, so that a signal and the end of the other side are seen at once. */
static baton_status wait_for(origin *self, baton_offer *offer)
{
    for (;;) {
        baton_status status = baton_offer_wait(offer, PERF_SLICE_MS, &self->outcome);
        if (status != BATON_ERR_TIMED_OUT) {
            return status == BATON_OK ? BATON_OK : fail_step(self, status, "a hand-off");
        }
        status = perf_channel_check(&self->peer->channel);
        if (status != BATON_OK) {
            return status;
        }
    }
}

static baton_status hand_over(origin *self, baton_acknowledge acknowledge, double *time_us_out)
{
    baton_offer_options settings = BATON_OFFER_OPTIONS_INIT;
    baton_offer *offer = NULL;
    settings.acknowledge = acknowledge;
    settings.deadline_ms = (uint32_t)self->options->timeout_s * 1000;
    uint64_t begin = perf_now_ns();
    baton_status status = baton_offer_readable(
        self->worker, self->consumer, perf_buffers_slot(self->buffers, 0), 1, &settings, &offer);
    status = status == BATON_OK ? wait_for(self, offer) : fail_step(self, status, "an offer");
    *time_us_out = (double)(perf_now_ns() - begin) / 1e3;
    baton_offer_destroy(self->last);
    self->last = offer;
    return status == BATON_OK ? perf_check_interrupt() : status;
}

static baton_status ping(origin *self, double *time_us_out)
{
    uint64_t begin = perf_now_ns();
    baton_status status = baton_worker_ping(self->worker, self->consumer, PING_MS, NULL);
    *time_us_out = (double)(perf_now_ns() - begin) / 1e3;
    return status == BATON_OK ? perf_check_interrupt() : fail_step(self, status, "a ping");
}

/* The consumer compares all of it: in memory of the host before it acknowledges, in that of a device when it is asked to. */
static baton_status check_data(origin *self)
{
    double time_us;
    bool is_host = self->options->peer_device.kind == BATON_DEVICE_KIND_HOST;
    baton_status status = hand_over(self, is_host ? BATON_ACKNOWLEDGE_APPLICATION : BATON_ACKNOWLEDGE_MOVED, &time_us);
    if (status == BATON_OK && !is_host) {
        status = perf_channel_say(&self->peer->channel, PERF_FRAME_CHECK, "");
    }
    if (status == BATON_OK && !is_host) {
        status = perf_channel_expect(&self->peer->channel, PERF_FRAME_READY, CHECK_MS);
    }
    return status == BATON_OK ? perf_path_check(self->options, self->options->device, self->outcome.path, "") : status;
}

static baton_status warm_up(origin *self)
{
    double time_us;
    baton_status status = check_data(self);
    for (uint64_t i = 0; status == BATON_OK && i < self->options->warmup; i++) {
        status = hand_over(self, BATON_ACKNOWLEDGE_MOVED, &time_us);
        if (status == BATON_OK) {
            status = ping(self, &time_us);
        }
    }
    return status;
}

/* So many of each, one kind after the other. */
static baton_status run_round(origin *self, uint64_t count)
{
    baton_status status = BATON_OK;
    for (uint64_t i = 0; status == BATON_OK && i < count; i++) {
        status = hand_over(self, BATON_ACKNOWLEDGE_MOVED, &self->handoffs_us[self->measured + i]);
    }
    for (uint64_t i = 0; status == BATON_OK && i < count; i++) {
        status = ping(self, &self->pings_us[self->measured + i]);
    }
    self->measured += count;
    return status;
}

static baton_status run_rounds(origin *self)
{
    uint64_t count = self->options->count;
    baton_status status = warm_up(self);
    for (uint64_t round = 0; status == BATON_OK && round < ROUNDS; round++) {
        status = run_round(self, count * (round + 1) / ROUNDS - count * round / ROUNDS);
    }
    return status == BATON_OK ? check_data(self) : status;
}

/* Starts what the other side is to do; its name is this run's alone. */
static baton_status brief_peer(origin *self)
{
    char line[1024];
    perf_channel *channel = &self->peer->channel;
    (void)snprintf(self->consumer, sizeof(self->consumer), "perf-%d-%" PRIx64 "-b", (int)getpid(),
                   perf_now_ns());
    baton_status status = perf_options_print(self->options, line, sizeof(line))
                              ? perf_channel_say(channel, PERF_FRAME_OPTIONS, line)
                              : perf_fail(BATON_ERR_TOO_LARGE, "the URL is too long");
    if (status == BATON_OK) {
        status = perf_channel_say(channel, PERF_FRAME_NAME, self->consumer);
    }
    return status == BATON_OK ? perf_channel_expect(channel, PERF_FRAME_READY, START_MS) : status;
}

static baton_status prepare(origin *self)
{
    char name[64];
    const perf_options *options = self->options;
    const perf_shape shape = {.size_bytes = options->size_bytes, .segments = 1, .slots = 1, .device = options->device};
    baton_status status = perf_buffers_create(&shape, &self->buffers);
    if (status == BATON_OK) {
        status = perf_buffers_fill(self->buffers);
    }
    if (status == BATON_OK) {
        status = brief_peer(self);
    }
    if (status != BATON_OK) {
        return status;
    }
    (void)snprintf(name, sizeof(name), "%s", self->consumer);
    name[strlen(name) - 1] = 'a';
    self->handoffs_us = calloc(options->count, sizeof(double));
    self->pings_us = calloc(options->count, sizeof(double));
    if (self->handoffs_us == NULL || self->pings_us == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for %" PRIu64 " results",
                         options->count);
    }
    return perf_worker_create(options, name, &self->worker);
}

static double ratio(double a, double b)
{
    return a / b; /* a round trip takes time */
}

static void print_json(const origin *self, const perf_statistics *handoff, const perf_statistics *baseline)
{
    json_line *line = json_line_begin("perf_handoff");
    json_line_whole(line, "size_bytes", self->options->size_bytes);
    json_line_whole(line, "count", self->measured);
    perf_report_devices(line, self->options);
    json_line_text(line, "path", self->outcome.path);
    json_line_text(line, "transport", self->outcome.transport);
    perf_report_latency(line, "", handoff);
    json_line_text(line, "baseline", "baton_worker_ping");
    perf_report_latency(line, "baseline_", baseline);
    json_line_real(line, "ratio_p50", ratio(handoff->p50, baseline->p50));
    json_line_real(line, "ratio_p99", ratio(handoff->p99, baseline->p99));
    json_line_real(line, "ratio_best", ratio(handoff->best, baseline->best));
    json_line_bool(line, "data_checked", true); /* a run whose data is wrong fails */
    perf_report_setting(line, self->options);
    json_line_end(line);
}

static void print_table(const origin *self, const perf_statistics *handoff, const perf_statistics *baseline)
{
    const perf_options *options = self->options;
    char size[PERF_SIZE_TEXT];
    char here[BATON_DEVICE_TEXT_SIZE];
    char there[BATON_DEVICE_TEXT_SIZE];
    perf_size_print(options->size_bytes, size);
    baton_device_print(options->device, here);
    baton_device_print(options->peer_device, there);
    (void)printf("hand-off of %s, %" PRIu64 " times, progress by %s; path %s over %s\n", size, self->measured,
                 options->application ? "the application" : "a thread", self->outcome.path, self->outcome.transport);
    (void)printf("  memory          %s at the origin, %s at the consumer\n", here, there);
    (void)printf("                      p50 us     p99 us    best us\n");
    (void)printf("  hand-off        %10.1f %10.1f %10.1f   offer to outcome at the origin\n", handoff->p50, handoff->p99,
                 handoff->best);
    (void)printf("  ping over NATS  %10.1f %10.1f %10.1f   baton_worker_ping, between the same processes\n", baseline->p50,
                 baseline->p99, baseline->best);
    (void)printf("  ratio           %10.2f %10.2f %10.2f\n", ratio(handoff->p50, baseline->p50), ratio(handoff->p99, baseline->p99),
                 ratio(handoff->best, baseline->best));
    (void)printf("  data            of a first and a last hand-off is right\n");
}

static void report(const origin *self)
{
    perf_statistics handoff = perf_statistics_make(self->handoffs_us, self->measured);
    perf_statistics baseline = perf_statistics_make(self->pings_us, self->measured);
    (self->options->json ? print_json : print_table)(self, &handoff, &baseline);
}

static baton_status run(const perf_options *options, perf_peer *peer)
{
    origin self = {.options = options, .peer = peer, .outcome = BATON_OUTCOME_INIT};
    baton_status status = prepare(&self);
    if (status == BATON_OK) {
        status = run_rounds(&self);
    }
    if (status == BATON_OK) {
        status = perf_channel_say(&peer->channel, PERF_FRAME_BYE, "");
    }
    if (status == BATON_OK) {
        report(&self);
    } else {
        perf_channel_send_failure(&peer->channel);
    }
    baton_offer_destroy(self.last);
    baton_worker_destroy(self.worker);
    perf_buffers_destroy(self.buffers);
    free(self.handoffs_us);
    free(self.pings_us);
    return status;
}

baton_status perf_handoff(const perf_options *options)
{
    perf_nats_server server = {0};
    perf_peer peer = {0};
    perf_options mine = *options;
    baton_status status = options->nats == NULL ? perf_nats_server_start(&server) : BATON_OK;
    if (options->nats == NULL) {
        mine.nats = server.url;
    }
    if (status == BATON_OK) {
        status = perf_peer_start(&peer);
    }
    if (status == BATON_OK) {
        status = run(&mine, &peer);
    }
    perf_peer_end(&peer);
    perf_nats_server_end(&server);
    return status;
}

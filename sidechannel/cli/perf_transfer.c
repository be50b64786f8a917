/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_transfer.h"

#include "perf_connector.h"
#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_path.h"
#include "perf_slots.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A batch is large, so that how the two sides wake up at its beginning is not in the p99, and yet
 * ends in time. */
enum { BATCH_MAX = 1024, BATCH_SEGMENTS_MAX = 65536, BYE_MS = 20000 };
#define BATCH_BYTES_MAX (UINT64_C(4) << 30)

typedef struct flight {
    baton_operation *operation;
    uint64_t begin_ns;
} flight;

/* This side, in the middle of a run. */
typedef struct active {
    const perf_options *options;
    perf_channel *channel;
    baton_connector *connector;
    perf_buffers *buffers;
    baton_metadata **metadata; /* of the batch */
    flight *flights;           /* a ring of depth */
    double *latencies_us;
    uint64_t elapsed_ns;
    uint64_t active_cpu_ns;
    uint64_t passive_cpu_ns;
    perf_transfers *result;
} active;

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t batch_size(const perf_options *options)
{
    uint64_t count = smaller(BATCH_MAX, BATCH_SEGMENTS_MAX / options->segments);
    count = smaller(count, BATCH_BYTES_MAX / options->size_bytes);
    return count < options->depth ? options->depth : count;
}

/* As it ended, in words; what the other side says of it comes first. */
static baton_status fail_transfer(active *self, uint64_t index, baton_status status)
{
    char what[64];
    char words[400];
    (void)snprintf(words, sizeof(words), "%s", baton_error_text());
    if (perf_channel_check(self->channel) != BATON_OK) {
        return perf_failure_status();
    }
    (void)snprintf(what, sizeof(what), "transfer %" PRIu64 " of %" PRIu64, index + 1,
                   self->options->count);
    return perf_fail(status, "%s: %s", what, words);
}

static flight *flight_of(const active *self, uint64_t index)
{
    assert(self->options->depth > 0);
    return &self->flights[index % self->options->depth];
}

static baton_status begin_one(active *self, uint64_t index, uint64_t place, bool is_timed)
{
    baton_operation_options settings = BATON_OPERATION_OPTIONS_INIT;
    uint64_t slot = perf_slots_of(self->options, index, is_timed);
    flight *flying = flight_of(self, index);
    settings.deadline_ms = (uint32_t)self->options->timeout_s * 1000;
    flying->begin_ns = perf_now_ns();
    baton_status status =
        perf_options_view(self->options)
            ? baton_connector_begin_view(self->connector, self->metadata[place], &settings, &flying->operation)
            : (self->options->is_write ? baton_connector_begin_write : baton_connector_begin_read)(
                  self->connector, self->metadata[place], perf_buffers_slot(self->buffers, slot),
                  perf_buffers_count(self->buffers), &settings, &flying->operation);
    return status == BATON_OK ? BATON_OK : fail_transfer(self, index, status);
}

/* Waits in slices, so that a signal and the end of the other side are seen at once. wait: baton_operation_wait, or _wait_view. */
static baton_status wait_for(active *self, uint64_t index, baton_status (*wait)(baton_operation *, uint32_t))
{
    const flight *flying = flight_of(self, index);
    for (;;) {
        baton_status status = wait(flying->operation, PERF_SLICE_MS);
        if (status != BATON_ERR_TIMED_OUT) {
            return status == BATON_OK ? BATON_OK : fail_transfer(self, index, status);
        }
        status = perf_channel_check(self->channel);
        if (status != BATON_OK) {
            return status;
        }
    }
}

static void note_latency(active *self, uint64_t index, bool is_timed)
{
    if (is_timed) {
        self->latencies_us[index] = (double)(perf_now_ns() - flight_of(self, index)->begin_ns) / 1e3;
    }
}

/* The first and the last are looked at, before the release. */
static baton_status check_view(active *self, uint64_t index)
{
    const void *memory = NULL;
    size_t size = 0;
    bool is_last = index + 1 == self->options->count;
    if (index != 0 && !is_last) {
        return BATON_OK;
    }
    baton_status status = baton_operation_view(flight_of(self, index)->operation, 0, &memory, &size);
    return status == BATON_OK ? perf_memory_check(memory, size, perf_slots_of(self->options, index, true),
                                                  is_last ? "last" : "first")
                              : perf_fail_baton(status, "a view");
}

static baton_status end_view(active *self, uint64_t index, bool is_timed)
{
    baton_status status = wait_for(self, index, baton_operation_wait_view);
    if (status != BATON_OK) {
        return status;
    }
    note_latency(self, index, is_timed);
    status = is_timed ? check_view(self, index) : BATON_OK;
    if (status == BATON_OK) {
        status = baton_operation_release_view(flight_of(self, index)->operation);
        status = status == BATON_OK ? wait_for(self, index, baton_operation_wait) : perf_fail_baton(status, "a release");
    }
    return status;
}

static baton_status end_copy(active *self, uint64_t index, bool is_timed)
{
    baton_status status = wait_for(self, index, baton_operation_wait);
    if (status == BATON_OK) {
        note_latency(self, index, is_timed);
    }
    return status;
}

static baton_status note_path(active *self, const baton_operation *operation)
{
    const perf_options *options = self->options;
    baton_operation_report report = {.struct_size = sizeof(report)};
    baton_status status = baton_operation_get_report(operation, &report);
    if (status != BATON_OK) {
        return perf_fail_baton(status, "the report of the last transfer");
    }
    const char *why = perf_options_rma(options) ? report.why_not_rma : perf_options_map(options) ? report.why_not_map : report.why_staged;
    (void)snprintf(self->result->path, sizeof(self->result->path), "%s", perf_options_view(options) ? "view" : report.path);
    (void)snprintf(self->result->transport, sizeof(self->result->transport), "%s", report.transport);
    return perf_path_check(options, options->device, report.path, why);
}

static baton_status end_one(active *self, uint64_t index, bool is_timed)
{
    flight *flying = flight_of(self, index);
    bool is_view = perf_options_view(self->options);
    baton_status status = (is_view ? end_view : end_copy)(self, index, is_timed);
    if (status != BATON_OK) {
        return status;
    }
    status = is_timed && index + 1 == self->options->count ? note_path(self, flying->operation) : BATON_OK;
    if (status != BATON_OK) {
        return status;
    }
    baton_operation_destroy(flying->operation);
    flying->operation = NULL;
    return perf_check_interrupt();
}

/* Keeps depth of them in flight until all of the batch are over. */
static baton_status move(active *self, uint64_t first, uint64_t count, bool is_timed)
{
    baton_status status = BATON_OK;
    uint64_t oldest = first;
    for (uint64_t i = first; status == BATON_OK && i < first + count; i++) {
        if (i - oldest == self->options->depth) {
            status = end_one(self, oldest++, is_timed);
        }
        if (status == BATON_OK) {
            status = begin_one(self, i, i - first, is_timed);
        }
    }
    while (status == BATON_OK && oldest < first + count) {
        status = end_one(self, oldest++, is_timed);
    }
    return status;
}

static uint32_t batch_wait_ms(const active *self)
{
    return (uint32_t)self->options->timeout_s * 1000 + PERF_ANSWER_MS;
}

static baton_status receive_metadata(active *self, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        baton_status status =
            perf_channel_expect(self->channel, PERF_FRAME_METADATA, batch_wait_ms(self)); /* of a target that is overwritten before */
        if (status != BATON_OK) {
            return status;
        }
        status =
            baton_metadata_decode(self->channel->data, self->channel->size, &self->metadata[i]);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "metadata");
        }
    }
    return BATON_OK;
}

static void drop_metadata(active *self)
{
    for (uint64_t i = 0; i < batch_size(self->options); i++) {
        baton_metadata_destroy(self->metadata[i]);
        self->metadata[i] = NULL;
    }
}

static baton_status ask(active *self, perf_frame question, perf_frame answer, uint32_t timeout_ms)
{
    baton_status status = perf_channel_say(self->channel, question, "");
    return status == BATON_OK ? perf_channel_expect(self->channel, answer, timeout_ms) : status;
}

/* "NANOSECONDS PATH" of the other side. */
static baton_status note_usage(active *self)
{
    char *rest = NULL;
    char *path = self->result->peer_path;
    self->passive_cpu_ns += strtoull((const char *)self->channel->data, &rest, 10);
    if (*rest != ' ' || strspn(rest + 1, "abcdefghijklmnopqrstuvwxyz") != strlen(rest + 1)) {
        return perf_fail(BATON_ERR_MALFORMED, "a usage that makes no sense");
    }
    (void)snprintf(path, sizeof(self->result->peer_path), "%s", rest + 1);
    bool is_compared = perf_options_staged(self->options) || strcmp(self->options->path, "am") == 0;
    return is_compared ? perf_path_check(self->options, self->options->peer_device, path, "") : BATON_OK;
}

static baton_status time_batch(active *self, uint64_t first, uint64_t count, bool is_timed)
{
    baton_status status = ask(self, PERF_FRAME_BEGIN, PERF_FRAME_BEGUN, PERF_ANSWER_MS);
    perf_meter begin = perf_meter_read();
    if (status == BATON_OK) {
        status = move(self, first, count, is_timed);
    }
    perf_meter end = perf_meter_read();
    if (status == BATON_OK) {
        status = ask(self, PERF_FRAME_END, PERF_FRAME_USAGE, batch_wait_ms(self));
    }
    if (status == BATON_OK && is_timed) {
        self->elapsed_ns += end.now_ns - begin.now_ns;
        self->active_cpu_ns += end.cpu_ns - begin.cpu_ns;
        status = note_usage(self);
    }
    return status;
}

static baton_status run_batches(active *self, uint64_t total, bool is_timed)
{
    baton_status status = BATON_OK;
    uint64_t batch = batch_size(self->options);
    for (uint64_t first = 0; status == BATON_OK && first < total; first += batch) {
        char text[64];
        uint64_t count = smaller(batch, total - first);
        (void)snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %d", first, count,
                       is_timed ? 1 : 0);
        status = perf_channel_say(self->channel, PERF_FRAME_PREPARE, text);
        if (status == BATON_OK) {
            status = receive_metadata(self, count);
        }
        if (status == BATON_OK) {
            status = time_batch(self, first, count, is_timed);
        }
        drop_metadata(self);
    }
    return status;
}

/* Both sides check what was written into their memory. */
static baton_status check_data(active *self)
{
    if (self->options->is_write) {
        return ask(self, PERF_FRAME_CHECK, PERF_FRAME_READY, batch_wait_ms(self));
    }
    return perf_options_view(self->options) ? BATON_OK /* looked at in place */
                                            : perf_slots_check(self->options, self->buffers);
}

static baton_status prepare(active *self)
{
    const perf_options *options = self->options;
    baton_status status = perf_slots_create(options, options->device, false, options->is_write, &self->buffers);
    if (status != BATON_OK) {
        return status;
    }
    self->metadata = calloc(batch_size(options), sizeof(baton_metadata *));
    self->flights = calloc(options->depth, sizeof(flight));
    self->latencies_us = calloc(options->count, sizeof(double));
    if (self->metadata == NULL || self->flights == NULL || self->latencies_us == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory");
    }
    status = perf_connector_create(options, &self->connector);
    if (status == BATON_OK && options->application) {
        perf_channel_drive(self->channel, self->connector); /* the last words of many reads may wait for room in the peer's inbox */
    }
    return status;
}

static void clean_up(active *self)
{
    for (uint64_t i = 0; self->flights != NULL && i < self->options->depth; i++) {
        baton_operation_destroy(self->flights[i].operation);
    }
    baton_connector_destroy(self->connector);
    perf_buffers_destroy(self->buffers);
    free(self->metadata);
    free(self->flights);
    free(self->latencies_us);
}

static void summarize(active *self)
{
    self->result->latency_us = perf_statistics_make(self->latencies_us, self->options->count);
    self->result->elapsed_s = (double)self->elapsed_ns / 1e9;
    self->result->active_cpu_s = (double)self->active_cpu_ns / 1e9;
    self->result->passive_cpu_s = (double)self->passive_cpu_ns / 1e9;
}

baton_status perf_transfer_run(const perf_options *options, perf_channel *channel,
                               perf_transfers *result_out)
{
    char line[512];
    active self = {.options = options, .channel = channel, .result = result_out};
    baton_status status = perf_options_print(options, line, sizeof(line))
                              ? perf_channel_say(channel, PERF_FRAME_OPTIONS, line)
                              : perf_fail(BATON_ERR_TOO_LARGE, "the options do not fit in a line");
    if (status == BATON_OK) {
        status = prepare(&self);
    }
    if (status == BATON_OK) {
        status = perf_channel_expect(channel, PERF_FRAME_READY, batch_wait_ms(&self));
    }
    if (status == BATON_OK) {
        status = run_batches(&self, options->warmup, false);
    }
    if (status == BATON_OK) {
        status = options->is_write ? BATON_OK : perf_slots_spoil(options, self.buffers);
    }
    if (status == BATON_OK) {
        status = run_batches(&self, options->count, true);
    }
    if (status == BATON_OK) {
        status = check_data(&self);
    }
    if (status == BATON_OK) {
        status = perf_channel_say(channel, PERF_FRAME_BYE, "");
    }
    if (status == BATON_OK) {
        summarize(&self);
    } else {
        perf_channel_send_failure(channel);
    }
    clean_up(&self);
    return status;
}

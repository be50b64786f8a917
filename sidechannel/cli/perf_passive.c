/* SPDX-License-Identifier: Apache-2.0 */
/* The passive side of transfers: makes operations, sends their metadata, and says what it has used.
 */
#include "perf_connector.h"
#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_slots.h"
#include "perf_transfer.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_LIMIT = 65536 };

typedef struct passive {
    const perf_options *options;
    perf_channel *channel;
    baton_connector *connector;
    perf_buffers *buffers;
    baton_operation **operations; /* of the batch */
    uint64_t count;
    perf_meter begin;
} passive;

/* What is asked comes within a batch, or the preparation of one. */
static uint32_t wait_ms(const passive *self)
{
    return (uint32_t)self->options->timeout_s * 1000 + PERF_ANSWER_MS;
}

static baton_status send_metadata(passive *self, const baton_operation *operation)
{
    baton_metadata *metadata = NULL;
    baton_status status = baton_operation_metadata(operation, &metadata);
    if (status != BATON_OK) {
        return perf_fail_baton(status, "metadata");
    }
    size_t size = baton_metadata_encoded_size(metadata);
    void *encoded = malloc(size);
    status = encoded == NULL ? perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for metadata")
                             : baton_metadata_encode(metadata, encoded, size, &size);
    if (status == BATON_OK) {
        status = perf_channel_send(self->channel, PERF_FRAME_METADATA, encoded, size);
    }
    free(encoded);
    baton_metadata_destroy(metadata);
    return status;
}

static baton_status make_one(passive *self, uint64_t place, uint64_t slot)
{
    baton_operation_options settings = BATON_OPERATION_OPTIONS_INIT;
    settings.deadline_ms = (uint32_t)self->options->timeout_s * 1000;
    baton_status status = (self->options->is_write ? baton_connector_create_writable
                                                   : baton_connector_create_readable)(
        self->connector, perf_buffers_slot(self->buffers, slot),
        perf_buffers_count(self->buffers), &settings, &self->operations[place]);
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "a passive operation");
}

static void drop_operations(passive *self)
{
    for (uint64_t i = 0; i < self->count; i++) {
        baton_operation_destroy(self->operations[i]);
    }
    free(self->operations);
    self->operations = NULL;
    self->count = 0;
}

/* "FIRST COUNT TIMED" */
static bool parse_batch(const char *text, uint64_t *first_out, uint64_t *count_out,
                        bool *is_timed_out)
{
    char *end = NULL;
    *first_out = strtoull(text, &end, 10);
    *count_out = strtoull(end, &end, 10);
    *is_timed_out = strtoull(end, &end, 10) == 1;
    return *end == '\0' && *count_out > 0 && *count_out <= BATCH_LIMIT && *first_out <= UINT32_MAX;
}

static baton_status make_batch(passive *self)
{
    uint64_t first = 0;
    uint64_t count = 0;
    bool is_timed = false;
    if (!parse_batch((const char *)self->channel->data, &first, &count, &is_timed) || self->count != 0 ||
        first + count > (is_timed ? self->options->count : self->options->warmup)) {
        return perf_fail(BATON_ERR_MALFORMED, "a batch that makes no sense");
    }
    self->operations = calloc(count, sizeof(baton_operation *));
    if (self->operations == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for %" PRIu64 " operations", count);
    }
    self->count = count;
    bool is_new = is_timed && first == 0 && self->options->is_write;
    baton_status status = is_new ? perf_slots_spoil(self->options, self->buffers) : BATON_OK;
    for (uint64_t i = 0; status == BATON_OK && i < count; i++) {
        status = make_one(self, i, perf_slots_of(self->options, first + i, is_timed));
        if (status == BATON_OK) {
            status = send_metadata(self, self->operations[i]);
        }
    }
    return status;
}

static baton_status begin_batch(passive *self)
{
    self->begin = perf_meter_read();
    return perf_channel_say(self->channel, PERF_FRAME_BEGUN, "");
}

/* The active side has all of them; here the last word of some may still be on its way. */
static baton_status end_batch(passive *self)
{
    char text[64];
    baton_operation_report report = {.struct_size = sizeof(report)};
    for (uint64_t i = 0; i < self->count; i++) {
        baton_status status = baton_operation_wait(self->operations[i], PERF_ANSWER_MS);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "a passive operation");
        }
    }
    perf_meter end = perf_meter_read();
    if (self->count == 0 || baton_operation_get_report(self->operations[self->count - 1], &report) != BATON_OK) {
        return perf_fail(BATON_ERR_MALFORMED, "the end of nothing");
    }
    (void)snprintf(text, sizeof(text), "%" PRIu64 " %s", end.cpu_ns - self->begin.cpu_ns, report.path);
    drop_operations(self);
    return perf_channel_say(self->channel, PERF_FRAME_USAGE, text);
}

static baton_status check_data(passive *self)
{
    baton_status status = perf_slots_check(self->options, self->buffers);
    return status == BATON_OK ? perf_channel_say(self->channel, PERF_FRAME_READY, "") : status;
}

static baton_status answer(passive *self, perf_frame question)
{
    switch (question) {
    case PERF_FRAME_PREPARE:
        return make_batch(self);
    case PERF_FRAME_BEGIN:
        return begin_batch(self);
    case PERF_FRAME_END:
        return end_batch(self);
    case PERF_FRAME_CHECK:
        return check_data(self);
    default:
        return perf_fail(BATON_ERR_MALFORMED, "%d does not belong here", (int)question);
    }
}

static baton_status prepare(passive *self)
{
    const perf_options *options = self->options;
    baton_status status =
        perf_slots_create(options, options->peer_device, perf_options_map(options), !options->is_write, &self->buffers);
    if (status == BATON_OK) {
        status = perf_connector_create(options, &self->connector);
    }
    if (status == BATON_OK && options->application) {
        perf_channel_drive(self->channel, self->connector);
    }
    return status == BATON_OK ? perf_channel_say(self->channel, PERF_FRAME_READY, "") : status;
}

baton_status perf_transfer_serve(const perf_options *options, perf_channel *channel)
{
    passive self = {.options = options, .channel = channel};
    perf_frame question = PERF_FRAME_READY;
    baton_status status = prepare(&self);
    while (status == BATON_OK) {
        status = perf_channel_receive(channel, wait_ms(&self), &question);
        if (status != BATON_OK || question == PERF_FRAME_BYE) {
            break;
        }
        status = answer(&self, question);
    }
    if (status != BATON_OK) {
        perf_channel_send_failure(channel);
    }
    drop_operations(&self);
    baton_connector_destroy(self.connector);
    channel->driven = NULL;
    perf_buffers_destroy(self.buffers);
    return status;
}

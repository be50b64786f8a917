/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_idle.h"

#include "perf_connector.h"
#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_peer.h"
#include "perf_report.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Peers come in processes of so many: each is a UCX context with descriptors and memory of its own.
 */
enum { PEERS_OF_A_PROCESS = 64, PROCESSES_MAX = 16, START_MS = 600000, SETTLE_MS = 1500 };

typedef struct idle {
    const perf_options *options;
    baton_connector *connector;
    baton_descriptor *memory;
    perf_peer processes[PROCESSES_MAX];
    size_t count; /* of processes */
} idle;

/* Sockets, event descriptors and shared memory of every peer: what the limit allows. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static uint64_t peers_of(const idle *self, size_t process)
{
    uint64_t before = process * PEERS_OF_A_PROCESS;
    uint64_t left = self->options->peers - before;
    return left < PEERS_OF_A_PROCESS ? left : PEERS_OF_A_PROCESS;
}

static baton_status start_processes(idle *self)
{
    baton_status status = BATON_OK;
    size_t wanted = (size_t)(self->options->peers + PEERS_OF_A_PROCESS - 1) / PEERS_OF_A_PROCESS;
    while (status == BATON_OK && self->count < wanted) {
        char line[128];
        perf_options theirs = *self->options;
        theirs.peers = peers_of(self, self->count);
        perf_channel *channel = &self->processes[self->count].channel;
        status = perf_peer_start(&self->processes[self->count]);
        if (status == BATON_OK) {
            self->count++;
            status = perf_options_print(&theirs, line, sizeof(line))
                         ? perf_channel_say(channel, PERF_FRAME_OPTIONS, line)
                         : perf_fail(BATON_ERR_TOO_LARGE, "the options do not fit in a line");
        }
    }
    return status;
}

static baton_status send_metadata(perf_channel *channel, const baton_operation *operation)
{
    unsigned char encoded[4096]; /* of one descriptor: some hundred bytes */
    size_t size = 0;
    baton_metadata *metadata = NULL;
    baton_status status = baton_operation_metadata(operation, &metadata);
    if (status == BATON_OK) {
        status = baton_metadata_encode(metadata, encoded, sizeof(encoded), &size);
    }
    baton_metadata_destroy(metadata);
    return status == BATON_OK ? perf_channel_send(channel, PERF_FRAME_METADATA, encoded, size)
                              : perf_fail_baton(status, "metadata");
}

/* One peer: makes something for it to read, and waits until it has. */
static baton_status connect_one(idle *self, perf_channel *channel)
{
    baton_operation *readable = NULL;
    baton_operation_options settings = BATON_OPERATION_OPTIONS_INIT;
    settings.deadline_ms = START_MS;
    baton_status status =
        baton_connector_create_readable(self->connector, &self->memory, 1, &settings, &readable);
    if (status != BATON_OK) {
        return perf_fail_baton(status, "a readable");
    }
    status = send_metadata(channel, readable);
    while (status == BATON_OK) {
        status = baton_operation_wait(readable, PERF_SLICE_MS);
        if (status == BATON_OK) {
            break;
        }
        status = status == BATON_ERR_TIMED_OUT ? perf_channel_check(channel)
                                               : perf_fail_baton(status, "a peer's first read");
    }
    baton_operation_destroy(readable);
    return status;
}

static baton_status connect_all(idle *self)
{
    baton_status status = perf_connector_create(self->options, &self->connector);
    if (status == BATON_OK) {
        status = baton_descriptor_allocate(64, BATON_DEVICE_HOST, &self->memory);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "memory");
        }
    }
    for (size_t process = 0; status == BATON_OK && process < self->count; process++) {
        for (uint64_t i = 0; status == BATON_OK && i < peers_of(self, process); i++) {
            status = connect_one(self, &self->processes[process].channel);
        }
    }
    return status;
}

/* Nothing of ours happens for so long; all peers must stay. */
static baton_status rest(idle *self, uint64_t time_ms)
{
    uint64_t end = perf_now_ns() + time_ms * 1000000U;
    while (perf_now_ns() < end) {
        uint64_t left_ms = (end - perf_now_ns()) / 1000000U;
        uint32_t slice = left_ms < 1000 ? (uint32_t)left_ms + 1 : 1000;
        if (!self->options->application) {
            perf_sleep_ms(slice);
        } else {
            baton_status status = baton_connector_progress_wait(self->connector, slice);
            if (status != BATON_OK && status != BATON_ERR_TIMED_OUT) {
                return perf_fail_baton(status, "progress");
            }
        }
        baton_status status = perf_check_interrupt();
        for (size_t i = 0; status == BATON_OK && i < self->count; i++) {
            status = perf_channel_check(&self->processes[i].channel);
        }
        if (status != BATON_OK) {
            return status;
        }
    }
    return BATON_OK;
}

static baton_status read_stats(const idle *self, baton_connector_stats *stats_out)
{
    stats_out->struct_size = sizeof(*stats_out);
    baton_status status = baton_connector_get_stats(self->connector, stats_out);
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "the connector's statistics");
}

static void report(const idle *self, const perf_meter *spent, const baton_connector_stats *before,
                   const baton_connector_stats *after)
{
    double seconds = (double)spent->now_ns / 1e9;
    double percent = (double)spent->cpu_ns / (double)spent->now_ns * 100;
    double wakeups = (double)(after->loop_sleeps - before->loop_sleeps) / seconds;
    if (self->options->json) {
        json_line *line = json_line_begin("perf_idle");
        json_line_whole(line, "peers", self->options->peers);
        json_line_whole(line, "peers_live", after->peers_live);
        json_line_real(line, "seconds", seconds);
        json_line_real(line, "cpu_percent", percent);
        json_line_real(line, "wakeups_per_s", wakeups);
        json_line_real(line, "switches_per_s", (double)spent->switches / seconds);
        perf_report_setting(line, self->options);
        json_line_end(line);
        return;
    }
    (void)printf("idle for %.1f s with %" PRIu64 " peers, progress by %s\n", seconds,
                 after->peers_live, self->options->application ? "the application" : "a thread");
    (void)printf("  CPU        %.3f %% of a core\n", percent);
    (void)printf("  wake-ups   %.1f a second of the loop, %.1f of all threads\n", wakeups,
                 (double)spent->switches / seconds);
}

static baton_status measure(idle *self)
{
    baton_connector_stats before = {0};
    baton_connector_stats after = {0};
    baton_status status = rest(self, SETTLE_MS);
    if (status == BATON_OK) {
        status = read_stats(self, &before);
    }
    perf_meter begin = perf_meter_read();
    if (status == BATON_OK) {
        status = rest(self, self->options->idle_s * 1000);
    }
    perf_meter end = perf_meter_read();
    if (status == BATON_OK) {
        status = read_stats(self, &after);
    }
    if (status != BATON_OK) {
        return status;
    }
    perf_meter spent = {.now_ns = end.now_ns - begin.now_ns,
                        .cpu_ns = end.cpu_ns - begin.cpu_ns,
                        .switches = end.switches - begin.switches};
    report(self, &spent, &before, &after);
    return BATON_OK;
}

baton_status perf_idle(const perf_options *options)
{
    idle self = {.options = options};
    raise_limit();
    baton_status status = start_processes(&self);
    if (status == BATON_OK) {
        status = connect_all(&self);
    }
    if (status == BATON_OK) {
        status = measure(&self);
    }
    for (size_t i = 0; status == BATON_OK && i < self.count; i++) {
        status = perf_channel_say(&self.processes[i].channel, PERF_FRAME_BYE, "");
    }
    baton_connector_destroy(self.connector);
    baton_descriptor_release(self.memory);
    for (size_t i = 0; i < self.count; i++) {
        perf_peer_end(&self.processes[i]);
    }
    return status;
}

/* The other side. */

static baton_status read_once(baton_connector *connector, const perf_channel *channel)
{
    baton_metadata *metadata = NULL;
    baton_descriptor *memory = NULL;
    baton_operation *read = NULL;
    baton_status status = baton_metadata_decode(channel->data, channel->size, &metadata);
    if (status == BATON_OK) {
        status = baton_descriptor_allocate(64, BATON_DEVICE_HOST, &memory);
    }
    if (status == BATON_OK) {
        status = baton_connector_begin_read(connector, metadata, &memory, 1, NULL, &read);
    }
    if (status == BATON_OK) {
        status = baton_operation_wait(read, BATON_FOREVER); /* until its deadline */
    }
    if (status != BATON_OK) {
        (void)perf_fail_baton(status, "a first read");
    }
    baton_operation_destroy(read);
    baton_descriptor_release(memory);
    baton_metadata_destroy(metadata);
    return status;
}

baton_status perf_idle_peers(const perf_options *options, perf_channel *channel)
{
    baton_connector *connectors[PEERS_OF_A_PROCESS] = {NULL};
    baton_status status = options->peers <= PEERS_OF_A_PROCESS
                              ? BATON_OK
                              : perf_fail(BATON_ERR_LIMIT, "too many peers for one process");
    raise_limit();
    for (uint64_t i = 0; status == BATON_OK && i < options->peers; i++) {
        status = perf_channel_expect(channel, PERF_FRAME_METADATA, START_MS);
        if (status == BATON_OK) {
            status = perf_connector_create(options, &connectors[i]);
        }
        if (status == BATON_OK) {
            status = read_once(connectors[i], channel);
        }
    }
    if (status == BATON_OK) {
        status = perf_channel_expect(channel, PERF_FRAME_BYE, BATON_FOREVER - 1);
    }
    if (status != BATON_OK) {
        perf_channel_send_failure(channel);
    }
    for (uint64_t i = 0; i < PEERS_OF_A_PROCESS; i++) {
        baton_connector_destroy(connectors[i]);
    }
    return status;
}

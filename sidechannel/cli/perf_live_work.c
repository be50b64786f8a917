/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_live_work.h"

#include "perf_connector.h"
#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_transfer.h"
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHECK_EVERY = 1024, WAIT_S = 60 };

uint64_t live_heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

uint64_t live_resident_bytes(void)
{
    char line[128] = "";
    char *rest = NULL;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    bool is_read = fgets(line, sizeof(line), file) != NULL;
    (void)fclose(file);
    (void)strtoull(line, &rest, 10); /* all of it; what is resident comes second */
    return is_read ? strtoull(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* A signal is looked for now and then: a step may take seconds. */
static baton_status check(uint64_t index)
{
    return index % CHECK_EVERY == 0 ? perf_check_interrupt() : BATON_OK;
}

static void drive(const live *self)
{
    (void)baton_connector_progress(self->connector);
    if (self->is_reading) {
        (void)baton_connector_progress(self->peer);
    }
}

/* An application with a loop of its own comes back to it, also when it has much to ask for: so what is asked for at once is the
 * same with 100 operations as with 100,000. */
static void drive_after(const live *self, uint64_t index)
{
    if (self->options->application && (index + 1) % LIVE_AT_ONCE == 0) {
        drive(self);
    }
}

static bool has_begun_all(const live *self, const live_stats *stats)
{
    return stats->own.operations_created == self->created;
}

bool live_has_ended_all(const live *self, const live_stats *stats)
{
    (void)self;
    return stats->own.operations_live == 0;
}

static baton_status read_stats(const live *self, live_stats *stats)
{
    stats->own.struct_size = sizeof(stats->own);
    stats->peer.struct_size = sizeof(stats->peer);
    baton_status status = baton_connector_get_stats(self->connector, &stats->own);
    if (status == BATON_OK && self->is_reading) {
        status = baton_connector_get_stats(self->peer, &stats->peer);
    }
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "statistics");
}

baton_status live_drive_until(const live *self, bool (*holds)(const live *, const live_stats *))
{
    uint64_t end = perf_now_ns() + WAIT_S * UINT64_C(1000000000);
    for (uint64_t turn = 0;; turn++) {
        live_stats stats;
        baton_status status = read_stats(self, &stats);
        if (status != BATON_OK || holds(self, &stats)) {
            return status;
        }
        status = check(turn);
        if (status != BATON_OK) {
            return status;
        }
        if (perf_now_ns() > end) {
            return perf_fail(BATON_ERR_TIMED_OUT, "%" PRIu64 " operations, and the connector is not done in %d s", self->made,
                             WAIT_S);
        }
        if (self->options->application) {
            drive(self);
        } else {
            (void)sched_yield();
        }
    }
}

baton_status live_create_all(live *self, uint64_t count, uint32_t deadline_ms)
{
    baton_operation_options settings = BATON_OPERATION_OPTIONS_INIT;
    settings.deadline_ms = deadline_ms;
    self->read = 0;
    for (; self->made < count; self->made++, self->created++) {
        baton_status status = check(self->made);
        if (status != BATON_OK) {
            return status;
        }
        status = baton_connector_create_readable(self->connector, &self->memory, 1, &settings,
                                                 &self->operations[self->made]);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "a passive operation");
        }
        drive_after(self, self->made);
    }
    return live_drive_until(self, has_begun_all);
}

baton_status live_print_all(live *self)
{
    for (uint64_t i = 0; i < self->made; i++) {
        baton_metadata *metadata = NULL;
        baton_status status = check(i);
        if (status != BATON_OK) {
            return status;
        }
        status = baton_operation_metadata(self->operations[i], &metadata);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "metadata");
        }
        baton_metadata_destroy(metadata);
    }
    return BATON_OK;
}

baton_status live_cancel_all(const live *self)
{
    for (uint64_t i = 0; i < self->made; i++) {
        baton_status status = check(i);
        if (status != BATON_OK) {
            return status;
        }
        status = baton_operation_cancel(self->operations[i]);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "cancelling");
        }
        drive_after(self, i);
    }
    return live_drive_until(self, live_has_ended_all);
}

void live_destroy_all(live *self)
{
    for (uint64_t i = 0; i < self->made; i++) {
        baton_operation_destroy(self->operations[i]);
    }
    self->made = 0;
}

double live_each(uint64_t before, uint64_t after, uint64_t count)
{
    return after > before ? (double)(after - before) / (double)count : 0;
}

static baton_status allocate(baton_descriptor **memory_out)
{
    baton_status status = baton_descriptor_allocate(64, BATON_DEVICE_HOST, memory_out);
    return status == BATON_OK ? BATON_OK : perf_fail_baton(status, "memory");
}

baton_status live_open(live *self)
{
    self->deadline_ms = LIVE_EXPIRING_MS;
    self->operations = calloc(self->options->live, sizeof(baton_operation *));
    if (self->operations == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for %" PRIu64 " operations",
                         self->options->live);
    }
    baton_status status = perf_connector_create(self->options, &self->connector);
    if (status == BATON_OK) {
        status = perf_connector_create(self->options, &self->peer);
    }
    if (status == BATON_OK) {
        status = allocate(&self->memory);
    }
    if (status == BATON_OK) {
        status = allocate(&self->target);
    }
    self->heap_bytes = live_heap_bytes();
    self->resident_bytes = live_resident_bytes();
    return status;
}

void live_close(live *self)
{
    live_destroy_all(self);
    baton_connector_destroy(self->peer);
    baton_connector_destroy(self->connector);
    baton_descriptor_release(self->target);
    baton_descriptor_release(self->memory);
    free(self->operations);
}

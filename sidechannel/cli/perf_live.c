/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_live.h"

#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_report.h"
#include "perf_transfer.h"
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST = 100, TIMES = 10, CHECK_EVERY = 1024 };

typedef struct live {
    baton_connector *connector;
    baton_descriptor *memory;
    baton_operation **operations;
    uint64_t made;
} live;

typedef struct live_costs {
    uint64_t operations;
    double heap_bytes; /* of each; 0: the allocator does not tell */
    double resident_bytes;
    double create_ns;
    double metadata_ns;
    double end_ns; /* cancel and destroy */
} live_costs;

/* What malloc has given out, in all its arenas; 0 where another allocator is in use, such as a
 * sanitizer's. */
static uint64_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static uint64_t resident_bytes(void)
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

static baton_status create_all(live *self, uint64_t count)
{
    baton_operation_options settings = BATON_OPERATION_OPTIONS_INIT;
    settings.deadline_ms = 3600 * 1000;
    for (; self->made < count; self->made++) {
        baton_status status = check(self->made);
        if (status != BATON_OK) {
            return status;
        }
        status = baton_connector_create_readable(self->connector, &self->memory, 1, &settings,
                                                 &self->operations[self->made]);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "a passive operation");
        }
    }
    return BATON_OK;
}

static baton_status print_all(live *self)
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

static void end_all(live *self)
{
    for (uint64_t i = 0; i < self->made; i++) {
        baton_status status = baton_operation_cancel(self->operations[i]);
        (void)status; /* destroying cancels too */
    }
    for (uint64_t i = 0; i < self->made; i++) {
        baton_operation_destroy(self->operations[i]);
    }
    self->made = 0;
}

static double each(uint64_t before, uint64_t after, uint64_t count)
{
    return after > before ? (double)(after - before) / (double)count : 0;
}

static baton_status measure(live *self, uint64_t count, live_costs *costs_out)
{
    uint64_t heap = heap_bytes();
    uint64_t resident = resident_bytes();
    uint64_t begin = perf_now_ns();
    baton_status status = create_all(self, count);
    uint64_t created = perf_now_ns();
    *costs_out = (live_costs){.operations = count,
                              .heap_bytes = each(heap, heap_bytes(), count),
                              .resident_bytes = each(resident, resident_bytes(), count),
                              .create_ns = each(begin, created, count)};
    begin = perf_now_ns();
    if (status == BATON_OK) {
        status = print_all(self);
    }
    uint64_t printed = perf_now_ns();
    end_all(self);
    costs_out->metadata_ns = each(begin, printed, count);
    costs_out->end_ns = each(printed, perf_now_ns(), count);
    return status;
}

static void print_head(const perf_options *options)
{
    if (!options->json) {
        (void)printf("live passive operations in one connector, progress by %s; each of them\n",
                     options->application ? "the application" : "a thread");
        (void)printf("  operations  heap bytes  resident bytes  create ns  metadata ns  cancel and "
                     "destroy ns\n");
    }
}

static void report(const perf_options *options, const live_costs *costs)
{
    if (options->json) {
        json_line *line = json_line_begin("perf_live");
        json_line_whole(line, "operations", costs->operations);
        json_line_real(line, "heap_bytes", costs->heap_bytes);
        json_line_real(line, "resident_bytes", costs->resident_bytes);
        json_line_real(line, "create_ns", costs->create_ns);
        json_line_real(line, "metadata_ns", costs->metadata_ns);
        json_line_real(line, "cancel_destroy_ns", costs->end_ns);
        perf_report_setting(line, options);
        json_line_end(line);
        return;
    }
    (void)printf("  %10" PRIu64 "  %10.0f  %14.0f  %9.0f  %11.0f  %21.0f\n", costs->operations,
                 costs->heap_bytes, costs->resident_bytes, costs->create_ns, costs->metadata_ns,
                 costs->end_ns);
    (void)fflush(stdout);
}

static baton_status prepare(const perf_options *options, live *self)
{
    self->operations = calloc(options->live, sizeof(baton_operation *));
    if (self->operations == NULL) {
        return perf_fail(BATON_ERR_OUT_OF_MEMORY, "no memory for %" PRIu64 " operations",
                         options->live);
    }
    baton_status status = perf_connector_create(options, &self->connector);
    if (status == BATON_OK) {
        status = baton_descriptor_allocate(4096, BATON_DEVICE_HOST, &self->memory);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "memory");
        }
    }
    return status;
}

baton_status perf_live(const perf_options *options)
{
    live self = {0};
    live_costs costs;
    uint64_t step = FIRST < options->live ? FIRST : options->live;
    baton_status status = prepare(options, &self);
    if (status == BATON_OK) {
        status =
            measure(&self, step, &costs); /* once for nothing: what happens the first time only */
    }
    print_head(options);
    while (status == BATON_OK) {
        status = measure(&self, step, &costs);
        if (status != BATON_OK) {
            break;
        }
        report(options, &costs);
        if (step == options->live) {
            break;
        }
        step = step * TIMES < options->live ? step * TIMES : options->live;
    }
    end_all(&self);
    baton_descriptor_release(self.memory);
    baton_connector_destroy(self.connector);
    free(self.operations);
    return status;
}

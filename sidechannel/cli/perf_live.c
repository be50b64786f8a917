/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_live.h"

#include "perf_connector.h"
#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_report.h"
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Steps of 100 operations take microseconds: they are repeated until there were so many operations, and the medians of the
 * rounds count. */
enum { FIRST = 100, TIMES = 10, CHECK_EVERY = 1024, ENOUGH = 20000, ROUNDS_MIN = 3, WAIT_S = 60 };

enum { CREATE, METADATA, CANCEL, DESTROY, PARTS }; /* of a round */

typedef struct live {
    const perf_options *options;
    baton_connector *connector;
    baton_descriptor *memory;
    baton_operation **operations;
    uint64_t made;
    uint64_t heap_bytes; /* of the process before the first operation */
    uint64_t resident_bytes;
} live;

typedef struct live_costs {
    uint64_t operations;
    double heap_bytes; /* of each; 0: the allocator does not tell */
    double resident_bytes;
    double ns[PARTS]; /* of each */
} live_costs;

typedef struct live_round {
    uint64_t ns[PARTS]; /* of all */
} live_round;

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

/* An application with a loop of its own comes back to it, also when it has much to ask for: so what is asked for at once is the
 * same with 100 operations as with 100,000. */
static void drive_after(const live *self, uint64_t index)
{
    if (self->options->application && (index + 1) % FIRST == 0) {
        (void)baton_connector_progress(self->connector);
    }
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
        drive_after(self, self->made);
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

static bool has_begun_all(const live *self, const baton_connector_stats *stats)
{
    return stats->operations_live == self->made;
}

static bool has_ended_all(const live *self, const baton_connector_stats *stats)
{
    (void)self;
    return stats->operations_live == 0;
}

/* Until the connector has done what it was asked for: asking alone is but half of the cost. */
static baton_status drive_until(const live *self, bool (*holds)(const live *, const baton_connector_stats *))
{
    bool drives = self->options->application;
    uint64_t end = perf_now_ns() + WAIT_S * UINT64_C(1000000000);
    for (uint64_t turn = 0;; turn++) {
        baton_connector_stats stats = {.struct_size = sizeof(stats)};
        baton_status status = baton_connector_get_stats(self->connector, &stats);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "statistics");
        }
        if (holds(self, &stats)) {
            return BATON_OK;
        }
        status = check(turn);
        if (status != BATON_OK) {
            return status;
        }
        if (perf_now_ns() > end) {
            return perf_fail(BATON_ERR_TIMED_OUT, "%" PRIu64 " operations, and the connector is not done in %d s", self->made,
                             WAIT_S);
        }
        if (drives) {
            (void)baton_connector_progress(self->connector);
        } else {
            (void)sched_yield();
        }
    }
}

static baton_status cancel_all(const live *self)
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
    return drive_until(self, has_ended_all);
}

static void destroy_all(live *self)
{
    for (uint64_t i = 0; i < self->made; i++) {
        baton_operation_destroy(self->operations[i]);
    }
    self->made = 0;
}

static double each(uint64_t before, uint64_t after, uint64_t count)
{
    return after > before ? (double)(after - before) / (double)count : 0;
}

static baton_status play_round(live *self, uint64_t count, live_round *round_out, live_costs *costs)
{
    uint64_t at[PARTS + 1] = {perf_now_ns()};
    baton_status status = create_all(self, count);
    if (status == BATON_OK) {
        status = drive_until(self, has_begun_all);
    }
    at[METADATA] = perf_now_ns();
    if (status == BATON_OK) {
        status = print_all(self);
    }
    at[CANCEL] = perf_now_ns();
    costs->heap_bytes = each(self->heap_bytes, heap_bytes(), count);
    costs->resident_bytes = each(self->resident_bytes, resident_bytes(), count);
    uint64_t looked = perf_now_ns() - at[CANCEL]; /* at the memory, which is nobody's cost */
    if (status == BATON_OK) {
        status = cancel_all(self);
    }
    at[DESTROY] = perf_now_ns();
    destroy_all(self);
    at[PARTS] = perf_now_ns();
    for (int part = 0; part < PARTS; part++) {
        round_out->ns[part] = at[part + 1] - at[part] - (part == CANCEL ? looked : 0);
    }
    return status;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t median_of(const live_round *rounds, uint64_t count, int part)
{
    uint64_t sorted[ENOUGH / FIRST];
    for (uint64_t i = 0; i < count; i++) {
        sorted[i] = rounds[i].ns[part];
    }
    qsort(sorted, count, sizeof(sorted[0]), compare);
    return sorted[count / 2];
}

/* The first round is for nothing: memory that the process has never had before is the kernel's to make, page by page. */
static baton_status measure(live *self, uint64_t count, live_costs *costs_out)
{
    live_round rounds[ENOUGH / FIRST];
    uint64_t wanted = ENOUGH / (count < FIRST ? FIRST : count);
    wanted = wanted < ROUNDS_MIN ? ROUNDS_MIN : wanted;
    *costs_out = (live_costs){.operations = count};
    baton_status status = play_round(self, count, &rounds[0], costs_out);
    for (uint64_t i = 0; status == BATON_OK && i < wanted; i++) {
        status = play_round(self, count, &rounds[i], costs_out);
    }
    for (int part = 0; status == BATON_OK && part < PARTS; part++) {
        costs_out->ns[part] = (double)median_of(rounds, wanted, part) / (double)count;
    }
    return status;
}

static void print_head(const perf_options *options)
{
    if (!options->json) {
        (void)printf("live passive operations in one connector, progress by %s; each of them\n",
                     options->application ? "the application" : "a thread");
        (void)printf("  operations  heap bytes  resident bytes  create ns  metadata ns  cancel ns  destroy ns\n");
    }
}

static void report(const perf_options *options, const live_costs *costs)
{
    if (options->json) {
        json_line *line = json_line_begin("perf_live");
        json_line_whole(line, "operations", costs->operations);
        json_line_real(line, "heap_bytes", costs->heap_bytes);
        json_line_real(line, "resident_bytes", costs->resident_bytes);
        json_line_real(line, "create_ns", costs->ns[CREATE]);
        json_line_real(line, "metadata_ns", costs->ns[METADATA]);
        json_line_real(line, "cancel_ns", costs->ns[CANCEL]);
        json_line_real(line, "destroy_ns", costs->ns[DESTROY]);
        perf_report_setting(line, options);
        json_line_end(line);
        return;
    }
    (void)printf("  %10" PRIu64 "  %10.0f  %14.0f  %9.0f  %11.0f  %9.0f  %10.0f\n", costs->operations,
                 costs->heap_bytes, costs->resident_bytes, costs->ns[CREATE], costs->ns[METADATA], costs->ns[CANCEL],
                 costs->ns[DESTROY]);
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
    self->heap_bytes = heap_bytes();
    self->resident_bytes = resident_bytes();
    return status;
}

baton_status perf_live(const perf_options *options)
{
    live self = {.options = options};
    live_costs costs;
    uint64_t step = FIRST < options->live ? FIRST : options->live;
    baton_status status = prepare(options, &self);
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
    destroy_all(&self);
    baton_descriptor_release(self.memory);
    baton_connector_destroy(self.connector);
    free(self.operations);
    return status;
}

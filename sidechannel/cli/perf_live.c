/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_live.h"

#include "perf_failure.h"
#include "perf_live_deadline.h"
#include "perf_live_lookup.h"
#include "perf_live_work.h"
#include "perf_meter.h"
#include "perf_report.h"
#include "perf_statistics.h"
#include <inttypes.h>
#include <stdio.h>

/* Steps of 100 operations take microseconds: they are repeated until there were so many operations, and the medians of the
 * rounds count. */
enum { FIRST = 100, TIMES = 10, ENOUGH = 20000, ROUNDS_MIN = 3, ROUNDS_MAX = ENOUGH / FIRST };

typedef enum part { CREATE, METADATA, DEADLINE, LOOKUP, CANCEL, DESTROY, PARTS } part;

static const struct {
    const char *title;
    const char *field;
} names[PARTS] = {
    [CREATE] = {"create ns", "create_ns"},       [METADATA] = {"metadata ns", "metadata_ns"},
    [DEADLINE] = {"deadline ns", "deadline_ns"}, [LOOKUP] = {"lookup ns", "lookup_ns"},
    [CANCEL] = {"cancel ns", "cancel_ns"},       [DESTROY] = {"destroy ns", "destroy_ns"},
};

typedef struct costs {
    uint64_t operations;
    double heap_bytes; /* of each; 0: the allocator does not tell */
    double resident_bytes;
    double ns[PARTS];  /* of each */
} costs;

/* The parts follow each other, and what stands between two of them is nobody's cost. */
static baton_status play_kept(live *self, costs *round)
{
    uint64_t count = round->operations;
    uint64_t begin = perf_now_ns();
    baton_status status = live_create_all(self, count, LIVE_KEPT_MS);
    uint64_t end = perf_now_ns();
    round->ns[CREATE] = live_each(begin, end, count);
    if (status == BATON_OK) {
        status = live_print_all(self);
    }
    round->ns[METADATA] = live_each(end, perf_now_ns(), count);
    round->heap_bytes = live_each(self->heap_bytes, live_heap_bytes(), count);
    round->resident_bytes = live_each(self->resident_bytes, live_resident_bytes(), count);
    begin = perf_now_ns();
    if (status == BATON_OK) {
        status = live_cancel_all(self);
    }
    end = perf_now_ns();
    round->ns[CANCEL] = live_each(begin, end, count);
    live_destroy_all(self);
    round->ns[DESTROY] = live_each(end, perf_now_ns(), count);
    return status;
}

/* The same number of operations three times over: kept, left alone until they expire, and read. */
static baton_status play_round(live *self, costs *round)
{
    baton_status status = play_kept(self, round);
    if (status == BATON_OK) {
        status = live_deadline_play(self, round->operations, &round->ns[DEADLINE]);
    }
    if (status == BATON_OK) {
        status = live_lookup_play(self, round->operations, &round->ns[LOOKUP]);
    }
    return status;
}

/* The first round is for nothing: memory that the process has never had before is the kernel's to make, page by page. */
static baton_status measure(live *self, uint64_t count, costs *costs_out)
{
    double samples[PARTS][ROUNDS_MAX];
    uint64_t wanted = ENOUGH / (count < FIRST ? FIRST : count);
    wanted = wanted < ROUNDS_MIN ? ROUNDS_MIN : wanted;
    *costs_out = (costs){.operations = count};
    baton_status status = play_round(self, costs_out);
    for (uint64_t i = 0; status == BATON_OK && i < wanted; i++) {
        status = play_round(self, costs_out);
        for (int at = 0; at < PARTS; at++) {
            samples[at][i] = costs_out->ns[at];
        }
    }
    for (int at = 0; status == BATON_OK && at < PARTS; at++) {
        costs_out->ns[at] = perf_statistics_make(samples[at], wanted).p50;
    }
    return status;
}

static void print_head(const perf_options *options)
{
    if (options->json) {
        return;
    }
    (void)printf("live passive operations in one connector, progress by %s; each of them\n",
                 options->application ? "the application" : "a thread");
    (void)printf("  operations  heap bytes  resident bytes");
    for (int at = 0; at < PARTS; at++) {
        (void)printf("  %11s", names[at].title);
    }
    (void)printf("\n");
}

static void print_json(const perf_options *options, const costs *of)
{
    json_line *line = json_line_begin("perf_live");
    json_line_whole(line, "operations", of->operations);
    json_line_real(line, "heap_bytes", of->heap_bytes);
    json_line_real(line, "resident_bytes", of->resident_bytes);
    for (int at = 0; at < PARTS; at++) {
        json_line_real(line, names[at].field, of->ns[at]);
    }
    perf_report_setting(line, options);
    json_line_end(line);
}

static void report(const perf_options *options, const costs *of)
{
    if (options->json) {
        print_json(options, of);
        return;
    }
    (void)printf("  %10" PRIu64 "  %10.0f  %14.0f", of->operations, of->heap_bytes, of->resident_bytes);
    for (int at = 0; at < PARTS; at++) {
        (void)printf("  %11.0f", of->ns[at]);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

/* For people: what grew, and what did not. */
static void print_ratios(const perf_options *options, const costs *first, const costs *last)
{
    if (options->json) {
        return;
    }
    (void)printf("  %10s  %10s  %14s", "last:first", "", "");
    for (int at = 0; at < PARTS; at++) {
        (void)printf("  %11.2f", first->ns[at] > 0 ? last->ns[at] / first->ns[at] : 0);
    }
    (void)printf("\n");
}

static baton_status measure_all(live *self)
{
    const perf_options *options = self->options;
    costs first = {0};
    costs last = {0};
    print_head(options);
    for (uint64_t step = FIRST; last.operations != options->live; step *= TIMES) {
        baton_status status = measure(self, step < options->live ? step : options->live, &last);
        if (status != BATON_OK) {
            return status;
        }
        report(options, &last);
        first = first.operations == 0 ? last : first;
    }
    if (first.operations != last.operations) {
        print_ratios(options, &first, &last);
    }
    return BATON_OK;
}

baton_status perf_live(const perf_options *options)
{
    live self = {.options = options};
    baton_status status = live_open(&self);
    if (status == BATON_OK) {
        status = measure_all(&self);
    }
    live_close(&self);
    return status;
}

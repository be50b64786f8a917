/* SPDX-License-Identifier: Apache-2.0 */
/* How the ledger is printed. */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static int compare_rows(const void *left, const void *right)
{
    return strcmp(((const ledger_row *)left)->worker, ((const ledger_row *)right)->worker);
}

/* Milliseconds that share of the sorted latencies do not exceed (nearest rank). */
static double percentile_ms(const uint64_t *sorted, size_t count, unsigned percent)
{
    size_t rank = count > 0 ? (count * percent + 99) / 100 : 0;
    return rank > 0 ? (double)sorted[rank - 1] / 1e6 : 0;
}

static double gigabytes_per_second(uint64_t bytes, uint64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (double)bytes / (double)elapsed_ns : 0;
}

/* Sorts the row's latencies. */
static void print_row(ledger_row *row, int width, uint64_t elapsed_ns, FILE *out)
{
    char bytes[SIZE_TEXT_SIZE];
    size_print(row->bytes, bytes);
    if (row->count > 0) {
        qsort(row->latencies, row->count, sizeof row->latencies[0], compare_numbers);
    }
    (void)fprintf(out, "%-*s  %9zu  %10s  %6.2f", width, row->worker, row->count, bytes,
                  gigabytes_per_second(row->bytes, elapsed_ns));
    if (row->count > 0) {
        (void)fprintf(out, "  %8.2f  %8.2f", percentile_ms(row->latencies, row->count, 50),
                      percentile_ms(row->latencies, row->count, 99));
    } else {
        (void)fprintf(out, "  %8s  %8s", "-", "-");
    }
    (void)fprintf(out, "%s%s%s%s\n", row->path[0] != '\0' ? "  " : "", row->path,
                  row->note != NULL ? "  " : "", row->note != NULL ? row->note : "");
}

/* All rows as one; false: out of memory. */
static bool merge_rows(const ledger *self, ledger_row *all_out)
{
    ledger_row all = {.worker = "all", .bytes = self->bytes};
    for (size_t i = 0; i < self->row_count; i++) {
        all.capacity += self->rows[i].count;
    }
    all.latencies = malloc((all.capacity + 1) * sizeof *all.latencies);
    if (all.latencies == NULL) {
        return false;
    }
    for (size_t i = 0; i < self->row_count; i++) {
        const ledger_row *row = &self->rows[i];
        if (row->count > 0) {
            memcpy(all.latencies + all.count, row->latencies, row->count * sizeof *row->latencies);
            all.count += row->count;
        }
    }
    *all_out = all;
    return true;
}

static void print_rows(ledger *self, uint64_t elapsed_ns, FILE *out)
{
    int width = 6;
    for (size_t i = 0; i < self->row_count; i++) {
        int length = (int)strlen(self->rows[i].worker);
        width = length > width ? length : width;
    }
    qsort(self->rows, self->row_count, sizeof self->rows[0], compare_rows);
    (void)fprintf(out, "%-*s  %9s  %10s  %6s  %8s  %8s  %s\n", width, "worker", "hand-offs",
                  "bytes", "GB/s", "p50 ms", "p99 ms", "path");
    for (size_t i = 0; i < self->row_count; i++) {
        print_row(&self->rows[i], width, elapsed_ns, out);
    }
    ledger_row all;
    if (self->row_count > 1 && merge_rows(self, &all)) {
        print_row(&all, width, elapsed_ns, out);
        free(all.latencies);
    }
}

static void print_skipped(const skipped *counts, FILE *out)
{
    if (counts->empty + counts->unreadable + counts->missing > 0) {
        (void)fprintf(out, "not handed over: %llu empty, %llu unreadable, %llu not there\n",
                      (unsigned long long)counts->empty, (unsigned long long)counts->unreadable,
                      (unsigned long long)counts->missing);
    }
}

void ledger_print(ledger *self, uint64_t elapsed_ns, FILE *out)
{
    if (self->row_count > 0) {
        print_rows(self, elapsed_ns, out);
    }
    print_skipped(&self->skipped, out);
    (void)fprintf(out,
                  "relay: %llu hand-offs, %llu bytes, %llu wrong, %llu lost, %llu redelivered\n",
                  (unsigned long long)self->hand_offs, (unsigned long long)self->bytes,
                  (unsigned long long)self->wrong, (unsigned long long)self->lost,
                  (unsigned long long)self->redelivered);
}

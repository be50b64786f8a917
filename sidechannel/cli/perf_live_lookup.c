/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_live_lookup.h"

#include "perf_failure.h"
#include "perf_meter.h"
#include "perf_statistics.h"

enum { AT_ONCE = 16, READS_MAX = 60 * AT_ONCE }; /* at once: fewer than fit into a queue of shared memory */

/* On both sides. */
static bool has_read(const live *self, const live_stats *stats)
{
    return stats->own.operations_live == self->made - self->read && stats->peer.operations_live == 0;
}

/* xorshift (Marsaglia, 2003): every run asks for the same places. */
static uint64_t next_random(void)
{
    static uint64_t state = UINT64_C(88172645463325252);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Puts them first, and makes their metadata. */
static baton_status choose(live *self, uint64_t count, baton_metadata **metadata)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t place = i + next_random() % (self->made - i);
        baton_operation *chosen = self->operations[place];
        self->operations[place] = self->operations[i];
        self->operations[i] = chosen;
        baton_status status = baton_operation_metadata(chosen, &metadata[i]);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "metadata");
        }
    }
    return BATON_OK;
}

static baton_status begin_reads(const live *self, baton_metadata *const *metadata, uint64_t count, baton_operation **reads)
{
    for (uint64_t i = 0; i < count; i++) {
        baton_descriptor *target = self->target;
        baton_status status = baton_connector_begin_read(self->peer, metadata[i], &target, 1, NULL, &reads[i]);
        if (status != BATON_OK) {
            return perf_fail_baton(status, "a read");
        }
    }
    return BATON_OK;
}

static baton_status end_reads(uint64_t count, baton_operation **reads)
{
    baton_status status = BATON_OK;
    for (uint64_t i = 0; i < count; i++) {
        baton_status reason = reads[i] == NULL ? BATON_OK : baton_operation_reason(reads[i]);
        if (status == BATON_OK && reason != BATON_OK) {
            status = perf_fail(reason, "a read: %s", baton_status_text(reason));
        }
        baton_operation_destroy(reads[i]);
    }
    return status;
}

/* So many at once; ns_out: of one, from the first call to the end of the last one on both sides. */
static baton_status read_some(live *self, baton_metadata *const *metadata, uint64_t count, double *ns_out)
{
    baton_operation *reads[AT_ONCE] = {NULL};
    uint64_t begin = perf_now_ns();
    baton_status status = begin_reads(self, metadata, count, reads);
    self->read += count;
    if (status == BATON_OK) {
        status = live_drive_until(self, has_read);
    }
    *ns_out = live_each(begin, perf_now_ns(), count);
    baton_status ended = end_reads(count, reads);
    return status == BATON_OK ? ended : status;
}

/* The median; the first time finds two connectors that have had nothing to do, so it counts only if it is the only one. */
static baton_status read_all(live *self, baton_metadata *const *metadata, uint64_t count, double *ns_out)
{
    double samples[READS_MAX / AT_ONCE];
    size_t times = 0;
    baton_status status = BATON_OK;
    self->is_reading = true;
    for (uint64_t i = 0; status == BATON_OK && i < count; i += AT_ONCE) {
        status = read_some(self, metadata + i, count - i < AT_ONCE ? count - i : AT_ONCE, &samples[times++]);
    }
    self->is_reading = false;
    *ns_out = times == 1 ? samples[0] : perf_statistics_make(samples + 1, times - 1).p50;
    return status;
}

static baton_status read_chosen(live *self, uint64_t count, double *ns_out)
{
    baton_metadata *metadata[READS_MAX] = {NULL};
    baton_status status = choose(self, count, metadata);
    if (status == BATON_OK) {
        status = live_print_all(self); /* comes by all of them, so that those that were chosen are in no cache for that */
    }
    if (status == BATON_OK) {
        status = read_all(self, metadata, count, ns_out);
    }
    for (uint64_t i = 0; i < count; i++) {
        baton_metadata_destroy(metadata[i]);
    }
    return status;
}

/* Half of them, whole times. */
static uint64_t how_many(uint64_t count)
{
    uint64_t half = count < 2 ? 1 : count / 2;
    half = half < AT_ONCE ? half : half / AT_ONCE * AT_ONCE;
    return half < READS_MAX ? half : READS_MAX;
}

/* What reads leave behind, the memory of what they were and were answered, is not that of a live operation. */
baton_status live_lookup_play(live *self, uint64_t count, double *ns_out)
{
    uint64_t heap = live_heap_bytes();
    uint64_t resident = live_resident_bytes();
    baton_status status = live_create_all(self, count, LIVE_KEPT_MS);
    if (status == BATON_OK) {
        status = read_chosen(self, how_many(count), ns_out);
    }
    live_destroy_all(self);
    self->heap_bytes += live_heap_bytes() - heap;
    self->resident_bytes += live_resident_bytes() - resident;
    return status;
}

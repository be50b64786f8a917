/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_slots.h"

enum { FIRST = 0, LAST = 1, OWN = 2 /* slots before those that are used in turn */ };

/* No more than there are transfers: they may be large. */
uint64_t perf_slots_count(const perf_options *options)
{
    uint64_t most = options->count > options->warmup ? options->count : options->warmup;
    return most < options->depth + OWN ? most : options->depth + OWN;
}

uint64_t perf_slots_of(const perf_options *options, uint64_t index, bool is_timed)
{
    if (!is_timed) {
        /* The warm-up goes through all of them, so that no measured transfer is the first to touch a page. */
        return index % perf_slots_count(options);
    }
    if (index == 0) {
        return FIRST;
    }
    return index + 1 == options->count ? LAST : OWN + (index - 1) % options->depth;
}

baton_status perf_slots_create(const perf_options *options, baton_device device, bool is_shared, bool is_source,
                               perf_buffers **buffers_out)
{
    const perf_shape shape = {.size_bytes = options->size_bytes,
                              .segments = options->segments,
                              .stride_bytes = options->stride_bytes,
                              .slots = perf_slots_count(options),
                              .device = device,
                              .is_shared = is_shared,
                              .is_staged = perf_options_staged(options)};
    baton_status status = perf_buffers_create(&shape, buffers_out);
    return status == BATON_OK ? (is_source ? perf_buffers_fill : perf_buffers_spoil)(*buffers_out) : status;
}

baton_status perf_slots_spoil(const perf_options *options, perf_buffers *target)
{
    return options->warmup > 0 ? perf_buffers_spoil(target) : BATON_OK;
}

baton_status perf_slots_check(const perf_options *options, const perf_buffers *target)
{
    baton_status status = perf_buffers_check(target, FIRST, "first");
    return status == BATON_OK && options->count > 1 ? perf_buffers_check(target, LAST, "last") : status;
}

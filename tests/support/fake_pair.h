/* SPDX-License-Identifier: Apache-2.0 */
/* Two connectors over the fake transport, an origin and a consumer, driven by the test; and memory
 * with a pattern. */
#ifndef BATON_TEST_FAKE_PAIR_H
#define BATON_TEST_FAKE_PAIR_H

#include "core/connector.h"
#include "support/fake_transport.h"
#include "support/pattern.h"

#include <criterion/criterion.h>

enum { ORIGIN = 0, CONSUMER = 1, PIECES_MAX = 16 };

/* One hand-off: an operation on either side, memory on either side. */
typedef struct handed {
    size_t count;
    size_t size; /* of each piece */
    bool read;
    baton_descriptor *source[PIECES_MAX];
    baton_descriptor *target[PIECES_MAX];
    baton_operation *passive;
    baton_operation *active;
    int passive_over; /* calls of on_complete */
    int active_over;
    unsigned events; /* bits of baton_operation_event, of the active side */
} handed;

static baton_connector *connectors[2];

static inline void pair_open(void)
{
    static const char *const names[2] = {"origin", "consumer"};
    fake_reset();
    for (int i = 0; i < 2; i++) {
        baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
        options.name = names[i];
        options.progress = BATON_PROGRESS_APPLICATION;
        options.spin_us = 0;
        cr_assert_eq(baton__connector_create_with(&options, &fake_transport_table, &fake_clock,
                                                  &connectors[i]),
                     BATON_OK);
    }
}

/* Both make progress until neither has anything to do. */
static inline void pair_pump(void)
{
    int idle = 0;
    for (int i = 0; i < 100000 && idle < 2; i++) {
        int done = baton_connector_progress(connectors[ORIGIN]);
        done += baton_connector_progress(connectors[CONSUMER]);
        idle = done == 0 ? idle + 1 : 0;
    }
    cr_assert_geq(idle, 2, "the two never come to rest");
}

static inline void pair_advance_ms(uint64_t ms)
{
    fake_clock_advance_ms(ms);
    pair_pump();
}

static inline void pair_close(void)
{
    fake_set_cut(false);
    fake_reset();
    for (int i = 1; i >= 0; i--) {
        baton_connector_destroy(connectors[i]);
        connectors[i] = NULL;
    }
}

static void pair_over(baton_operation *operation, void *context)
{
    handed *h = context;
    (*(operation == h->passive ? &h->passive_over : &h->active_over))++;
}

static void pair_event(baton_operation *operation, baton_operation_event event, void *context)
{
    handed *h = context;
    if (operation != h->passive) {
        h->events |= 1U << event;
    }
}

static inline baton_operation_options pair_options(handed *h, baton_completion completion,
                                                   uint32_t lease_ms)
{
    baton_operation_options options = {BATON_OPERATION_DEFAULTS};
    options.completion = completion;
    options.lease_ms = lease_ms;
    options.on_complete = pair_over;
    options.on_event = pair_event;
    options.context = h;
    return options;
}

static inline void pair_allocate(handed *h)
{
    for (size_t i = 0; i < h->count; i++) {
        cr_assert_eq(baton_descriptor_allocate(h->size, BATON_DEVICE_HOST, &h->source[i]),
                     BATON_OK);
        cr_assert_eq(baton_descriptor_allocate(h->size, BATON_DEVICE_HOST, &h->target[i]),
                     BATON_OK);
        pattern_fill(baton_descriptor_pointer(h->source[i]), h->size, i);
    }
}

/* Of the memory that h has. Nothing has moved at return. */
static inline void pair_offer_to(handed *h, baton_completion completion, uint32_t lease_ms, uint32_t readers)
{
    bool read = h->read;
    size_t count = h->count;
    baton_operation_options options = pair_options(h, completion, lease_ms);
    options.readers = readers;
    baton_descriptor **ours = read ? h->source : h->target;
    baton_descriptor **theirs = read ? h->target : h->source;
    baton_status status = read ? baton_connector_create_readable(connectors[ORIGIN], ours, count,
                                                                 &options, &h->passive)
                               : baton_connector_create_writable(connectors[ORIGIN], ours, count,
                                                                 &options, &h->passive);
    cr_assert_eq(status, BATON_OK);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(h->passive, &metadata), BATON_OK);
    options.completion = BATON_COMPLETION_BYTES;
    options.lease_ms = 0;
    options.readers = 1;
    status = read ? baton_connector_begin_read(connectors[CONSUMER], metadata, theirs, count,
                                               &options, &h->active)
                  : baton_connector_begin_write(connectors[CONSUMER], metadata, theirs, count,
                                                &options, &h->active);
    cr_assert_eq(status, BATON_OK);
    baton_metadata_destroy(metadata);
}

static inline void pair_offer(handed *h, baton_completion completion, uint32_t lease_ms)
{
    pair_offer_to(h, completion, lease_ms, 1);
}

/* read: the consumer reads from the origin; else it writes to it. Nothing has moved at return. */
static inline void pair_begin(handed *h, bool read, size_t count, size_t size,
                              baton_completion completion, uint32_t lease_ms)
{
    *h = (handed){.count = count, .size = size, .read = read};
    pair_allocate(h);
    pair_offer(h, completion, lease_ms);
}

static inline bool pair_is_right(const handed *h)
{
    for (size_t i = 0; i < h->count; i++) {
        if (!pattern_is(baton_descriptor_pointer(h->target[i]), h->size, i)) {
            return false;
        }
    }
    return true;
}

/* Both are over: closing one that is not would wait for time that stands still. */
static inline void pair_end(handed *h)
{
    cr_assert(baton_operation_is_over(h->active));
    cr_assert(baton_operation_is_over(h->passive));
    baton_operation_destroy(h->active);
    baton_operation_destroy(h->passive);
    pair_pump();
    cr_assert_eq(h->active_over, 1);
    cr_assert_eq(h->passive_over, 1);
    for (size_t i = 0; i < h->count; i++) {
        baton_descriptor_release(h->source[i]);
        baton_descriptor_release(h->target[i]);
    }
}

static inline baton_connector_stats pair_stats(int which)
{
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_connector_get_stats(connectors[which], &stats), BATON_OK);
    return stats;
}

static inline void pair_expect(const handed *h, baton_status passive, baton_status active)
{
    cr_assert(baton_operation_is_over(h->passive), "the passive side is %s",
              baton_operation_status_name(baton_operation_get_status(h->passive)));
    cr_assert(baton_operation_is_over(h->active), "the active side is %s",
              baton_operation_status_name(baton_operation_get_status(h->active)));
    cr_assert_eq(baton_operation_reason(h->passive), passive, "passive: %s",
                 baton_status_name(baton_operation_reason(h->passive)));
    cr_assert_eq(baton_operation_reason(h->active), active, "active: %s",
                 baton_status_name(baton_operation_reason(h->active)));
}

/* The application's word, where the origin waits for it. */
static inline void pair_answer_if_due(handed *h, baton_completion completion)
{
    if (completion == BATON_COMPLETION_ACK &&
        baton_operation_ack(h->active, "yes", 3) == BATON_OK) {
        pair_pump();
    }
}

#endif

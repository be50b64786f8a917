/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers that the transport does not end: given up after a bound, with the memory held back as
 * long as a peer may still reach it. */
#include "support/fake_pair.h"

enum { SIZE = 3 * BATON__CHUNK_BYTES, DRAIN_MS = 101, STUCK_MS = BATON__STUCK_MS + 1 };

/* A hand-off of one piece, whose memory at the side that stands still tells when it is released. */
typedef struct scene {
    baton_operation *passive;
    baton_operation *active;
    uint8_t *source;
    uint8_t *target;
    int released[2];
} scene;

static scene s;

TestSuite(outbox, .init = pair_open, .fini = pair_close);

static void note_release(void *pointer, size_t size, void *context)
{
    (void)pointer;
    (void)size;
    ++*(int *)context;
}

static baton_descriptor *describe(uint8_t **memory, int *released)
{
    baton_descriptor *descriptor = NULL;
    *memory = malloc(SIZE);
    cr_assert_not_null(*memory);
    pattern_fill(*memory, SIZE, 5);
    cr_assert_eq(baton_descriptor_from_pointer(*memory, SIZE, BATON_DEVICE_HOST, note_release,
                                               released, &descriptor),
                 BATON_OK);
    return descriptor;
}

/* Chunks are on their way, held back, and whoever sends them is in the middle of it. */
static void begin(bool read)
{
    s = (scene){.passive = NULL};
    baton_descriptor *source = describe(&s.source, &s.released[0]);
    baton_descriptor *target = describe(&s.target, &s.released[1]);
    memset(s.target, 0, SIZE);
    baton_metadata *metadata = NULL;
    baton_operation_options options = {BATON_OPERATION_DEFAULTS};
    options.completion = BATON_COMPLETION_COMMIT;
    cr_assert_eq((read ? baton_connector_create_readable : baton_connector_create_writable)(
                     connectors[ORIGIN], read ? &source : &target, 1, &options, &s.passive),
                 BATON_OK);
    cr_assert_eq(baton_operation_metadata(s.passive, &metadata), BATON_OK);
    cr_assert_eq((read ? baton_connector_begin_read : baton_connector_begin_write)(
                     connectors[CONSUMER], metadata, read ? &target : &source, 1, NULL, &s.active),
                 BATON_OK);
    baton_metadata_destroy(metadata);
    baton_descriptor_release(source);
    baton_descriptor_release(target);
    fake_plan(read ? BATON__FRAME_DATA : BATON__FRAME_WRITE, FAKE_HOLD, 100);
    pair_pump();
    cr_assert_eq(baton_operation_get_status(s.active), BATON_OPERATION_IN_PROGRESS);
    fake_set_stuck(true);
}

static void end(void)
{
    fake_reset();
    pair_pump();
    baton_operation_destroy(s.active);
    baton_operation_destroy(s.passive);
    pair_pump();
    cr_assert_eq(s.released[0], 1);
    cr_assert_eq(s.released[1], 1);
    free(s.source);
    free(s.target);
}

static void expect_quarantined(baton_operation *operation)
{
    cr_assert_eq(baton_operation_cancel(operation), BATON_OK);
    pair_pump();
    pair_advance_ms(DRAIN_MS);
    cr_assert_not(baton_operation_is_over(operation), "its chunks are on their way");
    pair_advance_ms(STUCK_MS);
    cr_assert(baton_operation_is_over(operation));
    cr_assert_eq(baton_operation_get_status(operation), BATON_OPERATION_ERRORED);
    cr_assert_eq(baton_operation_reason(operation), BATON_ERR_QUARANTINED);
    cr_assert_eq(baton_operation_wait(operation, 0), BATON_ERR_QUARANTINED);
    cr_assert_eq(baton_operation_close(operation, 0), BATON_ERR_QUARANTINED);
}

Test(outbox, memory_that_a_stopped_reader_may_reach_is_held_until_the_transport_ends_it)
{
    begin(true);
    expect_quarantined(s.passive);
    baton_operation_destroy(s.passive);
    s.passive = NULL;
    pair_pump();
    cr_assert_eq(s.released[0], 0);
    fake_reset(); /* the transfers end after all */
    pair_pump();
    cr_assert_eq(s.released[0], 1);
    end();
}

Test(outbox, memory_that_a_stopped_writers_peer_may_reach_is_held_until_the_transport_ends_it)
{
    begin(false);
    expect_quarantined(s.active);
    baton_operation_destroy(s.active);
    s.active = NULL;
    pair_pump();
    cr_assert_eq(s.released[0], 0);
    fake_reset();
    pair_pump();
    cr_assert_eq(s.released[0], 1);
    end();
}

Test(outbox, memory_that_is_held_is_released_with_its_connector)
{
    begin(true);
    expect_quarantined(s.passive);
    baton_operation_destroy(s.passive);
    s.passive = NULL;
    baton_connector_destroy(connectors[ORIGIN]);
    connectors[ORIGIN] = NULL;
    cr_assert_eq(s.released[0], 1);
    cr_assert_eq(baton_operation_cancel(s.active), BATON_OK);
    for (int i = 0; i < 20; i++) {
        (void)baton_connector_progress(connectors[CONSUMER]);
    }
    baton_operation_destroy(s.active);
    for (int i = 0; i < 20; i++) {
        (void)baton_connector_progress(connectors[CONSUMER]);
    }
    free(s.source);
    free(s.target);
}

/* The transport has said that the endpoint is broken: nobody can reach the memory. */
Test(outbox, transfers_of_a_broken_endpoint_are_given_up_and_the_hand_off_goes_on)
{
    for (int read = 0; read < 2; read++) {
        begin(read != 0);
        fake_break();
        pair_pump();
        cr_assert_not(baton_operation_is_over(s.active));
        fake_plan(BATON__FRAME_DATA, FAKE_DELIVER, 0);
        fake_plan(BATON__FRAME_WRITE, FAKE_DELIVER, 0);
        pair_advance_ms(STUCK_MS);
        cr_assert_eq(baton_operation_reason(s.active), BATON_OK, "%s",
                     baton_status_name(baton_operation_reason(s.active)));
        cr_assert_eq(baton_operation_get_status(s.active), BATON_OPERATION_COMPLETE);
        cr_assert_eq(baton_operation_get_status(s.passive), BATON_OPERATION_COMPLETE);
        cr_assert(pattern_is(s.target, SIZE, 5));
        end();
    }
}

/* Others of the peer's that are not ending wait with it, and go on in the next session. */
Test(outbox, an_operation_beside_one_that_is_given_up_is_not_ended)
{
    static handed other;
    pair_begin(&other, true, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    begin(true);
    cr_assert_eq(baton_operation_get_status(other.active), BATON_OPERATION_IN_PROGRESS);
    expect_quarantined(s.passive);
    cr_assert_not(baton_operation_is_over(other.passive));
    fake_reset(); /* its own transfers end */
    pair_pump();
    pair_expect(&other, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&other));
    pair_end(&other);
    end();
}

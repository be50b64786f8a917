/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that are lost again and again, and how many peers there may be. */
#include "support/fake_pair.h"

enum { SMALL = 1000, RESUME_MS = 2000 };

static handed h;

TestSuite(peer, .init = pair_open, .fini = pair_close);

/* All bytes are there; the application's word is due. */
static void begin(void)
{
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_ACK, 0);
    pair_pump();
    cr_assert_neq(h.events & 1U << BATON_EVENT_MOVED, 0);
}

static void lose_session_and_hold_open(void)
{
    fake_plan(BATON__FRAME_OPEN, FAKE_HOLD, 1);
    fake_break();
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.passive));
}

Test(peer, a_consumer_that_does_not_come_back_in_time_is_lost)
{
    begin();
    lose_session_and_hold_open();
    pair_advance_ms(RESUME_MS - 1);
    cr_assert_not(baton_operation_is_over(h.passive));
    pair_advance_ms(2);
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_PEER_LOST);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    pair_end(&h);
}

/* Not what is left of the time that the first one gave. */
Test(peer, each_lost_session_gives_the_whole_time_to_come_back)
{
    begin();
    fake_break();
    pair_pump(); /* it has come back at once */
    pair_advance_ms(RESUME_MS - 500);
    lose_session_and_hold_open();
    pair_advance_ms(1000);
    cr_assert_not(baton_operation_is_over(h.passive));
    fake_release();
    pair_pump();
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
}

Test(peer, who_is_back_is_not_lost_when_the_time_is_over)
{
    begin();
    lose_session_and_hold_open();
    pair_advance_ms(RESUME_MS / 2);
    fake_release();
    pair_pump();
    pair_advance_ms(RESUME_MS + 1);
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
}

/* One hand-off of a connector with room for one peer, with each of the pair in turn. */
static void read_from(baton_connector *reader, baton_connector *origin, baton_descriptor *memory,
                      baton_operation *operations[2])
{
    baton_metadata *metadata = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.completion = BATON_COMPLETION_COMMIT;
    cr_assert_eq(baton_connector_create_readable(origin, &memory, 1, &options, &operations[0]),
                 BATON_OK);
    cr_assert_eq(baton_operation_metadata(operations[0], &metadata), BATON_OK);
    cr_assert_eq(baton_connector_begin_read(reader, metadata, &memory, 1, NULL, &operations[1]),
                 BATON_OK);
    baton_metadata_destroy(metadata);
}

static void turn_all(baton_connector *third)
{
    for (int i = 0; i < 50; i++) {
        (void)baton_connector_progress(third);
        pair_pump();
    }
}

static baton_connector *make(uint32_t peers_max)
{
    baton_connector *made = NULL;
    baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
    options.progress = BATON_PROGRESS_APPLICATION;
    options.spin_us = 0;
    options.peers_max = peers_max;
    cr_assert_eq(baton__connector_create_with(&options, &fake_transport_table, &fake_clock, &made),
                 BATON_OK);
    return made;
}

static baton_descriptor *describe(void)
{
    static uint8_t bytes[SMALL];
    baton_descriptor *memory = NULL;
    cr_assert_eq(
        baton_descriptor_from_pointer(bytes, SMALL, BATON_DEVICE_HOST, NULL, NULL, &memory),
        BATON_OK);
    return memory;
}

Test(peer, one_that_is_idle_makes_room_for_the_next)
{
    enum { ORIGINS = 5 };
    baton_connector *narrow = make(1);
    baton_connector *origins[ORIGINS];
    baton_descriptor *memory = describe();
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    for (int i = 0; i < 2 * ORIGINS; i++) {
        baton_operation *operations[2];
        if (i < ORIGINS) {
            origins[i] = make(8);
        }
        read_from(narrow, origins[i % ORIGINS], memory, operations);
        for (int turn = 0; turn < 50; turn++) {
            (void)baton_connector_progress(origins[i % ORIGINS]);
            (void)baton_connector_progress(narrow);
        }
        cr_assert_eq(baton_operation_reason(operations[1]), BATON_OK);
        cr_assert_eq(baton_operation_get_status(operations[1]), BATON_OPERATION_COMPLETE);
        baton_operation_destroy(operations[0]);
        baton_operation_destroy(operations[1]);
        fake_clock_advance_ms(1);
        cr_assert_eq(baton_connector_get_stats(narrow, &stats), BATON_OK);
        cr_assert_leq(stats.peers_live, 2, "%d: one, and one that is being closed, not %d", i, (int)stats.peers_live);
    }
    baton_descriptor_release(memory);
    baton_connector_destroy(narrow);
    for (int i = 0; i < ORIGINS; i++) {
        baton_connector_destroy(origins[i]);
    }
}

Test(peer, an_origin_without_room_says_that_it_is_busy)
{
    baton_connector *narrow = make(1);
    baton_descriptor *memory = describe();
    baton_operation *first[2];
    baton_operation *second[2];
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    fake_plan(BATON__FRAME_MOVED, FAKE_HOLD, 1);
    read_from(connectors[ORIGIN], narrow, memory, first);
    turn_all(narrow);
    cr_assert_eq(baton_operation_get_status(first[0]), BATON_OPERATION_IN_PROGRESS);
    read_from(connectors[CONSUMER], narrow, memory, second);
    turn_all(narrow);
    cr_assert_eq(baton_operation_get_status(second[0]), BATON_OPERATION_INITIALIZED);
    cr_assert_eq(baton_operation_reason(second[1]), BATON_ERR_BUSY);
    cr_assert_eq(baton_connector_get_stats(narrow, &stats), BATON_OK);
    cr_assert_eq(stats.peers_live, 2, "one more, for as long as it takes to say so");
    fake_release();
    turn_all(narrow);
    cr_assert_eq(baton_operation_get_status(first[0]), BATON_OPERATION_COMPLETE);
    cr_assert_eq(baton_operation_cancel(second[0]), BATON_OK);
    turn_all(narrow);
    for (int i = 0; i < 2; i++) {
        baton_operation_destroy(first[i]);
        baton_operation_destroy(second[i]);
    }
    baton_descriptor_release(memory);
    baton_connector_destroy(narrow);
}

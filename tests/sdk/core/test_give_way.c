/* SPDX-License-Identifier: Apache-2.0 */
/* How many chunks of a large operation are in flight: two, and one while other operations with the same peer begin. */
#include "support/fake_pair.h"

enum { LARGE = 60 * BATON__CHUNK_BYTES, SMALL = 4096 };

TestSuite(give_way, .init = pair_open, .fini = pair_close);

static handed large;
static uint32_t asked_most; /* since the last reset of it */

/* A chunk is about to arrive: as many are in flight. */
static void note_asked(void)
{
    if (large.active->a.asked > asked_most) {
        asked_most = large.active->a.asked;
    }
}

/* Moves `chunks` chunks of the large one, and returns how many of it were in flight at most. */
static uint32_t move(uint32_t chunks)
{
    uint64_t end = large.active->bytes_moved + (uint64_t)chunks * BATON__CHUNK_BYTES;
    asked_most = 0;
    for (int i = 0; i < 1000 && large.active->bytes_moved < end; i++) {
        (void)baton_connector_progress(connectors[ORIGIN]);
        note_asked();
        (void)baton_connector_progress(connectors[CONSUMER]);
    }
    cr_assert_geq(large.active->bytes_moved, end);
    return asked_most;
}

static handed small;

static void hand_over_a_small_one(bool read)
{
    pair_begin(&small, read, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    for (int i = 0; i < 1000 && !baton_operation_is_over(small.passive); i++) {
        (void)baton_connector_progress(connectors[ORIGIN]);
        (void)baton_connector_progress(connectors[CONSUMER]);
    }
    cr_assert(baton_operation_is_over(small.passive));
}

static void begin_large(bool read)
{
    pair_begin(&large, read, 1, LARGE, BATON_COMPLETION_COMMIT, 0);
}

static void end_large(void)
{
    pair_pump();
    pair_expect(&large, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&large));
    pair_end(&large);
}

static void check(bool read)
{
    begin_large(read);
    cr_assert_eq(move(4), 2, "alone");
    fake_clock_advance_ms(1);
    hand_over_a_small_one(read);
    (void)move(2); /* what was asked for before */
    cr_assert_eq(move(4), 1, "another one has just begun");
    fake_clock_advance_ms(9);
    cr_assert_eq(move(2), 1, "there may be more to come");
    fake_clock_advance_ms(1);
    cr_assert_eq(move(4), 2, "alone again");
    end_large();
    pair_expect(&small, BATON_OK, BATON_OK);
    pair_end(&small);
}

Test(give_way, a_large_read_keeps_one_chunk_in_flight_while_others_begin)
{
    check(true);
}

Test(give_way, a_large_write_keeps_one_chunk_in_flight_while_others_begin)
{
    check(false);
}

Test(give_way, of_two_large_ones_neither_gives_way_for_long)
{
    static handed other;
    begin_large(true);
    cr_assert_eq(move(2), 2);
    fake_clock_advance_ms(1);
    pair_begin(&other, true, 1, LARGE, BATON_COMPLETION_COMMIT, 0);
    (void)move(4); /* until the other one has begun, and what was asked for before has come */
    cr_assert_eq(move(2), 1);
    fake_clock_advance_ms(10);
    cr_assert_eq(move(4), 2);
    end_large();
    pair_expect(&other, BATON_OK, BATON_OK);
    pair_end(&other);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Grants without memory: refused or closed, and nobody is left waiting. */
#include "core/loop_state.h"
#include "support/fake_pair.h"
#include "support/no_memory.h"

enum { SIZE = 1000, TIMERS = 250 /* their table grows by more than a spare block has */, OTHERS_MAX = 1100, LEASE_MS = 300 };

static handed h;
static baton_operation *others[OTHERS_MAX];
static int count;
static baton_descriptor *memory;

TestSuite(grant, .init = pair_open, .fini = pair_close);

/* Small blocks are still to be had: they lie apart, so no two of them make a large one. */
enum { SPARES = 200, SPARE_SIZE = 900 };
static void *volatile spares[2 * SPARES];

static void put_spares_aside(void)
{
    for (int i = 0; i < 2 * SPARES; i++) {
        spares[i] = malloc(SPARE_SIZE);
        cr_assert_not_null(spares[i]);
    }
}

static void free_spares(int first)
{
    for (int i = first; i < 2 * SPARES; i += 2) {
        free(spares[i]);
    }
}

static baton__timers *timers_of_origin(void)
{
    return &connectors[ORIGIN]->loop->timers;
}

/* One timer more, and the origin's table of timers has to grow. */
static void fill_timers(void)
{
    static uint8_t bytes[SIZE];
    cr_assert_eq(baton_descriptor_from_pointer(bytes, SIZE, BATON_DEVICE_HOST, NULL, NULL, &memory),
                 BATON_OK);
    /* Each has its deadline. */
    for (count = 0; count < TIMERS || timers_of_origin()->used != timers_of_origin()->capacity; count++) {
        cr_assert_lt(count, OTHERS_MAX);
        cr_assert_eq(baton_connector_create_readable(connectors[ORIGIN], &memory, 1, NULL, &others[count]),
                     BATON_OK);
        (void)baton_connector_progress(connectors[ORIGIN]);
    }
}

static void free_timers(void)
{
    for (int i = 0; i < count; i++) {
        baton_operation_destroy(others[i]);
    }
    baton_descriptor_release(memory);
}

Test(grant, without_memory_for_its_lease_it_is_closed_and_both_sides_end)
{
    struct rlimit before;
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 0); /* the peer is known by now */
    pair_pump();
    pair_end(&h);
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, LEASE_MS);
    (void)baton_connector_progress(connectors[ORIGIN]);
    fill_timers();
    (void)baton_connector_progress(connectors[CONSUMER]);
    (void)baton_connector_progress(connectors[CONSUMER]); /* OPEN is on its way */
    put_spares_aside();
    /* Nothing that the table could grow into where it lies either. */
    if (!no_memory_begin(SPARE_SIZE + 100, &before)) {
        free_spares(0);
        free_spares(1);
        cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
        cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
        pair_pump();
        cr_skip_test("memory cannot be made to fail here");
    }
    free_spares(0);
    for (int i = 0; i < 10; i++) {
        (void)baton_connector_progress(connectors[ORIGIN]);
    }
    no_memory_end(&before);
    free_spares(1);
    pair_pump();
    pair_expect(&h, BATON_ERR_OUT_OF_MEMORY, BATON_ERR_PEER_FAILED);
    pair_end(&h);
    free_timers();
}

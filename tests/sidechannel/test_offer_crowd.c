/* SPDX-License-Identifier: Apache-2.0 */
/* Many offers at once in front of few places. */
#include "support/workers.h"

#include <criterion/criterion.h>

enum { CROWD = 500, SIZE = 64 };

static unsigned char seed = 9;

/* What was refused together must not come back together: then one is taken, the rest waits half a second again, and
 * the worker is idle in between: far more than the deadline for so many. */
Test(offer_crowd, a_worker_with_one_place_takes_all_of_them, .timeout = 120)
{
    static baton_offer *offers[CROWD];
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(SIZE, seed);
    baton_serve_options serve = BATON_SERVE_OPTIONS_INIT;
    cr_assert_eq(baton_worker_serve(pair.b, "pool", &serve, test_take, &seed, NULL), BATON_OK);
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    options.nobody = BATON_ABSENCE_WAIT;
    options.deadline_ms = 10000;
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert_eq(baton_offer_readable(pair.a, "pool", &memory, 1, &options, &offers[i]), BATON_OK, "%s",
                     baton_error_text());
    }
    for (size_t i = 0; i < CROWD; i++) {
        cr_assert_eq(baton_offer_wait(offers[i], 30000, NULL), BATON_OK, "%zu: %s", i, baton_error_text());
        baton_offer_destroy(offers[i]);
    }
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer that dies in the middle of a message to the origin blocks UCX's shared memory there (sdk, core/inbox.h): the
 * offers go to other consumers all the same. */
#include <baton/baton.h>

#include "support/child.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 4 * 1024 * 1024, OFFERS = 4 };

static unsigned char seed = 3;

/* UCX touches the page that nobody may touch while it fills its place in the origin's queue. */
static void write_and_die(baton_handoff *handoff, void *context)
{
    (void)context;
    uint8_t *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    baton_descriptor *data = NULL;
    if (memory == MAP_FAILED || mprotect(memory + SIZE / 2, 65536, PROT_NONE) != 0 ||
        baton_descriptor_from_pointer(memory, SIZE, BATON_DEVICE_HOST, NULL, NULL, &data) != BATON_OK) {
        test_child_say('f');
        return;
    }
    test_child_say('w');
    (void)!baton_handoff_send(handoff, data);
}

static void consumer_that_dies(const char *url)
{
    baton_worker *worker = test_child_worker("dying", url);
    if (baton_worker_serve(worker, "pool", NULL, write_and_die, NULL, NULL) != BATON_OK) {
        abort();
    }
    test_sleep_ms(50);
    test_child_say('s');
    (void)pause();
}

static void write_all(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *data = test_memory(SIZE, seed);
    (void)!baton_handoff_send(handoff, data);
    baton_descriptor_release(data);
}

/* Comes late: it has never heard of the origin, and gets what the origin publishes again and again. */
static void consumer_that_writes(const char *url)
{
    test_child_say('s');
    (void)raise(SIGSTOP);
    baton_worker *worker = test_child_worker("writing", url);
    if (baton_worker_serve(worker, "pool", NULL, write_all, NULL, NULL) != BATON_OK) {
        abort();
    }
    (void)pause();
}

static baton_offer *offer_writable(baton_worker *origin, baton_descriptor **memory)
{
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    options.nobody = BATON_ABSENCE_WAIT;
    baton_offer *made = NULL;
    *memory = test_memory(SIZE, (unsigned char)(seed + 1));
    cr_assert_eq(baton_offer_writable(origin, "pool", memory, 1, &options, &made), BATON_OK);
    return made;
}

static uint64_t renewed(baton_worker *origin)
{
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_connector_get_stats(baton_worker_connector(origin), &stats), BATON_OK);
    return stats.workers_renewed;
}

Test(blocked_origin, other_consumers_take_over)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    baton_test_nats *server = test_nats_start(NULL);
    test_child dying = test_child_start(consumer_that_dies, test_nats_url(server));
    test_child writing = test_child_start(consumer_that_writes, test_nats_url(server));
    cr_assert_eq(test_child_hear(&dying), 's');
    cr_assert_eq(test_child_hear(&writing), 's');
    baton_worker *origin = test_worker("origin", test_nats_url(server), NULL);
    baton_offer *offers[OFFERS];
    baton_descriptor *memory[OFFERS];
    for (int i = 0; i < OFFERS; i++) {
        offers[i] = offer_writable(origin, &memory[i]);
    }
    cr_assert_eq(test_child_hear(&dying), 'w');
    TEST_WAIT_FOR(renewed(origin) == 1);
    test_child_signal(&writing, SIGCONT);
    for (int i = 0; i < OFFERS; i++) {
        baton_outcome outcome = BATON_OUTCOME_INIT;
        cr_assert_eq(baton_offer_wait(offers[i], 25000, &outcome), BATON_OK, "%d: %s", i, baton_error_text());
        cr_assert_str_eq(outcome.peer, "writing");
        cr_assert(test_memory_is(memory[i], seed));
        baton_offer_destroy(offers[i]);
        baton_descriptor_release(memory[i]);
    }
    cr_assert_eq(renewed(origin), 1);
    test_child_end(&dying);
    test_child_end(&writing);
    baton_worker_destroy(origin);
    test_nats_stop(server);
}

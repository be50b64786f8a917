/* SPDX-License-Identifier: Apache-2.0 */
/* Workers for tests of the side channel: an origin "a" and a consumer "b" in one process, on a
 * server of their own. */
#ifndef BATON_TEST_WORKERS_H
#define BATON_TEST_WORKERS_H

#include "support/nats_server.h"
#include <baton/baton.h>

/* The macros of defaults are meant to be overridden. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

/* Options in place: the defaults, and what differs from them. */
#define OPTIONS(...)                      \
    &(baton_offer_options)                \
    {                                     \
        BATON_OFFER_DEFAULTS, __VA_ARGS__ \
    }
#define SERVE(...)                        \
    &(baton_serve_options)                \
    {                                     \
        BATON_SERVE_DEFAULTS, __VA_ARGS__ \
    }
#define APPLICATION .acknowledge = BATON_ACKNOWLEDGE_APPLICATION

typedef struct test_pair {
    baton_test_nats *server;
    baton_worker *a;
    baton_worker *b;
} test_pair;

/* Skips the test where there is no nats-server. Inside the test body only. */
void test_pair_start(test_pair *pair);
/* With lines of its own in the configuration of the server. */
void test_pair_start_with(test_pair *pair, const char *config);
void test_pair_stop(test_pair *pair);

/* A worker of that name; the rest as in options, or the defaults for NULL. */
baton_worker *test_worker(const char *name, const char *url, const baton_worker_options *options);

/* Memory whose bytes follow from seed, and whether it still has them. */
baton_descriptor *test_memory(size_t size, unsigned char seed);
bool test_memory_is(const baton_descriptor *descriptor, unsigned char seed);

/* Waits up to two seconds for the condition; a line that says so if it does not come. */
#define TEST_WAIT_FOR(condition)                                                       \
    do {                                                                               \
        for (int wait_for_ms = 0; wait_for_ms < 5000 && !(condition); wait_for_ms++) { \
            test_sleep_ms(1);                                                          \
        }                                                                              \
        cr_assert(condition, "did not come: %s", #condition);                          \
    } while (0)
void test_sleep_ms(unsigned time_ms);
unsigned long test_now_ms(void);

baton_worker_stats test_stats(const baton_worker *worker);

/* A callback that receives into memory of baton's, checks that it has the bytes of seed (context:
 * unsigned char *), and acknowledges with {"ok":true} where that is asked for. */
void test_take(baton_handoff *handoff, void *context);

/* Serves, and waits until the subscription has reached the server. */
baton_service *test_serve(baton_worker *worker, const char *pool,
                          const baton_serve_options *options, baton_handoff_fn callback,
                          void *context);
/* What the queue of a service has, or gets within five seconds. */
baton_handoff *test_next_handoff(baton_service *service);

/* Offers one readable. */
baton_status test_offer(baton_worker *worker, const char *to, baton_descriptor *descriptor,
                        const baton_offer_options *options, baton_offer **offer_out);
/* The same where it must succeed. */
baton_offer *test_make_offer(baton_worker *worker, const char *to, baton_descriptor *descriptor,
                             const baton_offer_options *options);
/* Waits for the end of an offer, which must be the expected one. */
baton_outcome test_outcome(baton_offer *offer, baton_status expected);
/* The same, and destroys the offer. */
void test_expect(baton_offer *offer, baton_status expected);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "support/workers.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

void test_sleep_ms(unsigned time_ms)
{
    struct timespec time = {.tv_sec = time_ms / 1000, .tv_nsec = (long)(time_ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

unsigned long test_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long)now.tv_sec * 1000 + (unsigned long)now.tv_nsec / 1000000;
}

baton_worker *test_worker(const char *name, const char *url, const baton_worker_options *options)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_worker_options mine = BATON_WORKER_OPTIONS_INIT;
    baton_worker *worker = NULL;
    if (options != NULL) {
        mine = *options;
    }
    nats.url = url;
    mine.name = name;
    mine.nats = mine.nats != NULL ? mine.nats : &nats;
    mine.connect_wait_ms = options != NULL ? options->connect_wait_ms : 10000;
    cr_assert_eq(baton_worker_create(&mine, &worker), BATON_OK, "%s", baton_error_text());
    return worker;
}

void test_pair_start(test_pair *pair)
{
    test_pair_start_with(pair, NULL);
}

void test_pair_start_with(test_pair *pair, const char *config)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server");
    }
    pair->server = test_nats_start(config);
    pair->a = test_worker("a", test_nats_url(pair->server), NULL);
    pair->b = test_worker("b", test_nats_url(pair->server), NULL);
}

void test_pair_stop(test_pair *pair)
{
    baton_worker_destroy(pair->a);
    baton_worker_destroy(pair->b);
    test_nats_stop(pair->server);
}

static unsigned char byte_at(size_t index, unsigned char seed)
{
    return (unsigned char)(seed + index * 7 + index / 251);
}

baton_descriptor *test_memory(size_t size, unsigned char seed)
{
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_descriptor_allocate(size, BATON_DEVICE_HOST, &descriptor), BATON_OK);
    unsigned char *bytes = baton_descriptor_pointer(descriptor);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = byte_at(i, seed);
    }
    return descriptor;
}

bool test_memory_is(const baton_descriptor *descriptor, unsigned char seed)
{
    const unsigned char *bytes = baton_descriptor_pointer(descriptor);
    for (size_t i = 0; i < baton_descriptor_size(descriptor); i++) {
        if (bytes[i] != byte_at(i, seed)) {
            return false;
        }
    }
    return true;
}

baton_worker_stats test_stats(const baton_worker *worker)
{
    baton_worker_stats stats = {.struct_size = sizeof(stats)};
    cr_assert_eq(baton_worker_get_stats(worker, &stats), BATON_OK);
    return stats;
}

void test_take(baton_handoff *handoff, void *context)
{
    const unsigned char *seed = context;
    baton_descriptor *data = NULL;
    baton_status status = baton_handoff_receive(handoff, NULL, &data);
    cr_assert_eq(status, BATON_OK, "%s", baton_error_text());
    bool is_right = test_memory_is(data, *seed);
    baton_descriptor_release(data);
    cr_assert(is_right);
    if (baton_handoff_acknowledge(handoff) == BATON_ACKNOWLEDGE_APPLICATION) {
        cr_assert_eq(baton_handoff_ack(handoff, "{\"ok\":true}"), BATON_OK, "%s",
                     baton_error_text());
    }
}

baton_status test_offer(baton_worker *worker, const char *to, baton_descriptor *descriptor,
                        const baton_offer_options *options, baton_offer **offer_out)
{
    return baton_offer_readable(worker, to, &descriptor, 1, options, offer_out);
}

baton_service *test_serve(baton_worker *worker, const char *pool,
                          const baton_serve_options *options, baton_handoff_fn callback,
                          void *context)
{
    baton_service *service = NULL;
    cr_assert_eq(baton_worker_serve(worker, pool, options, callback, context, &service), BATON_OK,
                 "%s", baton_error_text());
    test_sleep_ms(50); /* the subscription reaches the server */
    return service;
}

baton_handoff *test_next_handoff(baton_service *service)
{
    baton_handoff *handoff = NULL;
    cr_assert_eq(baton_service_next(service, 5000, &handoff), BATON_OK, "%s", baton_error_text());
    return handoff;
}

baton_offer *test_make_offer(baton_worker *worker, const char *to, baton_descriptor *descriptor,
                             const baton_offer_options *options)
{
    baton_offer *offer = NULL;
    cr_assert_eq(test_offer(worker, to, descriptor, options, &offer), BATON_OK, "%s",
                 baton_error_text());
    return offer;
}

baton_outcome test_outcome(baton_offer *offer, baton_status expected)
{
    baton_outcome outcome = BATON_OUTCOME_INIT;
    baton_status status = baton_offer_wait(offer, 20000, &outcome);
    cr_assert_eq(status, expected, "%s instead of %s: %s", baton_status_name(status),
                 baton_status_name(expected), baton_error_text());
    return outcome;
}

void test_expect(baton_offer *offer, baton_status expected)
{
    (void)test_outcome(offer, expected);
    baton_offer_destroy(offer);
}

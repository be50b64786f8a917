/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that offer, wait, cancel, destroy, serve and look, all on the same two workers, and a
 * shut-down in the middle of it. A plain program: it is for ThreadSanitizer too.
 */
#include <baton/baton.h>

#include "support/nats_server.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, OFFERS = 400, SKIPPED = 77 };

static baton_worker *origin;
static baton_worker *consumer;
static baton_descriptor *memory;
static int failures;

static void check(bool is_right, const char *what)
{
    if (!is_right) {
        (void)fprintf(stderr, "%s: %s\n", what, baton_error_text());
        __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
    }
}

static void nap(long us)
{
    struct timespec time = {.tv_nsec = us * 1000};
    (void)nanosleep(&time, NULL);
}

static void take(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *data = NULL;
    if (baton_handoff_receive(handoff, NULL, &data) != BATON_OK) {
        return; /* cancelled */
    }
    check(*(const char *)baton_descriptor_pointer(data) == 5, "wrong bytes");
    baton_descriptor_release(data);
    if (baton_handoff_attempt(handoff) == 1 && baton_handoff_id(handoff).bytes[0] % 8 == 0) {
        (void)!baton_handoff_cancel(handoff);
        return;
    }
    (void)!baton_handoff_ack(handoff, NULL);
}

static baton_offer_options options_of(int i)
{
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    options.acknowledge = (baton_acknowledge)(i % 2);
    options.nobody = BATON_ABSENCE_WAIT;
    options.deadline_ms = 20000;
    return options;
}

static void *run_offers(void *argument)
{
    int thread = *(int *)argument;
    for (int i = 0; i < OFFERS; i++) {
        baton_offer_options options = options_of(i);
        baton_offer *offer = NULL;
        baton_status status = baton_offer_readable(origin, "pool", &memory, 1, &options, &offer);
        if (status == BATON_ERR_SHUT_DOWN) {
            return NULL;
        }
        check(status == BATON_OK, "offer");
        if ((i + thread) % 7 == 0) {
            nap(100 * (i % 10));
            check(baton_offer_cancel(offer) == BATON_OK, "cancel");
        }
        if ((i + thread) % 5 != 0) {
            baton_outcome outcome = BATON_OUTCOME_INIT;
            status = baton_offer_wait(offer, 30000, &outcome);
            check(status == BATON_OK || status == BATON_ERR_CANCELLED ||
                      status == BATON_ERR_SHUT_DOWN,
                  "wait");
        }
        baton_offer_destroy(offer);
    }
    return NULL;
}

static void *run_looks(void *argument)
{
    const bool *stop = argument;
    while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
        baton_worker_stats stats = {.struct_size = sizeof(stats)};
        check(baton_worker_get_stats(origin, &stats) == BATON_OK, "stats");
        check(baton_worker_is_connected(origin), "connected");
        nap(500);
    }
    return NULL;
}

static baton_worker *open_worker(const char *name, const char *url)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    baton_worker *worker = NULL;
    nats.url = url;
    options.name = name;
    options.nats = &nats;
    options.connect_wait_ms = 10000;
    check(baton_worker_create(&options, &worker) == BATON_OK, "worker");
    return worker;
}

static void run(bool shut_down_early)
{
    pthread_t threads[THREADS];
    pthread_t looker;
    int numbers[THREADS];
    bool stop = false;
    (void)pthread_create(&looker, NULL, run_looks, &stop);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        (void)pthread_create(&threads[i], NULL, run_offers, &numbers[i]);
    }
    if (shut_down_early) {
        nap(100000);
        __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
        (void)pthread_join(looker, NULL);
        check(baton_worker_shut_down(origin, 10000) == BATON_OK, "shut down");
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    if (!shut_down_early) {
        __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
        (void)pthread_join(looker, NULL);
    }
}

/* UCX's memory hooks call into ThreadSanitizer from threads that are past their end, which it does
 * not survive. UCX reads its environment before main. */
static void without_memory_hooks(char **arguments)
{
#ifdef __SANITIZE_THREAD__
    if (getenv("UCX_MEM_EVENTS") == NULL) {
        (void)setenv("UCX_MEM_EVENTS", "n", 1);
        (void)setenv("UCX_MEM_MMAP_HOOK_MODE", "none", 1);
        (void)execv("/proc/self/exe", arguments);
    }
#else
    (void)arguments;
#endif
}

int main(int count, char **arguments)
{
    (void)count;
    without_memory_hooks(arguments);
    if (!test_nats_available()) {
        (void)printf("there is no nats-server\n");
        return SKIPPED;
    }
    baton_test_nats *server = test_nats_start(NULL);
    static char bytes[50000];
    memset(bytes, 5, sizeof(bytes));
    check(baton_descriptor_from_pointer(bytes, sizeof(bytes), BATON_DEVICE_HOST, NULL, NULL,
                                        &memory) == BATON_OK,
          "descriptor");
    for (int round = 0; round < 2; round++) {
        baton_serve_options serve = BATON_SERVE_OPTIONS_INIT;
        serve.concurrency = 4;
        serve.prefetch = round == 1;
        origin = open_worker("origin", test_nats_url(server));
        consumer = open_worker("consumer", test_nats_url(server));
        check(baton_worker_serve(consumer, "pool", &serve, take, NULL, NULL) == BATON_OK, "serve");
        run(round == 1);
        baton_worker_destroy(consumer);
        baton_worker_destroy(origin);
    }
    baton_descriptor_release(memory);
    test_nats_stop(server);
    return failures == 0 ? 0 : 1;
}

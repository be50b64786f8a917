/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a large transfer keeps small ones waiting: hand-offs of 4 KiB alone, then beside one of BYTES from the same origin, to the
 * same consumer and to another one. Usage: bench_fairness URL [BYTES [COUNT]]
 *
 * The transfer is begun again until COUNT small ones were measured, each begun and over while it ran.
 */
#include <baton/baton.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 4096, WARM_UP = 200, WAIT_MS = 60000, CONSUMERS = 2 };

static void check(baton_status status, const char *what)
{
    if (status != BATON_OK) {
        (void)fprintf(stderr, "bench_fairness: %s: %s\n", what, baton_error_text());
        exit(2);
    }
}

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static baton_worker *open_worker(const char *url, const char *name)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    nats.url = url;
    options.name = name;
    options.nats = &nats;
    baton_worker *worker = NULL;
    check(baton_worker_create(&options, &worker), "worker");
    return worker;
}

static void take(baton_handoff *handoff, void *context)
{
    (void)handoff;
    (void)context; /* prefetched: the data is here */
}

static int consume(const char *url, const char *name)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    baton_worker *worker = open_worker(url, name);
    baton_service *service = NULL;
    baton_serve_options options = BATON_SERVE_OPTIONS_INIT;
    options.concurrency = 8;
    options.prefetch = true;
    check(baton_worker_serve(worker, name, &options, take, NULL, &service), "serve");
    (void)!write(STDOUT_FILENO, "s", 1);
    while (pause() != 0) {
    }
    return 0;
}

static pid_t start_consumer(const char *self, const char *url, const char *name)
{
    int ready[2];
    char byte;
    if (pipe(ready) != 0) {
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ready[1], STDOUT_FILENO);
        (void)close(ready[0]);
        (void)execl("/proc/self/exe", self, url, "--consume", name, (char *)NULL);
        _exit(2);
    }
    (void)close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) {
        exit(2);
    }
    (void)close(ready[0]);
    return child;
}

static baton_offer *offer(baton_worker *worker, const char *pool, baton_descriptor *descriptor)
{
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    baton_offer *made = NULL;
    options.nobody = BATON_ABSENCE_WAIT;
    options.deadline_ms = WAIT_MS;
    check(baton_offer_readable(worker, pool, &descriptor, 1, &options, &made), "offer");
    return made;
}

static double one_small(baton_worker *worker, const char *pool, baton_descriptor *descriptor)
{
    double begin = now_us();
    baton_offer *small = offer(worker, pool, descriptor);
    check(baton_offer_wait(small, WAIT_MS, NULL), "a small hand-off");
    double end = now_us();
    baton_offer_destroy(small);
    return end - begin;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct figures {
    double p50;
    double p99;
} figures;

static figures report(const char *what, double *samples, size_t count, const figures *alone)
{
    qsort(samples, count, sizeof(double), by_size);
    figures f = {samples[count / 2], samples[count * 99 / 100]};
    (void)printf("%-44s p50 %8.1f us, p99 %8.1f us", what, f.p50, f.p99);
    if (alone != NULL) {
        (void)printf(", times those alone: p50 %.2f, p99 %.2f", f.p50 / alone->p50, f.p99 / alone->p99);
    }
    (void)printf("\n");
    return f;
}

/* Large ones to the first consumer one after the other, small ones to pool meanwhile. Returns the rate of the large ones in GB/s. */
static double beside(baton_worker *worker, const char *large_pool, baton_descriptor *large, const char *pool,
                     baton_descriptor *small, double *samples, size_t count)
{
    double bytes = 0;
    double elapsed = 0;
    for (size_t i = 0; i < count;) {
        double begin = now_us();
        baton_offer *running = offer(worker, large_pool, large);
        for (;;) {
            double latency = one_small(worker, pool, small);
            if (baton_offer_is_over(running)) {
                break;
            }
            if (i < count) {
                samples[i++] = latency;
            }
        }
        check(baton_offer_wait(running, WAIT_MS, NULL), "a large hand-off");
        baton_offer_destroy(running);
        elapsed += now_us() - begin;
        bytes += (double)baton_descriptor_size(large);
    }
    return bytes / elapsed / 1e3;
}

int main(int argc, char **argv)
{
    static const char *const names[CONSUMERS] = {"fairness-same", "fairness-other"};
    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_fairness URL [BYTES [COUNT]]\n");
        return 2;
    }
    if (argc == 4 && strcmp(argv[2], "--consume") == 0) {
        return consume(argv[1], argv[3]);
    }
    size_t bytes = argc > 2 ? strtoull(argv[2], NULL, 0) : (size_t)2 << 30;
    size_t count = argc > 3 ? strtoull(argv[3], NULL, 0) : 2000;
    pid_t children[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++) {
        children[i] = start_consumer(argv[0], argv[1], names[i]);
    }
    baton_worker *worker = open_worker(argv[1], "fairness-origin");
    baton_descriptor *small = NULL;
    baton_descriptor *large = NULL;
    check(baton_descriptor_allocate(SMALL, BATON_DEVICE_HOST, &small), "memory");
    check(baton_descriptor_allocate(bytes, BATON_DEVICE_HOST, &large), "memory");
    memset(baton_descriptor_pointer(large), 1, bytes);
    double *samples = calloc(count, sizeof(double));
    figures alone[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++) {
        for (size_t n = 0; n < WARM_UP + count; n++) {
            samples[n < WARM_UP ? 0 : n - WARM_UP] = one_small(worker, names[i], small);
        }
        alone[i] = report("4 KiB alone", samples, count, NULL);
    }
    for (int i = 0; i < CONSUMERS; i++) {
        double rate = beside(worker, names[0], large, names[i], small, samples, count);
        (void)report(i == 0 ? "4 KiB beside, to the same consumer" : "4 KiB beside, to another consumer", samples, count,
                     &alone[i]);
        (void)printf("    the large one, of %zu bytes: %.2f GB/s\n", bytes, rate);
    }
    for (int i = 0; i < CONSUMERS; i++) {
        (void)kill(children[i], SIGKILL);
        (void)waitpid(children[i], NULL, 0);
    }
    free(samples);
    baton_descriptor_release(small);
    baton_descriptor_release(large);
    baton_worker_destroy(worker);
    return 0;
}

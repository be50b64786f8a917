/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a large transfer keeps small ones waiting: hand-offs of 4 KiB alone, then beside one of --size bytes from the same origin, to
 * the same consumer and to another one. It needs a nats-server at --nats, and memory for --size twice.
 *
 * The transfer is begun again until --count small ones were measured, each begun and over while it ran. Alone they go to both consumers
 * in turn.
 */
#include "measure.h"

#include <baton/baton.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 4096, WAIT_MS = 60000, CONSUMERS = 2 };

typedef struct origin {
    measure_options options;
    baton_worker *worker;
    baton_descriptor *small;
    baton_descriptor *large;
    char pools[CONSUMERS][32];
    double *latencies_us;
} origin;

static void check(baton_status status, const char *what)
{
    if (status != BATON_OK) {
        measure_fail("%s: %s", what, baton_error_text());
    }
}

static baton_worker *open_worker(const char *url, const char *name)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    baton_worker *worker = NULL;
    nats.url = url;
    options.name = name;
    options.nats = &nats;
    options.connect_wait_ms = WAIT_MS;
    check(baton_worker_create(&options, &worker), "worker");
    return worker;
}

static void take(baton_handoff *handoff, void *context)
{
    (void)handoff;
    (void)context; /* prefetched: the data is here */
}

/* Until its parent kills it. */
static int consume(const char *url, const char *name)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    baton_service *service = NULL;
    baton_serve_options options = BATON_SERVE_OPTIONS_INIT;
    options.concurrency = 8;
    options.prefetch = true;
    check(baton_worker_serve(open_worker(url, name), name, &options, take, NULL, &service), "serve");
    measure_write(STDOUT_FILENO, "s", 1);
    while (pause() != 0) {
    }
    return 0;
}

static pid_t start_consumer(const char *self, const char *url, const char *name)
{
    int ready[2];
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ready) != 0) {
        measure_fail("no socket");
    }
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ready[1], STDOUT_FILENO);
        (void)close(ready[0]);
        (void)execl("/proc/self/exe", self, "--consume", url, name, (char *)NULL);
        _exit(2);
    }
    (void)close(ready[1]);
    measure_read(ready[0], &byte, 1);
    (void)close(ready[0]);
    return child;
}

static baton_offer *offer(const origin *self, const char *pool, baton_descriptor *descriptor)
{
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    baton_offer *made = NULL;
    options.nobody = BATON_ABSENCE_WAIT;
    options.deadline_ms = WAIT_MS;
    check(baton_offer_readable(self->worker, pool, &descriptor, 1, &options, &made), "offer");
    return made;
}

static double one_small(const origin *self, const char *pool)
{
    uint64_t begin = measure_now_ns();
    baton_offer *made = offer(self, pool, self->small);
    check(baton_offer_wait(made, WAIT_MS, NULL), "a small hand-off");
    double latency_us = (double)(measure_now_ns() - begin) / 1e3;
    baton_offer_destroy(made);
    return latency_us;
}

static void print(const origin *self, const char *type, double large_gb_per_s)
{
    measure_statistics found = measure_summarize(self->latencies_us, self->options.count);
    (void)printf("{\"type\":\"%s\",\"size_bytes\":%d,\"count\":%llu,\"large_bytes\":%llu,\"p50_us\":%.3f,\"p99_us\":%.3f,"
                 "\"best_us\":%.3f,\"large_gb_per_s\":%.4f}\n",
                 type, SMALL, (unsigned long long)self->options.count, (unsigned long long)self->options.size_bytes, found.p50,
                 found.p99, found.best, large_gb_per_s);
}

static void measure_alone(const origin *self)
{
    for (uint64_t i = 0; i < self->options.warmup + self->options.count; i++) {
        double latency_us = one_small(self, self->pools[i % CONSUMERS]);
        if (i >= self->options.warmup) {
            self->latencies_us[i - self->options.warmup] = latency_us;
        }
    }
    print(self, "fairness_alone", 0);
}

/* Large ones to the first consumer one after the other, small ones to pool meanwhile. */
static void measure_beside(const origin *self, const char *pool, const char *type)
{
    uint64_t begin = measure_now_ns();
    double bytes = 0;
    for (uint64_t i = 0; i < self->options.count; bytes += (double)self->options.size_bytes) {
        baton_offer *running = offer(self, self->pools[0], self->large);
        while (!baton_offer_is_over(running)) {
            double latency_us = one_small(self, pool);
            if (i < self->options.count && !baton_offer_is_over(running)) {
                self->latencies_us[i++] = latency_us;
            }
        }
        check(baton_offer_wait(running, WAIT_MS, NULL), "a large hand-off");
        baton_offer_destroy(running);
    }
    print(self, type, bytes / (double)(measure_now_ns() - begin));
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "--consume") == 0) {
        return consume(arguments[2], arguments[3]);
    }
    origin self = {.options = measure_parse(count, arguments, "read")};
    pid_t children[CONSUMERS];
    if (self.options.nats == NULL) {
        measure_fail("--nats is needed");
    }
    for (int i = 0; i < CONSUMERS; i++) {
        (void)snprintf(self.pools[i], sizeof(self.pools[i]), "fairness-%d-%d", (int)getpid(), i);
        children[i] = start_consumer(arguments[0], self.options.nats, self.pools[i]);
    }
    self.worker = open_worker(self.options.nats, "fairness-origin");
    check(baton_descriptor_allocate(SMALL, BATON_DEVICE_HOST, &self.small), "memory");
    check(baton_descriptor_allocate(self.options.size_bytes, BATON_DEVICE_HOST, &self.large), "memory");
    memset(baton_descriptor_pointer(self.large), 1, self.options.size_bytes);
    self.latencies_us = calloc(self.options.count, sizeof(double));
    if (self.latencies_us == NULL) {
        measure_fail("no memory");
    }
    measure_alone(&self);
    measure_beside(&self, self.pools[0], "fairness_same");
    measure_beside(&self, self.pools[1], "fairness_other");
    for (int i = 0; i < CONSUMERS; i++) {
        (void)kill(children[i], SIGKILL);
        (void)waitpid(children[i], NULL, 0);
    }
    free(self.latencies_us);
    baton_descriptor_release(self.small);
    baton_descriptor_release(self.large);
    baton_worker_destroy(self.worker);
    return 0;
}

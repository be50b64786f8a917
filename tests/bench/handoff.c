/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency of a whole hand-off, offer to outcome at the origin, against a NATS request and reply
 * between the same two processes, in alternating rounds of one run. It needs a nats-server at
 * --nats.
 *
 *   --progress application   both sides drive progress themselves: one thread a side does UCX and
 * NATS
 *   --progress thread        baton's owner threads do
 *
 * --op handoff runs hand-offs alone, all (the default) the baselines too.
 *
 * Two baselines, and the faster one counts:
 *   ping      a request over baton's own event loop, by the same threads (baton_worker_ping, some
 * 250 bytes of JSON) request   the faster way that nats.c has without a loop of one's own: SendAsap
 * on both sides, synchronous subscriptions, 400 bytes there and back, which is about an offer
 */
#include "measure.h"

#include <baton/baton.h>
#include <nats/nats.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KINDS = 3, ROUNDS = 10, WAIT_MS = 10000, REQUEST_SIZE = 400 };

typedef struct origin {
    measure_options options;
    int fd;
    char suffix[32]; /* makes the subjects of this run its own */
    char consumer[64];
    char inbox_subject[64];
    char echo_subject[64];
    baton_worker *worker;
    baton_descriptor *descriptor;
    natsConnection *connection;
    natsSubscription *inbox;
    baton_outcome outcome;
    baton_offer *last; /* keeps the strings of the outcome */
} origin;

static void check(baton_status status, const char *what)
{
    if (status != BATON_OK) {
        measure_fail("%s: %s", what, baton_error_text());
    }
}

static void check_nats(natsStatus status, const char *what)
{
    if (status != NATS_OK) {
        measure_fail("%s: %s", what, natsStatus_GetText(status));
    }
}

static natsConnection *connect_nats(const char *url)
{
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    check_nats(natsOptions_Create(&options), "options");
    check_nats(natsOptions_SetURL(options, url), "URL");
    check_nats(natsOptions_SetSendAsap(options, true), "SendAsap");
    check_nats(natsConnection_Connect(&connection, options), "connect");
    natsOptions_Destroy(options);
    return connection;
}

static bool is_application(const measure_options *options)
{
    return strcmp(options->progress, "application") == 0;
}

static baton_worker *open_worker(const measure_options *options, const char *name)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_connector_options connector = BATON_CONNECTOR_OPTIONS_INIT;
    baton_worker_options settings = BATON_WORKER_OPTIONS_INIT;
    baton_worker *worker = NULL;
    nats.url = options->nats;
    connector.progress =
        is_application(options) ? BATON_PROGRESS_APPLICATION : BATON_PROGRESS_THREAD;
    if (options->spin_us != UINT64_MAX) {
        connector.spin_us = (uint32_t)options->spin_us;
    }
    settings.name = name;
    settings.nats = &nats;
    settings.connector = &connector;
    settings.connect_wait_ms = WAIT_MS;
    check(baton_worker_create(&settings, &worker), "worker");
    return worker;
}

/* The other side of the baseline: its own thread and connection, asleep while hand-offs run. */
static void *answer(void *argument)
{
    origin *self = argument;
    natsSubscription *subscription = NULL;
    self->connection = connect_nats(self->options.nats);
    check_nats(natsConnection_SubscribeSync(&subscription, self->connection, self->echo_subject),
               "subscribe");
    check_nats(natsConnection_Flush(self->connection), "flush");
    measure_write(self->fd, "r", 1);
    natsMsg *message = NULL;
    natsStatus status = NATS_OK;
    while (status == NATS_OK || status == NATS_TIMEOUT) {
        status = natsSubscription_NextMsg(&message, subscription, 1000);
        if (status == NATS_OK) {
            check_nats(natsConnection_Publish(self->connection, natsMsg_GetReply(message),
                                              natsMsg_GetData(message),
                                              natsMsg_GetDataLength(message)),
                       "a reply");
            natsMsg_Destroy(message);
        }
    }
    check_nats(status, "a request");
    return NULL;
}

static void take(baton_handoff *handoff, void *context)
{
    (void)handoff;
    (void)context; /* prefetched: the data is here */
}

static void set_names(origin *self)
{
    (void)snprintf(self->consumer, sizeof(self->consumer), "bench-b-%s", self->suffix);
    (void)snprintf(self->inbox_subject, sizeof(self->inbox_subject), "bench.inbox.%s",
                   self->suffix);
    (void)snprintf(self->echo_subject, sizeof(self->echo_subject), "bench.echo.%s", self->suffix);
}

/* A look at the socket is a system call, so there is none while something happens. */
static void drive_until_idle(baton_worker *worker)
{
    baton_status status;
    do {
        status = baton_worker_progress_wait(worker, 100);
    } while (status == BATON_OK);
    if (status != BATON_ERR_TIMED_OUT) {
        check(status, "progress");
    }
}

/* Ends with the origin: by its death, or by the end of the socket. */
static void consume(origin *self)
{
    pthread_t thread;
    baton_service *service = NULL;
    baton_serve_options options = BATON_SERVE_OPTIONS_INIT;
    options.concurrency = 8;
    options.prefetch = true;
    measure_read(self->fd, self->suffix, sizeof(self->suffix));
    set_names(self);
    if (pthread_create(&thread, NULL, answer, self) != 0) {
        measure_fail("a thread");
    }
    self->worker = open_worker(&self->options, self->consumer);
    check(baton_worker_serve(self->worker, self->consumer, &options, take, NULL, &service),
          "serve");
    measure_write(self->fd, "s", 1);
    struct pollfd over = {.fd = self->fd, .events = POLLIN};
    while (poll(&over, 1, is_application(&self->options) ? 0 : -1) == 0) {
        drive_until_idle(self->worker);
    }
    _Exit(0);
}

static double one_handoff(origin *self)
{
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    baton_offer *offer = NULL;
    options.nobody = BATON_ABSENCE_WAIT;
    uint64_t begin_ns = measure_now_ns();
    check(
        baton_offer_readable(self->worker, self->consumer, &self->descriptor, 1, &options, &offer),
        "offer");
    check(baton_offer_wait(offer, WAIT_MS, &self->outcome), "hand-off");
    uint64_t end_ns = measure_now_ns();
    baton_offer_destroy(self->last);
    self->last = offer;
    return (double)(end_ns - begin_ns) / 1e3;
}

static double one_ping(origin *self)
{
    uint64_t begin_ns = measure_now_ns();
    check(baton_worker_ping(self->worker, self->consumer, WAIT_MS, NULL), "ping");
    return (double)(measure_now_ns() - begin_ns) / 1e3;
}

static double one_request(origin *self)
{
    static char payload[REQUEST_SIZE];
    natsMsg *message = NULL;
    uint64_t begin_ns = measure_now_ns();
    check_nats(natsConnection_PublishRequest(self->connection, self->echo_subject,
                                             self->inbox_subject, payload, sizeof(payload)),
               "request");
    check_nats(natsSubscription_NextMsg(&message, self->inbox, WAIT_MS), "reply");
    double time_us = (double)(measure_now_ns() - begin_ns) / 1e3;
    natsMsg_Destroy(message);
    return time_us;
}

static void prepare(origin *self)
{
    char bytes[2];
    (void)snprintf(self->suffix, sizeof(self->suffix), "%d-%llx", (int)getpid(),
                   (unsigned long long)measure_now_ns());
    set_names(self);
    measure_write(self->fd, self->suffix, sizeof(self->suffix));
    measure_read(self->fd, bytes, sizeof(bytes));
    self->connection = connect_nats(self->options.nats);
    check_nats(natsConnection_SubscribeSync(&self->inbox, self->connection, self->inbox_subject),
               "inbox");
    char name[64];
    (void)snprintf(name, sizeof(name), "bench-a-%s", self->suffix);
    self->worker = open_worker(&self->options, name);
    check(baton_descriptor_allocate(self->options.size_bytes, BATON_DEVICE_HOST, &self->descriptor),
          "memory");
}

typedef double (*measured_fn)(origin *self);

static void print(const origin *self, size_t count, const measure_statistics kinds[KINDS], int used)
{
    const char *names[KINDS] = {"", "ping_", "request_"};
    (void)printf("{\"type\":\"handoff\",\"size_bytes\":%llu,\"count\":%zu,\"link\":\"%s\","
                 "\"progress\":\"%s\","
                 "\"path\":\"%s\",\"transport\":\"%s\"",
                 (unsigned long long)self->options.size_bytes, count, self->options.link,
                 self->options.progress, self->outcome.path, self->outcome.transport);
    for (int kind = 0; kind < used; kind++) {
        (void)printf(",\"%sp50_us\":%.3f,\"%sp99_us\":%.3f,\"%sbest_us\":%.3f", names[kind],
                     kinds[kind].p50, names[kind], kinds[kind].p99, names[kind], kinds[kind].best);
    }
    (void)printf("}\n");
}

static void run(origin *self)
{
    const measured_fn functions[KINDS] = {one_handoff, one_ping, one_request};
    int used = strcmp(self->options.op, "handoff") == 0 ? 1 : KINDS;
    size_t each = self->options.count / ROUNDS + 1;
    double *samples[KINDS];
    measure_statistics kinds[KINDS];
    for (int kind = 0; kind < used; kind++) {
        samples[kind] = calloc(each * ROUNDS, sizeof(double));
        if (samples[kind] == NULL) {
            measure_fail("no memory");
        }
        for (uint64_t i = 0; i < self->options.warmup; i++) {
            (void)functions[kind](self);
        }
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (int kind = 0; kind < used; kind++) {
            for (size_t i = 0; i < each; i++) {
                samples[kind][round * each + i] = functions[kind](self);
            }
        }
    }
    for (int kind = 0; kind < used; kind++) {
        kinds[kind] = measure_summarize(samples[kind], each * ROUNDS);
        free(samples[kind]);
    }
    print(self, each * ROUNDS, kinds, used);
}

int main(int count, char **arguments)
{
    origin self = {.options = measure_parse(count, arguments, "all"),
                   .outcome = BATON_OUTCOME_INIT};
    self.fd = self.options.peer_fd >= 0 ? self.options.peer_fd : measure_start_peer(arguments);
    measure_set_transports(self.options.link);
    if (self.options.peer_fd >= 0) {
        consume(&self);
    }
    prepare(&self);
    run(&self);
    baton_offer_destroy(self.last);
    baton_descriptor_release(self.descriptor);
    baton_worker_destroy(self.worker);
    natsSubscription_Destroy(self.inbox);
    natsConnection_Close(self.connection);
    natsConnection_Destroy(self.connection);
    (void)close(self.fd);
    measure_end_peer();
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency of a whole hand-off, offer to outcome at the origin, against a NATS request and reply between the same
 * two processes in the same run, in alternating rounds. Usage: bench_handoff URL [SIZE [COUNT [thread]]]
 *
 * The hand-off: both sides drive progress themselves, or with "thread" baton's owner threads do. The baseline is the faster
 * way that nats.c has without a loop of one's own: SendAsap on both sides, synchronous subscriptions.
 */
#include <baton/baton.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 10, WARM_UP = 50 };

static void check(baton_status status, const char *what)
{
    if (status != BATON_OK) {
        (void)fprintf(stderr, "bench_handoff: %s: %s\n", what, baton_error_text());
        exit(2);
    }
}

static void check_nats(natsStatus status, const char *what)
{
    if (status != NATS_OK) {
        (void)fprintf(stderr, "bench_handoff: %s: %s\n", what, natsStatus_GetText(status));
        exit(2);
    }
}

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
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

static baton_worker *open_worker(const char *url, const char *name, bool thread)
{
    baton_nats_options nats = BATON_NATS_OPTIONS_INIT;
    baton_connector_options connector = BATON_CONNECTOR_OPTIONS_INIT;
    baton_worker_options options = BATON_WORKER_OPTIONS_INIT;
    nats.url = url;
    connector.progress = thread ? BATON_PROGRESS_THREAD : BATON_PROGRESS_APPLICATION;
    options.name = name;
    options.nats = &nats;
    options.connector = &connector;
    baton_worker *worker = NULL;
    check(baton_worker_create(&options, &worker), "worker");
    return worker;
}

static void *answer(void *argument)
{
    natsConnection *connection = connect_nats(argument);
    natsSubscription *subscription = NULL;
    check_nats(natsConnection_SubscribeSync(&subscription, connection, "bench.echo"), "subscribe");
    check_nats(natsConnection_Flush(connection), "flush");
    (void)!write(STDOUT_FILENO, "r", 1);
    for (natsMsg *message = NULL;;) {
        if (natsSubscription_NextMsg(&message, subscription, 60000) != NATS_OK) {
            return NULL;
        }
        (void)natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                                     natsMsg_GetDataLength(message));
        natsMsg_Destroy(message);
    }
}

static void take(baton_handoff *handoff, void *context)
{
    (void)handoff;
    (void)context; /* prefetched: the data is here */
}

static int consume(const char *url, bool thread)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_t thread_id;
    if (pthread_create(&thread_id, NULL, answer, (void *)url) != 0) {
        return 2;
    }
    baton_worker *worker = open_worker(url, "bench-consumer", thread);
    baton_service *service = NULL;
    baton_serve_options options = BATON_SERVE_OPTIONS_INIT;
    options.concurrency = 8;
    options.prefetch = true;
    check(baton_worker_serve(worker, "bench", &options, take, NULL, &service), "serve");
    (void)!write(STDOUT_FILENO, "s", 1);
    for (;;) {
        if (thread) {
            (void)pause();
        } else {
            (void)!baton_worker_progress_wait(worker, 1000);
        }
    }
}

static double one_handoff(baton_worker *worker, baton_descriptor *descriptor)
{
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    options.nobody = BATON_ABSENCE_WAIT;
    baton_offer *offer = NULL;
    double begin = now_us();
    check(baton_offer_readable(worker, "bench", &descriptor, 1, &options, &offer), "offer");
    check(baton_offer_wait(offer, 10000, NULL), "hand-off");
    double end = now_us();
    baton_offer_destroy(offer);
    return end - begin;
}

static double one_request(natsConnection *connection, natsSubscription *inbox, const char *reply)
{
    static char payload[400]; /* about an OFFER */
    natsMsg *message = NULL;
    double begin = now_us();
    check_nats(natsConnection_PublishRequest(connection, "bench.echo", reply, payload, sizeof(payload)), "request");
    check_nats(natsSubscription_NextMsg(&message, inbox, 10000), "reply");
    double end = now_us();
    natsMsg_Destroy(message);
    return end - begin;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static pid_t start_consumer(const char *self, const char *url, const char *mode)
{
    int ready[2];
    if (pipe(ready) != 0) {
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ready[1], STDOUT_FILENO);
        (void)close(ready[0]);
        (void)execl("/proc/self/exe", self, url, "--consume", mode, (char *)NULL);
        _exit(2);
    }
    (void)close(ready[1]);
    char bytes[2];
    for (size_t got = 0; got < sizeof(bytes);) {
        ssize_t n = read(ready[0], bytes, sizeof(bytes) - got);
        if (n <= 0) {
            exit(2);
        }
        got += (size_t)n;
    }
    return child;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_handoff URL [SIZE [COUNT [thread]]]\n");
        return 2;
    }
    if (argc == 4 && strcmp(argv[2], "--consume") == 0) {
        return consume(argv[1], strcmp(argv[3], "thread") == 0);
    }
    size_t size = argc > 2 ? strtoull(argv[2], NULL, 0) : 4096;
    size_t count = argc > 3 ? strtoull(argv[3], NULL, 0) : 2000;
    const char *mode = argc > 4 ? argv[4] : "application";
    pid_t child = start_consumer(argv[0], argv[1], mode);
    natsConnection *connection = connect_nats(argv[1]);
    natsSubscription *inbox = NULL;
    check_nats(natsConnection_SubscribeSync(&inbox, connection, "bench.inbox"), "inbox");
    baton_worker *worker = open_worker(argv[1], "bench-origin", strcmp(mode, "thread") == 0);
    baton_descriptor *descriptor = NULL;
    check(baton_descriptor_allocate(size, BATON_DEVICE_HOST, &descriptor), "memory");
    size_t each = count / ROUNDS + 1;
    double *handoffs = calloc(each * ROUNDS, sizeof(double));
    double *requests = calloc(each * ROUNDS, sizeof(double));
    for (size_t i = 0; i < WARM_UP; i++) {
        (void)one_handoff(worker, descriptor);
        (void)one_request(connection, inbox, "bench.inbox");
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < each; i++) {
            handoffs[round * each + i] = one_handoff(worker, descriptor);
        }
        for (size_t i = 0; i < each; i++) {
            requests[round * each + i] = one_request(connection, inbox, "bench.inbox");
        }
    }
    size_t n = each * ROUNDS;
    qsort(handoffs, n, sizeof(double), by_size);
    qsort(requests, n, sizeof(double), by_size);
    (void)printf("hand-off of %zu bytes, progress by %s: p50 %.1f us, p99 %.1f us\n", size, mode, handoffs[n / 2],
                 handoffs[n * 99 / 100]);
    (void)printf("NATS request and reply:  p50 %.1f us, p99 %.1f us\n", requests[n / 2], requests[n * 99 / 100]);
    (void)printf("ratio: p50 %.2f, p99 %.2f\n", handoffs[n / 2] / requests[n / 2],
                 handoffs[n * 99 / 100] / requests[n * 99 / 100]);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    baton_descriptor_release(descriptor);
    baton_worker_destroy(worker);
    natsSubscription_Destroy(inbox);
    natsConnection_Close(connection);
    natsConnection_Destroy(connection);
    free(handoffs);
    free(requests);
    return 0;
}

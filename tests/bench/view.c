/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a view costs: a reader on the same host gets a pointer into a pool of the other process,
 * looks at the first and at the last byte, and releases it. Two sizes, 4 KiB and --size, in
 * alternating batches between the same two processes. Latency is from baton_connector_begin_view to
 * the return of baton_operation_release_view.
 */
#include "measure.h"

#include <baton/sdk.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KINDS = 2, BATCH = 50, READERS_MAX = 1024, WAIT_MS = 20000, SMALL = 4096 };

typedef struct side {
    measure_options options;
    int fd;
    baton_connector *connector;
    size_t sizes[KINDS];
} side;

static void check(baton_status status, const char *what)
{
    if (status != BATON_OK) {
        measure_fail("%s: %s", what, baton_error_text());
    }
}

static bool is_application(const side *self)
{
    return strcmp(self->options.progress, "application") == 0;
}

static void open_connector(side *self)
{
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.map_group = "bench";
    options.progress = is_application(self) ? BATON_PROGRESS_APPLICATION : BATON_PROGRESS_THREAD;
    check(baton_connector_create(&options, &self->connector), "connector");
}

/* Readables in a pool, one for each size, for as many readers as there will be; their metadata goes
 * to the other side. */
static void offer(side *self)
{
    baton_pool_options pool_options = BATON_POOL_OPTIONS_INIT;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    baton_pool *pool = NULL;
    pool_options.capacity_bytes = self->sizes[0] + self->sizes[1] + (1 << 20);
    pool_options.group = "bench";
    check(baton_pool_create(&pool_options, &pool), "pool");
    options.readers = (uint32_t)(self->options.count + self->options.warmup);
    options.deadline_ms = 3600 * 1000;
    for (int kind = 0; kind < KINDS; kind++) {
        baton_descriptor *piece = NULL;
        baton_operation *readable = NULL;
        baton_metadata *metadata = NULL;
        check(baton_pool_allocate(pool, self->sizes[kind], &piece), "piece");
        measure_fill(baton_descriptor_pointer(piece), self->sizes[kind], (uint64_t)kind);
        check(baton_connector_create_readable(self->connector, &piece, 1, &options, &readable),
              "readable");
        check(baton_operation_metadata(readable, &metadata), "metadata");
        size_t size = baton_metadata_encoded_size(metadata);
        uint64_t length = size;
        void *encoded = malloc(size);
        if (encoded == NULL) {
            measure_fail("no memory");
        }
        check(baton_metadata_encode(metadata, encoded, size, &size), "metadata");
        measure_write(self->fd, &length, sizeof(length));
        measure_write(self->fd, encoded, size);
        free(encoded);
        baton_metadata_destroy(metadata);
    }
}

/* Until the other side closes the socket. */
static void serve(side *self)
{
    struct pollfd over = {.fd = self->fd, .events = POLLIN};
    while (poll(&over, 1, is_application(self) ? 0 : -1) == 0) {
        baton_status status;
        do {
            status = baton_connector_progress_wait(self->connector, 100);
        } while (status == BATON_OK);
        if (status != BATON_ERR_TIMED_OUT) {
            check(status, "progress");
        }
    }
    _Exit(0);
}

static baton_metadata *take_metadata(side *self)
{
    uint64_t length;
    baton_metadata *metadata = NULL;
    measure_read(self->fd, &length, sizeof(length));
    void *encoded = malloc(length);
    if (encoded == NULL) {
        measure_fail("no memory");
    }
    measure_read(self->fd, encoded, length);
    check(baton_metadata_decode(encoded, length, &metadata), "metadata");
    free(encoded);
    return metadata;
}

/* Looks at the view, so that its pages are there: the first and the last byte. */
static unsigned look(const baton_operation *operation)
{
    const void *pointer = NULL;
    size_t size = 0;
    check(baton_operation_view(operation, 0, &pointer, &size), "view");
    const volatile unsigned char *bytes = pointer;
    return (unsigned)bytes[0] + bytes[size - 1];
}

static double one_view(side *self, const baton_metadata *metadata, bool is_checked, int kind)
{
    baton_operation *operation = NULL;
    uint64_t begin_ns = measure_now_ns();
    check(baton_connector_begin_view(self->connector, metadata, NULL, &operation), "a view");
    check(baton_operation_wait_view(operation, WAIT_MS), "a view");
    (void)look(operation);
    if (is_checked) {
        const void *pointer = NULL;
        size_t size = 0;
        check(baton_operation_view(operation, 0, &pointer, &size), "view");
        if (size != self->sizes[kind] || !measure_is_filled(pointer, size, (uint64_t)kind)) {
            measure_fail("the data of a view is wrong");
        }
    }
    check(baton_operation_release_view(operation), "release");
    double time_us = (double)(measure_now_ns() - begin_ns) / 1e3;
    check(baton_operation_wait(operation, WAIT_MS), "the end of a view");
    baton_operation_destroy(operation);
    return time_us;
}

static void run(side *self)
{
    static const char *const types[KINDS] = {"view_small", "view_large"};
    baton_metadata *metadata[KINDS];
    double *samples[KINDS];
    uint64_t done = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        metadata[kind] = take_metadata(self);
        samples[kind] = calloc(self->options.count, sizeof(double));
        if (samples[kind] == NULL) {
            measure_fail("no memory");
        }
        for (uint64_t i = 0; i < self->options.warmup; i++) {
            (void)one_view(self, metadata[kind], i == 0, kind);
        }
    }
    while (done < self->options.count) {
        uint64_t left = self->options.count - done;
        uint64_t batch = left < BATCH ? left : BATCH;
        for (int kind = 0; kind < KINDS; kind++) {
            for (uint64_t i = 0; i < batch; i++) {
                samples[kind][done + i] = one_view(self, metadata[kind], false, kind);
            }
        }
        done += batch;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        measure_statistics latency = measure_summarize(samples[kind], self->options.count);
        (void)printf("{\"type\":\"%s\",\"size_bytes\":%zu,\"count\":%llu,\"progress\":\"%s\",\"p50_"
                     "us\":%.3f,\"p99_us\":%.3f,"
                     "\"best_us\":%.3f,\"data_checked\":true}\n",
                     types[kind], self->sizes[kind], (unsigned long long)self->options.count,
                     self->options.progress, latency.p50, latency.p99, latency.best);
        baton_metadata_destroy(metadata[kind]);
        free(samples[kind]);
    }
}

int main(int count, char **arguments)
{
    side self = {.options = measure_parse(count, arguments, "read")};
    if (self.options.warmup == 0 || self.options.count + self.options.warmup > READERS_MAX) {
        measure_fail("--warmup is at least 1, and with --count at most %d", READERS_MAX);
    }
    self.sizes[0] = SMALL;
    self.sizes[1] = self.options.size_bytes;
    self.fd = self.options.peer_fd >= 0 ? self.options.peer_fd : measure_start_peer(arguments);
    measure_set_transports("shm");
    open_connector(&self);
    if (self.options.peer_fd >= 0) {
        offer(&self);
        serve(&self);
    }
    run(&self);
    baton_connector_destroy(self.connector);
    (void)close(self.fd);
    measure_end_peer();
    return 0;
}

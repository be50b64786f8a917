/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that view, release, cancel, answer and destroy, all between the same two connectors. A plain program: it is for
 * ThreadSanitizer too.
 */
#include <baton/sdk.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 240, WAYS = 8, SIZE = 8192, SOON_MS = 30000 };

static baton_connector *origin;
static baton_connector *reader;
static baton_pool *pool;
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

/* False: it ended without. Else its bytes are those of the piece, whatever has become of the operation. */
static bool look(baton_operation *view, int seed)
{
    const void *pointer = NULL;
    size_t size = 0;
    if (baton_operation_wait_view(view, SOON_MS) != BATON_OK) {
        return false;
    }
    check(baton_operation_view(view, 0, &pointer, &size) == BATON_OK, "view");
    check(size == SIZE && ((const unsigned char *)pointer)[SIZE - 1] == (unsigned char)seed, "wrong bytes");
    return true;
}

static void release(baton_operation *view)
{
    check(baton_operation_release_view(view) == BATON_OK, "release");
}

/* The ways in which a view ends. passive: the origin's operation. */
static void live(baton_operation *view, baton_operation *passive, int way, int seed)
{
    switch (way) {
    case 0:
        if (look(view, seed)) {
            release(view);
            (void)!baton_operation_wait(view, SOON_MS);
        }
        break;
    case 1:
        break; /* its handle is destroyed at once */
    case 2:
        (void)look(view, seed);
        break;
    case 3:
        if (look(view, seed)) {
            check(baton_operation_cancel(view) == BATON_OK, "cancel");
            (void)!baton_operation_wait(view, SOON_MS);
            check(look(view, seed), "it is held still");
            release(view);
        }
        break;
    case 4:
        nap(seed * 3);
        (void)!baton_operation_release_view(view);
        break;
    case 5:
        check(baton_operation_cancel(passive) == BATON_OK, "cancel");
        if (look(view, seed)) {
            release(view);
        }
        break;
    case 6:
        if (look(view, seed)) {
            release(view);
        }
        break;
    default:
        if (look(view, seed)) {
            (void)!baton_operation_ack(view, NULL, 0);
            (void)!baton_operation_wait(view, SOON_MS);
        }
        break;
    }
}

static bool one(int way, int seed)
{
    baton_descriptor *piece = NULL;
    baton_operation *passive = NULL;
    baton_operation *view = NULL;
    baton_metadata *metadata = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.completion = (baton_completion)(way == WAYS - 1 ? BATON_COMPLETION_ACK : seed % 2);
    check(baton_pool_allocate(pool, SIZE, &piece) == BATON_OK, "piece");
    memset(baton_descriptor_pointer(piece), seed, SIZE);
    check(baton_connector_create_readable(origin, &piece, 1, &options, &passive) == BATON_OK, "readable");
    check(baton_operation_metadata(passive, &metadata) == BATON_OK, "metadata");
    baton_status status = baton_connector_begin_view(reader, metadata, NULL, &view);
    check(status == BATON_OK, "begin");
    if (view != NULL) {
        live(view, passive, way, seed);
        baton_operation_destroy(view);
    }
    baton_operation_destroy(passive);
    baton_descriptor_release(piece);
    baton_metadata_destroy(metadata);
    return view != NULL;
}

static void *run(void *argument)
{
    int thread = *(int *)argument;
    for (int i = 0; i < ROUNDS && one((i + thread) % WAYS, (i * 5 + thread) % 251); i++) {
    }
    return NULL;
}

static uint64_t pieces(void)
{
    baton_pool_stats stats = {.struct_size = sizeof(stats)};
    check(baton_pool_get_stats(pool, &stats) == BATON_OK, "statistics");
    return stats.pieces;
}

static void open_reader(void)
{
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.map_group = "secret";
    options.name = "reader";
    if (baton_connector_create(&options, &reader) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        exit(1);
    }
}

static void run_all(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        check(pthread_create(&threads[i], NULL, run, &numbers[i]) == 0, "thread");
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < SOON_MS && pieces() != 0; i++) {
        nap(1000);
    }
    baton_connector_stats stats = {.struct_size = sizeof(stats)};
    check(pieces() == 0, "a piece did not come back");
    check(baton_connector_get_stats(reader, &stats) == BATON_OK && stats.operations_created == THREADS * ROUNDS, "rounds");
    check(stats.views == 0, "a view is left");
}

int main(void)
{
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.name = "origin";
    baton_pool_options pool_options = BATON_POOL_OPTIONS_INIT;
    pool_options.group = "secret";
    if (baton_connector_create(&options, &origin) != BATON_OK || baton_pool_create(&pool_options, &pool) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        return 1;
    }
    open_reader();
    run_all();
    baton_connector_destroy(reader);
    baton_connector_destroy(origin);
    baton_pool_destroy(pool);
    return failures == 0 ? 0 : 1;
}

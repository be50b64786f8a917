/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA under ThreadSanitizer: threads that load the runtime at once, make gates, look, watch and release them against the host functions that
 * open them, allocate and free, and copy on lanes of their own.
 */
#include "device/device.h"
#include "device/gate.h"

#include "fake_cuda.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 100, SIZE = 4096 };

static int failures; /* __atomic */

static void expect(bool right, const char *what)
{
    if (!right) {
        (void)fprintf(stderr, "%s: %s\n", what, baton_error_text());
        (void)__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
    }
}

typedef struct watched {
    baton__gate_watch watch;
    int data; /* what only the gate protects */
    bool opened;
} watched;

static void note_opened(baton__gate_watch *watch)
{
    watched *it = (watched *)watch;
    it->data++;
    __atomic_store_n(&it->opened, true, __ATOMIC_RELEASE);
}

/* keep: until it is open; else it is released, and its watch ended, at any time. */
static void use_gate(bool keep)
{
    watched it = {.watch = {.opened = note_opened}};
    baton__gate *gate = NULL;
    int native = 0;
    expect(fake_cuda_launch_spin(1, NULL) == 0, "spin");
    baton_status status = baton__gate_create_after_stream(NULL, &gate);
    expect(status == BATON_OK, "create");
    if (status != BATON_OK) {
        return;
    }
    bool watching = baton__gate_watch_begin(gate, &it.watch);
    while (keep && baton__gate_look(gate, &native) == BATON_ERR_BUSY) {
        (void)sched_yield();
    }
    baton__gate_watch_end(gate, &it.watch);
    expect(!keep || it.data == (watching ? 1 : 0), "opened once");
    baton__gate_release(gate);
}

static void use_memory(baton__lane *lane, void *pinned)
{
    const baton__device_table *table = baton__device_find(BATON_DEVICE_KIND_CUDA);
    void *memory = NULL;
    int native = 0;
    uint64_t over = 0;
    uint64_t before = 0;
    expect(table->lanes->poll(lane, &before, &native) == BATON_OK, "poll");
    baton_status status = table->allocate(0, SIZE, &memory);
    expect(status == BATON_OK && table->check_memory(0, memory, SIZE) == BATON_OK, "allocate");
    baton__run run = {.base = memory, .segment = SIZE, .stride = SIZE, .count = 1};
    baton__layout layout = {.runs = &run, .count = 1, .total = SIZE};
    status = table->lanes->copy_in(lane, pinned, &(baton__slice){&layout, 0, SIZE}, &native);
    expect(status == BATON_OK, "copy");
    while (table->lanes->poll(lane, &over, &native) == BATON_OK && over == before) {
        (void)sched_yield();
    }
    table->deallocate(0, memory, SIZE);
}

static void *work(void *argument)
{
    const baton__device_table *table = baton__device_find(BATON_DEVICE_KIND_CUDA);
    baton__lane *lane = NULL;
    void *pinned = NULL;
    (void)argument;
    expect(table->check(0) == BATON_OK, "check");
    expect(table->lanes->open(0, &lane) == BATON_OK && table->lanes->pin(0, SIZE, &pinned) == BATON_OK, "open");
    for (int i = 0; i < ROUNDS; i++) {
        use_gate(i % 3 != 0);
        use_memory(lane, pinned);
    }
    table->lanes->close(lane);
    table->lanes->unpin(pinned, SIZE);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    char path[4096];
    const char *build = getenv("BATON_BUILD_DIR");
    (void)snprintf(path, sizeof(path), "%s/tests/bin/libcudart_fake.so", build != NULL ? build : ".");
    if (setenv("BATON_CUDART", path, 1) != 0) {
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return __atomic_load_n(&failures, __ATOMIC_RELAXED) == 0 ? 0 : 1;
}

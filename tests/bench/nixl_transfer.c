/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same transfers by NIXL's UCX backend, through its C API, so that Python costs nothing here.
 * Two processes; BATON_BENCH_NIXL names libnixl_capi.so.
 *
 *   --op read|write
 *   --progress thread        NIXL's progress threads on both sides, as its Python API has it by
 * default
 *   --progress application   none: the active side asks for the state, the passive side for
 * notifications, in a loop
 *
 * A request is made once for each slot and posted again and again, which is the cheapest way to use
 * NIXL; its state is asked for without a pause. A transfer is over when NIXL says so.
 */
#include "measure.h"
#include "nixl_api.h"
#include "raw_memory.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Turns of a loop before it yields: as the raw programs do, so that a busy machine disturbs both
 * alike. */
enum { PATIENCE = 500 };

typedef struct side {
    const nixl_api *nixl;
    measure_options options;
    int fd;
    void *agent;
    void *backend;
    unsigned char **memory;
    void **requests;    /* of each slot */
    uint64_t *begin_ns; /* of each place in flight */
    double *latencies_us;
    bool is_threaded;
    int peer_device; /* as raw_memory_device, of the other process */
} side;

static void check(int status, const char *what)
{
    if (status < 0) {
        measure_fail("NIXL, %s: %d", what, status);
    }
}

static bool is_writing(const side *self)
{
    return strcmp(self->options.op, "write") == 0;
}

static int memory_kind(int device)
{
    return device < 0 ? NIXL_MEMORY_HOST : NIXL_MEMORY_DEVICE;
}

static uint64_t memory_id(int device)
{
    return device < 0 ? 0 : (uint64_t)device;
}

static void open_agent(side *self)
{
    const nixl_api *nixl = self->nixl;
    nixl_agent_config config = {.enable_prog_thread = self->is_threaded};
    void *memories = NULL;
    void *params = NULL;
    check(nixl->create_configured_agent(self->options.peer_fd < 0 ? "active" : "passive", &config,
                                        &self->agent),
          "agent");
    check(nixl->get_plugin_params(self->agent, "UCX", &memories, &params), "parameters of UCX");
    check(nixl->create_backend(self->agent, "UCX", params, &self->backend), "backend UCX");
}

static void register_memory(side *self)
{
    const measure_options *options = &self->options;
    bool is_source = is_writing(self) == (options->peer_fd < 0);
    void *list = NULL;
    self->memory = calloc(options->slots, sizeof(*self->memory));
    if (self->memory == NULL) {
        measure_fail("no memory");
    }
    check(self->nixl->create_reg_dlist(memory_kind(raw_memory_device()), &list), "list");
    for (uint64_t i = 0; i < options->slots; i++) {
        self->memory[i] = raw_memory_new(options->size_bytes);
        if (is_source) {
            raw_memory_fill(self->memory[i], options->size_bytes, i);
        }
        check(self->nixl->reg_dlist_add_desc(list, (uintptr_t)self->memory[i], options->size_bytes,
                                             memory_id(raw_memory_device()), "", 0),
              "list");
    }
    check(self->nixl->register_mem(self->agent, list, NULL), "registration");
}

static void exchange(side *self, uintptr_t *remote)
{
    void *data = NULL;
    size_t size = 0;
    uint64_t length;
    char *name = NULL;
    check(self->nixl->get_local_md(self->agent, &data, &size), "metadata");
    length = size;
    int device = raw_memory_device();
    measure_write(self->fd, &device, sizeof(device));
    measure_write(self->fd, &length, sizeof(length));
    measure_write(self->fd, data, size);
    for (uint64_t i = 0; i < self->options.slots; i++) {
        uint64_t at = (uint64_t)(uintptr_t)self->memory[i];
        measure_write(self->fd, &at, sizeof(at));
    }
    measure_read(self->fd, &self->peer_device, sizeof(self->peer_device));
    measure_read(self->fd, &length, sizeof(length));
    void *theirs = malloc(length);
    if (theirs == NULL) {
        measure_fail("no memory");
    }
    measure_read(self->fd, theirs, length);
    for (uint64_t i = 0; i < self->options.slots; i++) {
        uint64_t at;
        measure_read(self->fd, &at, sizeof(at));
        remote[i] = (uintptr_t)at;
    }
    check(self->nixl->load_remote_md(self->agent, theirs, length, &name),
          "metadata of the other side");
    free(theirs);
}

static void make_requests(side *self, const uintptr_t *remote)
{
    const nixl_api *nixl = self->nixl;
    self->requests = calloc(self->options.slots, sizeof(*self->requests));
    if (self->requests == NULL) {
        measure_fail("no memory");
    }
    for (uint64_t i = 0; i < self->options.slots; i++) {
        void *here = NULL;
        void *there = NULL;
        check(nixl->create_xfer_dlist(memory_kind(raw_memory_device()), &here), "list");
        check(nixl->create_xfer_dlist(memory_kind(self->peer_device), &there), "list");
        check(nixl->xfer_dlist_add_desc(here, (uintptr_t)self->memory[i], self->options.size_bytes,
                                        memory_id(raw_memory_device())),
              "list");
        check(nixl->xfer_dlist_add_desc(there, remote[i], self->options.size_bytes,
                                        memory_id(self->peer_device)),
              "list");
        check(nixl->create_xfer_req(self->agent, is_writing(self) ? NIXL_WRITE : NIXL_READ, here,
                                    there, "passive", &self->requests[i], NULL),
              "request");
    }
}

/* Not only the first post of a request moves data: in the warm-up each read has to repair what was
 * spoilt before it. */
static void spoil(const side *self, uint64_t index)
{
    if (self->latencies_us == NULL && !is_writing(self)) {
        raw_memory_spoil(self->memory[index % self->options.slots], self->options.size_bytes);
    }
}

static void check_repaired(const side *self, uint64_t index)
{
    uint64_t slot = index % self->options.slots;
    if (self->latencies_us == NULL && !is_writing(self) &&
        !raw_memory_is_filled(self->memory[slot], self->options.size_bytes, slot)) {
        measure_fail("NIXL said that a read is over, and its data is not there");
    }
}

/* The oldest of those in flight is waited for, then the next one begins in its place. */
static void move(side *self, uint64_t total)
{
    uint64_t depth = self->options.depth;
    uint64_t oldest = 0;
    for (uint64_t next = 0; oldest < total;) {
        if (next < total && next - oldest < depth) {
            spoil(self, next);
            self->begin_ns[next % depth] = measure_now_ns();
            check(self->nixl->post_xfer_req(self->agent, self->requests[next % self->options.slots],
                                            NULL),
                  "post");
            next++;
            continue;
        }
        int status;
        for (unsigned turns = 1;; turns++) {
            status = self->nixl->get_xfer_status(self->agent,
                                                 self->requests[oldest % self->options.slots]);
            check(status, "transfer");
            if (status != NIXL_IN_PROGRESS) {
                break;
            }
            if (turns % PATIENCE == 0) {
                (void)sched_yield();
            }
        }
        check_repaired(self, oldest);
        if (self->latencies_us != NULL) {
            self->latencies_us[oldest] =
                (double)(measure_now_ns() - self->begin_ns[oldest % depth]) / 1e3;
        }
        oldest++;
    }
}

static uint64_t ask(side *self, char kind)
{
    uint64_t cpu_ns;
    measure_write(self->fd, &kind, 1);
    measure_read(self->fd, &cpu_ns, sizeof(cpu_ns));
    return cpu_ns;
}

static void run_active(side *self, const uintptr_t *remote)
{
    measure_result result = {.latencies_us = calloc(self->options.count, sizeof(double))};
    self->begin_ns = calloc(self->options.depth, sizeof(*self->begin_ns));
    if (result.latencies_us == NULL || self->begin_ns == NULL) {
        measure_fail("no memory");
    }
    make_requests(self, remote);
    move(self, self->options.warmup);
    uint64_t passive_ns = ask(self, 'b');
    self->latencies_us = result.latencies_us;
    uint64_t cpu_ns = measure_cpu_ns();
    uint64_t now_ns = measure_now_ns();
    move(self, self->options.count);
    result.elapsed_ns = measure_now_ns() - now_ns;
    result.active_cpu_ns = measure_cpu_ns() - cpu_ns;
    result.passive_cpu_ns = ask(self, 'e') - passive_ns;
    if (!is_writing(self)) {
        raw_memory_check(&self->options, self->memory);
    }
    measure_print("nixl", &self->options, getenv("BATON_BENCH_NIXL_VERSION"), &result);
    (void)fflush(stdout);
    (void)ask(self, 'x');
}

/* Until the other side says something. With a thread of NIXL's this one sleeps. */
static char await_word(side *self, void *notifications)
{
    struct pollfd wanted = {.fd = self->fd, .events = POLLIN};
    char kind;
    while (!self->is_threaded && poll(&wanted, 1, 0) == 0) {
        for (int i = 0; i < PATIENCE; i++) {
            check(self->nixl->get_notifs(self->agent, notifications, NULL), "notifications");
        }
        (void)sched_yield();
    }
    measure_read(self->fd, &kind, 1);
    return kind;
}

static void run_passive(side *self)
{
    void *notifications = NULL;
    char kind = 'b';
    check(self->nixl->create_notif_map(&notifications), "notifications");
    while (kind != 'x') {
        kind = await_word(self, notifications);
        if (kind == 'e' && is_writing(self)) {
            raw_memory_check(&self->options, self->memory);
        }
        uint64_t cpu_ns = measure_cpu_ns();
        measure_write(self->fd, &cpu_ns, sizeof(cpu_ns));
    }
}

int main(int count, char **arguments)
{
    side self = {.options = measure_parse(count, arguments, "read")};
    const char *path = getenv("BATON_BENCH_NIXL");
    if (path == NULL) {
        measure_fail("BATON_BENCH_NIXL names no libnixl_capi.so");
    }
    self.is_threaded = strcmp(self.options.progress, "thread") == 0;
    self.fd = self.options.peer_fd >= 0 ? self.options.peer_fd : measure_start_peer(arguments);
    measure_set_transports(self.options.link);
    raw_memory_begin(&self.options);
    uintptr_t *remote = calloc(self.options.slots, sizeof(*remote));
    if (remote == NULL) {
        measure_fail("no memory");
    }
    self.nixl = nixl_load(path);
    open_agent(&self);
    register_memory(&self);
    exchange(&self, remote);
    if (self.options.peer_fd >= 0) {
        run_passive(&self);
        _Exit(0); /* NIXL's teardown while the other side ends is not what is measured */
    }
    run_active(&self, remote);
    measure_end_peer();
    _Exit(0);
}

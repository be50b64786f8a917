/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UCX's get and put between malloc'ed buffers of two processes, driven by hand: what a program gets
 * that takes UCX's one-sided calls on a link without RDMA hardware. A put counts when its flush has
 * completed, since before that it is only on its way. Both sides spin: without RDMA hardware the
 * passive side's progress does the work.
 *
 *   --op get|put
 */
#include "raw_ucx.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

typedef struct flight {
    struct side *self;
    uint64_t index;
    uint64_t begin_ns;
    bool is_used;
} flight;

typedef struct side {
    raw_ucx ucx;
    measure_options options;
    unsigned char **memory; /* slots of them */
    ucp_mem_h *registered;
    uint64_t *remote;
    ucp_rkey_h *keys;
    flight *flights;
    double *latencies_us; /* NULL: not measured */
    uint64_t finished;
    bool is_put;
} side;

/* A word of the other process, and what it has used until then. */
typedef struct word {
    char kind; /* 'b'egin, 'e'nd */
    uint64_t cpu_ns;
} word;

static void prepare(side *self, int fd)
{
    const measure_options *options = &self->options;
    self->is_put = strcmp(options->op, "put") == 0;
    if (!self->is_put && strcmp(options->op, "get") != 0) {
        measure_fail("--op is get or put");
    }
    self->memory = calloc(options->slots, sizeof(*self->memory));
    self->registered = calloc(options->slots, sizeof(*self->registered));
    self->remote = calloc(options->slots, sizeof(*self->remote));
    self->keys = calloc(options->slots, sizeof(*self->keys));
    self->flights = calloc(options->depth, sizeof(*self->flights));
    if (self->memory == NULL || self->registered == NULL || self->remote == NULL ||
        self->keys == NULL || self->flights == NULL) {
        measure_fail("no memory");
    }
    raw_open(&self->ucx, UCP_FEATURE_RMA, fd);
    bool is_source = self->is_put == (options->peer_fd < 0);
    for (uint64_t i = 0; i < options->slots; i++) {
        self->memory[i] = measure_memory(options->size_bytes);
        if (is_source) {
            measure_fill(self->memory[i], options->size_bytes, i);
        }
        ucp_mem_map_params_t params = {.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS |
                                                     UCP_MEM_MAP_PARAM_FIELD_LENGTH,
                                       .address = self->memory[i],
                                       .length = options->size_bytes};
        raw_check(ucp_mem_map(self->ucx.context, &params, &self->registered[i]), "registration");
    }
    raw_connect(&self->ucx);
}

static void give_keys(side *self)
{
    for (uint64_t i = 0; i < self->options.slots; i++) {
        void *packed = NULL;
        size_t size = 0;
        uint64_t numbers[2];
        raw_check(ucp_rkey_pack(self->ucx.context, self->registered[i], &packed, &size), "key");
        numbers[0] = (uint64_t)(uintptr_t)self->memory[i];
        numbers[1] = size;
        measure_write(self->ucx.fd, numbers, sizeof(numbers));
        measure_write(self->ucx.fd, packed, size);
        ucp_rkey_buffer_release(packed);
    }
}

static void take_keys(side *self)
{
    for (uint64_t i = 0; i < self->options.slots; i++) {
        uint64_t numbers[2];
        measure_read(self->ucx.fd, numbers, sizeof(numbers));
        void *packed = malloc(numbers[1]);
        if (packed == NULL) {
            measure_fail("no memory");
        }
        measure_read(self->ucx.fd, packed, numbers[1]);
        self->remote[i] = numbers[0];
        raw_check(ucp_ep_rkey_unpack(self->ucx.endpoint, packed, &self->keys[i]), "key");
        free(packed);
    }
}

static void finish(flight *flying)
{
    side *self = flying->self;
    if (self->latencies_us != NULL) {
        self->latencies_us[flying->index] = (double)(measure_now_ns() - flying->begin_ns) / 1e3;
    }
    flying->is_used = false;
    self->finished++;
}

static void ended(void *request, ucs_status_t status, void *context)
{
    raw_check(status, "transfer");
    ucp_request_free(request);
    finish(context);
}

static void left(void *request, ucs_status_t status, void *context)
{
    (void)context;
    raw_check(status, "put");
    ucp_request_free(request);
}

static void begin(side *self, uint64_t index)
{
    uint64_t slot = index % self->options.slots;
    size_t size = self->options.size_bytes;
    flight *flying = &self->flights[index % self->options.depth];
    ucp_ep_h endpoint = self->ucx.endpoint;
    ucp_request_param_t param = {.op_attr_mask =
                                     UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA,
                                 .cb = {.send = self->is_put ? left : ended},
                                 .user_data = flying};
    *flying = (flight){.self = self, .index = index, .begin_ns = measure_now_ns(), .is_used = true};
    ucs_status_ptr_t request;
    if (self->is_put) {
        request = ucp_put_nbx(endpoint, self->memory[slot], size, self->remote[slot],
                              self->keys[slot], &param);
        if (!UCS_PTR_IS_PTR(request)) {
            raw_check(UCS_PTR_STATUS(request), "put");
        }
        param.cb.send = ended;
        request = ucp_ep_flush_nbx(endpoint, &param);
    } else {
        request = ucp_get_nbx(endpoint, self->memory[slot], size, self->remote[slot],
                              self->keys[slot], &param);
    }
    if (!UCS_PTR_IS_PTR(request)) {
        raw_check(UCS_PTR_STATUS(request), "transfer");
        finish(flying);
    }
}

static void move(side *self, uint64_t total)
{
    uint64_t started = 0;
    self->finished = 0;
    while (self->finished < total) {
        while (started < total && !self->flights[started % self->options.depth].is_used) {
            begin(self, started++);
        }
        raw_progress(&self->ucx);
    }
}

static word ask(side *self, char kind)
{
    word said = {.kind = kind};
    measure_write(self->ucx.fd, &said, sizeof(said));
    measure_read(self->ucx.fd, &said, sizeof(said));
    return said;
}

static void drop_keys(side *self)
{
    for (uint64_t i = 0; i < self->options.slots; i++) {
        if (self->keys[i] != NULL) {
            ucp_rkey_destroy(self->keys[i]);
        }
        raw_check(ucp_mem_unmap(self->ucx.context, self->registered[i]), "registration");
    }
}

static void run_active(side *self)
{
    measure_result result = {.latencies_us = calloc(self->options.count, sizeof(double))};
    if (result.latencies_us == NULL) {
        measure_fail("no memory");
    }
    take_keys(self);
    move(self, self->options.warmup);
    uint64_t passive_ns = ask(self, 'b').cpu_ns;
    self->latencies_us = result.latencies_us;
    uint64_t cpu_ns = measure_cpu_ns();
    uint64_t now_ns = measure_now_ns();
    move(self, self->options.count);
    result.elapsed_ns = measure_now_ns() - now_ns;
    result.active_cpu_ns = measure_cpu_ns() - cpu_ns;
    result.passive_cpu_ns = ask(self, 'e').cpu_ns - passive_ns;
    if (!self->is_put) {
        measure_check(&self->options, self->memory);
    }
    drop_keys(self);
    raw_close(&self->ucx);
    measure_end_peer();
    measure_print("raw_rma", &self->options, raw_version(), &result);
}

/* Progresses until the other side says something; a look at the socket is a system call, so it is
 * rare. */
static word progress_until_word(side *self)
{
    enum { TURNS = 2000 };
    struct pollfd wanted = {.fd = self->ucx.fd, .events = POLLIN};
    word said;
    do {
        for (int i = 0; i < TURNS; i++) {
            raw_progress(&self->ucx);
        }
    } while (poll(&wanted, 1, 0) == 0);
    measure_read(self->ucx.fd, &said, sizeof(said));
    return said;
}

static void run_passive(side *self)
{
    word said = {.kind = 'b'};
    give_keys(self);
    while (said.kind != 'e') {
        said = progress_until_word(self);
        said.cpu_ns = measure_cpu_ns();
        if (said.kind == 'e' && self->is_put) {
            measure_check(&self->options, self->memory);
        }
        measure_write(self->ucx.fd, &said, sizeof(said));
    }
    drop_keys(self);
    raw_close(&self->ucx);
}

int main(int count, char **arguments)
{
    side self = {.options = measure_parse(count, arguments, "get")};
    measure_set_transports(self.options.link);
    int fd = self.options.peer_fd >= 0 ? self.options.peer_fd : measure_start_peer(arguments);
    prepare(&self, fd);
    if (self.options.peer_fd >= 0) {
        run_passive(&self);
    } else {
        run_active(&self);
    }
    return 0;
}

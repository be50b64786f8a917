/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What UCX can do by active messages between buffers of two processes (raw_memory.h), driven by hand:
 * the yardstick for baton's path `am`. Two processes of one thread each, which spin.
 *
 *   --op read    pull: a request of a few bytes, answered by a message with the data
 *   --op write   push: a message with the data, answered by a few bytes when all of it is in its
 * place
 *
 * A transfer is one message of the whole size; UCX takes its own way with it (eager or rendezvous,
 * and how many pieces). A receiver that gets the data with the message copies it to where it
 * belongs; else it has UCX put it there. Latency is from the start of a transfer to its end as the
 * active side sees it; the buffers of both sides are touched before, used in turn, and compared
 * afterwards.
 */
#include "raw_memory.h"
#include "raw_ucx.h"

#include <stdlib.h>
#include <string.h>

enum { ID_READ = 1, ID_DATA, ID_WRITE, ID_WROTE, ID_CONTROL };
enum { CONTROL_BEGIN = 1, CONTROL_BEGUN, CONTROL_END, CONTROL_ENDED };

typedef struct header {
    uint64_t index; /* of the transfer, or of the control message its kind */
    uint64_t value;
} header;

typedef struct flight {
    uint64_t begin_ns;
    bool is_used;
    header request; /* UCX may read them until the message has left; that is before the transfer is
                       over */
    header answer;
} flight;

typedef struct side {
    raw_ucx ucx;
    measure_options options;
    unsigned char **memory; /* slots of them */
    flight *flights;        /* depth of them */
    uint64_t started;
    uint64_t finished;
    double *latencies_us; /* NULL: not measured */
    header control;
    uint64_t cpu_begin_ns;
    uint64_t peer_cpu_ns;
    uint64_t controls; /* of the last control message that came, its kind */
    bool is_writing;
} side;

static void *slot_of(const side *self, uint64_t index)
{
    return self->memory[index % self->options.slots];
}

static flight *flight_of(const side *self, uint64_t index)
{
    return &self->flights[index % self->options.depth];
}

/* Said with each message, as baton does, so that UCX has not to find out. */
static ucs_memory_type_t memory_type(void)
{
    return raw_memory_device() < 0 ? UCS_MEMORY_TYPE_HOST : UCS_MEMORY_TYPE_CUDA;
}

static void sent(void *request, ucs_status_t status, void *context)
{
    (void)context;
    raw_check(status, "send");
    ucp_request_free(request);
}

static void send_message(side *self, unsigned id, const header *head, const void *data, size_t size)
{
    ucp_request_param_t param = {.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_MEMORY_TYPE,
                                 .cb = {.send = sent},
                                 .memory_type = data == NULL ? UCS_MEMORY_TYPE_HOST : memory_type()};
    ucs_status_ptr_t request =
        ucp_am_send_nbx(self->ucx.endpoint, id, head, sizeof(*head), data, size, &param);
    if (!UCS_PTR_IS_PTR(request)) {
        raw_check(UCS_PTR_STATUS(request), "send");
    }
}

/* The active side: a transfer is over. */
static void finish(side *self, uint64_t index)
{
    flight *flying = flight_of(self, index);
    if (self->latencies_us != NULL) {
        self->latencies_us[index] = (double)(measure_now_ns() - flying->begin_ns) / 1e3;
    }
    flying->is_used = false;
    self->finished++;
}

/* The passive side: what was written is in its place. */
static void confirm(side *self, uint64_t index)
{
    flight *flying = flight_of(self, index);
    flying->answer.index = index;
    send_message(self, ID_WROTE, &flying->answer, NULL, 0);
}

static void arrived(side *self, uint64_t index)
{
    if (self->is_writing) {
        confirm(self, index);
    } else {
        finish(self, index);
    }
}

typedef struct arrival {
    side *self;
    uint64_t index;
} arrival;

static void received(void *request, ucs_status_t status, size_t length, void *context)
{
    arrival *came = context;
    (void)length;
    raw_check(status, "receive");
    ucp_request_free(request);
    arrived(came->self, came->index);
    free(came);
}

/* DATA or WRITE: a header, and the data or the promise of it. */
static ucs_status_t take_data(void *argument, const void *head, size_t head_size, void *data,
                              size_t size, const ucp_am_recv_param_t *param)
{
    side *self = argument;
    header came;
    if (head_size != sizeof(came) || size != self->options.size_bytes) {
        measure_fail("a message of a wrong size");
    }
    memcpy(&came, head, sizeof(came));
    if ((param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0) {
        raw_memory_take(slot_of(self, came.index), data, size);
        arrived(self, came.index);
        return UCS_OK;
    }
    arrival *coming = malloc(sizeof(*coming));
    if (coming == NULL) {
        measure_fail("no memory");
    }
    *coming = (arrival){.self = self, .index = came.index};
    ucp_request_param_t receive = {.op_attr_mask =
                                       UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                                       UCP_OP_ATTR_FIELD_MEMORY_TYPE,
                                   .cb = {.recv_am = received},
                                   .memory_type = memory_type(),
                                   .user_data = coming};
    ucs_status_ptr_t request =
        ucp_am_recv_data_nbx(self->ucx.worker, data, slot_of(self, came.index), size, &receive);
    if (!UCS_PTR_IS_PTR(request)) {
        raw_check(UCS_PTR_STATUS(request), "receive");
        arrived(self, came.index);
        free(coming);
    }
    return UCS_OK;
}

static ucs_status_t take_read(void *argument, const void *head, size_t head_size, void *data,
                              size_t size, const ucp_am_recv_param_t *param)
{
    side *self = argument;
    header came;
    (void)head_size;
    (void)data;
    (void)size;
    (void)param;
    memcpy(&came, head, sizeof(came));
    flight *flying = flight_of(self, came.index);
    flying->answer = came;
    send_message(self, ID_DATA, &flying->answer, slot_of(self, came.index),
                 self->options.size_bytes);
    return UCS_OK;
}

static ucs_status_t take_wrote(void *argument, const void *head, size_t head_size, void *data,
                               size_t size, const ucp_am_recv_param_t *param)
{
    header came;
    (void)head_size;
    (void)data;
    (void)size;
    (void)param;
    memcpy(&came, head, sizeof(came));
    finish(argument, came.index);
    return UCS_OK;
}

static ucs_status_t take_control(void *argument, const void *head, size_t head_size, void *data,
                                 size_t size, const ucp_am_recv_param_t *param)
{
    side *self = argument;
    header came;
    (void)head_size;
    (void)data;
    (void)size;
    (void)param;
    memcpy(&came, head, sizeof(came));
    self->controls = came.index;
    self->peer_cpu_ns = came.value;
    return UCS_OK;
}

static void set_handler(side *self, unsigned id, ucp_am_recv_callback_t handler)
{
    ucp_am_handler_param_t param = {.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID |
                                                  UCP_AM_HANDLER_PARAM_FIELD_CB |
                                                  UCP_AM_HANDLER_PARAM_FIELD_ARG,
                                    .id = id,
                                    .cb = handler,
                                    .arg = self};
    raw_check(ucp_worker_set_am_recv_handler(self->ucx.worker, &param), "handler");
}

static void prepare(side *self, int fd)
{
    const measure_options *options = &self->options;
    self->is_writing = strcmp(options->op, "write") == 0;
    if (!self->is_writing && strcmp(options->op, "read") != 0) {
        measure_fail("--op is read or write");
    }
    self->memory = calloc(options->slots, sizeof(*self->memory));
    self->flights = calloc(options->depth, sizeof(*self->flights));
    if (self->memory == NULL || self->flights == NULL) {
        measure_fail("no memory");
    }
    bool is_source = self->is_writing == (options->peer_fd < 0);
    for (uint64_t i = 0; i < options->slots; i++) {
        self->memory[i] = raw_memory_new(options->size_bytes);
        if (is_source) {
            raw_memory_fill(self->memory[i], options->size_bytes, i);
        }
    }
    raw_open(&self->ucx, UCP_FEATURE_AM, fd);
    set_handler(self, ID_READ, take_read);
    set_handler(self, ID_DATA, take_data);
    set_handler(self, ID_WRITE, take_data);
    set_handler(self, ID_WROTE, take_wrote);
    set_handler(self, ID_CONTROL, take_control);
    raw_connect(&self->ucx);
}

static void await_control(side *self, uint64_t kind)
{
    while (self->controls != kind) {
        raw_progress(&self->ucx);
    }
}

static void say(side *self, uint64_t kind, uint64_t value)
{
    self->control = (header){.index = kind, .value = value};
    send_message(self, ID_CONTROL, &self->control, NULL, 0);
}

static void begin(side *self, uint64_t index)
{
    flight *flying = flight_of(self, index);
    flying->is_used = true;
    flying->request.index = index;
    flying->begin_ns = measure_now_ns();
    if (self->is_writing) {
        send_message(self, ID_WRITE, &flying->request, slot_of(self, index),
                     self->options.size_bytes);
    } else {
        send_message(self, ID_READ, &flying->request, NULL, 0);
    }
}

static void move(side *self, uint64_t total)
{
    self->started = 0;
    self->finished = 0;
    while (self->finished < total) {
        while (self->started < total && !flight_of(self, self->started)->is_used) {
            begin(self, self->started++);
        }
        raw_progress(&self->ucx);
    }
}

static void run_active(side *self)
{
    measure_result result = {.latencies_us = calloc(self->options.count, sizeof(double))};
    if (result.latencies_us == NULL) {
        measure_fail("no memory");
    }
    move(self, self->options.warmup);
    say(self, CONTROL_BEGIN, 0);
    await_control(self, CONTROL_BEGUN);
    self->latencies_us = result.latencies_us;
    uint64_t cpu_ns = measure_cpu_ns();
    uint64_t now_ns = measure_now_ns();
    move(self, self->options.count);
    result.elapsed_ns = measure_now_ns() - now_ns;
    result.active_cpu_ns = measure_cpu_ns() - cpu_ns;
    say(self, CONTROL_END, 0);
    await_control(self, CONTROL_ENDED);
    result.passive_cpu_ns = self->peer_cpu_ns;
    if (!self->is_writing) {
        raw_memory_check(&self->options, self->memory);
    }
    raw_close(&self->ucx);
    measure_end_peer();
    measure_print("raw_am", &self->options, raw_version(), &result);
}

static void run_passive(side *self)
{
    await_control(self, CONTROL_BEGIN);
    self->cpu_begin_ns = measure_cpu_ns();
    say(self, CONTROL_BEGUN, 0);
    await_control(self, CONTROL_END);
    uint64_t cpu_ns = measure_cpu_ns() - self->cpu_begin_ns;
    if (self->is_writing) {
        raw_memory_check(&self->options, self->memory);
    }
    say(self, CONTROL_ENDED, cpu_ns);
    raw_wait(&self->ucx, ucp_worker_flush_nbx(self->ucx.worker, &(ucp_request_param_t){0}),
             "flush");
    raw_close(&self->ucx);
}

int main(int count, char **arguments)
{
    side self = {.options = measure_parse(count, arguments, "read")};
    measure_set_transports(self.options.link);
    int fd = self.options.peer_fd >= 0 ? self.options.peer_fd : measure_start_peer(arguments);
    measure_pin(&self.options);
    raw_memory_begin(&self.options);
    prepare(&self, fd);
    if (self.options.peer_fd >= 0) {
        run_passive(&self);
    } else {
        run_active(&self);
    }
    return 0;
}

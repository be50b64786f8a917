/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into bench_handoff, notes when a hand-off passes from one part to the next: the calls
 * that libbaton makes into UCX and nats.c, and those that the benchmark makes into libbaton. One
 * note takes some tens of nanoseconds. Both processes write to files of their own
 * (BENCH_TIMELINE.<pid>), mapped, so that they are there however a process ends; the clock is the
 * same for both. timeline.py makes a table of them.
 */
#include <baton/baton.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucp/api/ucp.h>
#include <unistd.h>

enum { NOTES_MAX = 1 << 20, WHAT_SIZE = 24, FRAME_SIZE = 136, FRAME_TYPE_AT = 3 };

typedef struct note {
    uint64_t now_ns;
    char what[WHAT_SIZE]; /* padded with zeros */
} note;

static note *notes;
static uint32_t used;

__attribute__((constructor)) static void open_notes(void)
{
    char path[512];
    const char *prefix = getenv("BENCH_TIMELINE");
    (void)snprintf(path, sizeof(path), "%s.%d", prefix == NULL ? "timeline" : prefix,
                   (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t size = NOTES_MAX * sizeof(note);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        return;
    }
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    notes = memory == MAP_FAILED ? NULL : memory;
    (void)close(fd);
}

static void take_note(const char *what, const char *detail)
{
    struct timespec now;
    uint32_t place = __atomic_fetch_add(&used, 1, __ATOMIC_RELAXED);
    if (notes == NULL || place >= NOTES_MAX) {
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    size_t length = strnlen(what, WHAT_SIZE - 1);
    memcpy(notes[place].what, what, length);
    strncpy(notes[place].what + length, detail, WHAT_SIZE - 1 - length);
    notes[place].now_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Looks the real function up once. */
#define REAL(function)                             \
    static __typeof__(&function) real;             \
    if (real == NULL) {                            \
        void *found = dlsym(RTLD_NEXT, #function); \
        memcpy(&real, &found, sizeof(found));      \
    }

static const char *frame_name(const void *header, size_t size)
{
    static const char *const names[] = {"?",      "OPEN",  "GRANT",  "REFUSE", "READ",    "DATA",
                                        "WRITE",  "WROTE", "MOVED",  "COMMIT", "ACK",     "NACK",
                                        "NACKED", "FAIL",  "CANCEL", "RENEW",  "RENEWED", "RESET",
                                        "MAP",    "KEYS",  "RELEASE"};
    if (size != FRAME_SIZE) {
        return "other";
    }
    unsigned char type = ((const unsigned char *)header)[FRAME_TYPE_AT];
    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

ucs_status_ptr_t ucp_am_send_nbx(ucp_ep_h endpoint, unsigned id, const void *header,
                                 size_t header_size, const void *data, size_t size,
                                 const ucp_request_param_t *param)
{
    REAL(ucp_am_send_nbx)
    take_note("send ", frame_name(header, header_size));
    ucs_status_ptr_t result = real(endpoint, id, header, header_size, data, size, param);
    take_note("sent ", frame_name(header, header_size));
    return result;
}

typedef struct handler {
    ucp_am_recv_callback_t function;
    void *argument;
} handler;

static ucs_status_t receive(void *argument, const void *header, size_t header_size, void *data,
                            size_t size, const ucp_am_recv_param_t *param)
{
    const handler *real = argument;
    take_note("receive ", frame_name(header, header_size));
    ucs_status_t status = real->function(real->argument, header, header_size, data, size, param);
    take_note("received ", frame_name(header, header_size));
    return status;
}

/* Kept for the life of the process, as handlers are. */
ucs_status_t ucp_worker_set_am_recv_handler(ucp_worker_h worker,
                                            const ucp_am_handler_param_t *param)
{
    REAL(ucp_worker_set_am_recv_handler)
    ucp_am_handler_param_t mine = *param;
    handler *kept = malloc(sizeof(*kept));
    if (kept == NULL || param->cb == NULL) {
        free(kept);
        return real(worker, param);
    }
    *kept = (handler){
        .function = param->cb,
        .argument = (param->field_mask & UCP_AM_HANDLER_PARAM_FIELD_ARG) != 0 ? param->arg : NULL};
    mine.cb = receive;
    mine.arg = kept;
    mine.field_mask |= UCP_AM_HANDLER_PARAM_FIELD_ARG;
    return real(worker, &mine);
}

natsStatus natsConnection_PublishRequest(natsConnection *connection, const char *subject,
                                         const char *reply, const void *data, int size)
{
    REAL(natsConnection_PublishRequest)
    take_note("publish ", "OFFER");
    return real(connection, subject, reply, data, size);
}

natsStatus natsConnection_PublishMsg(natsConnection *connection, natsMsg *message)
{
    REAL(natsConnection_PublishMsg)
    take_note("publish ", "message");
    return real(connection, message);
}

natsStatus natsConnection_Publish(natsConnection *connection, const char *subject, const void *data,
                                  int size)
{
    REAL(natsConnection_Publish)
    take_note("publish ", strstr(subject, ".done.") != NULL ? "DONE" : "other");
    return real(connection, subject, data, size);
}

void natsConnection_ProcessWriteEvent(natsConnection *connection)
{
    REAL(natsConnection_ProcessWriteEvent)
    take_note("socket write", "");
    real(connection);
    take_note("socket written", "");
}

void natsConnection_ProcessReadEvent(natsConnection *connection)
{
    REAL(natsConnection_ProcessReadEvent)
    take_note("socket read", "");
    real(connection);
}

natsStatus natsSubscription_NextMsg(natsMsg **message, natsSubscription *subscription,
                                    int64_t timeout)
{
    REAL(natsSubscription_NextMsg)
    natsStatus status = real(message, subscription, timeout);
    if (status == NATS_OK) {
        take_note("NATS message", "");
    }
    return status;
}

baton_status baton_offer_readable(baton_worker *worker, const char *pool,
                                  baton_descriptor *const *descriptors, size_t count,
                                  const baton_offer_options *options, baton_offer **offer_out)
{
    REAL(baton_offer_readable)
    take_note("offer", "");
    baton_status status = real(worker, pool, descriptors, count, options, offer_out);
    take_note("offer returns", "");
    return status;
}

baton_status baton_offer_wait(baton_offer *offer, uint32_t timeout_ms, baton_outcome *outcome_out)
{
    REAL(baton_offer_wait)
    baton_status status = real(offer, timeout_ms, outcome_out);
    take_note("wait returns", "");
    return status;
}

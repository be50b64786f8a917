/* SPDX-License-Identifier: Apache-2.0 */
#include "sidechannel/link_bench.h"

#include "base/event.h"
#include "core/loop.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench {
    baton_loop *loop;
    pthread_t thread;
    bool stop;
    baton__nats_link *link;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    bench_record record;
    const char *echo;
};

/* A function that runs on the owner thread, while its caller waits. */
typedef struct call {
    baton_task task;
    void (*work)(struct call *self);
    bench *bench;
    baton__event done;
    const char *subject;
    const char *second; /* queue or token */
    const char *traceparent;
    const void *data;
    size_t size;
    size_t number;
    baton_status status;
} call;

static void run_call(baton_task *task)
{
    call *self = (call *)((char *)task - offsetof(call, task));
    self->work(self);
    baton__event_set(&self->done);
}

static void on_owner(bench *self, call *what)
{
    what->task = (baton_task){.run = run_call};
    what->bench = self;
    cr_assert(baton_loop_post(self->loop, &what->task));
    cr_assert(baton__event_wait(&what->done, BENCH_WAIT_MS), "the owner thread hangs");
}

static void changed(bench *self)
{
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
}

static void copy_text(char *to, const char *from, size_t size)
{
    size = size < BENCH_TEXT_SIZE ? size : BENCH_TEXT_SIZE - 1;
    if (size != 0) {
        memcpy(to, from, size);
    }
    to[size] = '\0';
}

static void on_connected(void *context)
{
    bench *self = context;
    (void)pthread_mutex_lock(&self->mutex);
    self->record.connected++;
    changed(self);
}

static void on_disconnected(void *context, baton_status reason, const char *text)
{
    bench *self = context;
    (void)pthread_mutex_lock(&self->mutex);
    self->record.disconnected++;
    self->record.reason = reason;
    copy_text(self->record.text, text, strlen(text));
    changed(self);
}

static void on_message(void *context, const baton__nats_incoming *incoming)
{
    bench *self = context;
    (void)pthread_mutex_lock(&self->mutex);
    bench_record *record = &self->record;
    record->messages++;
    record->bytes += incoming->size;
    record->size = incoming->size;
    record->subscription = incoming->subscription;
    record->sum = 0;
    for (size_t i = 0; i < incoming->size; i++) {
        record->sum += (uint8_t)incoming->data[i];
    }
    const char *trace = incoming->traceparent == NULL ? "" : incoming->traceparent;
    copy_text(record->subject, incoming->subject, strlen(incoming->subject));
    copy_text(record->data, incoming->data, incoming->size);
    copy_text(record->traceparent, trace, strlen(trace));
    const char *echo = self->echo;
    changed(self);
    if (echo != NULL) {
        cr_expect_eq(
            baton__nats_link_publish(self->link, echo, NULL, NULL, incoming->data, incoming->size),
            BATON_OK);
    }
}

static void on_no_responders(void *context, const char *reply_token)
{
    bench *self = context;
    (void)pthread_mutex_lock(&self->mutex);
    self->record.unheard++;
    copy_text(self->record.token, reply_token, strlen(reply_token));
    changed(self);
}

static void on_denied(void *context, const char *subject, bool publish)
{
    bench *self = context;
    (void)pthread_mutex_lock(&self->mutex);
    self->record.denied++;
    self->record.denied_publish = publish;
    copy_text(self->record.denied_subject, subject, strlen(subject));
    changed(self);
}

static void *loop_main(void *argument)
{
    bench *self = argument;
    cr_assert(baton__loop_enter(self->loop));
    baton__loop_run(self->loop, &self->stop);
    baton__loop_leave(self->loop);
    return NULL;
}

static void work_stop(call *self)
{
    __atomic_store_n(&self->bench->stop, true, __ATOMIC_RELEASE);
}

static void end_loop(bench *self)
{
    call what = {.work = work_stop};
    on_owner(self, &what);
    (void)pthread_join(self->thread, NULL);
    baton__loop_destroy(self->loop);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
    free(self);
}

static bench *make(void)
{
    bench *self = calloc(1, sizeof(*self));
    cr_assert_not_null(self);
    cr_assert_eq(pthread_mutex_init(&self->mutex, NULL), 0);
    cr_assert_eq(pthread_cond_init(&self->changed, NULL), 0);
    cr_assert_eq(baton__loop_create(&baton__clock_boottime, 50, &self->loop), BATON_OK);
    cr_assert_eq(pthread_create(&self->thread, NULL, loop_main, self), 0);
    return self;
}

baton_status bench_try_start(const baton_nats_options *options, bench **bench_out)
{
    static const baton__nats_callbacks callbacks = {.connected = on_connected,
                                                    .disconnected = on_disconnected,
                                                    .message = on_message,
                                                    .no_responders = on_no_responders,
                                                    .denied = on_denied};
    bench *self = make();
    baton_status status =
        baton__nats_link_create(self->loop, "bench_1", options, &callbacks, self, &self->link);
    if (status == BATON_OK) {
        *bench_out = self;
    } else {
        end_loop(self);
    }
    return status;
}

bench *bench_start(const baton_nats_options *options)
{
    bench *self = NULL;
    cr_assert_eq(bench_try_start(options, &self), BATON_OK, "%s", baton_error_text());
    return self;
}

static void work_close(call *self)
{
    baton__nats_link_close(self->bench->link, (uint32_t)self->number);
}

void bench_stop(bench *self, uint32_t flush_ms)
{
    call what = {.work = work_close, .number = flush_ms};
    on_owner(self, &what);
    baton__nats_link_destroy(self->link);
    end_loop(self);
}

baton__nats_link *bench_link(bench *self)
{
    return self->link;
}

bench_record bench_get(bench *self)
{
    (void)pthread_mutex_lock(&self->mutex);
    bench_record record = self->record;
    (void)pthread_mutex_unlock(&self->mutex);
    return record;
}

static void work_subscribe(call *self)
{
    self->status =
        baton__nats_link_subscribe(self->bench->link, self->subject, self->second, &self->number);
}

size_t bench_subscribe(bench *self, const char *subject, const char *queue)
{
    call what = {.work = work_subscribe, .subject = subject, .second = queue};
    on_owner(self, &what);
    cr_assert_eq(what.status, BATON_OK);
    return what.number;
}

static void work_unsubscribe(call *self)
{
    baton__nats_link_unsubscribe(self->bench->link, self->number);
}

void bench_unsubscribe(bench *self, size_t subscription)
{
    call what = {.work = work_unsubscribe, .number = subscription};
    on_owner(self, &what);
}

static void work_publish(call *self)
{
    self->status = baton__nats_link_publish(self->bench->link, self->subject, self->second,
                                            self->traceparent, self->data, self->size);
}

baton_status bench_publish(bench *self, const char *subject, const char *token,
                           const char *traceparent, const void *data, size_t size)
{
    call what = {.work = work_publish,
                 .subject = subject,
                 .second = token,
                 .traceparent = traceparent,
                 .data = data,
                 .size = size};
    on_owner(self, &what);
    return what.status;
}

baton_status bench_say(bench *self, const char *subject, const char *text)
{
    return bench_publish(self, subject, NULL, NULL, text, strlen(text));
}

static void work_max_payload(call *self)
{
    self->number = baton__nats_link_max_payload(self->bench->link);
}

size_t bench_max_payload(bench *self)
{
    call what = {.work = work_max_payload};
    on_owner(self, &what);
    return what.number;
}

void bench_echo(bench *self, const char *subject)
{
    (void)pthread_mutex_lock(&self->mutex);
    self->echo = subject;
    (void)pthread_mutex_unlock(&self->mutex);
}

static bool wait_count(bench *self, const unsigned *counter, unsigned count)
{
    struct timespec end;
    int error = 0;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += BENCH_WAIT_MS / 1000;
    (void)pthread_mutex_lock(&self->mutex);
    while (*counter < count && error == 0) {
        error = pthread_cond_timedwait(&self->changed, &self->mutex, &end);
    }
    bool reached = *counter >= count;
    (void)pthread_mutex_unlock(&self->mutex);
    return reached;
}

bool bench_wait_connected(bench *self, unsigned times)
{
    return wait_count(self, &self->record.connected, times);
}

bool bench_wait_disconnected(bench *self, unsigned times)
{
    return wait_count(self, &self->record.disconnected, times);
}

bool bench_wait_messages(bench *self, unsigned count)
{
    return wait_count(self, &self->record.messages, count);
}

bool bench_wait_unheard(bench *self, unsigned count)
{
    return wait_count(self, &self->record.unheard, count);
}

bool bench_wait_denied(bench *self, unsigned count)
{
    return wait_count(self, &self->record.denied, count);
}

bool bench_wait_reason(bench *self, baton_status reason)
{
    bench_record record = bench_get(self);
    while (record.reason != reason) {
        if (!bench_wait_disconnected(self, record.disconnected + 1)) {
            return false;
        }
        record = bench_get(self);
    }
    return true;
}

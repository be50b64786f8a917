/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include "json.h"
#include "load.h"
#include "victims.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* Many: workers may come and go, and an attempt that fails costs nothing but time. */
enum { ATTEMPTS = 20 };
/* What even a bad path and a busy machine manage. */
enum { BYTES_PER_MS = 10000 };
enum { DEADLINE_BASE_MS = 120000, DEADLINE_MAX_MS = 86400000 };

/* Runs on the library's thread: takes the time and wakes the lane. */
static void note_end(baton_offer *offer, void *context)
{
    (void)offer;
    lane *self = context;
    self->ended_ns = now_ns();
    sem_post(&self->over);
}

/* Time to wait for a worker that is free, and to move and process the bytes. */
static uint32_t deadline_for(const relay_options *options, uint64_t size)
{
    uint64_t deadline_ms = options->wait_ms + DEADLINE_BASE_MS + size / BYTES_PER_MS;
    return deadline_ms < DEADLINE_MAX_MS ? (uint32_t)deadline_ms : DEADLINE_MAX_MS;
}

static baton_status make_offer(lane *self, const file *offered, baton_descriptor *contents,
                               const char *user_json)
{
    const relay_options *relay = self->context->options;
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    options.acknowledge = BATON_ACKNOWLEDGE_APPLICATION;
    options.user_json = user_json;
    options.deadline_ms = deadline_for(relay, baton_descriptor_size(contents));
    options.attempts = ATTEMPTS;
    options.nobody = BATON_ABSENCE_WAIT;
    options.offline = BATON_ABSENCE_WAIT;
    options.on_complete = note_end;
    options.context = self;
    pthread_mutex_lock(&self->lock);
    baton_status status = baton_offer_readable(self->context->worker, relay->pool, &contents, 1,
                                               &options, &self->offer);
    self->file = status == BATON_OK ? offered : NULL;
    pthread_mutex_unlock(&self->lock);
    return status;
}

static void fail(lane_context *context, const file *failed, const char *text)
{
    if (atomic_load(&context->interrupted)) {
        ledger_add_interrupted(&context->ledger);
    } else {
        ledger_add_lost(&context->ledger, 1);
        say("%s: lost: %s", failed->path, text);
    }
}

/* True if the worker's answer is our digest. */
static bool is_right(const file *judged, const baton_outcome *outcome, const char *digest)
{
    char answer[SHA256_TEXT_SIZE];
    if (digest == NULL) {
        say("%s: libcrypto failed here, so nothing is known about it", judged->path);
        return false;
    }
    if (!json_find_sha256(outcome->result_json, answer)) {
        say("%s: %s answered without a SHA-256", judged->path, outcome->peer);
        return false;
    }
    if (strcmp(answer, digest) != 0) {
        say("%s: wrong: %s has %s, here it is %s", judged->path, outcome->peer, answer, digest);
        return false;
    }
    return true;
}

/* digest: NULL if it could not be computed. */
static void judge(lane_context *context, const file *judged, const baton_outcome *outcome,
                  uint64_t size, uint64_t latency_ns, const char *digest)
{
    ledger_add_attempts(&context->ledger, outcome->attempts);
    if (outcome->status != BATON_OPERATION_COMPLETE) {
        fail(context, judged,
             outcome->text[0] != '\0' ? outcome->text : baton_status_text(outcome->reason));
    } else if (digest == NULL && atomic_load(&context->stop)) {
        fail(context, judged, "ended before its digest was known here");
    } else {
        ledger_entry entry = {.worker = outcome->peer,
                              .path = outcome->path,
                              .transport = outcome->transport,
                              .bytes = size,
                              .latency_ns = latency_ns,
                              .wrong = !is_right(judged, outcome, digest)};
        ledger_add(&context->ledger, &entry);
    }
    if (context->victims != NULL) {
        victims_settle(context->victims, judged, outcome);
    }
}

/* Waits for the end of the offer that runs, and closes it. */
static void finish(lane *self, const file *finished, const baton_descriptor *contents,
                   uint64_t started_ns)
{
    char digest[SHA256_TEXT_SIZE];
    baton_outcome outcome = BATON_OUTCOME_INIT;
    bool hashed = sha256_of(baton_descriptor_pointer(contents), baton_descriptor_size(contents),
                            &self->context->stop, digest);
    while (sem_wait(&self->over) != 0) {
    }
    if (baton_offer_get_outcome(self->offer, &outcome) != BATON_OK) {
        fail(self->context, finished, baton_error_text());
    } else {
        judge(self->context, finished, &outcome, baton_descriptor_size(contents),
              self->ended_ns - started_ns, hashed ? digest : NULL);
    }
    pthread_mutex_lock(&self->lock);
    baton_offer *ended = self->offer;
    self->offer = NULL;
    self->file = NULL;
    pthread_mutex_unlock(&self->lock);
    baton_offer_destroy(ended);
}

static void offer_contents(lane *self, const file *offered, baton_descriptor *contents)
{
    char *user_json = json_of_file(offered->path, baton_descriptor_size(contents));
    uint64_t started_ns = now_ns();
    baton_status status = user_json != NULL ? make_offer(self, offered, contents, user_json)
                                            : BATON_ERR_OUT_OF_MEMORY;
    free(user_json);
    if (status != BATON_OK) {
        fail(self->context, offered, baton_error_text());
        return;
    }
    if (atomic_load(&self->context->stop)) {
        lane_cancel(self);
    }
    finish(self, offered, contents, started_ns);
}

static void hand_over(lane *self, const file *next)
{
    lane_context *context = self->context;
    baton_descriptor *contents = NULL;
    switch (load_file(next->path, &context->stop, &contents)) {
    case LOAD_OK:
        offer_contents(self, next, contents);
        baton_descriptor_release(contents);
        break;
    case LOAD_EMPTY:
        ledger_add_empty(&context->ledger);
        break;
    case LOAD_UNREADABLE:
        ledger_add_unreadable(&context->ledger);
        break;
    case LOAD_STOPPED:
        fail(context, next, "ended while it was read");
        break;
    }
    ledger_close_file(&context->ledger, next);
    if (context->victims != NULL) {
        victims_close_file(context->victims, next);
    }
    queue_give_back(&context->queue, next);
}

static void *run(void *argument)
{
    lane *self = argument;
    lane_context *context = self->context;
    const file *next = NULL;
    while ((next = queue_take(&context->queue)) != NULL) {
        hand_over(self, next);
    }
    if (atomic_fetch_sub(&context->running, 1) == 1) {
        eventfd_write(context->done_fd, 1);
    }
    return NULL;
}

bool lane_start(lane *self, lane_context *context)
{
    *self = (lane){.context = context, .lock = PTHREAD_MUTEX_INITIALIZER};
    sem_init(&self->over, 0, 0);
    atomic_fetch_add(&context->running, 1);
    if (pthread_create(&self->thread, NULL, run, self) != 0) {
        atomic_fetch_sub(&context->running, 1);
        sem_destroy(&self->over);
        return false;
    }
    return true;
}

void lane_join(lane *self)
{
    pthread_join(self->thread, NULL);
    sem_destroy(&self->over);
    pthread_mutex_destroy(&self->lock);
}

void lane_cancel(lane *self)
{
    pthread_mutex_lock(&self->lock);
    if (self->offer != NULL && baton_offer_cancel(self->offer) != BATON_OK) {
        say("%s: %s", self->file->path, baton_error_text());
    }
    pthread_mutex_unlock(&self->lock);
}

bool lane_look(lane *self, lane_view *view_out)
{
    baton_outcome outcome = BATON_OUTCOME_INIT;
    pthread_mutex_lock(&self->lock);
    bool seen = self->offer != NULL && baton_offer_get_outcome(self->offer, &outcome) == BATON_OK;
    if (seen) {
        *view_out = (lane_view){.file = self->file,
                                .bytes = outcome.bytes,
                                .attempts = outcome.attempts,
                                .over = baton_offer_is_over(self->offer)};
        /* Behind the last character is a zero already. */
        strncpy(view_out->peer, outcome.peer, sizeof view_out->peer - 1);
    }
    pthread_mutex_unlock(&self->lock);
    return seen;
}

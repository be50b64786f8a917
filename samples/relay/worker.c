/* SPDX-License-Identifier: Apache-2.0 */
/* relay worker: takes what is offered to the pool, and answers with its SHA-256. */
#include "worker.h"

#include "connect.h"
#include "json.h"
#include "progress.h"
#include "signals.h"

#include <baton/baton.h>
#include <stdio.h>
#include <unistd.h>

/* For the callbacks that run at the end; they look at stop every few milliseconds. */
enum { SHUT_DOWN_MS = 1000 };

typedef struct server {
    atomic_bool stop;
    atomic_ullong hand_offs; /* that the origin has confirmed */
    atomic_ullong bytes;
    atomic_ullong failed;
} server;

/* Counts it once the origin has confirmed it. */
static void settle(server *self, baton_handoff *handoff)
{
    baton_outcome outcome = BATON_OUTCOME_INIT;
    if (baton_handoff_wait(handoff, BATON_FOREVER, &outcome) == BATON_OK) {
        atomic_fetch_add(&self->hand_offs, 1);
        atomic_fetch_add(&self->bytes, baton_handoff_size(handoff));
        return;
    }
    atomic_fetch_add(&self->failed, 1);
    if (!atomic_load(&self->stop)) {
        say("from %s: %s", baton_handoff_origin(handoff), outcome.text);
    }
}

/* Answers with the digest; without one somebody else is to take it. */
static baton_status answer(server *self, baton_handoff *handoff, const baton_descriptor *contents)
{
    char digest[SHA256_TEXT_SIZE];
    char result[SHA256_TEXT_SIZE + 32];
    if (!sha256_of(baton_descriptor_pointer(contents), baton_descriptor_size(contents), &self->stop,
                   digest)) {
        return baton_handoff_cancel(handoff);
    }
    (void)snprintf(result, sizeof result, "{\"sha256\":\"%s\"}", digest);
    return baton_handoff_ack(handoff, result);
}

/* Runs on one of the service's threads for each hand-off. */
static void take(baton_handoff *handoff, void *context)
{
    server *self = context;
    baton_descriptor *contents = NULL;
    baton_status status = baton_handoff_receive(handoff, NULL, &contents);
    if (status == BATON_OK) {
        status = answer(self, handoff, contents);
        baton_descriptor_release(contents);
    } else if (status == BATON_ERR_OUT_OF_MEMORY) {
        status = baton_handoff_return(handoff); /* somebody else may have more */
    }
    if (status == BATON_OK) {
        settle(self, handoff);
        return;
    }
    atomic_fetch_add(&self->failed, 1);
    if (!atomic_load(&self->stop)) {
        say("from %s: %s", baton_handoff_origin(handoff), baton_error_text());
    }
}

static bool serve(server *self, baton_worker *worker, const relay_options *options, int signals_fd)
{
    baton_service *service = NULL;
    baton_serve_options settings = BATON_SERVE_OPTIONS_INIT;
    settings.concurrency = options->concurrency;
    if (baton_worker_serve(worker, options->pool, &settings, take, self, &service) != BATON_OK) {
        say("%s", baton_error_text());
        return false;
    }
    say("%s serves pool '%s'", baton_worker_name(worker), options->pool);
    while (signals_wait(signals_fd, -1, -1) == 0) {
    }
    atomic_store(&self->stop, true);
    return true;
}

static void print_end(const server *self, const char *name)
{
    (void)printf("relay worker %s: %llu hand-offs, %llu bytes, %llu failed\n", name,
                 (unsigned long long)atomic_load(&self->hand_offs),
                 (unsigned long long)atomic_load(&self->bytes),
                 (unsigned long long)atomic_load(&self->failed));
}

int relay_worker(const relay_options *options)
{
    server self = {0};
    int signal = 0;
    progress_take_log();
    int signals_fd = signals_open();
    if (signals_fd < 0) {
        return 1;
    }
    baton_worker *worker = connect_worker(options, signals_fd, &signal);
    bool served = worker != NULL && serve(&self, worker, options, signals_fd);
    if (served) {
        /* destroy would wait for the callbacks without bound. */
        if (baton_worker_shut_down(worker, SHUT_DOWN_MS) != BATON_OK) {
            say("%s", baton_error_text());
        }
        print_end(&self, baton_worker_name(worker));
        (void)fflush(stdout);
    }
    baton_worker_destroy(worker);
    close(signals_fd);
    return served || signal != 0 ? 0 : 1;
}

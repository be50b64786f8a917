/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay origin. The lanes do the work; this thread waits for their end and for signals, shows how
 * far it is, and notices when nobody takes what is offered.
 */
#include "origin.h"

#include "connect.h"
#include "lane.h"
#include "progress.h"
#include "signals.h"
#include "victims.h"
#include "walk.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TICK_MS = 200 };
/* A second signal within this is the same Ctrl-C, come by another way. */
static const uint64_t patience_ns = UINT64_C(1000000000);

typedef struct origin {
    lane_context context;
    file_list list;
    lane *lanes;
    size_t lane_count;
    int signals_fd;
    int signal; /* that ended it, or 0 */
    uint64_t stopped_ns;
    uint64_t started_ns;
    uint64_t taken_ns; /* when somebody last had something of ours */
    uint64_t files_done;
} origin;

static void stop(origin *self)
{
    atomic_store(&self->context.stop, true);
    queue_stop(&self->context.queue);
    for (size_t i = 0; i < self->lane_count; i++) {
        lane_cancel(&self->lanes[i]);
    }
}

static void stop_by_signal(origin *self, int number)
{
    if (self->signal != 0) {
        if (now_ns() - self->stopped_ns > patience_ns) {
            _exit(128 + number); /* asked again: it takes too long */
        }
        return;
    }
    self->signal = number;
    self->stopped_ns = now_ns();
    atomic_store(&self->context.interrupted, true);
    say("ended by a signal");
    stop(self);
}

/* What the lanes do now: is something offered, and has a worker a part of it? */
static void look_at_lanes(origin *self, bool *offered_out, bool *taken_out, uint64_t *bytes_out)
{
    lane_view view;
    *offered_out = false;
    *taken_out = false;
    *bytes_out = 0;
    for (size_t i = 0; i < self->lane_count; i++) {
        if (lane_look(&self->lanes[i], &view)) {
            *offered_out = true;
            *taken_out = *taken_out || view.attempts > 0;
            *bytes_out += view.bytes;
        }
    }
}

/* Shows how far it is; gives up when nothing that is offered was taken by anybody for too long. */
static void tick(origin *self)
{
    bool offered = false;
    bool taken = false;
    uint64_t bytes_running = 0;
    progress now = {.files_total = self->list.count, .bytes_total = self->list.bytes};
    look_at_lanes(self, &offered, &taken, &bytes_running);
    ledger_progress(&self->context.ledger, &now);
    now.elapsed_ns = now_ns() - self->started_ns;
    now.bytes_done += bytes_running;
    progress_show(&now);
    if (!offered || taken || now.files_done != self->files_done) {
        self->files_done = now.files_done;
        self->taken_ns = now_ns();
    }
    uint64_t wait_ns = (uint64_t)self->context.options->wait_ms * 1000000;
    if (now_ns() - self->taken_ns > wait_ns && !atomic_load(&self->context.stop)) {
        say(baton_worker_is_connected(self->context.worker)
                ? "nobody of pool '%s' has taken anything for %u s: giving up"
                : "no NATS server, so nobody of pool '%s' has taken anything for %u s: giving up",
            self->context.options->pool, self->context.options->wait_ms / 1000);
        stop(self);
    }
}

static bool start_lanes(origin *self)
{
    size_t wanted = self->context.options->offers;
    wanted = wanted < self->list.count ? wanted : self->list.count;
    self->lanes = calloc(wanted, sizeof *self->lanes);
    /* The last lane that ends tells; none ends before all have begun. */
    atomic_store(&self->context.running, 1);
    while (self->lanes != NULL && self->lane_count < wanted &&
           lane_start(&self->lanes[self->lane_count], &self->context)) {
        self->lane_count++;
    }
    if (atomic_fetch_sub(&self->context.running, 1) == 1) {
        eventfd_write(self->context.done_fd, 1);
    }
    if (self->lane_count == 0) {
        say("no thread can be started");
    }
    return self->lane_count > 0;
}

/* Waits until all lanes have ended. */
static void wait_for_lanes(origin *self)
{
    while (atomic_load(&self->context.running) > 0) {
        int number = signals_wait(self->signals_fd, self->context.done_fd, TICK_MS);
        if (number != 0) {
            stop_by_signal(self, number);
        }
        tick(self);
    }
    progress_end();
}

static void run_lanes(origin *self, victims *killers)
{
    self->started_ns = now_ns();
    self->taken_ns = self->started_ns;
    self->context.victims = killers;
    if (killers != NULL) {
        victims_prepare(killers, &self->list);
    }
    if (!start_lanes(self)) {
        ledger_add_lost(&self->context.ledger, self->list.count);
        return;
    }
    bool watching =
        killers != NULL && victims_start(killers, self->lanes, self->lane_count, &self->context);
    wait_for_lanes(self);
    if (watching) {
        victims_stop(killers);
    }
    for (size_t i = 0; i < self->lane_count; i++) {
        lane_join(&self->lanes[i]);
    }
}

/* Accounts for what was never begun, and prints the table. Returns the exit status. */
static int conclude(origin *self, uint64_t elapsed_ns)
{
    ledger *book = &self->context.ledger;
    size_t left = queue_left(&self->context.queue);
    if (self->signal != 0) {
        say("%zu files were not handed over", (size_t)book->interrupted + left);
    } else if (left > 0 && self->lane_count > 0) {
        ledger_add_lost(book, left);
    }
    ledger_print(book, elapsed_ns, stdout);
    bool printed = fflush(stdout) == 0;
    if (self->signal != 0) {
        return 128 + self->signal;
    }
    bool nothing = book->hand_offs == 0 && book->skipped.unreadable + book->skipped.missing > 0;
    return book->wrong == 0 && book->lost == 0 && !nothing && printed ? 0 : 1;
}

/* Waits for a server and hands over what was found. Returns the exit status. */
static int hand_over_all(origin *self, victims *killers)
{
    char bytes[SIZE_TEXT_SIZE];
    self->context.worker = connect_worker(self->context.options, self->signals_fd, &self->signal);
    if (self->context.worker == NULL) {
        return self->signal != 0 ? 128 + self->signal : 1;
    }
    size_print(self->list.bytes, bytes);
    say("%zu files, %s, to the workers of pool '%s'", self->list.count, bytes,
        self->context.options->pool);
    run_lanes(self, killers);
    uint64_t elapsed_ns = now_ns() - self->started_ns;
    /* Before the table, so that nothing comes behind its last line. */
    baton_worker_destroy(self->context.worker);
    return conclude(self, elapsed_ns);
}

static int run(origin *self, victims *killers)
{
    int status = 1;
    ledger_init(&self->context.ledger, &self->list.skipped);
    queue_init(&self->context.queue, &self->list, self->context.options->memory_bytes);
    self->signals_fd = signals_open();
    self->context.done_fd = eventfd(0, EFD_CLOEXEC);
    if (self->list.count == 0) {
        status = conclude(self, 0);
    } else if (self->signals_fd >= 0 && self->context.done_fd >= 0) {
        status = hand_over_all(self, killers);
    }
    close(self->signals_fd);
    close(self->context.done_fd);
    free(self->lanes);
    queue_fini(&self->context.queue);
    ledger_fini(&self->context.ledger);
    return status;
}

int relay_origin(const relay_options *options)
{
    origin self = {.context = {.options = options}};
    victims killers;
    progress_take_log();
    if (options->victims != NULL && !victims_init(&killers, options->victims)) {
        return 2;
    }
    /* A signal ends the process here: nothing has begun that would have to be ended. */
    int status = 1;
    if (walk(options->paths, &self.list)) {
        status = run(&self, options->victims != NULL ? &killers : NULL);
    }
    file_list_free(&self.list);
    if (options->victims != NULL) {
        victims_fini(&killers);
    }
    return status;
}

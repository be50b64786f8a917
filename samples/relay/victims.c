/* SPDX-License-Identifier: Apache-2.0 */
#include "victims.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A hand-off must take long enough to be caught in the middle. */
static const uint64_t large_bytes = UINT64_C(8) << 20;
/* What must be left of it when the worker is killed. */
static const uint64_t margin_bytes = UINT64_C(1) << 20;
/* Between two looks at the lanes. */
static const struct timespec look_interval = {.tv_nsec = 200000};

/* Reads one NAME=PID. */
static bool parse_victim(const char *text, victim *victim_out)
{
    const char *equals = strchr(text, '=');
    char *end = NULL;
    if (equals == NULL || equals == text || equals - text > BATON_NAME_MAX) {
        return false;
    }
    long pid = strtol(equals + 1, &end, 10);
    if (end == equals + 1 || *end != '\0' || pid < 2 || pid > INT32_MAX) {
        return false;
    }
    *victim_out = (victim){.pid = (pid_t)pid};
    memcpy(victim_out->name, text, (size_t)(equals - text));
    return true;
}

bool victims_init(victims *self, const char *text)
{
    *self = (victims){.lock = PTHREAD_MUTEX_INITIALIZER};
    char *copy = strdup(text);
    char *rest = NULL;
    self->workers = calloc(strlen(text) / 4 + 1, sizeof *self->workers); /* "a=12" at the least */
    bool good = copy != NULL && self->workers != NULL;
    for (char *part = good ? strtok_r(copy, ",", &rest) : NULL; good && part != NULL;
         part = strtok_r(NULL, ",", &rest)) {
        good = parse_victim(part, &self->workers[self->count]);
        self->count += good ? 1 : 0;
    }
    free(copy);
    if (!good || self->count == 0) {
        say("--kill-one takes NAME=PID[,NAME=PID]..., not '%s'", text);
        victims_fini(self);
        return false;
    }
    return true;
}

void victims_fini(victims *self)
{
    free(self->workers);
    pthread_mutex_destroy(&self->lock);
}

/* Kills it. False: there is no such process. */
static bool kill_worker(victims *self, const victim *chosen, const lane_view *moment)
{
    pthread_mutex_lock(&self->lock);
    bool killed = kill(chosen->pid, SIGKILL) == 0;
    if (killed) {
        self->name = chosen->name;
        self->moment = *moment;
    }
    pthread_mutex_unlock(&self->lock);
    return killed;
}

static bool is_partly_served(const lane_view *view)
{
    return view->file->size >= large_bytes && !view->over && view->bytes > 0 &&
           view->bytes + margin_bytes <= view->file->size;
}

/* Is it still the same attempt, and some of its bytes missing? */
static bool is_still_partly_served(const lane_view *before, const lane_view *after)
{
    return after->file == before->file && after->attempts == before->attempts &&
           strcmp(after->peer, before->peer) == 0 && !after->over &&
           after->bytes < after->file->size;
}

/* Kills the worker of this lane's hand-off if it is in the middle. */
static bool kill_in_the_middle(victims *self, lane *watched)
{
    lane_view before;
    lane_view after;
    if (!lane_look(watched, &before) || !is_partly_served(&before)) {
        return false;
    }
    const victim *chosen = NULL;
    for (size_t i = 0; i < self->count; i++) {
        chosen = strcmp(self->workers[i].name, before.peer) == 0 ? &self->workers[i] : chosen;
    }
    if (chosen == NULL || !kill_worker(self, chosen, &before)) {
        return false;
    }
    char got[SIZE_TEXT_SIZE];
    char size[SIZE_TEXT_SIZE];
    bool caught = lane_look(watched, &after) && is_still_partly_served(&before, &after);
    size_print(caught ? after.bytes : before.bytes, got);
    size_print(before.file->size, size);
    pthread_mutex_lock(&self->lock);
    self->moment = caught ? after : (lane_view){0};
    pthread_mutex_unlock(&self->lock);
    say("killed %s (SIGKILL) when it had %s of the %s of %s%s", before.peer, got, size,
        before.file->path, caught ? "" : ", a moment too late: it got the rest");
    if (!caught) {
        ledger_note(&self->context->ledger, before.peer, "killed a moment after its last byte");
    }
    return true;
}

/* Kills a worker when a third of the files are done, and others are left. */
static bool kill_between(victims *self)
{
    const char *why = self->large_count == 0
                          ? "no hand-off was large enough to be killed in the middle (8 MiB)"
                          : "no hand-off was caught in the middle";
    char note[128];
    uint64_t done = ledger_files_done(&self->context->ledger);
    if (atomic_load(&self->large_left) > 0 || done * 3 < self->context->queue.list->count ||
        queue_left(&self->context->queue) == 0) {
        return false;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (kill_worker(self, &self->workers[i], &(lane_view){0})) {
            say("%s: killed %s (SIGKILL) after %llu files", why, self->workers[i].name,
                (unsigned long long)done);
            (void)snprintf(note, sizeof note, "killed after %llu files; %s",
                           (unsigned long long)done, why);
            ledger_note(&self->context->ledger, self->workers[i].name, note);
            return true;
        }
    }
    return false;
}

static void *watch(void *argument)
{
    victims *self = argument;
    bool killed = false;
    while (!killed && !atomic_load(&self->ended)) {
        for (size_t i = 0; !killed && i < self->lane_count; i++) {
            killed = kill_in_the_middle(self, &self->lanes[i]);
        }
        killed = killed || kill_between(self);
        nanosleep(&look_interval, NULL);
    }
    return NULL;
}

void victims_prepare(victims *self, const file_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->files[i].size >= large_bytes) {
            self->large_count++;
        }
    }
    atomic_store(&self->large_left, self->large_count);
}

bool victims_start(victims *self, lane *lanes, size_t lane_count, lane_context *context)
{
    self->lanes = lanes;
    self->lane_count = lane_count;
    self->context = context;
    return pthread_create(&self->thread, NULL, watch, self) == 0;
}

void victims_stop(victims *self)
{
    atomic_store(&self->ended, true);
    pthread_join(self->thread, NULL);
    if (self->name == NULL && !atomic_load(&self->context->stop)) {
        say("no worker was killed: there was no moment for it");
    }
}

void victims_close_file(victims *self, const file *closed)
{
    if (closed->size >= large_bytes) {
        atomic_fetch_sub(&self->large_left, 1);
    }
}

void victims_settle(victims *self, const file *settled, const baton_outcome *outcome)
{
    char got[SIZE_TEXT_SIZE];
    char size[SIZE_TEXT_SIZE];
    char note[NAME_MAX + 256];
    pthread_mutex_lock(&self->lock);
    const char *name = self->name;
    lane_view moment = self->moment;
    pthread_mutex_unlock(&self->lock);
    if (name == NULL || moment.file != settled) {
        return;
    }
    if (outcome->status == BATON_OPERATION_COMPLETE && outcome->attempts == moment.attempts) {
        ledger_note(&self->context->ledger, name, "killed a moment after its last byte");
        return;
    }
    size_print(moment.bytes, got);
    size_print(settled->size, size);
    const char *slash = strrchr(settled->path, '/');
    (void)snprintf(note, sizeof note, "killed with %s of the %s of %s; %s took it over, attempt %u",
                   got, size, slash != NULL ? slash + 1 : settled->path,
                   outcome->status == BATON_OPERATION_COMPLETE ? outcome->peer : "nobody",
                   outcome->attempts);
    ledger_note(&self->context->ledger, name, note);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

void ledger_init(ledger *self, const skipped *before)
{
    *self = (ledger){.lock = PTHREAD_MUTEX_INITIALIZER, .skipped = *before};
}

void ledger_fini(ledger *self)
{
    for (size_t i = 0; i < self->row_count; i++) {
        free(self->rows[i].worker);
        free(self->rows[i].note);
        free(self->rows[i].latencies);
    }
    free(self->rows);
    pthread_mutex_destroy(&self->lock);
}

/* lock is held. NULL: out of memory. */
static ledger_row *row_of(ledger *self, const char *worker)
{
    for (size_t i = 0; i < self->row_count; i++) {
        if (strcmp(self->rows[i].worker, worker) == 0) {
            return &self->rows[i];
        }
    }
    char *name = strdup(worker);
    ledger_row *rows = realloc(self->rows, (self->row_count + 1) * sizeof *rows);
    if (rows != NULL) {
        self->rows = rows;
    }
    if (name == NULL || rows == NULL) {
        free(name);
        return NULL;
    }
    rows[self->row_count] = (ledger_row){.worker = name};
    return &rows[self->row_count++];
}

static void add_latency(ledger_row *row, uint64_t latency_ns)
{
    if (row->count == row->capacity) {
        size_t capacity = row->capacity > 0 ? row->capacity * 2 : 256;
        uint64_t *latencies = realloc(row->latencies, capacity * sizeof *latencies);
        if (latencies == NULL) {
            return; /* the account of this one is short by a latency, its sums are not */
        }
        row->latencies = latencies;
        row->capacity = capacity;
    }
    row->latencies[row->count++] = latency_ns;
}

void ledger_add(ledger *self, const ledger_entry *entry)
{
    pthread_mutex_lock(&self->lock);
    self->hand_offs++;
    self->bytes += entry->bytes;
    self->wrong += entry->wrong ? 1 : 0;
    ledger_row *row = row_of(self, entry->worker);
    if (row != NULL) {
        row->bytes += entry->bytes;
        add_latency(row, entry->latency_ns);
        (void)snprintf(row->path, sizeof row->path, "%s (%s)", entry->path, entry->transport);
    }
    pthread_mutex_unlock(&self->lock);
}

static void add(ledger *self, uint64_t *counter, uint64_t count)
{
    pthread_mutex_lock(&self->lock);
    *counter += count;
    pthread_mutex_unlock(&self->lock);
}

void ledger_add_attempts(ledger *self, uint32_t attempts)
{
    add(self, &self->redelivered, attempts > 1 ? attempts - 1 : 0);
}

void ledger_add_lost(ledger *self, uint64_t count)
{
    add(self, &self->lost, count);
}

void ledger_add_interrupted(ledger *self)
{
    add(self, &self->interrupted, 1);
}

void ledger_add_unreadable(ledger *self)
{
    add(self, &self->skipped.unreadable, 1);
}

void ledger_add_empty(ledger *self)
{
    add(self, &self->skipped.empty, 1);
}

void ledger_close_file(ledger *self, const file *closed)
{
    pthread_mutex_lock(&self->lock);
    self->files_done++;
    self->bytes_done += closed->size;
    pthread_mutex_unlock(&self->lock);
}

void ledger_note(ledger *self, const char *worker, const char *note)
{
    pthread_mutex_lock(&self->lock);
    ledger_row *row = row_of(self, worker);
    char *copy = strdup(note);
    if (row != NULL && copy != NULL) {
        free(row->note);
        row->note = copy;
    } else {
        free(copy);
    }
    pthread_mutex_unlock(&self->lock);
}

uint64_t ledger_files_done(ledger *self)
{
    pthread_mutex_lock(&self->lock);
    uint64_t done = self->files_done;
    pthread_mutex_unlock(&self->lock);
    return done;
}

void ledger_progress(ledger *self, progress *now)
{
    pthread_mutex_lock(&self->lock);
    now->files_done = self->files_done;
    now->bytes_done = self->bytes_done;
    pthread_mutex_unlock(&self->lock);
}

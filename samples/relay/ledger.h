/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the files: the accounts, and the table at the end. Every function may be called by
 * any thread. */
#ifndef RELAY_LEDGER_H
#define RELAY_LEDGER_H

#include "progress.h"
#include "walk.h"

#include <pthread.h>
#include <stdio.h>

/* Account of one worker. */
typedef struct ledger_row {
    char *worker;
    char path[64]; /* of the last hand-off: path and transport */
    char *note;    /* NULL if none */
    uint64_t bytes;
    uint64_t *latencies; /* nanoseconds, one for each hand-off */
    size_t count;
    size_t capacity;
} ledger_row;

typedef struct ledger {
    pthread_mutex_t lock;
    ledger_row *rows;
    size_t row_count;
    uint64_t hand_offs;
    uint64_t bytes;
    uint64_t wrong;
    uint64_t lost;
    uint64_t redelivered; /* attempts beyond the first */
    uint64_t interrupted; /* ended by Ctrl-C */
    skipped skipped;
    uint64_t files_done; /* files and their sizes in the list, however they ended */
    uint64_t bytes_done;
} ledger;

typedef struct ledger_entry {
    const char *worker;
    const char *path;
    const char *transport;
    uint64_t bytes;
    uint64_t latency_ns;
    bool wrong;
} ledger_entry;

void ledger_init(ledger *self, const skipped *before);
void ledger_fini(ledger *self);

/* One hand-off was acknowledged. */
void ledger_add(ledger *self, const ledger_entry *entry);
void ledger_add_attempts(ledger *self, uint32_t attempts);
void ledger_add_lost(ledger *self, uint64_t count);
void ledger_add_interrupted(ledger *self);
void ledger_add_unreadable(ledger *self);
void ledger_add_empty(ledger *self);
/* A file of the list is done with, whatever became of it. */
void ledger_close_file(ledger *self, const file *closed);
/* Sets what the table says behind a worker. */
void ledger_note(ledger *self, const char *worker, const char *note);

uint64_t ledger_files_done(ledger *self);
/* Fills files_done and bytes_done. */
void ledger_progress(ledger *self, progress *now);
/* Prints the table, and the last line. Only when nothing is added any more. */
void ledger_print(ledger *self, uint64_t elapsed_ns, FILE *out);

#endif

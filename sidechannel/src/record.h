/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_RECORD_H
#define BATON_RECORD_H

#include "base/event.h"
#include <baton/offer.h>
#include <pthread.h>

/*
 * How an offer or a handoff stands, for any thread to read. The owner thread writes it; what is
 * over never changes. Strings that were given out stay valid until fini: texts are only ever added.
 */
typedef struct baton__record_text baton__record_text;

typedef struct baton__record {
    pthread_mutex_t lock; /* of what follows, and of what the embedding object puts under it */
    baton_outcome now;
    baton__record_text *texts;
    const baton_operation *running; /* of the attempt that moves bytes; NULL if none */
    bool is_over;                   /* written under the lock, read without */
    baton__event ended;             /* set after the completion callback has run */
} baton__record;

/* Errors: ERR_SYSTEM. */
baton_status baton__record_init(baton__record *record);
void baton__record_fini(baton__record *record);

/* Owner: a peer has it. running: says how many bytes have moved so far, until baton__record_rest.
 */
void baton__record_grant(baton__record *record, const char *peer, uint32_t attempts,
                         const baton_operation *running);
/* Owner, before the operation is destroyed. */
void baton__record_rest(baton__record *record);

/* Owner: the end. Everything but status and reason may be left out (NULL, 0): it then stays as it
 * was. Strings are copied; where memory lacks they are "". Does not set `ended`. */
void baton__record_end(baton__record *record, const baton_outcome *outcome);

bool baton__record_is_over(const baton__record *record);
/* Fills up to out->struct_size. Errors: ERR_INVALID_ARGUMENT. */
baton_status baton__record_read(const baton__record *record, baton_outcome *out);
bool baton__record_is_complete(const baton__record *record);
/* BATON_OK if COMPLETE, else the reason, with the error text set; what: who it is. For what is over. */
baton_status baton__record_verdict(const baton__record *record, const char *what);

#endif

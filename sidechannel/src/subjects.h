/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_SUBJECTS_H
#define BATON_SUBJECTS_H

#include <baton/id.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The subjects of the side channel, below the worker's prefix:
 *   <prefix>.offer.<pool>.<origin>    OFFER, published by the origin
 *   <prefix>.to.<worker>.<sender>     directed OFFER, CANCEL, COMMIT, NACKED, PING, published by the sender
 *   <prefix>.done.<origin>.<worker>   BUSY, PROGRESS, DONE, NACK, FAIL, REJECT, CANCEL, PONG, published by the consumer
 *   <prefix>.event.<worker>           life of each operation, published by the worker
 * and the reply subjects of offers, for the server's 503 alone: <inbox>.<offer id>
 */
#define BATON__SUBJECT_MAX 384 /* bytes, with the terminating zero */

typedef enum baton__subject_kind {
    BATON__SUBJECT_OFFER = 1,
    BATON__SUBJECT_TO = 2,
    BATON__SUBJECT_DONE = 3
} baton__subject_kind;

/* What a subject says. */
typedef struct baton__subject {
    baton__subject_kind kind;
    char target[64]; /* pool, worker or origin: second token after the kind */
    char sender[64]; /* who published it */
} baton__subject;

/* Prefix: 1 .. 128 bytes of tokens of A-Z a-z 0-9 _ - joined by dots. */
bool baton__prefix_is_valid(const char *prefix);

/* Prints "<prefix>.<offer|to|done>.<target>.<sender>"; sender may be "*". The names are valid (base/name.h). */
void baton__subject_print(char text[BATON__SUBJECT_MAX], const char *prefix, baton__subject_kind kind,
                          const char *target, const char *sender);
void baton__subject_event(char text[BATON__SUBJECT_MAX], const char *prefix, const char *worker);
/* False for anything that is not exactly such a subject with valid names. */
bool baton__subject_parse(const char *text, const char *prefix, baton__subject *subject_out);

#endif

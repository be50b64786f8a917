/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BACKLOG_H
#define BATON_BACKLOG_H

#include "subjects.h"
#include <stdint.h>

/*
 * Acknowledgements that wait for a connection. Bounded in count and bytes: the oldest is dropped
 * first, since its hand-off is the one that its deadline ends soonest. Owner thread only.
 *
 * After a reconnect the others are still on their way back, so what was sent stays here until the
 * server had time to say that nobody listens for it.
 */
#define BATON__BACKLOG_COUNT_MAX 8192
#define BATON__BACKLOG_BYTES_MAX ((size_t)16 * 1024 * 1024)

typedef struct baton__backlog_item {
    char subject[BATON__SUBJECT_MAX];
    char *text;
    size_t size;
    uint64_t number;  /* names it in the server's answer */
    uint64_t sent_ns; /* 0: not sent, or nobody listened */
    uint32_t tries;
    struct baton__backlog_item *prev;
    struct baton__backlog_item *next;
} baton__backlog_item;

/* Zeroed: empty. */
typedef struct baton__backlog {
    baton__backlog_item *first;
    size_t count;
    size_t bytes;
    uint64_t numbers;
} baton__backlog;

/* Takes text, which is malloc's, in any case. Returns how many were dropped, this one or older
 * ones. */
size_t baton__backlog_add(baton__backlog *backlog, const char *subject, char *text, size_t size);
/* NULL if it is not there. */
baton__backlog_item *baton__backlog_find(const baton__backlog *backlog, uint64_t number);
void baton__backlog_drop(baton__backlog *backlog, baton__backlog_item *item);
void baton__backlog_fini(baton__backlog *backlog);

#endif

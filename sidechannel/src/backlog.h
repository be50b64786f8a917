/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BACKLOG_H
#define BATON_BACKLOG_H

#include "subjects.h"

/*
 * Acknowledgements that wait for a connection. Bounded in count and bytes: the oldest is dropped
 * first, since its hand-off is the one that its deadline ends soonest. Owner thread only.
 */
#define BATON__BACKLOG_COUNT_MAX 8192
#define BATON__BACKLOG_BYTES_MAX ((size_t)16 * 1024 * 1024)

typedef struct baton__backlog_item {
    char subject[BATON__SUBJECT_MAX];
    char *text;
    size_t size;
    struct baton__backlog_item *prev;
    struct baton__backlog_item *next;
} baton__backlog_item;

/* Zeroed: empty. */
typedef struct baton__backlog {
    baton__backlog_item *first;
    size_t count;
    size_t bytes;
} baton__backlog;

/* Takes text, which is malloc's, in any case. Returns how many were dropped, this one or older
 * ones. */
size_t baton__backlog_add(baton__backlog *backlog, const char *subject, char *text, size_t size);
/* The oldest one, NULL if there is none; and frees it. */
baton__backlog_item *baton__backlog_first(const baton__backlog *backlog);
void baton__backlog_drop_first(baton__backlog *backlog);
void baton__backlog_fini(baton__backlog *backlog);

#endif

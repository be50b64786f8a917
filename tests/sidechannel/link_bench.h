/* SPDX-License-Identifier: Apache-2.0 */
/* A link on a loop with a thread of its own, and a record of what it called back. */
#ifndef BATON_TEST_LINK_BENCH_H
#define BATON_TEST_LINK_BENCH_H

#include "nats_link.h"

enum { BENCH_WAIT_MS = 15000, BENCH_TEXT_SIZE = 512 };

typedef struct bench bench;

/* What has happened so far; a copy. */
typedef struct bench_record {
    unsigned connected;
    unsigned disconnected;
    unsigned messages;
    unsigned unheard;
    unsigned denied;
    baton_status reason; /* of the last disconnected */
    char text[BENCH_TEXT_SIZE];
    /* Of the last message. */
    char subject[BENCH_TEXT_SIZE];
    char data[BENCH_TEXT_SIZE]; /* cut */
    size_t size;
    uint32_t sum; /* of all its bytes */
    char traceparent[BENCH_TEXT_SIZE];
    size_t subscription;
    size_t bytes;                /* of all messages */
    char token[BENCH_TEXT_SIZE]; /* of the last 503 */
    char denied_subject[BENCH_TEXT_SIZE];
    bool denied_publish;
} bench_record;

/* Asserts that it could be made. options: with url NULL it is that of the server, as is common. */
bench *bench_start(const baton_nats_options *options);
/* As bench_start, without the assertion: the status of create; *bench_out only if it is OK. */
baton_status bench_try_start(const baton_nats_options *options, bench **bench_out);
/* Closes (sending for up to flush_ms), destroys, ends the loop. */
void bench_stop(bench *self, uint32_t flush_ms);

baton__nats_link *bench_link(bench *self);
bench_record bench_get(bench *self);

/* On the owner thread. */
size_t bench_subscribe(bench *self, const char *subject, const char *queue);
void bench_unsubscribe(bench *self, size_t subscription);
baton_status bench_publish(bench *self, const char *subject, const char *token,
                           const char *traceparent, const void *data, size_t size);
baton_status bench_say(bench *self, const char *subject, const char *text);
size_t bench_max_payload(bench *self);
/* The callback of each message publishes it again on this subject. NULL: no more. */
void bench_echo(bench *self, const char *subject);

/* Each returns false if it has not come about within BENCH_WAIT_MS. */
bool bench_wait_connected(bench *self, unsigned times);
bool bench_wait_disconnected(bench *self, unsigned times);
bool bench_wait_messages(bench *self, unsigned count);
bool bench_wait_unheard(bench *self, unsigned count);
bool bench_wait_denied(bench *self, unsigned count);
bool bench_wait_reason(bench *self, baton_status reason);

#endif

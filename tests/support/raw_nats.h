/* SPDX-License-Identifier: Apache-2.0 */
/* A NATS client of a few lines, for tests that listen in and forge. One thread, blocking. */
#ifndef BATON_TEST_RAW_NATS_H
#define BATON_TEST_RAW_NATS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct test_raw {
    int fd;
    char *buffer; /* what has arrived and was not taken */
    size_t used;
    int subscriptions;
} test_raw;

typedef struct test_raw_message {
    char subject[256];
    char *data; /* terminated; test_raw_free */
} test_raw_message;

/* Aborts the test where it cannot be had. */
void test_raw_connect(test_raw *raw, int port);
void test_raw_close(test_raw *raw);
/* Returns once the server has it. queue: NULL for none. */
void test_raw_subscribe(test_raw *raw, const char *subject, const char *queue);
/* Returns once the server has it. */
void test_raw_publish(test_raw *raw, const char *subject, const char *data);
/* The next message; false after timeout_ms. */
bool test_raw_next(test_raw *raw, int timeout_ms, test_raw_message *message_out);
/* The next message whose data has the text in it. */
bool test_raw_find(test_raw *raw, const char *text, int timeout_ms, test_raw_message *message_out);
void test_raw_free(test_raw_message *message);

#endif

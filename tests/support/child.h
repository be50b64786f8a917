/* SPDX-License-Identifier: Apache-2.0 */
/* A process for the other side of a hand-off, which says single characters through a pipe. */
#ifndef BATON_TEST_CHILD_H
#define BATON_TEST_CHILD_H

#include <baton/baton.h>
#include <sys/types.h>

typedef struct test_child {
    pid_t pid;
    int pipe;
} test_child;

/* Call it before this process has any worker. The child ends with this process, or when run
 * returns. */
test_child test_child_start(void (*run)(const char *url), const char *url);
/* Waits for what the child says; fails the test if it has ended. */
char test_child_hear(const test_child *child);
void test_child_signal(const test_child *child, int number);
/* SIGKILL, and waits for its end. */
void test_child_end(test_child *child);

/* In the child. */
void test_child_say(char what);
/* Aborts where there is none: Criterion's assertions are for the test's own process. */
baton_worker *test_child_worker(const char *name, const char *url);

#endif

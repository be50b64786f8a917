/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real nats-server for one test, on a free port of 127.0.0.1 and with files in a directory of its
 * own. Start it inside the test body (Criterion forks). It ends with the test process in any case.
 */
#ifndef BATON_TEST_NATS_SERVER_H
#define BATON_TEST_NATS_SERVER_H

#include <stdbool.h>

typedef struct baton_test_nats baton_test_nats;

/* True if there is a nats-server to run: $BATON_NATS_SERVER, or one in PATH or /usr/sbin. A test
 * without it skips. */
bool test_nats_available(void);

/* Starts it and waits until it accepts connections. config: text of its configuration file
 * ("authorization {...}"), NULL for none. Aborts the test where it cannot be had. */
baton_test_nats *test_nats_start(const char *config);
/* Takes a port and a directory, without a server yet: test_nats_restart starts it. */
baton_test_nats *test_nats_prepare(void);
/* "nats://127.0.0.1:<port>", as long as the handle lives. */
const char *test_nats_url(const baton_test_nats *server);
int test_nats_port(const baton_test_nats *server);
/* Directory of its files; a test may put its own there. Removed by stop. */
const char *test_nats_directory(const baton_test_nats *server);

/* SIGKILL, and waits for its end. */
void test_nats_kill(baton_test_nats *server);
/* Starts it again on the same port: with the same configuration, or another one. */
void test_nats_restart(baton_test_nats *server);
void test_nats_restart_with(baton_test_nats *server, const char *config);
/* SIGHUP: it reads its configuration again, which is this one now. */
void test_nats_reload(baton_test_nats *server, const char *config);
/* SIGSTOP and SIGCONT: it keeps its sockets and does not answer. */
void test_nats_pause(baton_test_nats *server);
void test_nats_resume(baton_test_nats *server);

/* Ends it, within a bound, and frees the handle. NULL is legal. */
void test_nats_stop(baton_test_nats *server);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_NATS_SERVER_H
#define BATON_CLI_PERF_NATS_SERVER_H

#include <baton/status.h>
#include <sys/types.h>

/* A nats-server of this run's own, on a free port of the loopback. It ends with this process. */
typedef struct perf_nats_server {
    pid_t pid;
    int log; /* what it says; stays open, or it would be ended by writing there */
    char url[64];
} perf_nats_server;

/* Looks in PATH, /usr/local/bin and /usr/sbin. To be called before there is a connector. Failures
 * are recorded. */
baton_status perf_nats_server_start(perf_nats_server *server_out);
/* Zeroed is legal. */
void perf_nats_server_end(perf_nats_server *server);

#endif

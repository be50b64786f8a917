/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_PEER_H
#define BATON_CLI_PERF_PEER_H

#include "perf_channel.h"
#include "perf_options.h"
#include <sys/types.h>

/*
 * The other process of a run. It gets its channel as standard input, greets, and does what the
 * OPTIONS ask for. Roles: "peer", started by the run itself, and "session", started by --serve for
 * somebody at a socket: that one serves transfers alone, and says on stderr how it ended.
 */
int perf_peer_main(const char *role);

/* The side that starts one: greeted, and OPTIONS not yet sent. */
typedef struct perf_peer {
    pid_t pid; /* 0: another machine's, or none */
    perf_channel channel;
} perf_peer;

/* A process of our own. To be called before there is a connector. */
baton_status perf_peer_start(perf_peer *peer_out);
/* Whoever serves at HOST:PORT. */
baton_status perf_peer_connect(const char *where, perf_peer *peer_out);
/* Hangs up, and ends the process if there is one. Zeroed is legal. */
void perf_peer_end(perf_peer *peer);

#endif

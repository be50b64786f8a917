/* SPDX-License-Identifier: Apache-2.0 */
/* A helper program beside the test's own, spoken to in lines; found in the folder of the test. */
#ifndef BATON_TEST_PEER_PROCESS_H
#define BATON_TEST_PEER_PROCESS_H

#include <baton/metadata.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct peer_process {
    pid_t pid;
    int to;
    int from;
    char buffer[262144];
    unsigned used;
    char line[262144]; /* the last one that peer_line read */
} peer_process;

/* It dies with the test. */
void peer_start(peer_process *peer, const char *program, const char *argument);
void peer_say(peer_process *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next line that begins with prefix, what comes between is skipped; fails the test after
 * timeout_ms. */
const char *peer_line(peer_process *peer, const char *prefix, int timeout_ms);
/* How operation `number` of a sdk_peer ended: "STATUS REASON right|wrong". */
const char *peer_end(peer_process *peer, int number, int timeout_ms);
void peer_signal(peer_process *peer, int signal);
/* It is to stop by itself. */
void peer_await_stop(peer_process *peer, uint32_t timeout_ms);
/* Ends it: politely, and fails the test unless it exits with 0; or as it was killed. */
void peer_quit(peer_process *peer);
void peer_kill(peer_process *peer);

/* Sends a metadata as the hexadecimal argument of a command. */
void peer_take(peer_process *peer, const char *command, const baton_metadata *metadata,
               unsigned seed, unsigned deadline_ms);
/* The metadata of a line "metadata N HEX". */
baton_metadata *peer_metadata(const char *line);

#endif

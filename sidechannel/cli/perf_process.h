/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_PROCESS_H
#define BATON_CLI_PERF_PROCESS_H

#include <baton/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Processes that belong to this one. They end with it, whatever ends it, and have a process group
 * of their own, so that a terminal's Ctrl-C reaches this one alone, which then ends them. To be
 * started before there is a connector: UCX does not survive a fork.
 */

/* A program with its arguments (NULL at the end). in, error: its descriptors 0 and 2; -1: /dev/null
 * and ours. Its standard output is our standard error. */
baton_status perf_process_start(char *const arguments[], int in, int error, pid_t *pid_out);

/* This very program as `baton perf --role ROLE`, with a stream socket as its standard input; the
 * other end is ours. */
baton_status perf_process_start_role(const char *role, pid_t *pid_out, int *socket_out);
/* The same with a socket that there is. It stays the caller's. */
baton_status perf_process_start_role_on(const char *role, int socket, pid_t *pid_out);

/* Waits up to wait_ms for its end, and then kills it. No zombie is left. pid 0: nothing. */
void perf_process_end(pid_t pid, uint32_t wait_ms);
/* True once it has ended; then it is reaped, and must not be ended any more. status_out: of
 * waitpid. */
bool perf_process_has_ended(pid_t pid, int *status_out);

#endif

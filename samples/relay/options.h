/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELAY_OPTIONS_H
#define RELAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct relay_options {
    const char *nats_url; /* NULL: from the environment, as the library does */
    const char *pool;
    const char *name;      /* NULL: the library makes one of host name and process id */
    const char *victims;   /* NAME=PID[,NAME=PID...] or NULL */
    uint32_t wait_ms;      /* for a server, and for somebody to take the first offer */
    uint32_t offers;       /* origin: hand-offs at a time */
    uint32_t concurrency;  /* worker: hand-offs at a time */
    uint64_t memory_bytes; /* origin: bytes of files in memory at a time */
    char **paths;          /* NULL-terminated, a part of argv; empty: the machine's own */
} relay_options;

typedef enum options_result { OPTIONS_OK, OPTIONS_DONE, OPTIONS_WRONG } options_result;

/* argv[0] is the name of the command. OPTIONS_DONE: --help was answered. */
options_result options_parse_origin(int argc, char **argv, relay_options *options_out);
options_result options_parse_worker(int argc, char **argv, relay_options *options_out);

#endif

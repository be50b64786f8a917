/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BENCH_MEASURE_H
#define BATON_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What the programs of the benchmark suite share: arguments, clocks, data and their one line of
 * output. These programs are the yardstick that baton is held against, so they use nothing of
 * baton's. One thread; every failure ends the program with a line on stderr and exit status 2,
 * since a measurement that went wrong is not one.
 */

/* What one run of transfers is: its arguments. */
typedef struct measure_options {
    const char *op;      /* --op: read, write, and for some programs get and put */
    uint64_t size_bytes; /* --size, one transfer */
    uint64_t count;      /* --count, measured ones */
    uint64_t warmup;     /* --warmup, before them */
    uint64_t depth;      /* --depth, in flight at a time */
    uint64_t slots; /* --slots, different buffers on each side, used in turn; 0: as many as depth */
    uint64_t pinned;      /* --pinned 1: this process stays on the first core that it may use, the other one on the second */
    uint64_t spinners;    /* --spinners, processes that are in the way; raw_handover alone */
    const char *link;     /* --link: any, shm, tcp; only printed, and UCX_TLS is set from it */
    const char *progress; /* --progress: thread or application; nixl_transfer and bench_handoff */
    uint64_t spin_us; /* --spin-us, of baton's connectors; UINT64_MAX: its default; bench_handoff
                         alone */
    const char *nats; /* --nats, the URL of a server; bench_handoff alone */
    int peer_fd;      /* --peer-fd: this is the other process, and its socket; -1: it is not */
} measure_options;

/* Ends the program with 2. */
void measure_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Takes --name value pairs; what it does not know is an error. */
measure_options measure_parse(int count, char **arguments, const char *op_default);

/* Sets UCX_TLS for the link (any: leaves it), and what a program has to set so that endpoints which
 * report the death of a peer use shared memory, and TCP large segments; the latter where the
 * environment has none. Before UCX is there. */
void measure_set_transports(const char *link);

/* Monotonic. */
uint64_t measure_now_ns(void);
/* User and system time of all threads of this process. */
uint64_t measure_cpu_ns(void);

/* Page-aligned memory whose pages are all there. Never freed: the program is short. */
void *measure_memory(size_t size_bytes);
/* Fills memory with words that differ by slot and place; measure_is_filled compares. */
void measure_fill(void *memory, size_t size_bytes, uint64_t slot);
bool measure_is_filled(const void *memory, size_t size_bytes, uint64_t slot);
/* Ends the program unless each slot that was used holds what measure_fill puts there. */
void measure_check(const measure_options *options, unsigned char *const *memory);

/* Median, 99th percentile (nearest rank) and smallest. Sorts the samples. */
typedef struct measure_statistics {
    double p50;
    double p99;
    double best;
} measure_statistics;
measure_statistics measure_summarize(double *samples, size_t count);

/* Prints one run of transfers as one JSON object, in the fields of `baton perf --json`. cpu_ns are
 * of both sides. */
typedef struct measure_result {
    double *latencies_us; /* count of them */
    uint64_t elapsed_ns;
    uint64_t active_cpu_ns;
    uint64_t passive_cpu_ns;
} measure_result;
void measure_print(const char *type, const measure_options *options, const char *version,
                   measure_result *result);

/* Reads or writes all of it, or ends the program. */
void measure_read(int fd, void *data, size_t size);
void measure_write(int fd, const void *data, size_t size);

/* Starts this program once more with the same arguments and --peer-fd. The child dies with this
 * process. Returns this side's end of the socket. Call it before UCX is touched. */
int measure_start_peer(char **arguments);
/* For --pinned: to be called after measure_start_peer, or the peer could use one core alone. Where there is one, nothing is done. */
void measure_pin(const measure_options *options);
/* Waits for the peer, which must end with 0. */
void measure_end_peer(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_OPTIONS_H
#define BATON_CLI_PERF_OPTIONS_H

#include <baton/device.h>
#include <string.h>

/* What `baton perf` is asked for: from a command line, or from the other side as one line of the
 * same. */

typedef enum perf_mode {
    PERF_MODE_TRANSFER = 1,
    PERF_MODE_SERVE = 2,
    PERF_MODE_HANDOFF = 4,
    PERF_MODE_IDLE = 8,
    PERF_MODE_LIVE = 16
} perf_mode;

typedef struct perf_options {
    perf_mode mode;
    const char *role; /* of a process that another one started; NULL: a person did */
    bool help;
    bool json;
    const char *link; /* any, shm, tcp */
    const char *path; /* auto, am, map, view, rma, staged */
    baton_device device; /* of the memory of the side that begins */
    baton_device peer_device;
    bool is_write;
    bool application; /* who drives progress */
    uint64_t size_bytes;
    uint64_t count;
    uint64_t depth;
    uint64_t segments;
    uint64_t stride_bytes; /* 0: each segment is a descriptor of its own */
    uint64_t warmup;
    uint64_t timeout_s;
    const char *serve;   /* ADDRESS:PORT */
    const char *connect; /* HOST:PORT */
    const char *nats;    /* URL; NULL: a server of our own */
    uint64_t idle_s;
    uint64_t peers;
    uint64_t live;
} perf_options;

typedef enum perf_parsed {
    PERF_PARSED = 0,
    PERF_WRONG = 1 /* said on stderr; usage is due */
} perf_parsed;

#define PERF_SERVE_DEFAULT "127.0.0.1:7847"

/* arguments[0] is the name of the command. Strings are borrowed. */
perf_parsed perf_options_parse(int count, char **arguments, perf_options *options_out);
/* What the other side of a run has to know: transfers, hand-offs and idle peers. False if it does
 * not fit. */
bool perf_options_print(const perf_options *options, char *line, size_t size);
/* Takes such a line apart in place. */
perf_parsed perf_options_parse_line(char *line, perf_options *options_out);

/* Reads that map a pool of the other side. */
bool perf_options_map(const perf_options *options);
/* Of those, the ones that look at it in place. */
bool perf_options_view(const perf_options *options);
/* Both sides have rma switched on. */
bool perf_options_rma(const perf_options *options);
/* Through pinned memory, on each side whose memory is of a device. */
static inline bool perf_options_staged(const perf_options *options)
{
    return strcmp(options->path, "staged") == 0;
}
/* What UCX_TLS has to be for the link; NULL: whatever it is. */
const char *perf_options_tls(const perf_options *options);

#endif

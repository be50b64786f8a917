/* SPDX-License-Identifier: Apache-2.0 */
/* Options on their way to the other side of a run: a line as on a command line. */
#include "perf_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 64, BOTH_SIZE = 192 };

/* Of transfers and hand-offs. */
static void print_both(const perf_options *options, char both[BOTH_SIZE])
{
    char here[BATON_DEVICE_TEXT_SIZE];
    char there[BATON_DEVICE_TEXT_SIZE];
    baton_device_print(options->device, here);
    baton_device_print(options->peer_device, there);
    (void)snprintf(both, BOTH_SIZE, "--link %s --progress %s --path %s --device %s --peer-device %s --size %" PRIu64, options->link,
                   options->application ? "application" : "thread", options->path, here, there, options->size_bytes);
}

static int print_transfer(const perf_options *options, char *line, size_t size)
{
    char both[BOTH_SIZE];
    print_both(options, both);
    int length = snprintf(line, size,
                    "%s --op %s --count %" PRIu64 " --depth %" PRIu64 " --segments %" PRIu64 " --warmup %" PRIu64
                    " --timeout %" PRIu64,
                    both, options->is_write ? "write" : "read", options->count, options->depth, options->segments,
                    options->warmup, options->timeout_s);
    if (length > 0 && (size_t)length < size && options->stride_bytes != 0) {
        length += snprintf(line + length, size - (size_t)length, " --stride %" PRIu64, options->stride_bytes);
    }
    return length;
}

static int print_handoff(const perf_options *options, char *line, size_t size)
{
    char both[BOTH_SIZE];
    print_both(options, both);
    return snprintf(line, size, "--handoff --nats %s %s", options->nats, both);
}

bool perf_options_print(const perf_options *options, char *line, size_t size)
{
    int length = -1;
    switch (options->mode) {
    case PERF_MODE_TRANSFER:
        length = print_transfer(options, line, size);
        break;
    case PERF_MODE_HANDOFF:
        length = print_handoff(options, line, size);
        break;
    case PERF_MODE_IDLE:
        length = snprintf(line, size, "--idle %" PRIu64 " --peers %" PRIu64 " --link %s",
                          options->idle_s, options->peers, options->link);
        break;
    case PERF_MODE_SERVE:
    case PERF_MODE_LIVE:
        break; /* have no other side */
    }
    return length > 0 && (size_t)length < size;
}

perf_parsed perf_options_parse_line(char *line, perf_options *options_out)
{
    char *words[WORDS_MAX] = {"perf"};
    char *rest = NULL;
    int count = 1;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (count == WORDS_MAX) {
            return PERF_WRONG;
        }
        words[count++] = word;
    }
    perf_parsed parsed = perf_options_parse(count, words, options_out);
    bool is_for_this =
        options_out->role == NULL && options_out->connect == NULL && !options_out->help;
    return parsed == PERF_PARSED && !is_for_this ? PERF_WRONG : parsed;
}

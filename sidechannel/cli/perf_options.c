/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_options.h"

#include "perf_size.h"
#include <stdio.h>
#include <string.h>

enum {
    T = PERF_MODE_TRANSFER,
    S = PERF_MODE_SERVE,
    H = PERF_MODE_HANDOFF,
    I = PERF_MODE_IDLE,
    L = PERF_MODE_LIVE,
    ALL = T | S | H | I | L
};

typedef perf_parsed (*take_fn)(perf_options *options, const char *value);

typedef struct option {
    const char *name;
    int modes;
    take_fn take;
    const char *expected; /* what its value has to be; NULL: it has none */
} option;

static perf_parsed verdict(bool is_right)
{
    return is_right ? PERF_PARSED : PERF_WRONG;
}

static bool is_one_of(const char *value, const char *const *words, const char **word_out)
{
    for (; *words != NULL; words++) {
        if (strcmp(value, *words) == 0) {
            *word_out = *words;
            return true;
        }
    }
    return false;
}

static perf_parsed take_link(perf_options *options, const char *value)
{
    static const char *const words[] = {"any", "shm", "tcp", NULL};
    return verdict(is_one_of(value, words, &options->link));
}

static perf_parsed take_path(perf_options *options, const char *value)
{
    static const char *const words[] = {"auto", "am", "map", "view", "rma", "staged", NULL};
    return verdict(is_one_of(value, words, &options->path));
}

static perf_parsed take_device(perf_options *options, const char *value)
{
    return verdict(baton_device_parse(value, &options->device) == BATON_OK);
}

static perf_parsed take_peer_device(perf_options *options, const char *value)
{
    return verdict(baton_device_parse(value, &options->peer_device) == BATON_OK);
}

static perf_parsed take_op(perf_options *options, const char *value)
{
    options->is_write = strcmp(value, "write") == 0;
    return verdict(options->is_write || strcmp(value, "read") == 0);
}

static perf_parsed take_progress(perf_options *options, const char *value)
{
    options->application = strcmp(value, "application") == 0;
    return verdict(options->application || strcmp(value, "thread") == 0);
}

static perf_parsed take_size(perf_options *options, const char *value)
{
    return verdict(perf_size_parse(value, &options->size_bytes) && options->size_bytes >= 1 &&
                   options->size_bytes <= UINT64_C(1) << 40);
}

static perf_parsed take_stride(perf_options *options, const char *value)
{
    return verdict(perf_size_parse(value, &options->stride_bytes) && options->stride_bytes >= 1 &&
                   options->stride_bytes <= UINT64_C(1) << 40);
}

#define TAKE_NUMBER(name, field, least, most)                                       \
    static perf_parsed name(perf_options *options, const char *value)               \
    {                                                                               \
        return verdict(perf_number_parse(value, (least), (most), &options->field)); \
    }
TAKE_NUMBER(take_count, count, 1, 10000000)
TAKE_NUMBER(take_depth, depth, 1, 1024)
TAKE_NUMBER(take_segments, segments, 1, 65536)
TAKE_NUMBER(take_warmup, warmup, 0, 1000000)
TAKE_NUMBER(take_timeout, timeout_s, 1, 3600)
TAKE_NUMBER(take_idle, idle_s, 1, 86400)
TAKE_NUMBER(take_peers, peers, 0, 1024)
TAKE_NUMBER(take_live, live, 1, 1000000)

#define TAKE_TEXT(name, field)                                        \
    static perf_parsed name(perf_options *options, const char *value) \
    {                                                                 \
        options->field = value;                                       \
        return verdict(value[0] != '\0');                             \
    }
TAKE_TEXT(take_serve, serve)
TAKE_TEXT(take_connect, connect)
TAKE_TEXT(take_nats, nats)
TAKE_TEXT(take_role, role)

static perf_parsed take_handoff(perf_options *options, const char *value)
{
    (void)value;
    options->mode = PERF_MODE_HANDOFF;
    return PERF_PARSED;
}

static perf_parsed take_json(perf_options *options, const char *value)
{
    (void)value;
    options->json = true;
    return PERF_PARSED;
}

static perf_parsed take_help(perf_options *options, const char *value)
{
    (void)value;
    options->help = true;
    return PERF_PARSED;
}

static const option table[] = {
    {"--help", ALL, take_help, NULL},
    {"--json", ALL, take_json, NULL},
    {"--role", ALL, take_role, "a role"},
    {"--link", T | H | I | L, take_link, "any, shm or tcp"},
    {"--path", T | H, take_path, "auto, am, map, view, rma or staged"},
    {"--device", T | H, take_device, "cpu, or cuda:N"},
    {"--peer-device", T | H, take_peer_device, "cpu, or cuda:N"},
    {"--op", T, take_op, "read or write"},
    {"--size", T | H, take_size,
     "1 B .. 1 TiB, with B, kB, MB, GB, KiB, MiB, GiB or nothing behind it"},
    {"--count", T | H, take_count, "1 .. 10,000,000"},
    {"--depth", T, take_depth, "1 .. 1024"},
    {"--segments", T, take_segments, "1 .. 65,536"},
    {"--stride", T, take_stride, "a size, as that of --size"},
    {"--warmup", T | H, take_warmup, "0 .. 1,000,000"},
    {"--progress", T | H | I | L, take_progress, "thread or application"},
    {"--timeout", T | H, take_timeout, "1 .. 3,600 seconds"},
    {"--connect", T, take_connect, "HOST:PORT"},
    {"--serve", S, take_serve, "ADDRESS:PORT"},
    {"--handoff", H, take_handoff, NULL},
    {"--nats", H, take_nats, "a URL"},
    {"--idle", I, take_idle, "1 .. 86,400 seconds"},
    {"--peers", I, take_peers, "0 .. 1024"},
    {"--live", L, take_live, "1 .. 1,000,000"},
};
enum { OPTIONS = sizeof(table) / sizeof(table[0]) };

static const option *find(const char *name)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static perf_parsed wrong(const char *name, const char *text)
{
    (void)fprintf(stderr, "baton perf: %s %s\n", name, text);
    return PERF_WRONG;
}

static bool is_value(int count, char **arguments, int at)
{
    return at < count && arguments[at][0] != '-';
}

/* One option at arguments[*at], which moves behind it. given: what was there before, by place in
 * the table. */
static perf_parsed take_one(int count, char **arguments, int *at, uint32_t *given,
                            perf_options *options)
{
    const char *name = arguments[*at];
    const char *value = NULL;
    const option *found = find(name);
    if (found == NULL) {
        return wrong(name, "is not an option");
    }
    uint32_t bit = UINT32_C(1) << (found - table);
    if ((*given & bit) != 0) {
        return wrong(name, "stands there twice");
    }
    *given |= bit;
    *at += 1;
    if (found->expected != NULL) {
        bool is_there = is_value(count, arguments, *at);
        if (!is_there && found->take != take_serve) {
            return wrong(name, "needs a value");
        }
        value = is_there ? arguments[*at] : PERF_SERVE_DEFAULT;
        *at += is_there ? 1 : 0;
    }
    perf_parsed parsed = found->take(options, value);
    if (parsed == PERF_WRONG) {
        (void)fprintf(stderr, "baton perf: %s is %s, not \"%s\"\n", name, found->expected, value);
    }
    return parsed;
}

static perf_parsed settle_segments(const perf_options *options)
{
    if (options->segments > options->size_bytes) {
        return wrong("--segments", "is more than the size has bytes");
    }
    if (options->stride_bytes != 0 && options->size_bytes % options->segments != 0) {
        return wrong("--stride", "is for segments of one size: --size is no multiple of --segments");
    }
    return options->stride_bytes != 0 && options->stride_bytes < options->size_bytes / options->segments
               ? wrong("--stride", "is less than a segment")
               : PERF_PARSED;
}

static bool is_on_device(const perf_options *options)
{
    return options->device.kind != BATON_DEVICE_KIND_HOST || options->peer_device.kind != BATON_DEVICE_KIND_HOST;
}

/* What the path is for. */
static perf_parsed settle_path(const perf_options *options)
{
    bool is_handoff = options->mode == PERF_MODE_HANDOFF;
    if (perf_options_map(options) && (is_handoff || options->is_write || options->stride_bytes != 0)) {
        return wrong("--path map or view", "is for reads without a stride");
    }
    if (perf_options_map(options) && is_on_device(options)) {
        return wrong("--path map or view", "is for memory of the host");
    }
    if (perf_options_view(options) && options->segments != 1) {
        return wrong("--path view", "is for reads of one segment");
    }
    if (perf_options_rma(options) && is_handoff) {
        return wrong("--path rma", "is for transfers");
    }
    return perf_options_staged(options) && !is_on_device(options)
               ? wrong("--path staged", "is for memory of a device: --device or --peer-device")
               : PERF_PARSED;
}

static int modes_of(const perf_options *options)
{
    return (options->serve != NULL ? S : 0) | (options->mode == PERF_MODE_HANDOFF ? H : 0) | (options->idle_s != 0 ? I : 0) |
           (options->live != 0 ? L : 0);
}

static bool is_given(uint32_t given, take_fn take)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (table[i].take == take) {
            return (given & UINT32_C(1) << i) != 0;
        }
    }
    return false;
}

/* Which mode it is, that all options belong to it, and what is left to be the default of the mode. */
static perf_parsed settle(uint32_t given, perf_options *options)
{
    int modes = modes_of(options);
    if ((modes & (modes - 1)) != 0) {
        return wrong("--serve, --handoff, --idle and --live", "do not go together");
    }
    options->mode = modes == 0 ? PERF_MODE_TRANSFER : (perf_mode)modes;
    for (size_t i = 0; i < OPTIONS; i++) {
        if ((given & UINT32_C(1) << i) != 0 && (table[i].modes & (int)options->mode) == 0) {
            return wrong(table[i].name, "does not go with what else is asked for");
        }
    }
    if (options->size_bytes == 0) {
        options->size_bytes = options->mode == PERF_MODE_HANDOFF ? 4096 : 1 << 20;
    }
    if (!is_given(given, take_peer_device)) {
        options->peer_device = options->device;
    }
    perf_parsed parsed = settle_path(options);
    return parsed == PERF_PARSED ? settle_segments(options) : parsed;
}

perf_parsed perf_options_parse(int count, char **arguments, perf_options *options_out)
{
    uint32_t given = 0;
    *options_out = (perf_options){.mode = PERF_MODE_TRANSFER,
                                  .link = "any",
                                  .path = "auto",
                                  .device = BATON_DEVICE_HOST,
                                  .peer_device = BATON_DEVICE_HOST,
                                  .count = 1000,
                                  .depth = 1,
                                  .segments = 1,
                                  .warmup = 20,
                                  .timeout_s = 60,
                                  .peers = 10};
    for (int at = 1; at < count;) {
        perf_parsed parsed = take_one(count, arguments, &at, &given, options_out);
        if (parsed != PERF_PARSED) {
            return parsed;
        }
    }
    return options_out->help ? PERF_PARSED : settle(given, options_out);
}

bool perf_options_map(const perf_options *options)
{
    return strcmp(options->path, "map") == 0 || perf_options_view(options);
}

bool perf_options_view(const perf_options *options)
{
    return strcmp(options->path, "view") == 0;
}

bool perf_options_rma(const perf_options *options)
{
    return strcmp(options->path, "rma") == 0;
}

const char *perf_options_tls(const perf_options *options)
{
    if (strcmp(options->link, "shm") == 0) {
        return "posix,sysv,self";
    }
    return strcmp(options->link, "tcp") == 0 ? "tcp,self" : NULL;
}

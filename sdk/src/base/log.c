/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sink of the process.
 *
 * The level is read on every would-be line, with one relaxed load. Sink and context belong together
 * and are read under a read-write lock, which is held while the sink runs: so when
 * baton_log_set_sink returns, nobody uses the old context any more and its owner may free it.
 * Writers of lines do not exclude each other.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_LINE_SIZE = 1024 };

/* Values of `level` besides those of baton_log_level. */
enum { LEVEL_SILENT = -1, LEVEL_UNKNOWN = -2 };

static const char *const level_names[] = {
    [BATON_LOG_ERROR] = "error", [BATON_LOG_WARN] = "warn",   [BATON_LOG_INFO] = "info",
    [BATON_LOG_DEBUG] = "debug", [BATON_LOG_TRACE] = "trace",
};
enum { LEVEL_COUNT = sizeof(level_names) / sizeof(level_names[0]) };

static void write_to_stderr(baton_log_level level, const char *line, void *context);

static pthread_rwlock_t sink_lock = PTHREAD_RWLOCK_INITIALIZER;
static baton_log_fn sink = write_to_stderr;
static void *sink_context;
/* The environment is read at the first line, not before main. */
static int current_level = LEVEL_UNKNOWN;

/* One call, so that lines of several threads do not mix. */
static void write_to_stderr(baton_log_level level, const char *line, void *context)
{
    (void)context;
    (void)fprintf(stderr, "baton: %s: %s\n", level_names[level], line);
}

static int level_of_environment(void)
{
    const char *wanted = getenv("BATON_LOG_LEVEL");
    if (wanted == NULL || *wanted == '\0') {
        return BATON_LOG_WARN;
    }
    for (int i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(wanted, level_names[i]) == 0) {
            return i;
        }
    }
    (void)fprintf(stderr,
                  "baton: warn: BATON_LOG_LEVEL is none of error, warn, info, debug, trace\n");
    return BATON_LOG_WARN;
}

bool baton__log_enabled(baton_log_level level)
{
    int limit = __atomic_load_n(&current_level, __ATOMIC_RELAXED);
    if (limit == LEVEL_UNKNOWN) {
        int expected = LEVEL_UNKNOWN;
        limit = level_of_environment();
        if (!__atomic_compare_exchange_n(&current_level, &expected, limit, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED)) {
            limit = expected; /* another thread was here, or the application has set its sink */
        }
    }
    return (int)level <= limit;
}

/* A line stays one line, whatever a peer has put into a text that is printed. */
static void replace_control_characters(char *line)
{
    for (; *line != '\0'; line++) {
        unsigned char c = (unsigned char)*line;
        if (c < 0x20 || c == 0x7f) {
            *line = '?';
        }
    }
}

void baton__log_write(baton_log_level level, const char *format, ...)
{
    char line[LOG_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0) {
        return;
    }
    replace_control_characters(line);
    (void)pthread_rwlock_rdlock(&sink_lock);
    if (sink != NULL) {
        sink(level, line, sink_context);
    }
    (void)pthread_rwlock_unlock(&sink_lock);
}

void baton_log_set_sink(baton_log_fn new_sink, void *context, baton_log_level level)
{
    int limit = new_sink == NULL ? LEVEL_SILENT : (int)level;
    (void)pthread_rwlock_wrlock(&sink_lock);
    sink = new_sink;
    sink_context = context;
    __atomic_store_n(&current_level, limit, __ATOMIC_RELAXED);
    (void)pthread_rwlock_unlock(&sink_lock);
}

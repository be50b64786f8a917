/* SPDX-License-Identifier: Apache-2.0 */
/** Where the library's log lines go. No key, token or user data is ever in one. */
#ifndef BATON_LOG_H
#define BATON_LOG_H

#include <baton/export.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum baton_log_level {
    BATON_LOG_ERROR = 0,
    BATON_LOG_WARN = 1,
    BATON_LOG_INFO = 2,
    BATON_LOG_DEBUG = 3,
    BATON_LOG_TRACE = 4
} baton_log_level;

/**
 * Receives one log line, without a newline, borrowed until return.
 * Threads: called from any thread, the owner thread included; must not call baton and must not block.
 */
typedef void (*baton_log_fn)(baton_log_level level, const char *line, void *context);

/**
 * Sets the sink of the whole process. By default warnings and errors go to stderr; BATON_LOG_LEVEL
 * (error, warn, info, debug, trace) sets the level of that default.
 * sink: NULL silences the library. level: what is more detailed is dropped before it is formatted.
 * Ownership: context is borrowed until the sink is replaced. Threads: any. Blocking: no.
 */
BATON_API void baton_log_set_sink(baton_log_fn sink, void *context, baton_log_level level);

#ifdef __cplusplus
}
#endif
#endif

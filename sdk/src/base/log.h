/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_LOG_H
#define BATON_BASE_LOG_H

#include <baton/log.h>
#include <stdbool.h>

/* True if a line of this level goes anywhere: one relaxed load. */
bool baton__log_enabled(baton_log_level level);
void baton__log_write(baton_log_level level, const char *format, ...) BATON_PRINTF(2, 3);

/* Nothing is evaluated when the level is off. No key, token or user data may be an argument. */
#define BATON__LOG(level, ...)                      \
    do {                                            \
        if (baton__log_enabled(level)) {            \
            baton__log_write((level), __VA_ARGS__); \
        }                                           \
    } while (0)
#define BATON__ERROR(...) BATON__LOG(BATON_LOG_ERROR, __VA_ARGS__)
#define BATON__WARN(...)  BATON__LOG(BATON_LOG_WARN, __VA_ARGS__)
#define BATON__INFO(...)  BATON__LOG(BATON_LOG_INFO, __VA_ARGS__)
#define BATON__DEBUG(...) BATON__LOG(BATON_LOG_DEBUG, __VA_ARGS__)
#define BATON__TRACE(...) BATON__LOG(BATON_LOG_TRACE, __VA_ARGS__)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sink under ThreadSanitizer: threads write while another replaces the sink, and changes
 * the old context, unprotected, as soon as it is replaced.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITERS = 3, LINES = 20000, REPLACEMENTS = 2000 };

typedef struct context_of {
    uint32_t lines; /* __atomic: several writers */
    int closed;     /* plain: whoever replaced the sink owns it */
} context_of;

static int written_after_close; /* __atomic */

static void count(baton_log_level level, const char *line, void *argument)
{
    context_of *context = argument;
    (void)level;
    (void)line;
    (void)__atomic_fetch_add(&context->lines, 1, __ATOMIC_RELAXED);
    if (context->closed != 0) {
        (void)__atomic_fetch_add(&written_after_close, 1, __ATOMIC_RELAXED);
    }
}

static void *write_lines(void *unused)
{
    for (int i = 0; i < LINES; i++) {
        BATON__WARN("line %d", i);
        BATON__DEBUG("line %d", i);
    }
    return unused;
}

int main(void)
{
    static context_of contexts[REPLACEMENTS + 1];
    pthread_t threads[WRITERS];
    baton_log_set_sink(count, &contexts[0], BATON_LOG_WARN);
    for (int i = 0; i < WRITERS; i++) {
        if (pthread_create(&threads[i], NULL, write_lines, NULL) != 0) {
            abort();
        }
    }
    for (int i = 0; i < REPLACEMENTS; i++) {
        baton_log_set_sink(count, &contexts[i + 1], i % 2 == 0 ? BATON_LOG_DEBUG : BATON_LOG_WARN);
        contexts[i].closed = 1;
    }
    for (int i = 0; i < WRITERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    if (written_after_close != 0) {
        (void)fprintf(stderr, "%d lines came after the sink was replaced\n", written_after_close);
        return 1;
    }
    return 0;
}

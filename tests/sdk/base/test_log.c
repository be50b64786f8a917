/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct captured {
    int lines;
    baton_log_level level;
    char line[4096];
} captured;

static void capture(baton_log_level level, const char *line, void *context)
{
    captured *into = context;
    into->lines++;
    into->level = level;
    (void)snprintf(into->line, sizeof(into->line), "%s", line);
}

/* What run writes to stderr. Each test is a process of its own, so nothing has to be put back. */
static void stderr_of(void (*run)(void), char *text, size_t size)
{
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    cr_assert_geq(dup2(fileno(file), STDERR_FILENO), 0);
    run();
    (void)fflush(stderr);
    rewind(file);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    (void)fclose(file);
}

static void log_at_every_level(void)
{
    BATON__ERROR("e%d", 1);
    BATON__WARN("w%d", 2);
    BATON__INFO("i%d", 3);
    BATON__DEBUG("d%d", 4);
    BATON__TRACE("t%d", 5);
}

Test(log, warnings_and_errors_go_to_stderr_by_default)
{
    char text[1024];
    cr_assert_eq(unsetenv("BATON_LOG_LEVEL"), 0);
    stderr_of(log_at_every_level, text, sizeof(text));
    cr_assert_str_eq(text, "baton: error: e1\nbaton: warn: w2\n");
}

Test(log, the_environment_sets_the_level_of_the_default)
{
    char text[1024];
    cr_assert_eq(setenv("BATON_LOG_LEVEL", "debug", 1), 0);
    stderr_of(log_at_every_level, text, sizeof(text));
    cr_assert_str_eq(text,
                     "baton: error: e1\nbaton: warn: w2\nbaton: info: i3\nbaton: debug: d4\n");
}

Test(log, the_environment_can_leave_only_errors)
{
    char text[1024];
    cr_assert_eq(setenv("BATON_LOG_LEVEL", "error", 1), 0);
    stderr_of(log_at_every_level, text, sizeof(text));
    cr_assert_str_eq(text, "baton: error: e1\n");
}

Test(log, trace_is_everything)
{
    char text[1024];
    cr_assert_eq(setenv("BATON_LOG_LEVEL", "trace", 1), 0);
    stderr_of(log_at_every_level, text, sizeof(text));
    cr_assert_not_null(strstr(text, "baton: trace: t5\n"));
}

Test(log, an_unknown_level_in_the_environment_is_reported_once_and_means_warn)
{
    char text[1024];
    cr_assert_eq(setenv("BATON_LOG_LEVEL", "loud", 1), 0);
    stderr_of(log_at_every_level, text, sizeof(text));
    const char *report = strstr(text, "BATON_LOG_LEVEL");
    cr_assert_not_null(report);
    cr_assert_null(strstr(report + 1, "BATON_LOG_LEVEL"));
    cr_assert_not_null(strstr(text, "w2"));
    cr_assert_null(strstr(text, "i3"));
}

Test(log, a_sink_gets_level_line_and_context)
{
    captured seen = {0};
    baton_log_set_sink(capture, &seen, BATON_LOG_TRACE);
    BATON__INFO("%s-%d", "seven", 7);
    cr_assert_eq(seen.lines, 1);
    cr_assert_eq(seen.level, BATON_LOG_INFO);
    cr_assert_str_eq(seen.line, "seven-7");
}

Test(log, the_level_of_a_sink_wins_over_the_environment)
{
    captured seen = {0};
    cr_assert_eq(setenv("BATON_LOG_LEVEL", "trace", 1), 0);
    baton_log_set_sink(capture, &seen, BATON_LOG_ERROR);
    log_at_every_level();
    cr_assert_eq(seen.lines, 1);
    cr_assert_str_eq(seen.line, "e1");
}

static int evaluations;

static int evaluate(void)
{
    return ++evaluations;
}

Test(log, arguments_of_a_dropped_line_are_not_evaluated)
{
    captured seen = {0};
    baton_log_set_sink(capture, &seen, BATON_LOG_WARN);
    BATON__INFO("%d", evaluate());
    cr_assert_eq(evaluations, 0);
    BATON__WARN("%d", evaluate());
    cr_assert_eq(evaluations, 1);
}

Test(log, no_sink_silences_the_library)
{
    char text[64];
    baton_log_set_sink(NULL, NULL, BATON_LOG_TRACE);
    cr_assert_not(baton__log_enabled(BATON_LOG_ERROR));
    stderr_of(log_at_every_level, text, sizeof(text));
    cr_assert_str_eq(text, "");
    baton__log_write(BATON_LOG_ERROR, "a writer that asked before the sink went away");
}

Test(log, a_new_sink_replaces_the_old_one)
{
    captured first = {0};
    captured second = {0};
    baton_log_set_sink(capture, &first, BATON_LOG_INFO);
    BATON__INFO("one");
    baton_log_set_sink(capture, &second, BATON_LOG_INFO);
    BATON__INFO("two");
    cr_assert_eq(first.lines, 1);
    cr_assert_eq(second.lines, 1);
    cr_assert_str_eq(second.line, "two");
}

Test(log, a_line_stays_one_line)
{
    captured seen = {0};
    baton_log_set_sink(capture, &seen, BATON_LOG_INFO);
    BATON__INFO("%s", "peer\nbaton: error: forged\t\x1b[0m\x7f");
    cr_assert_str_eq(seen.line, "peer?baton: error: forged??[0m?");
}

Test(log, text_beyond_ascii_stays)
{
    captured seen = {0};
    baton_log_set_sink(capture, &seen, BATON_LOG_INFO);
    BATON__INFO("%s", "\xc3\xa9");
    cr_assert_str_eq(seen.line, "\xc3\xa9");
}

Test(log, a_long_line_is_cut)
{
    captured seen = {0};
    char longer[3000];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    baton_log_set_sink(capture, &seen, BATON_LOG_INFO);
    BATON__INFO("%s", longer);
    cr_assert_eq(strlen(seen.line), 1023);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_failure.h"

#include "json_line.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static baton_status failed;
static char words[768];
static volatile sig_atomic_t interrupted;

baton_status perf_fail(baton_status status, const char *format, ...)
{
    if (failed == BATON_OK) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(words, sizeof(words), format, arguments);
        va_end(arguments);
        failed = status;
    }
    return status;
}

baton_status perf_fail_baton(baton_status status, const char *what)
{
    return perf_fail(status, "%s: %s", what, baton_error_text());
}

baton_status perf_fail_errno(const char *what)
{
    int number = errno;
    return perf_fail(number == ENOMEM ? BATON_ERR_OUT_OF_MEMORY : BATON_ERR_SYSTEM, "%s: %s", what,
                     strerror(number));
}

baton_status perf_failure_status(void)
{
    return failed;
}

const char *perf_failure_text(void)
{
    return words;
}

void perf_failure_print(bool json)
{
    (void)fprintf(stderr, "baton perf: %s: %s\n", baton_status_name(failed), words);
    if (json) {
        json_line *line = json_line_begin("perf_error");
        json_line_text(line, "status", baton_status_name(failed));
        json_line_text(line, "text", words);
        json_line_end(line);
    }
}

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void perf_interrupts_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)sigaction(numbers[i], &action, NULL);
    }
}

bool perf_is_interrupted(void)
{
    return interrupted != 0;
}

baton_status perf_check_interrupt(void)
{
    return perf_is_interrupted() ? perf_fail(BATON_ERR_CANCELLED, "interrupted by a signal")
                                 : BATON_OK;
}

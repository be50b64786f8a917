/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <baton/log.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Between two plain lines. */
static const uint64_t line_interval_ns = UINT64_C(2000000000);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool bar_drawn;
static uint64_t last_line_ns;

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void size_print(uint64_t bytes, char text[SIZE_TEXT_SIZE])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000) {
        (void)snprintf(text, SIZE_TEXT_SIZE, "%u B", (unsigned)bytes);
        return;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    while (value >= 999.995 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(text, SIZE_TEXT_SIZE, "%.2f %s", value, units[unit]);
}

/* lock is held. */
static void erase_bar(void)
{
    if (bar_drawn) {
        (void)fputs("\r\033[K", stderr);
        bar_drawn = false;
    }
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&lock);
    erase_bar();
    (void)fputs("relay: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    pthread_mutex_unlock(&lock);
    va_end(arguments);
}

static void log_line(baton_log_level level, const char *line, void *context)
{
    (void)context;
    say("%s%s", level == BATON_LOG_ERROR ? "error: " : "", line);
}

void progress_take_log(void)
{
    baton_log_set_sink(log_line, NULL, BATON_LOG_WARN);
}

static unsigned terminal_columns(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

static double share_done(const progress *now)
{
    double done = now->bytes_total > 0 ? (double)now->bytes_done / (double)now->bytes_total : 1;
    return done < 1 ? done : 1;
}

static void numbers_print(const progress *now, char *text, size_t size)
{
    char done[SIZE_TEXT_SIZE];
    char total[SIZE_TEXT_SIZE];
    double seconds = (double)now->elapsed_ns / 1e9;
    double rate = seconds > 0 ? (double)now->bytes_done / 1e9 / seconds : 0;
    size_print(now->bytes_done, done);
    size_print(now->bytes_total, total);
    (void)snprintf(text, size, "%llu of %llu files, %s of %s, %.2f GB/s",
                   (unsigned long long)now->files_done, (unsigned long long)now->files_total, done,
                   total, rate);
}

static void draw_bar(const progress *now)
{
    static const char full[] = "########################################";
    static const char none[] = "                                        ";
    char numbers[128];
    numbers_print(now, numbers, sizeof numbers);
    size_t columns = terminal_columns();
    size_t taken = strlen(numbers) + sizeof "relay: [] 100%  ";
    size_t width = columns > taken + 8 ? columns - taken : 8;
    width = width < sizeof full - 1 ? width : sizeof full - 1;
    size_t filled = (size_t)((double)width * share_done(now));
    /* What is longer than the terminal would scroll with every redraw. */
    char line[256];
    (void)snprintf(line, sizeof line, "relay: [%.*s%.*s] %3.0f%%  %s", (int)filled, full,
                   (int)(width - filled), none, share_done(now) * 100, numbers);
    (void)fprintf(stderr, "\r%.*s\033[K", (int)columns - 1, line);
    bar_drawn = true;
}

void progress_show(const progress *now)
{
    char numbers[128];
    if (isatty(STDERR_FILENO)) {
        pthread_mutex_lock(&lock);
        draw_bar(now);
        pthread_mutex_unlock(&lock);
    } else if (now->elapsed_ns >= last_line_ns + line_interval_ns) {
        last_line_ns = now->elapsed_ns;
        numbers_print(now, numbers, sizeof numbers);
        say("%3.0f%%  %s", share_done(now) * 100, numbers);
    }
}

void progress_end(void)
{
    pthread_mutex_lock(&lock);
    erase_bar();
    pthread_mutex_unlock(&lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that goes to stderr: messages, and how far it is. A bar on a terminal, otherwise a
 * line now and then. */
#ifndef RELAY_PROGRESS_H
#define RELAY_PROGRESS_H

#include <stdint.h>

/* One line, "relay: ...", above the bar if there is one. Any thread. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Routes what the library logs (warnings and errors) to say(). */
void progress_take_log(void);

/* How far it is: files and bytes that are done with, of all. */
typedef struct progress {
    uint64_t files_done;
    uint64_t files_total;
    uint64_t bytes_done;
    uint64_t bytes_total;
    uint64_t elapsed_ns;
} progress;

/* Draws the bar again, or prints a line if the last one is some seconds old. */
void progress_show(const progress *now);
/* Removes the bar. */
void progress_end(void);

/* "1.23 GB". */
#define SIZE_TEXT_SIZE 16
void size_print(uint64_t bytes, char text[SIZE_TEXT_SIZE]);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

#endif

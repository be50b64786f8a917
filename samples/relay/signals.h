/* SPDX-License-Identifier: Apache-2.0 */
/* SIGINT and SIGTERM as a file descriptor: one thread waits for them, and no code runs inside a
 * handler. */
#ifndef RELAY_SIGNALS_H
#define RELAY_SIGNALS_H

/* Undoes what the caller of the program may have set: shells start background jobs with SIGINT
 * ignored. */
void signals_reset(void);

/*
 * Blocks both signals, for this thread and all that it starts. Returns the descriptor to poll, -1
 * with a line on stderr on failure. To be called before any thread is started.
 */
int signals_open(void);

/*
 * Waits up to timeout_ms (-1: without end) for one, or until wake_fd (-1: none) is readable.
 * Returns the number of the signal, or 0.
 */
int signals_wait(int signals_fd, int wake_fd, int timeout_ms);

#endif

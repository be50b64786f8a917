/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_FAILURE_H
#define BATON_CLI_PERF_FAILURE_H

#include <baton/status.h>
#include <stdbool.h>

/*
 * Why a run of `baton perf` failed: one status and one line of words for the process. Who finds the
 * failure records it, those above only return the status. The first one stays: what follows from it
 * is not the reason.
 */
baton_status perf_fail(baton_status status, const char *format, ...) BATON_PRINTF(2, 3);
/* A call of baton's failed: its own words, after what was to be done. */
baton_status perf_fail_baton(baton_status status, const char *what);
/* A system call failed: ERR_SYSTEM (ERR_OUT_OF_MEMORY for ENOMEM), with errno in words. */
baton_status perf_fail_errno(const char *what);

/* BATON_OK and "" as long as nothing was recorded. */
baton_status perf_failure_status(void);
const char *perf_failure_text(void);
/* One line on stderr; with json an object of type "perf_error" on stdout too. */
void perf_failure_print(bool json);

/* SIGINT, SIGTERM and SIGHUP: remembered, and what waits is interrupted. */
void perf_interrupts_catch(void);
bool perf_is_interrupted(void);
/* BATON_OK, or ERR_CANCELLED recorded. */
baton_status perf_check_interrupt(void);

#endif

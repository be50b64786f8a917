/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BENCH_RAW_UCX_H
#define BATON_BENCH_RAW_UCX_H

#include "measure.h"
#include <ucp/api/ucp.h>

/*
 * UCX driven by hand, as a careful programmer would: one context, one worker in one thread that
 * spins (and yields when nothing comes), one endpoint to the other process. Endpoints report the
 * death of a peer (PEER error mode) and shared memory takes part (POSIX_ERROR_HANDLING,
 * SYSV_ERROR_HANDLING), since baton's do: without that UCX would use lanes that a program which has
 * to survive its peers cannot have. Nothing else is switched off. RAW_UCX_ERROR_MODE=none in the environment takes endpoints that report nothing instead, to see what that is worth.
 */
typedef struct raw_ucx {
    ucp_context_h context;
    ucp_worker_h worker;
    ucp_ep_h endpoint;
    int fd;        /* to the other process */
    unsigned idle; /* turns of raw_progress in a row that found nothing */
} raw_ucx;

/* Ends the program if status is an error. */
void raw_check(ucs_status_t status, const char *what);

/* features: UCP_FEATURE_... */
void raw_open(raw_ucx *ucx, uint64_t features, int fd);
/* Exchanges addresses and makes the endpoint. Handlers of active messages must be there on both
 * sides before. */
void raw_connect(raw_ucx *ucx);
/* Both sides: what is in flight is done. Closes by force and drains. */
void raw_close(raw_ucx *ucx);

/* Progress, and a yield after some tens of microseconds without any. On an idle machine that is
 * never while something is under way; on a busy one it is what keeps two processes that spin from
 * waiting for each other's time slice. */
void raw_progress(raw_ucx *ucx);
/* Progresses until a request (NULL and errors too) is over, and frees it. */
void raw_wait(raw_ucx *ucx, ucs_status_ptr_t request, const char *what);

/* "1.13.1" */
const char *raw_version(void);

#endif

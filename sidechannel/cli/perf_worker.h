/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_WORKER_H
#define BATON_CLI_PERF_WORKER_H

#include "perf_options.h"
#include <baton/baton.h>

/* A worker as the options want it. Failures are recorded. */
baton_status perf_worker_create(const perf_options *options, const char *name,
                                baton_worker **worker_out);

#endif

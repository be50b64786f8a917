/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_LIVE_H
#define BATON_CLI_PERF_LIVE_H

#include "perf_options.h"
#include <baton/status.h>

/*
 * What passive operations cost that wait for a peer: memory of each, and the time to make one, to
 * make (and destroy) its metadata, to end it by its deadline, to serve a peer that reads it, to
 * cancel and to destroy it, with 100, 1,000, ... live in one connector.
 *
 * Prints the result. Failures are recorded.
 */
baton_status perf_live(const perf_options *options);

#endif

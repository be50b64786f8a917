/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_SERVE_H
#define BATON_CLI_PERF_SERVE_H

#include "perf_options.h"
#include <baton/status.h>

/*
 * The other side for `baton perf --connect`, until a signal ends it: one session at a time, each in
 * a process of its own, so that whatever comes over the socket ends that session and nothing else.
 * Who comes while one runs is told so. There is no authentication: it is for networks that are
 * trusted.
 *
 * Returns a failure that is recorded; a signal is one too.
 */
baton_status perf_serve(const perf_options *options);

#endif

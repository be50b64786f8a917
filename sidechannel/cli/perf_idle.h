/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_IDLE_H
#define BATON_CLI_PERF_IDLE_H

#include "perf_channel.h"
#include "perf_options.h"

/*
 * What a connector costs that has peers and nothing to do: CPU time of its process, and how often
 * its loop wakes up. Each peer is a connector of another process that has read a little once, and
 * keeps its connection.
 *
 * Prints the result. Failures are recorded.
 */
baton_status perf_idle(const perf_options *options);
/* The other side: some of the peers. OPTIONS came, and are these. */
baton_status perf_idle_peers(const perf_options *options, perf_channel *channel);

#endif

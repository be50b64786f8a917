/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELAY_WORKER_H
#define RELAY_WORKER_H

#include "options.h"

/* Serves the pool until SIGINT or SIGTERM; returns the exit status. */
int relay_worker(const relay_options *options);

#endif

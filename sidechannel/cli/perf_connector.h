/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_CONNECTOR_H
#define BATON_CLI_PERF_CONNECTOR_H

#include "perf_options.h"
#include <baton/sdk.h>

/* A connector as the options want it. Failures are recorded. */
baton_status perf_connector_create(const perf_options *options, baton_connector **connector_out);

#endif

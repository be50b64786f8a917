/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_PATH_H
#define BATON_CLI_PERF_PATH_H

#include "perf_options.h"

/* Whether a side took the path that was asked for. device: of its memory; path: as its report names it; why: why it is no other one, or "".
 * BATON_OK, or ERR_NOT_SUPPORTED, recorded. */
baton_status perf_path_check(const perf_options *options, baton_device device, const char *path, const char *why);

#endif

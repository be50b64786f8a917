/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_REPORT_H
#define BATON_CLI_PERF_REPORT_H

#include "json_line.h"
#include "perf_transfer.h"

/* Transfers, for people or (--json) for programs. */
void perf_report_transfers(const perf_options *options, const perf_transfers *transfers);

/* What every object says of the run: link, ucx_tls, progress, versions. */
void perf_report_setting(json_line *line, const perf_options *options);
/* device and peer_device: where the memory of the two sides is. */
void perf_report_devices(json_line *line, const perf_options *options);
/* PREFIXp50_us, PREFIXp99_us and PREFIXbest_us. */
void perf_report_latency(json_line *line, const char *prefix, const perf_statistics *latency_us);

#endif

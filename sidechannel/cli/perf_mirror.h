/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_MIRROR_H
#define BATON_CLI_PERF_MIRROR_H

#include <baton/sdk.h>

/*
 * Memory that the CPU cannot reach is filled and looked at through a row of memory of the host: transfers of this process to itself, by
 * a connector that is there for nothing else and that nothing which is measured knows of. Failures are recorded.
 */
typedef struct perf_mirror perf_mirror;

/* size_bytes: of the row. */
baton_status perf_mirror_create(size_t size_bytes, perf_mirror **mirror_out);
/* NULL is legal. */
void perf_mirror_destroy(perf_mirror *mirror);

/* The row. */
unsigned char *perf_mirror_memory(const perf_mirror *mirror);
/* The row into the descriptors, which are as many bytes, and back. Waits until it is there. */
baton_status perf_mirror_put(perf_mirror *mirror, baton_descriptor *const *descriptors, size_t count);
baton_status perf_mirror_get(perf_mirror *mirror, baton_descriptor *const *descriptors, size_t count);

#endif

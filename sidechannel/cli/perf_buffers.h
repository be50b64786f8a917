/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_BUFFERS_H
#define BATON_CLI_PERF_BUFFERS_H

#include <baton/sdk.h>

/*
 * The memory of one side: slots of one size, each cut into segments that lie apart: a descriptor each, in scattered places, or one
 * strided descriptor of all of them. It is the memory of this program, as an application has it, malloc'ed, or pieces of a pool that
 * others may map; and touched.
 */
typedef struct perf_buffers perf_buffers;

/* stride_bytes: 0, or of one strided descriptor, whose segments are size_bytes / segments bytes.
 * Failures are recorded: also if it would be more than half of the memory of this machine. */
baton_status perf_buffers_create(uint64_t size_bytes, uint64_t segments, uint64_t stride_bytes, uint64_t slots,
                                 perf_buffers **buffers_out);
/* In a pool of PERF_GROUP. */
baton_status perf_buffers_create_shared(uint64_t size_bytes, uint64_t segments, uint64_t slots, perf_buffers **buffers_out);
#define PERF_GROUP "baton perf"
/* NULL is legal. No operation may use it any more. */
void perf_buffers_destroy(perf_buffers *buffers);

/* The descriptors of a slot. */
baton_descriptor *const *perf_buffers_slot(const perf_buffers *buffers, uint64_t slot);
size_t perf_buffers_count(const perf_buffers *buffers);

/* Data that differs with the slot and with every place in it, so that nothing that is shifted or
 * exchanged fits. */
void perf_buffers_fill(perf_buffers *buffers);
/* Something else everywhere. */
void perf_buffers_spoil(perf_buffers *buffers);
/* BATON_OK if the slot holds what fill puts there; else ERR_CHECKSUM, recorded. what: of which
 * transfer it is. */
baton_status perf_buffers_check(const perf_buffers *buffers, uint64_t slot, const char *what);

#endif

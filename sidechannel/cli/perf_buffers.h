/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_BUFFERS_H
#define BATON_CLI_PERF_BUFFERS_H

#include <baton/sdk.h>

/*
 * The memory of one side: slots of one size, each cut into segments that lie apart: a descriptor each, in scattered places, or one
 * strided descriptor of all of them. It is memory as an application has it: of this program, malloc'ed, or pieces of a pool that
 * others may map, and touched; or of a device, allocated by baton, a piece for each slot.
 */
typedef struct perf_buffers perf_buffers;

typedef struct perf_shape {
    uint64_t size_bytes;
    uint64_t segments;
    uint64_t stride_bytes; /* 0, or of one strided descriptor, whose segments are size_bytes / segments bytes */
    uint64_t slots;
    baton_device device;
    bool is_shared; /* of the host, without a stride: in a pool of PERF_GROUP */
    bool is_staged; /* of a device: such that no other process can be let in, and every byte is staged */
} perf_shape;

#define PERF_GROUP "baton perf"

/* Failures are recorded: also if it would be more than half of the memory of this machine. */
baton_status perf_buffers_create(const perf_shape *shape, perf_buffers **buffers_out);
/* NULL is legal. No operation may use it any more. */
void perf_buffers_destroy(perf_buffers *buffers);

/* The descriptors of a slot. */
baton_descriptor *const *perf_buffers_slot(const perf_buffers *buffers, uint64_t slot);
size_t perf_buffers_count(const perf_buffers *buffers);

/* Data that differs with the slot and with every place in it, so that nothing that is shifted or
 * exchanged fits. What is of a device comes from a row of the host's as large as a slot, by a connector of its own (perf_mirror.h):
 * that may fail, and the failure is recorded. So it is in the two functions below. */
baton_status perf_buffers_fill(perf_buffers *buffers);
/* Something else everywhere. */
baton_status perf_buffers_spoil(perf_buffers *buffers);
/* BATON_OK if the slot holds what fill puts there; else ERR_CHECKSUM, recorded. what: of which
 * transfer it is. */
baton_status perf_buffers_check(const perf_buffers *buffers, uint64_t slot, const char *what);
/* The same of the other side's memory, in place. */
baton_status perf_memory_check(const void *memory, size_t size, uint64_t slot, const char *what);

#endif

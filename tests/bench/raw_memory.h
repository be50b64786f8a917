/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BENCH_RAW_MEMORY_H
#define BATON_BENCH_RAW_MEMORY_H

#include "measure.h"

/*
 * The memory that raw_am and nixl_transfer move: of the host (raw_memory_host.c), or of a device where the program is built with
 * tests/gpu/raw_memory_cuda.c. A failure ends the program, as everything in measure.h.
 */

/* Which memory this process has; first of all. */
void raw_memory_begin(const measure_options *options);
/* The id of the device, or -1: the host. */
int raw_memory_device(void);
/* All of it there, and with other bytes than measure_fill's. Never freed: the program is short. */
void *raw_memory_new(size_t size_bytes);
/* As measure_fill, measure_is_filled and measure_check. */
void raw_memory_fill(void *memory, size_t size_bytes, uint64_t slot);
bool raw_memory_is_filled(const void *memory, size_t size_bytes, uint64_t slot);
void raw_memory_check(const measure_options *options, unsigned char *const *memory);
/* Other bytes than measure_fill's again. */
void raw_memory_spoil(void *memory, size_t size_bytes);
/* Into memory, from memory of the host; when it returns the bytes are there. */
void raw_memory_take(void *memory, const void *from, size_t size_bytes);

#endif

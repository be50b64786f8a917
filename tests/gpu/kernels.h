/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_GPU_KERNELS_H
#define BATON_GPU_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The kernels of the tests: kernels.cu on a GPU, kernels_stand_in.c over the stand-in for the runtime. A result is a cudaError_t; a launch is on
 * a stream of the thread's current device.
 */
#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st;

/* Runs for delay_ms, then writes `value` to all of the range. */
int kernel_fill(void *at, size_t size, unsigned char value, unsigned delay_ms, struct CUstream_st *stream);
/* Runs for delay_ms, then writes support/pattern.h's words; size is a multiple of 8. */
int kernel_pattern(void *at, size_t size, uint64_t seed, unsigned delay_ms, struct CUstream_st *stream);
/* Runs until kernel_release. One at a time in a process. */
int kernel_hold(struct CUstream_st *stream);
int kernel_release(struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif

#endif

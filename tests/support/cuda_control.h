/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests do to a device beside what baton does with it: kernels, and a look at its memory. Over the stand-in for the runtime here; with
 * BATON_TEST_ON_GPU the same functions are in tests/gpu/cuda_control.c, over the runtime alone. What only the stand-in can do, such as a call
 * that fails, tests ask of fake_cuda.h, and those cases are not in a build for a GPU.
 *
 * Results are the runtime's: 0 is success. A launch wants a stream of the thread's current device.
 */
#ifndef BATON_TEST_CUDA_CONTROL_H
#define BATON_TEST_CUDA_CONTROL_H

#include <stddef.h>
#include <stdint.h>

struct CUstream_st;

#ifdef BATON_TEST_ON_GPU

/* Runs for delay_ms, then writes `value` to all of the range. */
int cuda_control_fill(void *device_pointer, size_t size, unsigned char value, unsigned delay_ms, struct CUstream_st *stream);
/* Runs for delay_ms, then writes pattern.h's words; size is of whole words. */
int cuda_control_pattern(void *device_pointer, size_t size, uint64_t seed, unsigned delay_ms, struct CUstream_st *stream);
/* Runs until it is released; one at a time. */
int cuda_control_hold(struct CUstream_st *stream);
int cuda_control_release(struct CUstream_st *stream);
/* Device memory as it is now, beside all streams but the default one. */
int cuda_control_peek(const void *device_pointer, void *out, size_t size);
int cuda_control_poke(void *device_pointer, const void *bytes, size_t size);
/* The file that the runtime comes from. */
const char *cuda_control_runtime(void);

/* A device has its own speed. */
static inline void cuda_control_slow_copies(unsigned delay_us)
{
    (void)delay_us;
}

#else

#include "fake_cuda/fake_cuda.h"

#include <dlfcn.h>

#define cuda_control_fill        fake_cuda_launch_fill
#define cuda_control_hold        fake_cuda_launch_hold
#define cuda_control_release     fake_cuda_release
#define cuda_control_peek        fake_cuda_peek
#define cuda_control_poke        fake_cuda_poke
#define cuda_control_slow_copies fake_cuda_set_copy_delay_us

static inline const char *cuda_control_runtime(void)
{
    Dl_info info;
    return dladdr((void *)(uintptr_t)fake_cuda_leaks, &info) == 0 ? NULL : info.dli_fname;
}

#endif
#endif

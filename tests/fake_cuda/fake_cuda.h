/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stand-in for the CUDA runtime has beyond the runtime's own functions: settings, kernels,
 * a look at device memory, and accounts. A test links with it, or finds these by dlsym in the
 * library that BATON_CUDART names.
 *
 * No header of CUDA is needed: a stream is a pointer to the runtime's own `struct CUstream_st`, an
 * int that is returned is a cudaError_t. README.md beside this file says what the stand-in does and
 * what it cannot show.
 */
#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st;

/* What is alive now, and what was done since the start. */
typedef struct fake_cuda_counts {
    /* Alive; what cudaFreeAsync was called for is not, even if the stream has not come to it yet.
     */
    size_t device_allocations;
    size_t device_bytes;
    size_t managed_allocations;
    size_t managed_bytes;
    size_t pinned_allocations; /* cudaHostAlloc, cudaMallocHost */
    size_t pinned_bytes;
    size_t registered_ranges; /* cudaHostRegister */
    size_t registered_bytes;
    size_t streams; /* without the default streams */
    size_t events;
    size_t pools; /* without the default pools */
    /* Since the start. */
    size_t contexts; /* devices that have been used */
    size_t copies;   /* executed by streams; a failing one counts */
    size_t copied_bytes;
} fake_cuda_counts;

/* Settings: each is an environment variable too, read when the library is loaded. */

/* FAKE_CUDA_DEVICES: 0 to 8; 0 is a driver without a device, -1 no driver. false for another
 * number. */
bool fake_cuda_set_devices(int count);
/* FAKE_CUDA_MEMORY_BYTES: what each device has, at most 64 GiB. */
void fake_cuda_set_memory_bytes(size_t bytes);
/* FAKE_CUDA_COPY_DELAY_US: how long each copy waits before it moves a byte. */
void fake_cuda_set_copy_delay_us(unsigned delay_us);
/* FAKE_CUDA_BANDWIDTH_GB_S: 0 is as fast as it goes. */
void fake_cuda_set_bandwidth_gb_s(double gb_s);
/*
 * FAKE_CUDA_FAIL: "function:call:code,...", as "cudaMemcpyAsync:3:719,cudaHostAlloc:1:2". Calls are
 * counted from here on; call 0 is every call. The name "copy" counts the copies that streams
 * execute. NULL or "": nothing fails any more, but what a sticky code has broken stays broken.
 * false, and nothing changes, where the text is not understood.
 */
bool fake_cuda_set_fail(const char *rules);
/* FAKE_CUDA_FORBID_SYNC: a call that may wait, made by a thread that is named "baton", aborts the
 * process. */
void fake_cuda_set_forbid_sync(bool forbid);
/* FAKE_CUDA_TRACE: a line for each call goes to the end of that file. NULL: no more. false if it
 * cannot be opened. */
bool fake_cuda_set_trace(const char *path);

/* Kernels. As a real launch they want a stream of the thread's current device. */

/* Runs for delay_ms, then writes `value` to all of the range, which lies in one piece of device or
 * managed memory. */
int fake_cuda_launch_fill(void *device_pointer, size_t size, unsigned char value, unsigned delay_ms,
                          struct CUstream_st *stream);
/* Runs for delay_ms. */
int fake_cuda_launch_spin(unsigned delay_ms, struct CUstream_st *stream);
/* Runs until fake_cuda_release is called for the stream: once for each hold; a release may come
 * first. */
int fake_cuda_launch_hold(struct CUstream_st *stream);
int fake_cuda_release(struct CUstream_st *stream);

/* Device memory, at once and beside all streams: the bytes that a test compares or starts from. No
 * call is counted. */
int fake_cuda_peek(const void *device_pointer, void *out, size_t size);
int fake_cuda_poke(void *device_pointer, const void *bytes, size_t size);

/* Accounts. */

/* How much is alive that should have been given back (contexts are not); counts_out can be NULL. */
size_t fake_cuda_leaks(fake_cuda_counts *counts_out);
/* How often the function of that name was called. */
uint64_t fake_cuda_calls(const char *function);

#ifdef __cplusplus
}
#endif

#endif

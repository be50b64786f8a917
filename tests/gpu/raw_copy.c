/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the copy engines do by hand, one cudaMemcpyAsync of the whole size on a stream and a wait for it: the other yardstick for baton.
 *
 *   --op d2h     from the device to pinned memory of this process
 *   --op h2d     and the other way
 *   --op ipc     between two devices' memory of two processes: the other one's is opened here by cudaIpcOpenMemHandle, once
 *
 * BATON_BENCH_DEVICE and BATON_BENCH_PEER_DEVICE: as in raw_memory_cuda.c; without them cuda:0.
 */
#include "cuda_runtime.h"
#include "measure.h"
#include "raw_memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct copies {
    measure_options options;
    cudaStream_t stream;
    void *to;
    const void *from;
    enum cudaMemcpyKind kind;
} copies;

static void *pinned(size_t size_bytes)
{
    void *memory = NULL;
    CUDA_CALL(cudaHostAlloc, &memory, size_bytes, cudaHostAllocDefault);
    return memory;
}

static double copy_us(const copies *self)
{
    uint64_t begin_ns = measure_now_ns();
    CUDA_CALL(cudaMemcpyAsync, self->to, self->from, self->options.size_bytes, self->kind, self->stream);
    CUDA_CALL(cudaStreamSynchronize, self->stream);
    return (double)(measure_now_ns() - begin_ns) / 1e3;
}

/* Prints what was measured; the caller has looked at nothing yet. */
static void measure(copies *self)
{
    measure_result result = {.latencies_us = calloc(self->options.count, sizeof(double))};
    if (result.latencies_us == NULL) {
        measure_fail("no memory");
    }
    CUDA_CALL(cudaStreamCreateWithFlags, &self->stream, cudaStreamNonBlocking);
    for (uint64_t i = 0; i < self->options.warmup; i++) {
        (void)copy_us(self);
    }
    uint64_t cpu_ns = measure_cpu_ns();
    uint64_t begin_ns = measure_now_ns();
    for (uint64_t i = 0; i < self->options.count; i++) {
        result.latencies_us[i] = copy_us(self);
    }
    result.elapsed_ns = measure_now_ns() - begin_ns;
    result.active_cpu_ns = measure_cpu_ns() - cpu_ns;
    measure_print("raw_copy", &self->options, cuda_runtime_version(), &result);
}

static void copy_here(copies *self)
{
    size_t size = self->options.size_bytes;
    void *on_device = raw_memory_new(size);
    void *on_host = pinned(size);
    bool outwards = strcmp(self->options.op, "d2h") == 0;
    self->kind = outwards ? cudaMemcpyDeviceToHost : cudaMemcpyHostToDevice;
    self->from = outwards ? on_device : on_host;
    self->to = outwards ? on_host : on_device;
    if (outwards) {
        raw_memory_fill(on_device, size, 0);
        memset(on_host, 0xa5, size);
    } else {
        measure_fill(on_host, size, 0);
    }
    measure(self);
    if (outwards ? !measure_is_filled(on_host, size, 0) : !raw_memory_is_filled(on_device, size, 0)) {
        measure_fail("the data is wrong");
    }
}

static void copy_between(copies *self, int fd)
{
    size_t size = self->options.size_bytes;
    cudaIpcMemHandle_t handle;
    void *theirs = NULL;
    void *mine = raw_memory_new(size);
    char byte = 0;
    measure_read(fd, &handle, sizeof(handle));
    CUDA_CALL(cudaIpcOpenMemHandle, &theirs, handle, cudaIpcMemLazyEnablePeerAccess);
    self->to = mine;
    self->from = theirs;
    self->kind = cudaMemcpyDeviceToDevice;
    measure(self);
    if (!raw_memory_is_filled(mine, size, 0)) {
        measure_fail("the data is wrong");
    }
    CUDA_CALL(cudaIpcCloseMemHandle, theirs);
    measure_write(fd, &byte, 1);
    measure_end_peer();
}

/* The process whose memory is read. */
static void lend(const copies *self)
{
    cudaIpcMemHandle_t handle;
    void *mine = raw_memory_new(self->options.size_bytes);
    char byte = 0;
    raw_memory_fill(mine, self->options.size_bytes, 0);
    CUDA_CALL(cudaIpcGetMemHandle, &handle, mine);
    measure_write(self->options.peer_fd, &handle, sizeof(handle));
    measure_read(self->options.peer_fd, &byte, 1);
}

int main(int count, char **arguments)
{
    copies self = {.options = measure_parse(count, arguments, "d2h")};
    bool is_between = strcmp(self.options.op, "ipc") == 0;
    if (!is_between && strcmp(self.options.op, "d2h") != 0 && strcmp(self.options.op, "h2d") != 0) {
        measure_fail("--op is d2h, h2d or ipc");
    }
    (void)setenv("BATON_BENCH_DEVICE", "cuda:0", 0);
    (void)setenv("BATON_BENCH_PEER_DEVICE", "cuda:0", 0);
    /* Before the runtime is there. */
    int fd = is_between && self.options.peer_fd < 0 ? measure_start_peer(arguments) : -1;
    raw_memory_begin(&self.options);
    if (raw_memory_device() < 0) {
        measure_fail("the memory is a device's");
    }
    if (self.options.peer_fd >= 0) {
        lend(&self);
    } else if (is_between) {
        copy_between(&self, fd);
    } else {
        copy_here(&self);
    }
    return 0;
}

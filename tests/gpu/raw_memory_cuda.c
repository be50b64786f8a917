/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The raw programs with memory of a device, allocated by cudaMalloc: BATON_BENCH_DEVICE says which memory the process has that was started,
 * BATON_BENCH_PEER_DEVICE which the other one has, each `cpu` or `cuda:N`.
 */
#include "raw_memory.h"

#include "cuda_runtime.h"

#include <stdlib.h>
#include <string.h>

enum { SPOILT = 0xa5 };

static int device = -1;

void raw_memory_begin(const measure_options *options)
{
    const char *name = options->peer_fd < 0 ? "BATON_BENCH_DEVICE" : "BATON_BENCH_PEER_DEVICE";
    const char *value = getenv(name);
    char *end = NULL;
    if (value == NULL || strcmp(value, "cpu") == 0) {
        return;
    }
    if (strncmp(value, "cuda:", 5) != 0) {
        measure_fail("%s is cpu or cuda:N, not \"%s\"", name, value);
    }
    device = (int)strtol(value + 5, &end, 10);
    if (end == value + 5 || *end != '\0' || device < 0) {
        measure_fail("%s is cpu or cuda:N, not \"%s\"", name, value);
    }
    CUDA_CALL(cudaSetDevice, device);
}

int raw_memory_device(void)
{
    return device;
}

/* From pageable memory cudaMemcpy may return while the last of it is under way. */
void raw_memory_take(void *memory, const void *from, size_t size_bytes)
{
    if (device < 0) {
        memcpy(memory, from, size_bytes);
        return;
    }
    CUDA_CALL(cudaMemcpy, memory, from, size_bytes, cudaMemcpyHostToDevice);
    CUDA_CALL(cudaStreamSynchronize, NULL);
}

static void *scratch_of(size_t size_bytes)
{
    void *scratch = malloc(size_bytes);
    if (scratch == NULL) {
        measure_fail("no memory for %zu bytes", size_bytes);
    }
    return scratch;
}

void *raw_memory_new(size_t size_bytes)
{
    void *memory = NULL;
    if (device < 0) {
        return measure_memory(size_bytes);
    }
    CUDA_CALL(cudaMalloc, &memory, size_bytes);
    raw_memory_spoil(memory, size_bytes);
    return memory;
}

void raw_memory_fill(void *memory, size_t size_bytes, uint64_t slot)
{
    void *scratch = scratch_of(size_bytes);
    measure_fill(scratch, size_bytes, slot);
    raw_memory_take(memory, scratch, size_bytes);
    free(scratch);
}

bool raw_memory_is_filled(const void *memory, size_t size_bytes, uint64_t slot)
{
    if (device < 0) {
        return measure_is_filled(memory, size_bytes, slot);
    }
    void *scratch = scratch_of(size_bytes);
    CUDA_CALL(cudaMemcpy, scratch, memory, size_bytes, cudaMemcpyDeviceToHost);
    bool filled = measure_is_filled(scratch, size_bytes, slot);
    free(scratch);
    return filled;
}

void raw_memory_check(const measure_options *options, unsigned char *const *memory)
{
    uint64_t slots = options->slots < options->count ? options->slots : options->count;
    for (uint64_t i = 0; i < slots; i++) {
        if (!raw_memory_is_filled(memory[i], options->size_bytes, i)) {
            measure_fail("the data of slot %llu is wrong", (unsigned long long)i);
        }
    }
}

void raw_memory_spoil(void *memory, size_t size_bytes)
{
    void *scratch = scratch_of(size_bytes);
    memset(scratch, SPOILT, size_bytes);
    raw_memory_take(memory, scratch, size_bytes);
    free(scratch);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that UCX allocated in shared memory and another process maps (ucp_rkey_ptr), against
 * memcpy of private memory: the yardstick for baton's path `map`. One thread copies; the other
 * process only keeps the memory.
 *
 *   mapped   memcpy from the mapped segment to a malloc'ed buffer
 *   memcpy   memcpy from a malloc'ed buffer to the same malloc'ed buffer
 *
 * In alternating batches, so that both see the same machine. Both sources are touched before,
 * --slots of each, and the pages of the mapping are there. Prints one object for each.
 */
#include "raw_ucx.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_NS = 2000000 };

typedef struct source {
    const char *type;
    unsigned char **memory;
    measure_result result;
    uint64_t done;
} source;

static void *map_segment(raw_ucx *ucx, ucp_rkey_h *key_out)
{
    uint64_t numbers[2];
    void *local = NULL;
    measure_read(ucx->fd, numbers, sizeof(numbers));
    void *packed = malloc(numbers[1]);
    if (packed == NULL) {
        measure_fail("no memory");
    }
    measure_read(ucx->fd, packed, numbers[1]);
    raw_check(ucp_ep_rkey_unpack(ucx->endpoint, packed, key_out), "key");
    free(packed);
    raw_check(ucp_rkey_ptr(*key_out, numbers[0], &local), "mapping");
    return local;
}

static void copy_batch(source *from, void *to, const measure_options *options)
{
    uint64_t cpu_ns = measure_cpu_ns();
    uint64_t begin_ns = measure_now_ns();
    uint64_t before_ns = begin_ns;
    do {
        memcpy(to, from->memory[from->done % options->slots], options->size_bytes);
        uint64_t now_ns = measure_now_ns();
        from->result.latencies_us[from->done++] = (double)(now_ns - before_ns) / 1e3;
        before_ns = now_ns;
    } while (from->done < options->count && before_ns - begin_ns < BATCH_NS);
    from->result.elapsed_ns += before_ns - begin_ns;
    from->result.active_cpu_ns += measure_cpu_ns() - cpu_ns;
}

static void run_active(raw_ucx *ucx, const measure_options *options)
{
    ucp_rkey_h key = NULL;
    unsigned char *segment = map_segment(ucx, &key);
    unsigned char *to = measure_memory(options->size_bytes);
    size_t stride = (options->size_bytes + 4095) / 4096 * 4096;
    source sources[2] = {{.type = "raw_map"}, {.type = "memcpy"}};
    for (int s = 0; s < 2; s++) {
        sources[s].memory = calloc(options->slots, sizeof(*sources[s].memory));
        sources[s].result.latencies_us = calloc(options->count, sizeof(double));
        if (sources[s].memory == NULL || sources[s].result.latencies_us == NULL) {
            measure_fail("no memory");
        }
        for (uint64_t i = 0; i < options->slots; i++) {
            sources[s].memory[i] =
                s == 0 ? segment + i * stride : measure_memory(options->size_bytes);
            if (s == 1) {
                measure_fill(sources[s].memory[i], options->size_bytes, i);
            }
            memcpy(to, sources[s].memory[i],
                   options->size_bytes); /* page faults of the mapping are not measured */
            if (!measure_is_filled(to, options->size_bytes, i)) {
                measure_fail("the data of slot %llu is wrong", (unsigned long long)i);
            }
        }
    }
    while (sources[0].done < options->count || sources[1].done < options->count) {
        for (int s = 0; s < 2; s++) {
            if (sources[s].done < options->count) {
                copy_batch(&sources[s], to, options);
            }
        }
    }
    measure_write(ucx->fd, "e", 1);
    ucp_rkey_destroy(key);
    raw_close(ucx);
    measure_end_peer();
    for (int s = 0; s < 2; s++) {
        measure_print(sources[s].type, options, raw_version(), &sources[s].result);
    }
}

static void run_passive(raw_ucx *ucx, const measure_options *options)
{
    size_t stride = (options->size_bytes + 4095) / 4096 * 4096;
    ucp_mem_map_params_t params = {.field_mask = UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                                                 UCP_MEM_MAP_PARAM_FIELD_FLAGS,
                                   .length = stride * options->slots,
                                   .flags = UCP_MEM_MAP_ALLOCATE};
    ucp_mem_attr_t where = {.field_mask = UCP_MEM_ATTR_FIELD_ADDRESS};
    ucp_mem_h memory = NULL;
    void *packed = NULL;
    size_t size = 0;
    raw_check(ucp_mem_map(ucx->context, &params, &memory), "shared memory");
    raw_check(ucp_mem_query(memory, &where), "shared memory");
    for (uint64_t i = 0; i < options->slots; i++) {
        measure_fill((char *)where.address + i * stride, options->size_bytes, i);
    }
    raw_check(ucp_rkey_pack(ucx->context, memory, &packed, &size), "key");
    uint64_t numbers[2] = {(uint64_t)(uintptr_t)where.address, size};
    measure_write(ucx->fd, numbers, sizeof(numbers));
    measure_write(ucx->fd, packed, size);
    ucp_rkey_buffer_release(packed);
    char byte;
    measure_read(ucx->fd, &byte, 1); /* the other side has copied */
    raw_check(ucp_mem_unmap(ucx->context, memory), "shared memory");
    raw_close(ucx);
}

int main(int count, char **arguments)
{
    measure_options options = measure_parse(count, arguments, "read");
    raw_ucx ucx = {0};
    options.link = "shm";
    measure_set_transports(options.link);
    int fd = options.peer_fd >= 0 ? options.peer_fd : measure_start_peer(arguments);
    raw_open(&ucx, UCP_FEATURE_RMA, fd);
    raw_connect(&ucx);
    if (options.peer_fd >= 0) {
        run_passive(&ucx, &options);
    } else {
        run_active(&ucx, &options);
    }
    return 0;
}

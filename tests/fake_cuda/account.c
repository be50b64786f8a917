/* SPDX-License-Identifier: Apache-2.0 */
/* What is alive, how often each function was called, and what is left when the process ends. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FUNCTIONS_MAX = 96, LEAK_STATUS = 97 };

typedef struct function_calls {
    const char *name;
    uint64_t count;
} function_calls;

static function_calls functions[FUNCTIONS_MAX];

void fake_account_call(const char *name)
{
    function_calls *it = functions;
    while (it->name != NULL && it->name != name && strcmp(it->name, name) != 0) {
        it++;
        if (it == functions + FUNCTIONS_MAX) {
            abort();
        }
    }
    it->name = name;
    it->count++;
}

uint64_t fake_cuda_calls(const char *function)
{
    uint64_t count = 0;
    (void)pthread_mutex_lock(&fake_lock);
    for (size_t i = 0; i < FUNCTIONS_MAX && functions[i].name != NULL; i++) {
        if (strcmp(functions[i].name, function) == 0) {
            count = functions[i].count;
        }
    }
    (void)pthread_mutex_unlock(&fake_lock);
    return count;
}

static void count_block(const fake_block *block, fake_cuda_counts *counts)
{
    switch (block->kind) {
    case FAKE_DEVICE:
        counts->device_allocations++;
        counts->device_bytes += block->size;
        break;
    case FAKE_MANAGED:
        counts->managed_allocations++;
        counts->managed_bytes += block->size;
        break;
    case FAKE_PINNED:
        counts->pinned_allocations++;
        counts->pinned_bytes += block->size;
        break;
    case FAKE_REGISTERED:
        counts->registered_ranges++;
        counts->registered_bytes += block->size;
        break;
    }
}

static void count_all(fake_cuda_counts *counts)
{
    *counts = (fake_cuda_counts){.contexts = fake_count_contexts(),
                                 .copies = fake_copies,
                                 .copied_bytes = fake_copied_bytes};
    for (const fake_block *block = fake_blocks; block != NULL; block = block->next) {
        if (!block->freeing) {
            count_block(block, counts);
        }
    }
    for (const fake_stream *stream = fake_streams; stream != NULL; stream = stream->next) {
        counts->streams += !stream->is_default && !stream->destroyed ? 1 : 0;
    }
    for (const fake_event *event = fake_events; event != NULL; event = event->next) {
        counts->events++;
    }
    for (const fake_pool *pool = fake_pools; pool != NULL; pool = pool->next) {
        counts->pools += !pool->is_default && !pool->destroyed ? 1 : 0;
    }
}

size_t fake_cuda_leaks(fake_cuda_counts *counts_out)
{
    fake_cuda_counts counts;
    (void)pthread_mutex_lock(&fake_lock);
    count_all(&counts);
    (void)pthread_mutex_unlock(&fake_lock);
    if (counts_out != NULL) {
        *counts_out = counts;
    }
    return counts.device_allocations + counts.managed_allocations + counts.pinned_allocations +
           counts.registered_ranges + counts.streams + counts.events + counts.pools;
}

__attribute__((destructor)) static void tell_leaks(void)
{
    const char *wanted = getenv("FAKE_CUDA_LEAKS");
    fake_cuda_counts counts;
    if (wanted == NULL || strcmp(wanted, "0") == 0 || fake_is_child() ||
        fake_cuda_leaks(&counts) == 0) {
        return;
    }
    (void)dprintf(STDERR_FILENO,
                  "fake_cuda: left behind: %zu device (%zu bytes), %zu managed, %zu pinned, %zu "
                  "registered, %zu streams, "
                  "%zu events, %zu pools\n",
                  counts.device_allocations, counts.device_bytes, counts.managed_allocations,
                  counts.pinned_allocations, counts.registered_ranges, counts.streams,
                  counts.events, counts.pools);
    (void)fflush(NULL);
    _exit(LEAK_STATUS);
}

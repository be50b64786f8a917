/* SPDX-License-Identifier: Apache-2.0 */
#include "raw_memory.h"

#include <string.h>

enum { SPOILT = 0xa5 };

void raw_memory_begin(const measure_options *options)
{
    (void)options;
}

int raw_memory_device(void)
{
    return -1;
}

void *raw_memory_new(size_t size_bytes)
{
    return measure_memory(size_bytes);
}

void raw_memory_fill(void *memory, size_t size_bytes, uint64_t slot)
{
    measure_fill(memory, size_bytes, slot);
}

bool raw_memory_is_filled(const void *memory, size_t size_bytes, uint64_t slot)
{
    return measure_is_filled(memory, size_bytes, slot);
}

void raw_memory_check(const measure_options *options, unsigned char *const *memory)
{
    measure_check(options, memory);
}

void raw_memory_spoil(void *memory, size_t size_bytes)
{
    memset(memory, SPOILT, size_bytes);
}

void raw_memory_take(void *memory, const void *from, size_t size_bytes)
{
    memcpy(memory, from, size_bytes);
}

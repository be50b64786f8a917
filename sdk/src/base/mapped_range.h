/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_MAPPED_RANGE_H
#define BATON_BASE_MAPPED_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where shared memory is mapped in this process, as the kernel says (/proc/self/maps): how much of it really is there after somebody
 * else has told us a key and a size.
 */
typedef struct baton__mapped_ranges {
    uint64_t *begins;
    size_t count;
} baton__mapped_ranges;

/* The ranges that there are now. False: no memory, or no /proc. */
bool baton__mapped_ranges_init(baton__mapped_ranges *ranges);
void baton__mapped_ranges_fini(baton__mapped_ranges *ranges);
/* The size of the range that begins there with the first byte of its file and was not among those; 0: there is none. */
size_t baton__mapped_range_new(const baton__mapped_ranges *before, const void *begin);
/* Whether the eight bytes before end can be read: of a mapped file that is shorter than its mapping they cannot. */
bool baton__mapped_end_is_readable(const void *end);

#endif

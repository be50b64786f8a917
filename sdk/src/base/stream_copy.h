/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_STREAM_COPY_H
#define BATON_BASE_STREAM_COPY_H

#include <stddef.h>

/*
 * memcpy for what is larger than the caches: it writes past them, so that the memory of the destination is not read first only to be
 * overwritten, and the caches keep what they have. glibc does so in one call from three quarters of the last level cache on, which in
 * a virtual machine may be that of the whole host, and of a copy in chunks it cannot know.
 */
void baton__stream_copy(void *to, const void *from, size_t size);
/* From so many bytes in all on it is used: half of the last level cache, 16 MiB at most. tests/bench
 * compares such reads with memcpy ("map 64MiB"). */
size_t baton__stream_copy_min(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TEST_NO_MEMORY_H
#define BATON_TEST_NO_MEMORY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_MEMORY_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(NO_MEMORY_SANITIZED)
#define NO_MEMORY_POSSIBLE 0
#else
/* A sanitizer brings an allocator of its own, which ends the process instead. */
#define NO_MEMORY_POSSIBLE 1
#endif

/* Valgrind needs memory of its own in the process. It loads its allocator by LD_PRELOAD. */
static inline bool no_memory_is_possible(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return NO_MEMORY_POSSIBLE && (preloaded == NULL || strstr(preloaded, "vgpreload") == NULL);
}

/*
 * From here on malloc of `smallest` bytes or more fails in this process, as it does on a machine
 * without memory: the kernel gives no more, and what the C library has left, in lists by size, is
 * used up and leaked for the life of the test. Returns false where that cannot be had.
 */
static inline bool no_memory_begin(size_t smallest, struct rlimit *before_out)
{
    struct rlimit limit;
    if (!no_memory_is_possible() || getrlimit(RLIMIT_AS, before_out) != 0) {
        return false;
    }
    limit = *before_out;
    limit.rlim_cur = 1;
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        return false;
    }
    void *volatile block = NULL; /* volatile: or the compiler leaves out a malloc without a free */
    for (size_t size = smallest + 8192; size >= smallest; size -= 8) {
        do {
            block = malloc(size);
        } while (block != NULL);
    }
    return true;
}

static inline void no_memory_end(const struct rlimit *before)
{
    (void)setrlimit(RLIMIT_AS, before);
}

#endif

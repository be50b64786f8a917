/* SPDX-License-Identifier: Apache-2.0 */
/** Shared memory to hand over: a reader on the same host can map it instead of having it sent. */
#ifndef BATON_POOL_H
#define BATON_POOL_H

#include <baton/descriptor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_pool baton_pool;

typedef struct baton_pool_options {
    size_t struct_size;
    /** Bytes, taken from the system at once (sysv: pages are made when they are first touched). Rounded up to pages. */
    size_t capacity_bytes;
    /** Of every piece: a power of two from 16 to 4096. Sizes are rounded up to it. */
    size_t alignment_bytes;
    /**
     * The trust group: a secret of up to 255 bytes that the readers have too (baton_connector_options.map_group). A reader that
     * proves it gets the key of the whole pool, and with it can read and write all of it, not only the piece: one
     * pool, one group. NULL: nobody maps it; it is host memory like any other. Copied.
     */
    const char *group;
} baton_pool_options;

#define BATON_POOL_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(baton_pool_options), (size_t)64 * 1024 * 1024, 64, 0                                \
    }

/** As of now. */
typedef struct baton_pool_stats {
    size_t struct_size;
    uint64_t capacity_bytes;
    uint64_t used_bytes;      /**< of pieces that are out, rounded up to the alignment */
    uint64_t peak_bytes;      /**< the most that used_bytes has been */
    uint64_t pieces;          /**< that are out */
    uint64_t allocations;     /**< in all */
    uint64_t refused;         /**< allocations for which there was no room */
} baton_pool_stats;

/**
 * Takes the memory from the system. options: NULL for the defaults: 64 MiB without a group; copied.
 * Ownership: the caller's: baton_pool_destroy. Errors: ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY (the text names the system's limits),
 * ERR_NOT_SUPPORTED (UCX has no shared memory). Threads: any. Blocking: no, but the system may take long with posix memory.
 */
BATON_API BATON_CHECKED baton_status baton_pool_create(const baton_pool_options *options, baton_pool **pool_out);

/**
 * No more pieces; the memory goes back to the system when the last piece that is out is released. NULL is legal.
 * Threads: any. Blocking: no.
 */
BATON_API void baton_pool_destroy(baton_pool *pool);

/**
 * A piece of it as a descriptor of host memory, for any connector of this process. Contents are undefined. It comes back when its
 * last reference is gone and the last operation on it is over and quiet; while a reader may still have it mapped, the
 * operation's reference holds it back (ERR_QUARANTINED tells). In constant time (TLSF: Masmano and others, "TLSF: a new dynamic memory
 * allocator for real-time systems", 2004), with its bookkeeping outside of the shared memory.
 * size_bytes: not 0. Ownership: a reference for the caller. Errors: ERR_INVALID_ARGUMENT, ERR_LIMIT (no room), ERR_OUT_OF_MEMORY.
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_pool_allocate(baton_pool *pool, size_t size_bytes,
                                                         baton_descriptor **descriptor_out);

/** stats_out->struct_size is set by the caller. Errors: ERR_INVALID_ARGUMENT. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_pool_get_stats(baton_pool *pool, baton_pool_stats *stats_out);

#ifdef __cplusplus
}
#endif

#endif

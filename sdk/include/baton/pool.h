/* SPDX-License-Identifier: Apache-2.0 */
/** Memory to hand over, taken from the system once and given out in pieces: shared, pinned for CUDA, or of a CUDA device. */
#ifndef BATON_POOL_H
#define BATON_POOL_H

#include <baton/descriptor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_pool baton_pool;

typedef enum baton_pool_kind {
    /** Host memory that a reader on the same host can map instead of having it sent. */
    BATON_POOL_SHARED = 0,
    /** Host memory that is pinned for all CUDA devices (cudaHostAlloc), so that their copies from and to it are fast and asynchronous. */
    BATON_POOL_PINNED = 1,
    /**
     * Memory of one CUDA device, by one cudaMalloc, and therefore such that CUDA lets other processes in where it can at all
     * (baton_pool_stats.exportable): cudaIpcGetMemHandle, which UCX's cuda_ipc uses, refuses what cudaMallocAsync gives. Who
     * gets such a handle for a piece can read and write all of the pool: one pool, one group of processes that trust each other.
     */
    BATON_POOL_CUDA = 2,
} baton_pool_kind;

typedef struct baton_pool_options {
    size_t struct_size;
    /** Bytes, taken from the system at once (sysv: pages are made when they are first touched). Rounded up to pages; of a CUDA device
     * to 2 MiB, since a handle for another process opens blocks of that size as a whole. */
    size_t capacity_bytes;
    /** Of every piece: a power of two from 16 to 4096. Sizes are rounded up to it. Of a CUDA device at least 256. */
    size_t alignment_bytes;
    /**
     * The trust group: a secret of up to 255 bytes that the readers have too (baton_connector_options.map_group). A reader that
     * proves it gets the key of the whole pool, and with it can read and write all of it, not only the piece: one
     * pool, one group. NULL: nobody maps it; it is host memory like any other. Copied. Only for BATON_POOL_SHARED.
     */
    const char *group;
    baton_pool_kind kind;
    /** Of BATON_POOL_CUDA: the device, 1 for cuda:1. Else 0. */
    uint32_t cuda_id;
} baton_pool_options;

#define BATON_POOL_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(baton_pool_options), (size_t)64 * 1024 * 1024, 64, 0, BATON_POOL_SHARED, 0          \
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
    baton_pool_kind kind;
    baton_device device; /**< of the pieces: the host, or a CUDA device */
    /** Another process can open the memory: shared memory with a group, by its key; of a CUDA device where CUDA made a handle for it when
     * the pool was made, which it does not on every machine. Pinned memory never. */
    bool exportable;
} baton_pool_stats;

/**
 * Takes the memory from the system. options: NULL for the defaults: 64 MiB of shared memory without a group; copied.
 * Ownership: the caller's: baton_pool_destroy. Errors: ERR_INVALID_ARGUMENT (also a group for what nobody can map, and a CUDA device that is
 * not there), ERR_OUT_OF_MEMORY (the text names the system's limits),
 * ERR_NOT_SUPPORTED (UCX has no shared memory; else as baton_device_check); for pinned and CUDA memory also ERR_NOT_BUILT_IN, ERR_DEVICE
 * and ERR_WRONG_PROCESS.
 * Threads: any. Blocking: no, but the system may take long with posix memory, and CUDA takes milliseconds, the first time some 100: not in a
 * callback of baton's. Pinning needs a CUDA device too, and its context: of the one that baton has used first, else the thread's current one.
 */
BATON_API BATON_CHECKED baton_status baton_pool_create(const baton_pool_options *options, baton_pool **pool_out);

/**
 * No more pieces; the memory goes back to the system when the last piece that is out is released. NULL is legal.
 * Threads: any. Blocking: no for shared memory. For pinned and CUDA memory, with no piece out: as cudaFree does, until the device has
 * done all work; but not on a connector's own thread. There, and when a piece comes back last, a thread of baton's frees the memory, a
 * moment later.
 */
BATON_API void baton_pool_destroy(baton_pool *pool);

/**
 * A piece of it as a descriptor of host memory, or of memory of the pool's device, for any connector of this process. Contents are
 * undefined. It comes back when its
 * last reference is gone and the last operation on it is over and quiet, the copies of devices for it too; while a reader may still have it
 * mapped, the operation's reference holds it back (ERR_QUARANTINED tells). The application's own work on it, kernels and copies on its
 * streams, has to be over by then. In constant time (TLSF: Masmano and others, "TLSF: a new dynamic memory
 * allocator for real-time systems", 2004), with its bookkeeping outside of the memory, and without a call of CUDA's.
 * size_bytes: not 0. Ownership: a reference for the caller. Errors: ERR_INVALID_ARGUMENT, ERR_LIMIT (no room), ERR_OUT_OF_MEMORY,
 * ERR_WRONG_PROCESS (pinned or CUDA memory, in a child of the process that made the pool).
 * Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_pool_allocate(baton_pool *pool, size_t size_bytes,
                                                         baton_descriptor **descriptor_out);

/**
 * Can another process open the memory that this lies in? For a piece of a pool what baton_pool_stats.exportable says. For other CUDA memory
 * CUDA is asked: it can where cudaMalloc gave it, and cannot where cudaMallocAsync did (baton_descriptor_allocate, on a device with
 * pools), or for managed memory. For other host memory: no. It says nothing about whether anybody is let in.
 * descriptor: not NULL. Threads: any. Blocking: no.
 */
BATON_API bool baton_descriptor_is_exportable(const baton_descriptor *descriptor);

/** stats_out->struct_size is set by the caller. Errors: ERR_INVALID_ARGUMENT. Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_pool_get_stats(baton_pool *pool, baton_pool_stats *stats_out);

#ifdef __cplusplus
}
#endif

#endif

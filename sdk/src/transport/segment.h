/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TRANSPORT_SEGMENT_H
#define BATON_TRANSPORT_SEGMENT_H

#include <baton/status.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Shared memory that the transport's library allocates, and the mapping of somebody else's by its key. No worker and no
 * endpoint have a part in it: a mapping outlives both. Any thread, one at a time for each object.
 */
#define BATON__SEGMENT_KEY_MAX 64

typedef struct baton__segment {
    void *pointer; /* page aligned, zeroed */
    size_t size;
    size_t key_size;
    uint8_t key[BATON__SEGMENT_KEY_MAX]; /* opens it to every process of this user in its IPC namespace, writable */
} baton__segment;

typedef struct baton__mapping {
    const uint8_t *pointer; /* where the segment's first byte is here; read only */
} baton__mapping;

/* size: rounded up to pages. Errors: ERR_NOT_SUPPORTED (no shared memory in this build of UCX), ERR_OUT_OF_MEMORY (also the
 * system's limits, in the error text). */
baton_status baton__segment_create(size_t size, baton__segment **segment_out);
void baton__segment_destroy(baton__segment *segment);
/* base, size: the segment's address there, and how much of it will be read; the key, base and size may be anybody's lies. Errors: ERR_MALFORMED
 * (also a size that is not there), ERR_UNREACHABLE (it is gone, or of another namespace),
 * ERR_OUT_OF_MEMORY. */
baton_status baton__mapping_create(const void *key, size_t key_size, uint64_t base, uint64_t size, baton__mapping **mapping_out);
void baton__mapping_destroy(baton__mapping *mapping);

#endif

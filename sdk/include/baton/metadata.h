/* SPDX-License-Identifier: Apache-2.0 */
/**
 * RdmaMetadata: what an active side needs to reach a passive operation. A value, immutable.
 *
 * Whoever holds it may take the operation: carry it only over channels you trust. The JSON form is in
 * baton/metadata_json.h.
 */
#ifndef BATON_METADATA_H
#define BATON_METADATA_H

#include <baton/device.h>
#include <baton/id.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct baton_metadata baton_metadata;

/** The seed's numbers. */
typedef enum baton_metadata_kind { BATON_METADATA_READABLE = 1, BATON_METADATA_WRITABLE = 2 } baton_metadata_kind;

/** One piece of the passive side's memory. */
typedef struct baton_metadata_descriptor {
    baton_device device;
    /** In the passive process; never dereferenced by the active side. Not 0; but a list of more than
     * BATON_METADATA_ADDRESSES_MAX names no addresses: 0 in all of it. */
    uint64_t address;
    uint64_t size_bytes;
} baton_metadata_descriptor;

/** Most descriptors of one operation. */
#define BATON_DESCRIPTORS_MAX 65536
/** Most descriptors whose addresses a metadata names. */
#define BATON_METADATA_ADDRESSES_MAX 64
/** Longest notification key, without its terminating zero. */
#define BATON_NOTIFICATION_KEY_MAX 255

/**
 * Makes one from its parts, checking all of them, the transport block's length and checksum included. Of more than
 * BATON_METADATA_ADDRESSES_MAX descriptors the addresses are not looked at and left out.
 * Ownership: everything is copied. Errors: ERR_INVALID_ARGUMENT, ERR_MALFORMED, ERR_CHECKSUM, ERR_VERSION,
 * ERR_TOO_LARGE, ERR_OUT_OF_MEMORY. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_metadata_create(
    baton_metadata_kind kind, const baton_metadata_descriptor *descriptors, size_t count,
    const char *notification_key, const void *transport_block, size_t transport_block_size,
    baton_metadata **metadata_out);
/** Errors: ERR_INVALID_ARGUMENT (NULL). Threads: any. Blocking: no. */
BATON_API BATON_CHECKED baton_status baton_metadata_copy(const baton_metadata *metadata,
                                                         baton_metadata **metadata_out);
/** NULL is legal. */
BATON_API void baton_metadata_destroy(baton_metadata *metadata);

BATON_API baton_metadata_kind baton_metadata_get_kind(const baton_metadata *metadata);
BATON_API size_t baton_metadata_count(const baton_metadata *metadata);
/** index below baton_metadata_count. Borrowed as long as the metadata lives. */
BATON_API const baton_metadata_descriptor *baton_metadata_descriptor_at(const baton_metadata *metadata,
                                                                        size_t index);
/** Sum of the sizes of all descriptors, in bytes. */
BATON_API uint64_t baton_metadata_total_size(const baton_metadata *metadata);
BATON_API const char *baton_metadata_notification_key(const baton_metadata *metadata);
/** The opaque block of the transport. Borrowed as long as the metadata lives. */
BATON_API const void *baton_metadata_transport_block(const baton_metadata *metadata, size_t *size_out);
/** Id of the passive operation. */
BATON_API baton_uuid baton_metadata_operation_id(const baton_metadata *metadata);

/**
 * Size of the binary form in bytes, and the binary form itself (versioned, length-checked, with a
 * checksum; little-endian; see sdk/README.md, "Wire format").
 * Errors: ERR_INVALID_ARGUMENT (NULL), ERR_TOO_LARGE if capacity is below baton_metadata_encoded_size. Threads: any. Blocking: no.
 */
BATON_API size_t baton_metadata_encoded_size(const baton_metadata *metadata);
BATON_API BATON_CHECKED baton_status baton_metadata_encode(const baton_metadata *metadata, void *buffer,
                                                           size_t capacity, size_t *size_out);
/** Errors: ERR_INVALID_ARGUMENT (NULL), ERR_MALFORMED (also for trailing bytes), ERR_CHECKSUM, ERR_VERSION, ERR_TOO_LARGE, ERR_OUT_OF_MEMORY. */
BATON_API BATON_CHECKED baton_status baton_metadata_decode(const void *data, size_t size,
                                                           baton_metadata **metadata_out);

#ifdef __cplusplus
}
#endif
#endif

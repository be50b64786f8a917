/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_METADATA_H
#define BATON_CORE_METADATA_H

#include "base/process.h"
#include "base/wire.h"
#include <baton/metadata.h>

/*
 * The descriptors as they stand in the binary form (metadata.c): short lists with addresses, long ones folded.
 */
static inline bool baton__metadata_has_addresses(size_t count)
{
    return count <= BATON_METADATA_ADDRESSES_MAX;
}
size_t baton__metadata_list_size(const baton_metadata_descriptor *list, size_t count);
void baton__metadata_list_write(baton__writer *writer, const baton_metadata_descriptor *list, size_t count);
/* The bytes of a list of count descriptors, unread, without the length before a long one. */
const uint8_t *baton__metadata_list_view(baton__reader *reader, size_t count, size_t *size_out);
/* Such bytes; list has room for count. False: malformed, and list undefined. */
bool baton__metadata_list_read(const uint8_t *data, size_t size, baton_metadata_descriptor *list, size_t count);

/*
 * The transport block of a metadata: what it takes to reach a passive operation. Versioned, with
 * length and checksum, verified before UCX sees a byte of it (ucp_ep_create aborts on a broken
 * address).
 */
typedef struct baton__block {
    baton_uuid instance; /* of the passive connector */
    uint64_t epoch;
    baton_uuid operation_id;
    baton_key claim_token; /* proves that the active side has this metadata */
    uint32_t attempt;
    uint16_t transport_major; /* version of the passive side's UCX */
    uint16_t transport_minor;
    baton__process process; /* who can be watched by others on its host */
    uint32_t flags; /* BATON__BLOCK_ */
    uint32_t address_version; /* counts the addresses that the connector has had */
    char name[64]; /* of the passive connector */
    const uint8_t
        *address; /* UCX worker address; a view into the encoded block, or borrowed for encoding */
    size_t address_size; /* 1 .. BATON__ADDRESS_MAX */
} baton__block;

#define BATON__BLOCK_MAPPABLE UINT32_C(1) /* every descriptor is of a pool with a group */
#define BATON__BLOCK_REACHABLE UINT32_C(4) /* its connector has a verbs device, and rma switched on */
#define BATON__ADDRESS_MAX 16384
#define BATON__BLOCK_MAX   (BATON__ADDRESS_MAX + 512)

/* Bytes that encoding takes. name is valid. */
size_t baton__block_size(const baton__block *block);
/* Errors: ERR_TOO_LARGE, ERR_INVALID_ARGUMENT (an invalid name, no address). */
baton_status baton__block_encode(const baton__block *block, void *buffer, size_t capacity,
                                 size_t *size_out);
/* Errors: ERR_MALFORMED (also trailing bytes, an invalid name), ERR_CHECKSUM, ERR_VERSION,
 * ERR_TOO_LARGE. */
baton_status baton__block_decode(const void *data, size_t size, baton__block *block_out);
/* The decoded block of a metadata (checked when it was made). Views live as long as the metadata.
 */
const baton__block *baton__metadata_block(const baton_metadata *metadata);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks whose memory can be taken away from UCX at any moment, and that need not lie in one piece.
 *
 * UCX may keep the requests of an endpoint that was closed by force for as long as the peer is stopped: it purges
 * them after its lanes are flushed, and flushing a shared-memory lane ignores the cancel flag and waits for room in
 * the peer's FIFO (uct_mm_ep_flush, up to 1.18; ucp_ep_discard_lanes). Until then a receive is found by its id, and
 * fragments that the peer sends after SIGCONT are written where it says (ucp_rndv_data_handler).
 *
 * So on links where UCX moves the bytes by copying, it is not given their address: the chunks are of a generic
 * datatype, and UCX copies by calling the functions here, which look the address up in the transfer's layout. Revoking
 * clears it there. On the owner thread, like all calls of UCX: no copy is under way. The number of copies is the
 * same, and nothing is allocated.
 */
#include "transport/ucx.h"

#include <string.h>

static void *start_pack(void *context, const void *buffer, size_t count)
{
    (void)context;
    (void)count;
    return (void *)buffer; /* the transfer: it is its own state */
}

static void *start_unpack(void *context, void *buffer, size_t count)
{
    (void)context;
    (void)count;
    return buffer;
}

static size_t packed_size(void *state)
{
    const baton__transfer *transfer = state;
    return transfer->slice.size;
}

static size_t pack(void *state, size_t offset, void *to, size_t size)
{
    baton__transfer *transfer = state;
    const baton__slice *slice = &transfer->slice;
    if (size > slice->size - offset) {
        size = slice->size - offset;
    }
    if (slice->layout != NULL) {
        baton__layout_gather(slice->layout, slice->offset + offset, to, size, &transfer->hint);
    } else {
        memset(to, 0, size); /* goes nowhere: the lanes of a closed endpoint take nothing */
    }
    return size;
}

static ucs_status_t unpack(void *state, size_t offset, const void *from, size_t size)
{
    baton__transfer *transfer = state;
    const baton__slice *slice = &transfer->slice;
    /* The offset is the peer's word. */
    if (offset > slice->size || size > slice->size - offset) {
        return UCS_ERR_MESSAGE_TRUNCATED;
    }
    if (slice->layout != NULL) {
        baton__layout_scatter(slice->layout, slice->offset + offset, from, size, &transfer->hint);
    }
    return UCS_OK;
}

static void finish(void *state)
{
    (void)state;
}

ucs_status_t baton__ucx_revocable_init(baton__transport *transport)
{
    static const ucp_generic_dt_ops_t functions = {
        .start_pack = start_pack,
        .start_unpack = start_unpack,
        .packed_size = packed_size,
        .pack = pack,
        .unpack = unpack,
        .finish = finish,
    };
    return ucp_dt_create_generic(&functions, NULL, &transport->revocable);
}

void baton__ucx_revocable_fini(baton__transport *transport)
{
    if (transport->revocable != 0) {
        ucp_dt_destroy(transport->revocable);
    }
}

bool baton__ucx_is_revocable(const char *kinds)
{
    /* Those of devices have no part in memory of the host that UCX does not see. */
    static const char *const copying[] = {"tcp", "posix", "sysv", "self", "cuda_ipc", "cuda_copy", "gdr_copy"};
    while (*kinds != '\0') {
        size_t length = strcspn(kinds, ",");
        bool found = false;
        for (size_t i = 0; i < sizeof(copying) / sizeof(copying[0]); i++) {
            found = found ||
                    (strlen(copying[i]) == length && strncmp(kinds, copying[i], length) == 0);
        }
        if (!found) {
            return false;
        }
        kinds += length + (kinds[length] == ',');
    }
    return true;
}

bool baton__ucx_revoke(baton__transfer *transfer)
{
    if (transfer->revocable) {
        transfer->slice.layout = NULL;
    }
    return transfer->revocable;
}

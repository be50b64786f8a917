/* SPDX-License-Identifier: Apache-2.0 */
/* A frame that fuzz_dispatch.c sends, and what is to become of it. */
#ifndef BATON_TEST_DISPATCH_SHOT_H
#define BATON_TEST_DISPATCH_SHOT_H

#include "fuzz/dispatch_world.h"

/* What a step spoils of a frame. */
enum {
    SPOIL_INSTANCE = 1,
    SPOIL_EPOCH = 2,
    SPOIL_SESSION = 4,
    SPOIL_OPERATION = 8,
    SPOIL_KEY = 16,
    SPOIL_NONCE = 32,
    SPOIL_HEADER = 64
};

typedef struct shot {
    baton__frame frame;
    const lane *lane;
    unsigned spoiled;
    size_t header_size;
    uint8_t header[BATON__FRAME_SIZE + 8];
    uint8_t *payload;
    size_t size;
    bool block; /* its payload is meant to be one */
    bool good_block;
    size_t tail; /* bytes behind the block */
    bool stranger; /* of somebody that nobody has met */
} shot;

static inline bool payload_fits(const shot *it)
{
    switch (it->frame.type) {
    case BATON__FRAME_DATA:
    case BATON__FRAME_WRITE:
        return it->size != 0;
    case BATON__FRAME_ACK:
    case BATON__FRAME_NACK:
        return it->size <= BATON_RESULT_MAX;
    case BATON__FRAME_GRANT:
        return it->size <= BATON__INLINE_MAX;
    case BATON__FRAME_OPEN:
        return true;
    case BATON__FRAME_KEYS:
        return it->size <= BATON__KEYS_MAX;
    case BATON__FRAME_REACH:
        return it->size <= BATON__RMA_ADDRESS_MAX;
    case BATON__FRAME_REACHED:
        return it->size <= BATON__KEYS_MAX;
    case BATON__FRAME_RESET:
    case BATON__FRAME_CANCEL:
        return it->size == 0 || it->block;
    default:
        return it->size == 0;
    }
}

/* How many bytes have to be behind the block; SIZE_MAX: none of these flags go together. */
static inline size_t tail_of(const baton__frame *open)
{
    bool read = baton__open_kind(open->d) == BATON_OPERATION_READ;
    bool write = baton__open_kind(open->d) == BATON_OPERATION_WRITE;
    switch (open->d >> 17 & 0x77) { /* without 8: its memory is a device's, which says nothing of a tail */
    case 0:
        return 0;
    case 1: /* keys */
    case 3: /* keys for a view */
        return read ? 16 : SIZE_MAX;
    case 4: /* bytes */
        return write && open->a >= 1 && open->a <= BATON__INLINE_MAX ? (size_t)open->a : SIZE_MAX;
    default:
        return SIZE_MAX;
    }
}

/* Must be refused, whatever state the world is in. */
static inline bool is_unproven(const shot *it)
{
    if ((it->spoiled & (SPOIL_HEADER | SPOIL_INSTANCE | SPOIL_EPOCH)) != 0 || !payload_fits(it)) {
        return true;
    }
    switch (it->frame.type) {
    case BATON__FRAME_OPEN:
        return !it->good_block || it->tail != tail_of(&it->frame);
    case BATON__FRAME_RESET:
        return (it->spoiled & SPOIL_SESSION) != 0 || (it->block && (!it->good_block || it->stranger)); /* either side's session may be named */
    case BATON__FRAME_READ:
    case BATON__FRAME_WRITE:
    case BATON__FRAME_MOVED:
    case BATON__FRAME_ACK:
    case BATON__FRAME_NACK:
    case BATON__FRAME_FAIL:
    case BATON__FRAME_RENEW:
    case BATON__FRAME_MAP:
    case BATON__FRAME_RELEASE:
    case BATON__FRAME_REACH:
        return !it->lane->proven || !is_passive(it->lane) ||
               (it->spoiled & (SPOIL_OPERATION | SPOIL_KEY | SPOIL_NONCE)) != 0;
    default: /* to an active operation: nonce and session prove it */
        return (it->block && !it->good_block) || !it->lane->proven || is_passive(it->lane) ||
               (it->spoiled & (SPOIL_OPERATION | SPOIL_SESSION | SPOIL_NONCE)) != 0;
    }
}

static inline bool says_no(const shot *it)
{
    switch (it->frame.type) {
    case BATON__FRAME_REFUSE:
    case BATON__FRAME_NACK:
    case BATON__FRAME_NACKED:
    case BATON__FRAME_FAIL:
    case BATON__FRAME_CANCEL:
        return true;
    default:
        return false;
    }
}

#endif

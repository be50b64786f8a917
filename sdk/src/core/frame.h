/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_FRAME_H
#define BATON_CORE_FRAME_H

#include <baton/id.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * In-band frames: the header of an active message, 136 bytes, little-endian, the same for every type, and for
 * some types a payload. Every frame names the instance and epoch that it is meant for, the session that it belongs
 * to, and the operation; none is matched by an endpoint or by its order. "C" is the active side (consumer), "O" the
 * passive (origin).
 *
 *  0  u16 magic 0xBA70    2  u8 version 1    3  u8 type     4  u32 d
 *  8  16 to_instance     24  u64 to_epoch   32  16 session 48  16 operation
 * 64  16 key             80  16 nonce       96  16 aux    112  u64 a   120  u64 b   128  u32 c   132  u32 e (0)
 *
 *  type         key            aux         a            b           c          d        payload
 *  OPEN    C>O  claim token    cancel key  total bytes  chunk size  attempt    see *    block: identity of C; behind it see *
 *  GRANT   O>C  token          ack key     lease, ms    0 or 1 *    completion -        first chunk or none
 *  REFUSE  O>C  -              -           -            -           reason     -        -
 *  READ    C>O  token          -           -            -           count      chunk    -
 *  DATA    O>C  -              -           -            -           1: direct  chunk    the chunk
 *  WRITE   C>O  token          -           -            -           1: direct  chunk    the chunk
 *  WROTE   O>C  -              -           -            -           -          chunk    -
 *  MOVED   C>O  token          -           -            -           -          1: rma  -
 *  COMMIT  O>C  -              -           -            -           -          -        -
 *  ACK     C>O  token          -           -            -           -          -        result
 *  NACK    C>O  token          -           -            -           -          -        result
 *  NACKED  O>C  -              -           -            -           -          -        -
 *  FAIL    C>O  token          -           -            -           reason     1: a view is still read -
 *  CANCEL  O>C  - or token     -           -            -           reason     -        none; or the identity of O
 *  RENEW   C>O  token          -           time of C    -           -          -        -
 *  RENEWED O>C  -              -           its echo     -           -          -        -
 *  RESET   any  -              -           -            -           -          -        its identity, or none
 *  MAP     C>O  token          proof       -            -           -          1: for a view -
 *  KEYS    O>C  -              proof       -            -           reason     -        keys, or none: see below
 *  RELEASE C>O  token          -           -            -           -          -        -
 *  REACH   C>O  token          -           number       -           -          1 or 2   1: address of a link; see rma.h
 *  REACHED O>C  -              -           its echo     -           reason     1 or 2   what was asked for, or none: rma.h
 *  PROBE   C>O  token          -           -            -           reason     1: C reads on; identity of C: it keeps memory for O, see hold.h
 *  PROBED  O>C  its echo       -           -            -           -          -        -
 *
 * * d of OPEN: number of descriptors in bits 0..16, kind (READ 3, WRITE 4) in 24..27, and in 28..31 how many chunks
 *   of a readable are asked for at once. A read may ask by bit 17 for KEYS right behind the GRANT, as MAP does: then its proof, 16 bytes,
 *   stands behind the block; bit 18: for a view. Bit 19: all bytes of a small write stand there, `a` of them. Bit 20: the memory of
 *   C is a device's, and may go directly, as may a chunk that says so: direct.h. 21..23: 0.
 * b of GRANT: 1: a write of one chunk is there already, no WRITE is needed.
 * keys: u16 number of pools; for each its 16-byte id, u64 address, u64 size, u16 length of the key, key; for each descriptor u16
 *   pool and u64 offset in it. proof: map.h. CANCEL with token and identity: O keeps memory for C; C answers RELEASE if it reads no more.
 * The nonce is of C's making, new for each operation, and stands in every frame of it: C finds its operation
 * by it and O proves with it that it has the OPEN. reason: a baton_status, negated. RESET names the session that is over.
 */
#define BATON__FRAME_SIZE 136
#define BATON__FRAME_MAGIC 0xBA70u
#define BATON__FRAME_VERSION 1u
/* A readable up to here rides inside its GRANT, a write inside its OPEN. */
#define BATON__INLINE_MAX 8192

/* X(NAME, value, may have a payload) */
#define BATON__FRAME_LIST(X)                                                                       \
    X(OPEN, 1, true)                                                                               \
    X(GRANT, 2, true)                                                                              \
    X(REFUSE, 3, false)                                                                            \
    X(READ, 4, false)                                                                              \
    X(DATA, 5, true)                                                                               \
    X(WRITE, 6, true)                                                                              \
    X(WROTE, 7, false)                                                                             \
    X(MOVED, 8, false)                                                                             \
    X(COMMIT, 9, false)                                                                            \
    X(ACK, 10, true)                                                                               \
    X(NACK, 11, true)                                                                              \
    X(NACKED, 12, false)                                                                           \
    X(FAIL, 13, false)                                                                             \
    X(CANCEL, 14, true)                                                                            \
    X(RENEW, 15, false)                                                                            \
    X(RENEWED, 16, false)                                                                          \
    X(RESET, 17, true)                                                                             \
    X(MAP, 18, false)                                                                              \
    X(KEYS, 19, true)                                                                              \
    X(RELEASE, 20, false)                                                                          \
    X(REACH, 21, true)                                                                             \
    X(REACHED, 22, true)                                                                           \
    X(PROBE, 23, true)                                                                             \
    X(PROBED, 24, false)

typedef enum baton__frame_type {
#define BATON__FRAME_ENUM(name, value, payload) BATON__FRAME_##name = (value),
    BATON__FRAME_LIST(BATON__FRAME_ENUM)
#undef BATON__FRAME_ENUM
        BATON__FRAME_TYPES = 25
} baton__frame_type;

typedef struct baton__frame {
    baton__frame_type type;
    uint32_t d;
    baton_uuid to_instance;
    uint64_t to_epoch;
    baton_uuid session;
    baton_uuid operation;
    baton_key key;
    baton_key nonce;
    baton_key aux;
    uint64_t a;
    uint64_t b;
    uint32_t c;
} baton__frame;

const char *baton__frame_type_name(baton__frame_type type);
bool baton__frame_has_payload(baton__frame_type type);

void baton__frame_encode(const baton__frame *frame, uint8_t header[BATON__FRAME_SIZE]);
/* Errors: ERR_MALFORMED (length, magic, type, field that must be 0), ERR_VERSION. No error text: hostile input is cheap to refuse. */
baton_status baton__frame_decode(const void *header, size_t size, baton__frame *frame_out);

/* d of OPEN. */
static inline uint32_t baton__open_pack(uint32_t count, uint32_t kind, uint32_t window)
{
    return (count & 0x1FFFFu) | (kind & 0xFu) << 24 | (window & 0xFu) << 28;
}
static inline uint32_t baton__open_count(uint32_t d) { return d & 0x1FFFFu; }
static inline uint32_t baton__open_kind(uint32_t d) { return d >> 24 & 0xFu; }
static inline uint32_t baton__open_window(uint32_t d) { return d >> 28; }

/* What else d of OPEN may say. */
enum {
    BATON__OPEN_KEYS = 1 << 17, /* of a read: a proof is behind the block */
    BATON__OPEN_VIEW = 1 << 18, /* with KEYS */
    BATON__OPEN_DATA = 1 << 19, /* of a write of at most BATON__INLINE_MAX bytes: these are behind the block */
    BATON__OPEN_DEVICE = 1 << 20, /* direct.h */
    BATON__OPEN_UNUSED = 0xE << 20
};
/* How many bytes are behind the block. False: its flags contradict each other, or are unknown. */
bool baton__open_tail(const baton__frame *open, size_t *size_out);

/* A reason as it travels, and back; anything unknown, and success, becomes ERR_PEER_FAILED. */
uint32_t baton__reason_pack(baton_status reason);
baton_status baton__reason_unpack(uint32_t packed);

#endif

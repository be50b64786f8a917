/* SPDX-License-Identifier: Apache-2.0 */
#include "core/frame.h"

#include "base/wire.h"
#include <baton/operation.h>

const char *baton__frame_type_name(baton__frame_type type)
{
    switch (type) {
#define FRAME_NAME(name, value, payload)                                                           \
    case BATON__FRAME_##name:                                                                      \
        return #name;
        BATON__FRAME_LIST(FRAME_NAME)
#undef FRAME_NAME
    default:
        return "UNKNOWN";
    }
}

bool baton__frame_has_payload(baton__frame_type type)
{
    static const bool payloads[BATON__FRAME_TYPES] = {
#define FRAME_PAYLOAD(name, value, payload) [value] = (payload),
        BATON__FRAME_LIST(FRAME_PAYLOAD)
#undef FRAME_PAYLOAD
    };
    return payloads[type];
}

void baton__frame_encode(const baton__frame *frame, uint8_t header[BATON__FRAME_SIZE])
{
    baton__writer writer = baton__writer_make(header, BATON__FRAME_SIZE);
    baton__write_u16(&writer, BATON__FRAME_MAGIC);
    baton__write_u8(&writer, BATON__FRAME_VERSION);
    baton__write_u8(&writer, (uint8_t)frame->type);
    baton__write_u32(&writer, frame->d);
    baton__write_bytes(&writer, frame->to_instance.bytes, 16);
    baton__write_u64(&writer, frame->to_epoch);
    baton__write_bytes(&writer, frame->session.bytes, 16);
    baton__write_bytes(&writer, frame->operation.bytes, 16);
    baton__write_bytes(&writer, frame->key.bytes, 16);
    baton__write_bytes(&writer, frame->nonce.bytes, 16);
    baton__write_bytes(&writer, frame->aux.bytes, 16);
    baton__write_u64(&writer, frame->a);
    baton__write_u64(&writer, frame->b);
    baton__write_u32(&writer, frame->c);
    baton__write_u32(&writer, 0);
}

baton_status baton__frame_decode(const void *header, size_t size, baton__frame *frame_out)
{
    if (size != BATON__FRAME_SIZE) {
        return BATON_ERR_MALFORMED;
    }
    baton__reader reader = baton__reader_make(header, size);
    uint16_t magic = baton__read_u16(&reader);
    uint8_t version = baton__read_u8(&reader);
    uint8_t type = baton__read_u8(&reader);
    if (magic != BATON__FRAME_MAGIC) {
        return BATON_ERR_MALFORMED;
    }
    if (version != BATON__FRAME_VERSION) {
        return BATON_ERR_VERSION;
    }
    if (type == 0 || type >= BATON__FRAME_TYPES) {
        return BATON_ERR_MALFORMED;
    }
    baton__frame frame = {.type = (baton__frame_type)type};
    frame.d = baton__read_u32(&reader);
    baton__read_bytes(&reader, frame.to_instance.bytes, 16);
    frame.to_epoch = baton__read_u64(&reader);
    baton__read_bytes(&reader, frame.session.bytes, 16);
    baton__read_bytes(&reader, frame.operation.bytes, 16);
    baton__read_bytes(&reader, frame.key.bytes, 16);
    baton__read_bytes(&reader, frame.nonce.bytes, 16);
    baton__read_bytes(&reader, frame.aux.bytes, 16);
    frame.a = baton__read_u64(&reader);
    frame.b = baton__read_u64(&reader);
    frame.c = baton__read_u32(&reader);
    if (baton__read_u32(&reader) != 0) {
        return BATON_ERR_MALFORMED;
    }
    *frame_out = frame;
    return BATON_OK;
}

bool baton__open_tail(const baton__frame *open, size_t *size_out)
{
    bool keys = (open->d & BATON__OPEN_KEYS) != 0;
    bool view = (open->d & BATON__OPEN_VIEW) != 0;
    bool data = (open->d & BATON__OPEN_DATA) != 0;
    uint32_t kind = baton__open_kind(open->d);
    if ((open->d & BATON__OPEN_UNUSED) != 0 || (view && !keys) || (keys && kind != BATON_OPERATION_READ) ||
        (data && (kind != BATON_OPERATION_WRITE || open->a == 0 || open->a > BATON__INLINE_MAX))) {
        return false;
    }
    *size_out = keys ? sizeof(baton_key) : data ? (size_t)open->a : 0;
    return true;
}

uint32_t baton__reason_pack(baton_status reason)
{
    return (uint32_t)-(int)reason;
}

baton_status baton__reason_unpack(uint32_t packed)
{
    if (packed == 0) {
        return BATON_ERR_PEER_FAILED; /* success is told by COMMIT: no refusal may look like it */
    }
    switch (packed) {
#define REASON_CASE(name, value, text)                                                             \
    case (uint32_t)-(value):                                                                       \
        return BATON_##name;
        BATON_STATUS_LIST(REASON_CASE)
#undef REASON_CASE
    default:
        return BATON_ERR_PEER_FAILED;
    }
}

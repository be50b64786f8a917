/* SPDX-License-Identifier: Apache-2.0 */
#include "base/envelope.h"

#include "base/crc32c.h"
#include "base/error.h"

void baton__envelope_seal(const baton__envelope *envelope, void *buffer, size_t length)
{
    baton__writer header = baton__writer_make(buffer, BATON__ENVELOPE_SIZE);
    const uint8_t *fields = (const uint8_t *)buffer + BATON__ENVELOPE_SIZE;
    baton__write_bytes(&header, envelope->magic, sizeof(envelope->magic));
    baton__write_u16(&header, envelope->version);
    baton__write_u32(&header, (uint32_t)length);
    baton__write_u32(&header, baton__crc32c(0, fields, length));
}

baton_status baton__envelope_open(const baton__envelope *envelope, baton__reader *reader)
{
    const uint8_t *magic = baton__read_view(reader, sizeof(envelope->magic));
    uint16_t version = baton__read_u16(reader);
    if (reader->failed || memcmp(magic, envelope->magic, sizeof(envelope->magic)) != 0) {
        return baton__fail(BATON_ERR_MALFORMED, "this is no %s", envelope->what);
    }
    /* Before the rest, which another version may lay out in another way. */
    if (version != envelope->version) {
        return baton__fail(BATON_ERR_VERSION, "%s of version %u, known is %u", envelope->what,
                           version, envelope->version);
    }
    uint32_t length = baton__read_u32(reader);
    uint32_t checksum = baton__read_u32(reader);
    if (reader->failed || length != baton__reader_left(reader)) {
        return baton__fail(BATON_ERR_MALFORMED, "%s with a wrong length", envelope->what);
    }
    if (checksum != baton__crc32c(0, reader->data + reader->used, length)) {
        return baton__fail(BATON_ERR_CHECKSUM, "%s with a wrong checksum", envelope->what);
    }
    return BATON_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metadata.h"

#include "base/descriptor_list.h"

enum {
    DESCRIPTOR_SIZE = 21, /* of a short list */
    LENGTH_SIZE = 4       /* before a long one */
};

size_t baton__metadata_list_size(const baton_metadata_descriptor *list, size_t count)
{
    return baton__metadata_has_addresses(count) ? count * DESCRIPTOR_SIZE
                                                : LENGTH_SIZE + baton__descriptor_list_size(list, count);
}

static void write_short(baton__writer *writer, const baton_metadata_descriptor *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        baton__write_u8(writer, (uint8_t)list[i].device.kind);
        baton__write_u32(writer, list[i].device.id);
        baton__write_u64(writer, list[i].address);
        baton__write_u64(writer, list[i].size_bytes);
    }
}

void baton__metadata_list_write(baton__writer *writer, const baton_metadata_descriptor *list, size_t count)
{
    if (baton__metadata_has_addresses(count)) {
        write_short(writer, list, count);
        return;
    }
    size_t length_at = writer->used;
    baton__write_u32(writer, 0);
    size_t start = writer->used;
    baton__descriptor_list_write(writer, list, count);
    if (!writer->failed) {
        baton__writer length = baton__writer_make(writer->data + length_at, LENGTH_SIZE);
        baton__write_u32(&length, (uint32_t)(writer->used - start));
    }
}

const uint8_t *baton__metadata_list_view(baton__reader *reader, size_t count, size_t *size_out)
{
    if (baton__metadata_has_addresses(count)) {
        *size_out = count * DESCRIPTOR_SIZE;
        return baton__read_view(reader, *size_out);
    }
    *size_out = baton__read_u32(reader);
    return baton__read_view(reader, *size_out);
}

static void read_short(baton__reader *reader, baton_metadata_descriptor *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list[i].device.kind = (baton_device_kind)baton__read_u8(reader);
        list[i].device.id = baton__read_u32(reader);
        list[i].address = baton__read_u64(reader);
        list[i].size_bytes = baton__read_u64(reader);
    }
}

bool baton__metadata_list_read(const uint8_t *data, size_t size, baton_metadata_descriptor *list, size_t count)
{
    if (baton__metadata_has_addresses(count)) {
        baton__reader reader = baton__reader_make(data, size);
        read_short(&reader, list, count);
        return !reader.failed;
    }
    size_t read = 0;
    return baton__descriptor_list_read(data, size, list, count, &read) && read == count;
}

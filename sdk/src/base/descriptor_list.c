/* SPDX-License-Identifier: Apache-2.0 */
#include "base/descriptor_list.h"

enum { FOLDED_MIN = 4 };

/* Writes, or compares with what is there, or only counts. */
typedef struct sink {
    baton__writer *writer;
    baton__reader *same; /* failed: it is not the same */
    size_t size;
} sink;

static void put_byte(sink *out, uint8_t byte)
{
    if (out->writer != NULL) {
        baton__write_u8(out->writer, byte);
    }
    if (out->same != NULL && baton__read_u8(out->same) != byte) {
        out->same->failed = true;
    }
    out->size++;
}

static void put_varint(sink *out, uint64_t value)
{
    for (; value > 0x7F; value >>= 7) {
        put_byte(out, (uint8_t)(value | 0x80));
    }
    put_byte(out, (uint8_t)value);
}

/* A failure is remembered, as by every read. */
static uint64_t read_varint(baton__reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = baton__read_u8(reader);
        uint64_t bits = byte & 0x7F;
        value |= bits << shift;
        if ((shift == 63 && byte > 1) || (byte == 0 && shift != 0)) {
            break; /* beyond 64 bits, or not the shortest form */
        }
        if (byte == bits) {
            return value;
        }
    }
    reader->failed = true;
    return 0;
}

static bool same_device(const baton_metadata_descriptor *a, const baton_metadata_descriptor *b)
{
    return a->device.kind == b->device.kind && a->device.id == b->device.id;
}

/* How many from the first on are alike. */
static size_t row_of(const baton_metadata_descriptor *list, size_t count)
{
    size_t row = 1;
    while (row < count && same_device(&list[row], &list[0]) && list[row].size_bytes == list[0].size_bytes) {
        row++;
    }
    return row;
}

/* How many of one device come before the next row that is folded. */
static size_t mixed_of(const baton_metadata_descriptor *list, size_t count)
{
    size_t mixed = 0;
    while (mixed < count && same_device(&list[mixed], &list[0])) {
        size_t row = row_of(list + mixed, count - mixed);
        if (row >= FOLDED_MIN) {
            break;
        }
        mixed += row;
    }
    return mixed;
}

static void put_list(sink *out, const baton_metadata_descriptor *list, size_t count)
{
    for (size_t at = 0; at < count;) {
        size_t n = row_of(list + at, count - at);
        bool folded = n >= FOLDED_MIN;
        if (!folded) {
            n = mixed_of(list + at, count - at);
        }
        put_varint(out, 2 * (uint64_t)n + (folded ? 1 : 0));
        put_byte(out, (uint8_t)list[at].device.kind);
        put_varint(out, list[at].device.id);
        for (size_t i = 0; i < (folded ? 1 : n); i++) {
            put_varint(out, list[at + i].size_bytes);
        }
        at += n;
    }
}

size_t baton__descriptor_list_size(const baton_metadata_descriptor *list, size_t count)
{
    sink out = {0};
    put_list(&out, list, count);
    return out.size;
}

void baton__descriptor_list_write(baton__writer *writer, const baton_metadata_descriptor *list, size_t count)
{
    sink out = {.writer = writer};
    put_list(&out, list, count);
}

/* One group. list: NULL, or room for what is left. */
static bool read_group(baton__reader *reader, baton_metadata_descriptor *list, size_t room, size_t *count_out)
{
    uint64_t head = read_varint(reader);
    bool folded = (head & 1) != 0;
    uint64_t n = head >> 1;
    baton_device device = {.kind = (baton_device_kind)baton__read_u8(reader)};
    uint64_t id = read_varint(reader);
    if (n == 0 || n > room || id > UINT32_MAX) {
        return false;
    }
    device.id = (uint32_t)id;
    uint64_t size = folded ? read_varint(reader) : 0;
    for (uint64_t i = 0; i < n && !reader->failed; i++) {
        if (!folded) {
            size = read_varint(reader);
        }
        if (list != NULL) {
            list[i] = (baton_metadata_descriptor){.device = device, .size_bytes = size};
        }
    }
    *count_out += (size_t)n;
    return !reader->failed;
}

static bool encodes_to(const baton_metadata_descriptor *list, size_t count, const void *data, size_t size)
{
    baton__reader same = baton__reader_make(data, size);
    sink out = {.same = &same};
    put_list(&out, list, count);
    return !same.failed && baton__reader_left(&same) == 0;
}

bool baton__descriptor_list_read(const void *data, size_t size, baton_metadata_descriptor *list, size_t capacity,
                                 size_t *count_out)
{
    baton__reader reader = baton__reader_make(data, size);
    size_t count = 0;
    while (baton__reader_left(&reader) != 0) {
        if (!read_group(&reader, list == NULL ? NULL : list + count, capacity - count, &count)) {
            return false;
        }
    }
    if (list != NULL && !encodes_to(list, count, data, size)) {
        return false;
    }
    *count_out = count;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_WIRE_H
#define BATON_BASE_WIRE_H

#include <baton/id.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Bounded little-endian reader and writer, field by field; no struct is ever cast. Both remember a
 * failure, so that a codec checks once, at its end: after one, reads give 0 and writes are dropped.
 */
typedef struct baton__writer {
    uint8_t *data;
    size_t capacity;
    size_t used;
    bool failed;
} baton__writer;

typedef struct baton__reader {
    const uint8_t *data;
    size_t size;
    size_t used;
    bool failed;
} baton__reader;

static inline baton__writer baton__writer_make(void *data, size_t capacity)
{
    return (baton__writer){
        .data = (uint8_t *)data, .capacity = capacity, .used = 0, .failed = false};
}

static inline baton__reader baton__reader_make(const void *data, size_t size)
{
    return (baton__reader){.data = (const uint8_t *)data, .size = size, .used = 0, .failed = false};
}

static inline void baton__write_bytes(baton__writer *writer, const void *bytes, size_t size)
{
    if (writer->failed || size > writer->capacity - writer->used) {
        writer->failed = true;
        return;
    }
    if (size != 0) {
        memcpy(writer->data + writer->used, bytes, size);
    }
    writer->used += size;
}

/* A view of the next bytes, NULL after a failure. */
static inline const uint8_t *baton__read_view(baton__reader *reader, size_t size)
{
    if (reader->failed || size > reader->size - reader->used) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *view = reader->data + reader->used;
    reader->used += size;
    return view;
}

static inline void baton__read_bytes(baton__reader *reader, void *bytes, size_t size)
{
    const uint8_t *view = baton__read_view(reader, size);
    if (view != NULL && size != 0) {
        memcpy(bytes, view, size);
    } else {
        memset(bytes, 0, size);
    }
}

static inline size_t baton__reader_left(const baton__reader *reader)
{
    return reader->size - reader->used;
}

static inline void baton__write_uint(baton__writer *writer, uint64_t value, size_t bytes)
{
    uint8_t buffer[8];
    for (size_t i = 0; i < bytes; i++) {
        buffer[i] = (uint8_t)(value >> (8 * i));
    }
    baton__write_bytes(writer, buffer, bytes);
}

static inline uint64_t baton__read_uint(baton__reader *reader, size_t bytes)
{
    const uint8_t *view = baton__read_view(reader, bytes);
    uint64_t value = 0;
    for (size_t i = 0; view != NULL && i < bytes; i++) {
        value |= (uint64_t)view[i] << (8 * i);
    }
    return value;
}

static inline void baton__write_u8(baton__writer *writer, uint8_t value)
{
    baton__write_uint(writer, value, 1);
}
static inline void baton__write_u16(baton__writer *writer, uint16_t value)
{
    baton__write_uint(writer, value, 2);
}
static inline void baton__write_u32(baton__writer *writer, uint32_t value)
{
    baton__write_uint(writer, value, 4);
}
static inline void baton__write_u64(baton__writer *writer, uint64_t value)
{
    baton__write_uint(writer, value, 8);
}
static inline uint8_t baton__read_u8(baton__reader *reader)
{
    return (uint8_t)baton__read_uint(reader, 1);
}
static inline uint16_t baton__read_u16(baton__reader *reader)
{
    return (uint16_t)baton__read_uint(reader, 2);
}
static inline uint32_t baton__read_u32(baton__reader *reader)
{
    return (uint32_t)baton__read_uint(reader, 4);
}
static inline uint64_t baton__read_u64(baton__reader *reader)
{
    return baton__read_uint(reader, 8);
}

#endif

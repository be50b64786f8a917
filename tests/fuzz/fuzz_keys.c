/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what a reader believes of the keys of a pool, once their sender has proven the group's secret: a read, or a view, gets a KEYS
 * that is a right one with some bytes changed, or anything at all. Whatever can be read then is read, so that a
 * size or an address that is not there would be a crash. The memory is really mapped.
 *
 * First byte of the input: bit 0 a view, bit 1 the rest is the message itself, else pairs of a place and what to change there.
 */
#include "base/wire.h"
#include "core/engine.h"
#include "core/connector.h"
#include "memory/pool.h"
#include "support/fake_transport.h"

#include <stdlib.h>
#include <string.h>

enum { ORIGIN = 0, CONSUMER = 1, SIZE = 70000, IS_VIEW = 1, IS_RAW = 2, TURNS_MAX = 1000 };

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static baton_connector *connectors[2];
static baton_pool *pool;

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void open_world(void)
{
    baton_pool_options pool_options = BATON_POOL_OPTIONS_INIT;
    pool_options.capacity_bytes = (size_t)1024 * 1024;
    pool_options.group = "group";
    check(baton_pool_create(&pool_options, &pool) == BATON_OK);
    for (int i = 0; i < 2; i++) {
        baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
        options.progress = BATON_PROGRESS_APPLICATION;
        options.spin_us = 0;
        options.map_group = "group";
        check(baton__connector_create_with(&options, &fake_transport_table, &fake_clock, &connectors[i]) == BATON_OK);
    }
}

static void turn(void)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        if (baton_connector_progress(connectors[ORIGIN]) + baton_connector_progress(connectors[CONSUMER]) == 0) {
            return;
        }
    }
}

static size_t write_right_keys(const baton_descriptor *piece, uint8_t *bytes)
{
    const baton__share *share = baton__pool_share(piece);
    baton__writer writer = baton__writer_make(bytes, BATON__KEYS_MAX);
    baton__write_u16(&writer, 1);
    baton__write_bytes(&writer, share->id.bytes, sizeof(share->id.bytes));
    baton__write_u64(&writer, (uint64_t)(uintptr_t)share->segment->pointer);
    baton__write_u64(&writer, share->segment->size);
    baton__write_u16(&writer, (uint16_t)share->segment->key_size);
    baton__write_bytes(&writer, share->segment->key, share->segment->key_size);
    baton__write_u16(&writer, 0);
    baton__write_u64(&writer, (uint64_t)((const uint8_t *)baton_descriptor_pointer(piece) -
                                         (const uint8_t *)share->segment->pointer));
    return writer.used;
}

/* Not the key itself: it would attach whatever segment of this user has that number. */
static bool may_change(const baton_descriptor *piece, size_t place)
{
    enum { BEFORE_KEY = 2 + 16 + 8 + 8 + 2 };
    return place < BEFORE_KEY || place >= BEFORE_KEY + baton__pool_share(piece)->segment->key_size;
}

static size_t make_keys(const baton_descriptor *piece, const uint8_t *data, size_t size, uint8_t *bytes)
{
    if ((data[0] & IS_RAW) != 0) {
        size_t length = size - 1 > BATON__KEYS_MAX ? BATON__KEYS_MAX : size - 1;
        memcpy(bytes, data + 1, length);
        return length;
    }
    size_t length = write_right_keys(piece, bytes);
    for (size_t i = 1; i + 1 < size; i += 2) {
        size_t place = data[i];
        if (place < length && may_change(piece, place)) {
            bytes[place] ^= data[i + 1];
        } else if (place == 255) {
            length = data[i + 1] < length ? data[i + 1] : length;
        }
    }
    return length;
}

static void send_keys(const baton_operation *op, const uint8_t *bytes, size_t size)
{
    baton_connector *to = connectors[CONSUMER];
    baton__frame frame = {.type = BATON__FRAME_KEYS,
                          .to_instance = to->instance,
                          .to_epoch = to->epoch,
                          .session = op->peer->out_session,
                          .operation = op->id,
                          .nonce = op->a.nonce,
                          .aux = baton__map_proof(&to->map_group, &op->a.nonce, 'O')};
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), bytes, size, false);
}

static void read_all(const baton_operation *op)
{
    static uint8_t copy[SIZE];
    const void *pointer = NULL;
    size_t size = 0;
    if (baton_operation_view(op, 0, &pointer, &size) == BATON_OK) {
        check(size == SIZE);
        memcpy(copy, pointer, size);
    }
}

static baton_operation *begin(const baton_operation *passive, baton_descriptor *target, bool is_view)
{
    baton_metadata *metadata = NULL;
    baton_operation *op = NULL;
    check(baton_operation_metadata(passive, &metadata) == BATON_OK);
    check((is_view ? baton_connector_begin_view(connectors[CONSUMER], metadata, NULL, &op)
                   : baton_connector_begin_read(connectors[CONSUMER], metadata, &target, 1, NULL, &op)) == BATON_OK);
    baton_metadata_destroy(metadata);
    return op;
}

static void end(baton_operation *op, baton_operation *passive)
{
    fake_reset();
    check(baton_operation_cancel(op) == BATON_OK);
    turn();
    baton_operation_destroy(op);
    turn();
    check(baton_operation_cancel(passive) == BATON_OK);
    turn();
    fake_clock_advance_ms(200);
    turn();
    check(baton_operation_is_over(passive));
    baton_operation_destroy(passive);
    turn();
    check(connectors[CONSUMER]->views.count == 0 && connectors[CONSUMER]->copying == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[BATON__KEYS_MAX];
    baton_descriptor *piece = NULL;
    baton_descriptor *target = NULL;
    baton_operation *passive = NULL;
    if (size == 0) {
        return 0;
    }
    if (pool == NULL) {
        open_world();
    }
    check(baton_pool_allocate(pool, SIZE, &piece) == BATON_OK);
    check(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &target) == BATON_OK);
    check(baton_connector_create_readable(connectors[ORIGIN], &piece, 1, NULL, &passive) == BATON_OK);
    turn();
    baton_operation *op = begin(passive, target, (data[0] & IS_VIEW) != 0);
    fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
    turn();
    size_t length = make_keys(piece, data, size, bytes);
    check(op->peer != NULL);
    send_keys(op, bytes, length);
    turn();
    read_all(op);
    end(op, passive);
    baton_descriptor_release(piece);
    baton_descriptor_release(target);
    fake_clock_advance_ms((uint64_t)(length % 3) * BATON__MAP_IDLE_MS); /* sometimes it is mapped anew */
    turn();
    return 0;
}

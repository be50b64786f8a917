/* SPDX-License-Identifier: Apache-2.0 */
/* What an OPEN brings: the bytes of a small write, or the proof of a reader that wants keys; and what nobody should believe of it. */
#include "support/fake_pair.h"

enum { MAX = BATON__INLINE_MAX };

static handed h;

/* Its peer has been heard once: a first OPEN stays short. */
static void open_met(void)
{
    pair_open();
    pair_begin(&h, false, 1, 16, BATON_COMPLETION_BYTES, 0);
    pair_pump();
    cr_assert_eq(fake_sent(BATON__FRAME_WRITE), 1, "a stranger gets no bytes with the first word");
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
    fake_reset();
}

TestSuite(protocol_open, .init = open_met, .fini = pair_close);

static void end_well(void)
{
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    baton_operation_report report = {.struct_size = sizeof(report)};
    for (int side = 0; side < 2; side++) {
        cr_assert_eq(baton_operation_get_report(side == 0 ? h.passive : h.active, &report), BATON_OK);
        cr_assert_eq(report.bytes_moved, h.count * h.size);
        cr_assert_str_eq(report.path, "am");
    }
    pair_end(&h);
}

static void expect_frames(unsigned writes)
{
    cr_assert_eq(fake_sent(BATON__FRAME_OPEN), 1);
    cr_assert_eq(fake_sent(BATON__FRAME_GRANT), 1);
    cr_assert_eq(fake_sent(BATON__FRAME_WRITE), writes);
    cr_assert_eq(fake_sent(BATON__FRAME_WROTE), writes);
}

Test(protocol_open, a_small_write_takes_four_frames)
{
    static const struct {
        size_t count;
        size_t size;
        unsigned writes;
    } cases[] = {{1, 1, 0}, {1, 4096, 0}, {1, MAX, 0}, {16, MAX / 16, 0}, {13, 7, 0}, {1, MAX + 1, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int completion = 0; completion < 3; completion++) {
            uint64_t received = pair_stats(ORIGIN).bytes_received;
            uint64_t sent = pair_stats(CONSUMER).bytes_sent;
            fake_reset();
            pair_begin(&h, false, cases[i].count, cases[i].size, (baton_completion)completion, 1000);
            pair_pump();
            pair_answer_if_due(&h, (baton_completion)completion);
            expect_frames(cases[i].writes);
            cr_assert_eq(fake_sent(BATON__FRAME_MOVED) + fake_sent(BATON__FRAME_ACK), 1);
            cr_assert_eq(fake_sent(BATON__FRAME_COMMIT), 1);
            cr_assert_eq(pair_stats(ORIGIN).bytes_received - received, cases[i].count * cases[i].size);
            cr_assert_eq(pair_stats(CONSUMER).bytes_sent - sent, cases[i].count * cases[i].size);
            end_well();
        }
    }
}

/* Rows here, one piece there. */
Test(protocol_open, strided_memory_is_gathered_and_scattered)
{
    static uint8_t rows[2][40 * 100];
    for (int side = 0; side < 2; side++) {
        h = (handed){.count = 1, .size = 40 * 60};
        memset(rows, 0, sizeof(rows));
        baton_descriptor **strided = side == 0 ? &h.source[0] : &h.target[0];
        baton_descriptor **whole = side == 0 ? &h.target[0] : &h.source[0];
        cr_assert_eq(baton_descriptor_create_strided(rows[0], 60, 100, 40, BATON_DEVICE_HOST, NULL, NULL, strided), BATON_OK);
        cr_assert_eq(baton_descriptor_allocate(h.size, BATON_DEVICE_HOST, whole), BATON_OK);
        pattern_fill(rows[0], side == 0 ? sizeof(rows[0]) : 0, 7);
        pattern_fill(baton_descriptor_pointer(*whole), side == 0 ? 0 : h.size, 7);
        baton_operation_options options = pair_options(&h, BATON_COMPLETION_COMMIT, 0);
        baton_metadata *metadata = NULL;
        cr_assert_eq(baton_connector_create_writable(connectors[ORIGIN], h.target, 1, &options, &h.passive), BATON_OK);
        cr_assert_eq(baton_operation_metadata(h.passive, &metadata), BATON_OK);
        cr_assert_eq(baton_connector_begin_write(connectors[CONSUMER], metadata, h.source, 1, &options, &h.active), BATON_OK);
        baton_metadata_destroy(metadata);
        pair_pump();
        pair_expect(&h, BATON_OK, BATON_OK);
        cr_assert_eq(fake_sent(BATON__FRAME_WRITE), 0);
        const uint8_t *bytes = baton_descriptor_pointer(*whole);
        for (size_t i = 0; i < h.size; i++) {
            cr_assert_eq(rows[0][i / 60 * 100 + i % 60], bytes[i], "%zu", i);
        }
        cr_assert(side == 0 || rows[0][60] == 0, "between the rows");
        pair_end(&h);
    }
}

/* The grant that says so was lost: the next one says it too, and nothing is sent twice. */
Test(protocol_open, a_lost_grant_is_repeated_truthfully)
{
    static const baton__frame_type lost[] = {BATON__FRAME_OPEN, BATON__FRAME_GRANT, BATON__FRAME_MOVED, BATON__FRAME_COMMIT};
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        fake_reset();
        pair_begin(&h, false, 3, 500, BATON_COMPLETION_COMMIT, 0);
        fake_plan(lost[i], FAKE_DROP, 1);
        pair_pump();
        cr_assert_not(baton_operation_is_over(h.active));
        fake_break();
        pair_pump();
        cr_assert_eq(fake_sent(BATON__FRAME_OPEN), 2);
        cr_assert_eq(fake_sent(BATON__FRAME_WRITE), lost[i] == BATON__FRAME_OPEN ? 1 : 0, "an OPEN that is repeated brings nothing");
        end_well();
    }
}

Test(protocol_open, what_comes_twice_changes_nothing)
{
    static const baton__frame_type twice[] = {BATON__FRAME_OPEN, BATON__FRAME_GRANT, BATON__FRAME_MOVED, BATON__FRAME_COMMIT};
    for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
        pair_begin(&h, false, 1, MAX, BATON_COMPLETION_COMMIT, 0);
        fake_plan(twice[i], FAKE_DUPLICATE, 1);
        pair_pump();
        end_well();
    }
}

static bool is_untouched(void)
{
    for (size_t i = 0; i < h.count; i++) {
        const uint8_t *bytes = baton_descriptor_pointer(h.target[i]);
        for (size_t k = 0; k < h.size; k++) {
            if (bytes[k] != 0x11) {
                return false;
            }
        }
    }
    return true;
}

/* Its OPEN is on its way; the target has a known content. */
static void begin_held(size_t count, size_t size)
{
    pair_begin(&h, false, count, size, BATON_COMPLETION_COMMIT, 0);
    for (size_t i = 0; i < count; i++) {
        memset(baton_descriptor_pointer(h.target[i]), 0x11, size);
    }
    fake_plan(BATON__FRAME_OPEN, FAKE_HOLD, 1);
    pair_pump();
}

Test(protocol_open, nothing_is_written_where_it_is_refused)
{
    begin_held(2, 100);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    fake_release();
    pair_pump();
    cr_assert(is_untouched());
    cr_assert_eq(fake_sent(BATON__FRAME_GRANT), 0);
    pair_expect(&h, BATON_ERR_CANCELLED, BATON_ERR_UNKNOWN_OPERATION);
    pair_end(&h);
}

/* The bytes left with the frame: the memory is free at once, whatever becomes of the frame. */
Test(protocol_open, a_cancel_waits_for_nothing)
{
    begin_held(1, 4096);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    (void)baton_connector_progress(connectors[CONSUMER]);
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_CANCELLED);
    memset(baton_descriptor_pointer(h.source[0]), 0x22, 4096);
    fake_release();
    pair_pump();
    cr_assert(pair_is_right(&h), "what the memory held when it left");
    pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_CANCELLED);
    pair_end(&h);
}

/* A peer that says so without having got anything: it has deceived itself. */
Test(protocol_open, a_grant_that_claims_what_was_not_sent)
{
    begin_held(1, MAX + 1);
    cr_assert(is_untouched());
    baton__frame frame = {.type = BATON__FRAME_GRANT,
                          .to_instance = connectors[CONSUMER]->instance,
                          .to_epoch = connectors[CONSUMER]->epoch,
                          .session = h.active->peer->out_session,
                          .operation = h.active->id,
                          .nonce = h.active->a.nonce,
                          .b = 1,
                          .c = BATON_COMPLETION_COMMIT};
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), NULL, 0, false);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.active));
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    fake_release();
    pair_pump();
    cr_assert_neq(baton_operation_reason(h.active), BATON_OK);
    cr_assert(is_untouched());
    pair_advance_ms(60000);
    pair_end(&h);
}

typedef struct spoiled {
    const char *what;
    uint32_t flags;
    uint32_t kind;
    uint64_t total;
    uint64_t chunk;
    size_t tail;
} spoiled;

/* An OPEN of the consumer's for what is held, with a nonce of its own, and so many bytes behind the block. */
static void inject_open(const spoiled *it)
{
    static uint8_t body[BATON__BLOCK_MAX + 2 * MAX];
    const baton__identity *identity = baton__identity_get(connectors[CONSUMER]);
    baton__frame frame = {.type = BATON__FRAME_OPEN,
                          .to_instance = connectors[ORIGIN]->instance,
                          .to_epoch = connectors[ORIGIN]->epoch,
                          .session = h.active->peer->out_session,
                          .operation = h.passive->id,
                          .key = baton__claim_token(connectors[ORIGIN], &h.passive->id, h.passive->attempt),
                          .nonce = baton_key_random(),
                          .a = it->total,
                          .b = it->chunk,
                          .c = h.passive->attempt,
                          .d = baton__open_pack((uint32_t)h.count, it->kind, 0) | it->flags};
    memcpy(body, identity->block, identity->size);
    memset(body + identity->size, 0x33, it->tail);
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(ORIGIN, header, sizeof(header), body, identity->size + it->tail, false);
    pair_pump();
}

static uint64_t refusals(void)
{
    baton_connector_stats stats = pair_stats(ORIGIN);
    return stats.refused_length + stats.refused_address + stats.refused_state;
}

Test(protocol_open, flags_and_bytes_that_do_not_fit_are_refused)
{
    enum { READ = BATON_OPERATION_READ, WRITE = BATON_OPERATION_WRITE, TOTAL = 200, CHUNK = BATON__CHUNK_BYTES };
    static const spoiled cases[] = {
        {"bytes without a flag", 0, WRITE, TOTAL, CHUNK, TOTAL},
        {"a flag without bytes", BATON__OPEN_DATA, WRITE, TOTAL, CHUNK, 0},
        {"a byte too few", BATON__OPEN_DATA, WRITE, TOTAL, CHUNK, TOTAL - 1},
        {"a byte too many", BATON__OPEN_DATA, WRITE, TOTAL, CHUNK, TOTAL + 1},
        {"bytes of nothing", BATON__OPEN_DATA, WRITE, 0, CHUNK, 0},
        {"more than may be", BATON__OPEN_DATA, WRITE, MAX + 1, CHUNK, MAX + 1},
        {"more than there is", BATON__OPEN_DATA, WRITE, UINT64_MAX, CHUNK, TOTAL},
        {"another total", BATON__OPEN_DATA, WRITE, TOTAL + 1, CHUNK, TOTAL + 1},
        {"bytes of a read", BATON__OPEN_DATA, READ, TOTAL, CHUNK, TOTAL},
        {"keys for a write", BATON__OPEN_KEYS, WRITE, TOTAL, CHUNK, 16},
        {"a view without keys", BATON__OPEN_VIEW, READ, TOTAL, CHUNK, 0},
        {"keys without a proof", BATON__OPEN_KEYS, READ, TOTAL, CHUNK, 0},
        {"keys of what is written", BATON__OPEN_KEYS, READ, TOTAL, CHUNK, 16},
        {"both", BATON__OPEN_KEYS | BATON__OPEN_DATA, WRITE, TOTAL, CHUNK, TOTAL},
        {"a flag that nobody knows", 1U << 23, WRITE, TOTAL, CHUNK, 0},
        {"chunks that are none", BATON__OPEN_DATA, WRITE, TOTAL, 1000, TOTAL},
    };
    begin_held(2, TOTAL / 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t before = refusals();
        inject_open(&cases[i]);
        cr_assert_eq(refusals(), before + 1, "%s", cases[i].what);
        cr_assert_null(h.passive->p.grants, "%s", cases[i].what);
        cr_assert(is_untouched(), "%s", cases[i].what);
    }
    fake_release();
    pair_pump();
    end_well();
}

/* All bytes of two chunks are not one chunk: they are not taken, and the grant does not say so. */
Test(protocol_open, bytes_of_more_than_one_chunk_are_not_taken)
{
    static const spoiled two = {"two chunks", BATON__OPEN_DATA, BATON_OPERATION_WRITE, MAX, 4096, MAX};
    begin_held(1, MAX);
    uint64_t before = pair_stats(ORIGIN).refused_bounds;
    inject_open(&two);
    cr_assert_eq(pair_stats(ORIGIN).refused_bounds, before + 1);
    cr_assert_not_null(h.passive->p.grants);
    cr_assert_eq(h.passive->p.grants->received, 0);
    cr_assert(is_untouched());
    fake_release(); /* the true one comes too late: nobody knew that nonce, and its grant was given back */
    pair_pump();
    pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_UNKNOWN_OPERATION);
    cr_assert(is_untouched());
    pair_end(&h);
}

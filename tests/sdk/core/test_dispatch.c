/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each refusal of a frame, at its counter and at no other, and without an effect: frames of a peer
 * that knows everything are spoiled in one place each.
 */
#include "support/fake_pair.h"
#include "support/fake_state.h"

enum { SMALL = 4000 };

static handed to_read;  /* the origin is asked for its chunks */
static handed to_write; /* the origin is sent chunks */
static const uint8_t zeros[3 * SMALL];

/* Both are in the middle: what the origin sends, and what is written to it, is held back. */
static void open_both(void)
{
    pair_open();
    fake_plan(BATON__FRAME_DATA, FAKE_HOLD, 100);
    fake_plan(BATON__FRAME_WRITE, FAKE_HOLD, 100);
    pair_begin(&to_read, true, 3, SMALL, BATON_COMPLETION_COMMIT, 0);
    pair_begin(&to_write, false, 3, SMALL, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    cr_assert_eq(baton_operation_get_status(to_read.active), BATON_OPERATION_IN_PROGRESS);
    cr_assert_eq(baton_operation_get_status(to_write.active), BATON_OPERATION_IN_PROGRESS);
}

/* Nothing of it had an effect: both hand-offs end well. */
static void close_both(void)
{
    fake_release();
    pair_pump();
    pair_expect(&to_read, BATON_OK, BATON_OK);
    pair_expect(&to_write, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&to_read));
    cr_assert(pair_is_right(&to_write));
    pair_end(&to_read);
    pair_end(&to_write);
    pair_close();
}

TestSuite(dispatch, .init = open_both, .fini = close_both);

static baton__frame to_origin(const handed *h, baton__frame_type type)
{
    const baton__grant *grant = h->passive->p.grants;
    return (baton__frame){.type = type,
                          .to_instance = connectors[ORIGIN]->instance,
                          .to_epoch = connectors[ORIGIN]->epoch,
                          .session = grant->session,
                          .operation = h->passive->id,
                          .key = grant->token,
                          .nonce = grant->nonce};
}

static baton__frame to_consumer(const handed *h, baton__frame_type type)
{
    return (baton__frame){.type = type,
                          .to_instance = connectors[CONSUMER]->instance,
                          .to_epoch = connectors[CONSUMER]->epoch,
                          .session = h->active->peer->out_session,
                          .operation = h->active->id,
                          .key = h->active->a.token,
                          .nonce = h->active->a.nonce};
}

static uint64_t refused_in_all(const baton_connector_stats *stats)
{
    return stats->refused_identifier + stats->refused_length + stats->refused_version +
           stats->refused_instance + stats->refused_session + stats->refused_operation +
           stats->refused_token + stats->refused_state + stats->refused_bounds +
           stats->refused_duplicate + stats->refused_address + stats->refused_limit;
}

static void deliver(int which, const baton__frame *frame, const void *data, size_t size)
{
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(frame, header);
    fake_inject((unsigned)which, header, sizeof(header), data, size, false);
    pair_pump();
}

#define REFUSED(which, counter, frame, data, size)                                      \
    do {                                                                                \
        baton_connector_stats before = pair_stats(which);                               \
        deliver(which, &(frame), data, size);                                           \
        baton_connector_stats after = pair_stats(which);                                \
        cr_assert_eq(after.counter, before.counter + 1, "%s is not counted", #counter); \
        cr_assert_eq(refused_in_all(&after), refused_in_all(&before) + 1);              \
        cr_assert_eq(after.frames_received, before.frames_received + 1);                \
    } while (0)

Test(dispatch, a_header_that_is_no_frame)
{
    static const struct {
        size_t size;
        size_t place;
        uint8_t value;
    } cases[] = {{0, 1, 0xBA}, {1, 1, 0xBA}, {135, 1, 0xBA}, {137, 1, 0xBA}, {136, 1, 0xBB},
                 {136, 3, 0},  {136, 3, BATON__FRAME_TYPES}, {136, 3, 255},  {136, 132, 1},  {136, 135, 1}};
    baton__frame frame = to_origin(&to_read, BATON__FRAME_MOVED);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t header[BATON__FRAME_SIZE + 1] = {0};
        baton__frame_encode(&frame, header);
        header[cases[i].place] = cases[i].value;
        fake_inject(ORIGIN, header, cases[i].size, NULL, 0, false);
        pair_pump();
        cr_assert_eq(pair_stats(ORIGIN).refused_length, i + 1);
    }
    uint8_t other[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, other);
    other[2] = 2;
    fake_inject(ORIGIN, other, sizeof(other), NULL, 0, false);
    pair_pump();
    cr_assert_eq(pair_stats(ORIGIN).refused_version, 1);
    baton__dispatch_foreign(connectors[ORIGIN]);
    cr_assert_eq(pair_stats(ORIGIN).refused_identifier, 1);
}

Test(dispatch, a_payload_where_none_belongs_or_of_a_wrong_size)
{
    static uint8_t large[BATON_RESULT_MAX + 1];
    for (unsigned type = 1; type < BATON__FRAME_TYPES; type++) {
        if (!baton__frame_has_payload((baton__frame_type)type)) {
            baton__frame frame = to_origin(&to_read, (baton__frame_type)type);
            REFUSED(ORIGIN, refused_length, frame, zeros, 1);
        }
    }
    baton__frame write = to_origin(&to_write, BATON__FRAME_WRITE);
    REFUSED(ORIGIN, refused_length, write, NULL, 0);
    REFUSED(ORIGIN, refused_bounds, write, zeros, SMALL - 1);
    REFUSED(ORIGIN, refused_bounds, write, zeros, SMALL + 1);
    baton__frame data = to_consumer(&to_read, BATON__FRAME_DATA);
    REFUSED(CONSUMER, refused_length, data, NULL, 0);
    REFUSED(CONSUMER, refused_bounds, data, zeros, SMALL - 1);
    baton__frame ack = to_origin(&to_read, BATON__FRAME_ACK);
    REFUSED(ORIGIN, refused_length, ack, large, sizeof(large));
    baton__frame grant = to_consumer(&to_read, BATON__FRAME_GRANT);
    REFUSED(CONSUMER, refused_length, grant, large, BATON__INLINE_MAX + 1);
    baton__frame open = to_origin(&to_read, BATON__FRAME_OPEN);
    REFUSED(ORIGIN, refused_length, open, NULL, 0);
    REFUSED(ORIGIN, refused_length, open, large, BATON__BLOCK_MAX + 1);
    REFUSED(ORIGIN, refused_address, open, zeros, 100);
}

Test(dispatch, another_instance_or_epoch)
{
    for (unsigned type = 2; type < BATON__FRAME_TYPES; type++) { /* OPEN is answered */
        bool payload = type == BATON__FRAME_DATA || type == BATON__FRAME_WRITE;
        baton__frame frame = to_origin(&to_read, (baton__frame_type)type);
        frame.to_epoch++;
        REFUSED(ORIGIN, refused_instance, frame, payload ? zeros : NULL, payload ? SMALL : 0);
        frame.to_epoch--;
        frame.to_instance.bytes[15] ^= 1;
        REFUSED(ORIGIN, refused_instance, frame, payload ? zeros : NULL, payload ? SMALL : 0);
    }
}

static const baton__frame_type of_consumers[] = {
    BATON__FRAME_READ, BATON__FRAME_WRITE, BATON__FRAME_MOVED, BATON__FRAME_ACK,
    BATON__FRAME_NACK, BATON__FRAME_FAIL,  BATON__FRAME_RENEW};

Test(dispatch, a_consumers_frame_with_one_field_wrong)
{
    for (size_t i = 0; i < sizeof(of_consumers) / sizeof(of_consumers[0]); i++) {
        size_t size = of_consumers[i] == BATON__FRAME_WRITE ? SMALL : 0;
        baton__frame right = to_origin(&to_write, of_consumers[i]);
        baton__frame wrong = right;
        wrong.operation.bytes[0] ^= 1;
        REFUSED(ORIGIN, refused_operation, wrong, zeros, size);
        wrong = right;
        wrong.nonce.bytes[0] ^= 1;
        REFUSED(ORIGIN, refused_operation, wrong, zeros, size);
        wrong = right;
        wrong.key.bytes[15] ^= 1;
        REFUSED(ORIGIN, refused_token, wrong, zeros, size);
        wrong = right;
        wrong.session.bytes[15] ^= 1;
        REFUSED(ORIGIN, refused_session, wrong, zeros, size);
    }
}

static const baton__frame_type of_origins[] = {
    BATON__FRAME_GRANT,  BATON__FRAME_REFUSE, BATON__FRAME_DATA,   BATON__FRAME_WROTE,
    BATON__FRAME_COMMIT, BATON__FRAME_NACKED, BATON__FRAME_CANCEL, BATON__FRAME_RENEWED};

Test(dispatch, an_origins_frame_with_one_field_wrong)
{
    for (size_t i = 0; i < sizeof(of_origins) / sizeof(of_origins[0]); i++) {
        size_t size = of_origins[i] == BATON__FRAME_DATA ? SMALL : 0;
        baton__frame right = to_consumer(&to_read, of_origins[i]);
        right.c = baton__reason_pack(BATON_ERR_CANCELLED);
        baton__frame wrong = right;
        wrong.operation.bytes[0] ^= 1;
        REFUSED(CONSUMER, refused_session, wrong, zeros, size);
        wrong = right;
        wrong.session.bytes[15] ^= 1;
        REFUSED(CONSUMER, refused_session, wrong, zeros, size);
        wrong = right;
        wrong.nonce.bytes[0] ^= 1;
        wrong.session.bytes[0] ^= 1; /* a GRANT of this session would be given back */
        REFUSED(CONSUMER, refused_operation, wrong, zeros, size);
    }
    baton__frame reset = to_consumer(&to_read, BATON__FRAME_RESET);
    reset.session.bytes[15] ^= 1;
    REFUSED(CONSUMER, refused_session, reset, NULL, 0);
}

Test(dispatch, chunks_that_are_not_there)
{
    static const uint32_t indices[] = {3, 4, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        baton__frame read = to_origin(&to_read, BATON__FRAME_READ);
        read.d = indices[i];
        read.c = 1;
        REFUSED(ORIGIN, refused_bounds, read, NULL, 0);
        baton__frame write = to_origin(&to_write, BATON__FRAME_WRITE);
        write.d = indices[i];
        REFUSED(ORIGIN, refused_bounds, write, zeros, SMALL);
        baton__frame data = to_consumer(&to_read, BATON__FRAME_DATA);
        data.d = indices[i];
        REFUSED(CONSUMER, refused_bounds, data, zeros, SMALL);
        baton__frame wrote = to_consumer(&to_write, BATON__FRAME_WROTE);
        wrote.d = indices[i];
        REFUSED(CONSUMER, refused_bounds, wrote, NULL, 0);
    }
    static const uint32_t counts[] = {0, 4, 65, UINT32_MAX};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        baton__frame read = to_origin(&to_read, BATON__FRAME_READ);
        read.c = counts[i];
        REFUSED(ORIGIN, refused_bounds, read, NULL, 0);
    }
}

Test(dispatch, what_the_kind_or_the_mode_does_not_have)
{
    baton__frame write = to_origin(&to_read, BATON__FRAME_WRITE);
    REFUSED(ORIGIN, refused_state, write, zeros, SMALL);
    baton__frame read = to_origin(&to_write, BATON__FRAME_READ);
    read.c = 1;
    REFUSED(ORIGIN, refused_state, read, NULL, 0);
    baton__frame ack = to_origin(&to_read, BATON__FRAME_ACK);
    REFUSED(ORIGIN, refused_state, ack, NULL, 0);
    baton__frame nack = to_origin(&to_write, BATON__FRAME_NACK);
    REFUSED(ORIGIN, refused_state, nack, NULL, 0);
    baton__frame data = to_consumer(&to_write, BATON__FRAME_DATA);
    REFUSED(CONSUMER, refused_state, data, zeros, SMALL);
    baton__frame wrote = to_consumer(&to_read, BATON__FRAME_WROTE);
    REFUSED(CONSUMER, refused_bounds, wrote, NULL, 0);
    baton__frame commit = to_consumer(&to_read, BATON__FRAME_COMMIT); /* no MOVED was sent */
    REFUSED(CONSUMER, refused_state, commit, NULL, 0);
    baton__frame nacked = to_consumer(&to_read, BATON__FRAME_NACKED);
    REFUSED(CONSUMER, refused_state, nacked, NULL, 0);
    baton__frame grant = to_consumer(&to_read, BATON__FRAME_GRANT); /* it has one */
    REFUSED(CONSUMER, refused_duplicate, grant, NULL, 0);
    baton__frame renewed = to_consumer(&to_read, BATON__FRAME_RENEWED);
    renewed.a = UINT64_MAX; /* an echo of a time to come */
    REFUSED(CONSUMER, refused_state, renewed, NULL, 0);
}

/* OPEN: what does not pair is refused, in words too, and takes nothing. */
Test(dispatch, an_open_that_does_not_fit)
{
    static const struct {
        uint32_t kind;
        uint32_t count;
        uint32_t total;
        uint32_t attempt;
        uint32_t chunk;
        baton_status reason;
    } cases[] = {{BATON_OPERATION_WRITE, 3, 3 * SMALL, 1, 4096, BATON_ERR_KIND_MISMATCH},
                 {0, 3, 3 * SMALL, 1, 4096, BATON_ERR_KIND_MISMATCH},
                 {BATON_OPERATION_READ, 2, 3 * SMALL, 1, 4096, BATON_ERR_COUNT_MISMATCH},
                 {BATON_OPERATION_READ, 3, 3 * SMALL + 1, 1, 4096, BATON_ERR_SIZE_MISMATCH},
                 {BATON_OPERATION_READ, 3, 3 * SMALL, 2, 4096, BATON_ERR_EXPIRED},
                 {BATON_OPERATION_READ, 3, 3 * SMALL, 1, 4097, BATON_ERR_INVALID_ARGUMENT},
                 {BATON_OPERATION_READ, 3, 3 * SMALL, 1, 0, BATON_ERR_INVALID_ARGUMENT}};
    static handed third;
    pair_begin(&third, true, 3, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_OPEN, FAKE_HOLD, 1);
    pair_pump();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        baton__frame open = to_origin(&to_read, BATON__FRAME_OPEN);
        open.operation = third.passive->id;
        open.key = baton__claim_token(connectors[ORIGIN], &open.operation, cases[i].attempt);
        open.nonce = baton_key_random();
        open.a = cases[i].total;
        open.b = cases[i].chunk;
        open.c = cases[i].attempt;
        open.d = baton__open_pack(cases[i].count, cases[i].kind, 0);
        fake_plan(BATON__FRAME_REFUSE, FAKE_HOLD, 1);
        REFUSED(ORIGIN, refused_state, open, connectors[CONSUMER]->identity->block,
                connectors[CONSUMER]->identity->size);
        baton__frame refuse;
        const message *last = fake.held->prev;
        cr_assert_eq(baton__frame_decode(last->header, last->header_size, &refuse), BATON_OK);
        cr_assert_eq(refuse.type, BATON__FRAME_REFUSE);
        cr_assert_eq(baton__reason_unpack(refuse.c), cases[i].reason, "%zu: %s", i,
                     baton_status_name(baton__reason_unpack(refuse.c)));
    }
    fake_plan(BATON__FRAME_DATA, FAKE_DELIVER, 0);
    fake_release();
    pair_pump();
    pair_expect(&third, BATON_OK, BATON_OK);
    pair_end(&third);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the passive side still knows of grants that are over, asked by frames that come late. */
#include "support/fake_pair.h"
#include "support/fake_state.h"
#include "support/no_memory.h"

enum { SMALL = 100, MORE = 1000 };

static handed past; /* it is over, and its consumer is a known peer */
static baton__frame late;

/* A frame as the consumer of `past` would repeat it; what is over forgets its token. */
static void keep_what_is_needed(void)
{
    const baton__grant *grant = past.passive->p.grants;
    late = (baton__frame){.to_instance = connectors[ORIGIN]->instance,
                          .to_epoch = connectors[ORIGIN]->epoch,
                          .session = grant->session,
                          .operation = past.passive->id,
                          .key = grant->token,
                          .nonce = grant->nonce};
}

static void end_one(baton_completion wanted, bool nack)
{
    pair_begin(&past, true, 1, SMALL, wanted, 0);
    pair_pump();
    keep_what_is_needed();
    if (wanted == BATON_COMPLETION_ACK) {
        cr_assert_eq(nack ? baton_operation_nack(past.active, "no", 2)
                          : baton_operation_ack(past.active, "yes", 3),
                     BATON_OK);
        pair_pump();
    }
    pair_end(&past);
}

/* The consumer fails, so the grant does. */
static void fail_one(void)
{
    pair_begin(&past, true, 1, SMALL, BATON_COMPLETION_ACK, 0);
    pair_pump();
    keep_what_is_needed();
    cr_assert_eq(baton_operation_cancel(past.active), BATON_OK);
    pair_pump();
    pair_end(&past);
}

TestSuite(tombstone, .init = pair_open, .fini = pair_close);

/* Has the origin see the frame. Returns the answer that is on its way to the consumer: type 0 if
 * there is none. */
static baton__frame ask(baton__frame_type type)
{
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame frame = late;
    baton__frame answer = {.type = (baton__frame_type)0};
    frame.type = type;
    if (type == BATON__FRAME_OPEN) {
        frame.c = 1;
        frame.key = baton__claim_token(connectors[ORIGIN], &frame.operation, frame.c);
    }
    baton__frame_encode(&frame, header);
    bool open = type == BATON__FRAME_OPEN;
    fake_inject(ORIGIN, header, sizeof(header), open ? connectors[CONSUMER]->identity->block : NULL,
                open ? connectors[CONSUMER]->identity->size : 0, false);
    for (int i = 0; i < 10; i++) {
        (void)baton_connector_progress(connectors[ORIGIN]);
    }
    const message *m = fake.workers[CONSUMER]->inbox;
    if (m != NULL) {
        cr_assert_null(m->next, "one question has one answer");
        cr_assert_eq(baton__frame_decode(m->header, m->header_size, &answer), BATON_OK);
        cr_assert(baton_uuid_equal(&answer.session, &frame.session));
        cr_assert(baton_uuid_equal(&answer.operation, &frame.operation));
        cr_assert(baton_key_equal(&answer.nonce, &frame.nonce));
    }
    pair_pump();
    return answer;
}

static void expect_silence(baton__frame_type type)
{
    uint64_t unknown = pair_stats(ORIGIN).refused_operation;
    cr_assert_eq(ask(type).type, 0, "%s is answered", baton__frame_type_name(type));
    cr_assert_eq(pair_stats(ORIGIN).refused_operation, unknown, "%s is not known any more",
                 baton__frame_type_name(type));
}

static void expect_unknown(baton__frame_type type)
{
    uint64_t unknown = pair_stats(ORIGIN).refused_operation;
    cr_assert_eq(ask(type).type, 0, "%s is answered", baton__frame_type_name(type));
    cr_assert_eq(pair_stats(ORIGIN).refused_operation, unknown + 1);
}

Test(tombstone, a_repeated_last_word_of_a_complete_grant_is_committed_again)
{
    end_one(BATON_COMPLETION_COMMIT, false);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(ask(BATON__FRAME_MOVED).type, BATON__FRAME_COMMIT);
        cr_assert_eq(ask(BATON__FRAME_ACK).type, BATON__FRAME_COMMIT);
        cr_assert_eq(ask(BATON__FRAME_OPEN).type, BATON__FRAME_COMMIT);
    }
}

Test(tombstone, a_repeated_no_stays_a_no_whatever_is_said_now)
{
    end_one(BATON_COMPLETION_ACK, true);
    cr_assert_eq(ask(BATON__FRAME_NACK).type, BATON__FRAME_NACKED);
    cr_assert_eq(ask(BATON__FRAME_ACK).type, BATON__FRAME_NACKED);
    cr_assert_eq(ask(BATON__FRAME_MOVED).type, BATON__FRAME_NACKED);
    cr_assert_eq(ask(BATON__FRAME_OPEN).type, BATON__FRAME_NACKED);
}

Test(tombstone, a_repeated_yes_stays_a_yes)
{
    end_one(BATON_COMPLETION_ACK, false);
    cr_assert_eq(ask(BATON__FRAME_ACK).type, BATON__FRAME_COMMIT);
    cr_assert_eq(ask(BATON__FRAME_NACK).type, BATON__FRAME_COMMIT);
}

Test(tombstone, a_failed_grant_is_refused_as_expired_whatever_is_asked)
{
    static const baton__frame_type asked[] = {BATON__FRAME_OPEN, BATON__FRAME_MOVED,
                                              BATON__FRAME_ACK,  BATON__FRAME_NACK,
                                              BATON__FRAME_READ, BATON__FRAME_RENEW};
    fail_one();
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        baton__frame answer = ask(asked[i]);
        cr_assert_eq(answer.type, BATON__FRAME_REFUSE);
        cr_assert_eq(baton__reason_unpack(answer.c), BATON_ERR_EXPIRED);
    }
}

Test(tombstone, stragglers_of_a_grant_that_ended_well_are_dropped_in_silence)
{
    end_one(BATON_COMPLETION_COMMIT, false);
    expect_silence(BATON__FRAME_READ);
    expect_silence(BATON__FRAME_RENEW);
    expect_silence(BATON__FRAME_FAIL);
}

Test(tombstone, the_last_fail_of_a_failed_grant_is_dropped_in_silence)
{
    fail_one();
    expect_silence(BATON__FRAME_FAIL);
}

Test(tombstone, without_the_token_nothing_is_told)
{
    end_one(BATON_COMPLETION_COMMIT, false);
    late.key.bytes[15] ^= 1;
    expect_unknown(BATON__FRAME_MOVED);
    expect_unknown(BATON__FRAME_ACK);
    expect_unknown(BATON__FRAME_READ);
    cr_assert_eq(ask(BATON__FRAME_OPEN).type, BATON__FRAME_COMMIT,
                 "an OPEN has no token yet: its claim proves it");
}

Test(tombstone, another_operation_or_nonce_is_unknown)
{
    end_one(BATON_COMPLETION_COMMIT, false);
    late.operation.bytes[15] ^= 1;
    expect_unknown(BATON__FRAME_MOVED);
    late.operation.bytes[15] ^= 1;
    late.nonce.bytes[15] ^= 1;
    expect_unknown(BATON__FRAME_MOVED);
    late.nonce.bytes[15] ^= 1;
    cr_assert_eq(ask(BATON__FRAME_MOVED).type, BATON__FRAME_COMMIT);
}

/* Grants that are over, one for each number, of the peer of `past`. */
static void bury(uint32_t number)
{
    baton__grant grant = {.operation = past.passive,
                          .instance = connectors[CONSUMER]->instance,
                          .session = late.session,
                          .token = late.key,
                          .state = BATON__GRANT_COMPLETE};
    memcpy(grant.nonce.bytes, &number, sizeof(number));
    grant.nonce.bytes[15] = 1;
    baton__tombstone_add(&grant);
}

static bool is_known(uint32_t number)
{
    baton__frame frame = late;
    frame.type = BATON__FRAME_MOVED;
    frame.nonce = (baton_key){{0}};
    memcpy(frame.nonce.bytes, &number, sizeof(number));
    frame.nonce.bytes[15] = 1;
    bool known = baton__tombstone_answer(connectors[ORIGIN], &frame);
    pair_pump(); /* the answer is not looked at */
    return known;
}

Test(tombstone, the_oldest_are_forgotten_first_and_their_number_is_bounded)
{
    pair_begin(&past, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    keep_what_is_needed();
    for (uint32_t i = 0; i + 1 < BATON__TOMBSTONES_MAX; i++) {
        bury(i);
    }
    cr_assert_eq(ask(BATON__FRAME_MOVED).type, BATON__FRAME_COMMIT, "there was room for all");
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert(i == 0 || is_known(i - 1));
        bury(BATON__TOMBSTONES_MAX + i);
        cr_assert(i == 0 || !is_known(i - 1), "the oldest one makes room");
    }
    cr_assert(is_known(99));
    cr_assert(is_known(BATON__TOMBSTONES_MAX + 99));
    expect_unknown(BATON__FRAME_MOVED);
    pair_end(&past);
}

Test(tombstone, without_memory_it_is_forgotten_at_once)
{
    struct rlimit before;
    pair_begin(&past, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    keep_what_is_needed();
    bury(1);
    if (!no_memory_begin(64, &before)) {
        cr_skip_test("memory cannot be made to fail here");
    }
    for (uint32_t i = 2; i <= MORE; i++) { /* there is room for some */
        bury(i);
    }
    no_memory_end(&before);
    cr_assert(is_known(1));
    cr_assert_not(is_known(MORE));
    pair_end(&past);
}

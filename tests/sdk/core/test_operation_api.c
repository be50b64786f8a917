/* SPDX-License-Identifier: Apache-2.0 */
/* Every error that the header of operations documents, over the fake transport. */
#include "support/fake_pair.h"

#include <poll.h>

enum { SMALL = 1000, LARGE = 3 * BATON__CHUNK_BYTES };

static handed h;

TestSuite(operation_api, .init = pair_open, .fini = pair_close);

static void begin_acknowledged(void)
{
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_ACK, 0);
    pair_pump();
    cr_assert_neq(h.events & 1U << BATON_EVENT_MOVED, 0);
}

static void cancel_and_end(void)
{
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    pair_end(&h);
}

Test(operation_api, tells_what_it_is)
{
    pair_begin(&h, true, 3, SMALL, BATON_COMPLETION_COMMIT, 0);
    baton_uuid passive = baton_operation_id(h.passive);
    baton_uuid active = baton_operation_id(h.active);
    cr_assert(baton_uuid_equal(&passive, &active), "one hand-off has one id");
    cr_assert_eq(baton_operation_count(h.passive), 3);
    cr_assert_eq(baton_operation_count(h.active), 3);
#define EXPECT_NAME(name, value, text) \
    cr_assert_str_eq(baton_operation_status_name(BATON_OPERATION_##name), text);
    BATON_OPERATION_STATUS_LIST(EXPECT_NAME)
#undef EXPECT_NAME
    cr_assert_str_eq(baton_operation_status_name((baton_operation_status)99), "UNKNOWN");
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
}

Test(operation_api, fail_ends_it_with_the_reason_and_tells_the_peer)
{
    for (int passive = 0; passive < 2; passive++) {
        pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_ACK, 0);
        pair_pump();
        cr_assert_eq(baton_operation_fail(passive ? h.passive : h.active, BATON_ERR_REJECTED),
                     BATON_OK);
        pair_pump();
        pair_expect(&h, passive ? BATON_ERR_REJECTED : BATON_ERR_PEER_FAILED,
                    passive ? BATON_ERR_PEER_FAILED : BATON_ERR_REJECTED);
        cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_ERRORED);
        cr_assert_eq(baton_operation_get_status(h.passive), BATON_OPERATION_ERRORED);
        pair_end(&h);
    }
}

Test(operation_api, fail_wants_a_failure_and_the_first_one_counts)
{
    begin_acknowledged();
    cr_assert_eq(baton_operation_fail(NULL, BATON_ERR_REJECTED), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_cancel(NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_fail(h.active, BATON_OK), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_fail(h.active, (baton_status)1), BATON_ERR_INVALID_ARGUMENT);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.active));
    cr_assert_eq(baton_operation_fail(h.active, BATON_ERR_TOO_LARGE), BATON_OK);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_TOO_LARGE);
    pair_end(&h);
}

/* A refusal that claims success would otherwise look like an operation that is complete. */
Test(operation_api, a_refusal_without_a_reason_is_no_success)
{
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_OPEN, FAKE_HOLD, 1);
    pair_pump();
    baton__frame frame = {.type = BATON__FRAME_REFUSE,
                          .to_instance = connectors[CONSUMER]->instance,
                          .to_epoch = connectors[CONSUMER]->epoch,
                          .session = h.active->peer->out_session,
                          .operation = h.active->id,
                          .nonce = h.active->a.nonce,
                          .c = 0};
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), NULL, 0, false);
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_PEER_FAILED);
    cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_ERRORED);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    pair_end(&h);
}

Test(operation_api, an_answer_with_wrong_arguments_is_refused)
{
    static const char large[BATON_RESULT_MAX + 1];
    begin_acknowledged();
    cr_assert_eq(baton_operation_ack(NULL, NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_nack(h.active, NULL, 1), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_ack(h.active, large, sizeof(large)), BATON_ERR_TOO_LARGE);
    cr_assert_eq(baton_operation_nack(h.active, large, sizeof(large)), BATON_ERR_TOO_LARGE);
    cr_assert_eq(baton_operation_ack(h.passive, NULL, 0), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK, "it can still be answered");
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_operation_nack(h.active, NULL, 0), BATON_ERR_WRONG_STATE);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert_eq(baton_operation_nack(h.active, NULL, 0), BATON_ERR_WRONG_STATE);
    pair_end(&h);
}

Test(operation_api, an_answer_before_the_bytes_or_in_another_mode_is_refused)
{
    pair_begin(&h, true, 1, LARGE, BATON_COMPLETION_ACK, 0);
    fake_plan(BATON__FRAME_DATA, FAKE_HOLD, 1);
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_ERR_WRONG_STATE);
    pair_pump();
    cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_IN_PROGRESS);
    cr_assert_eq(baton_operation_nack(h.active, NULL, 0), BATON_ERR_WRONG_STATE);
    fake_release();
    pair_pump();
    cr_assert_eq(baton_operation_nack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_ERR_NACKED, BATON_ERR_NACKED);
    pair_end(&h);
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_COMMIT, FAKE_HOLD, 1);
    pair_pump();
    cr_assert_neq(h.events & 1U << BATON_EVENT_MOVED, 0);
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_ERR_WRONG_STATE);
    fake_release();
    pair_pump();
    pair_end(&h);
}

Test(operation_api, a_result_of_every_size_reaches_the_passive_side)
{
    static const size_t sizes[] = {0, 1, 599, 600, 601, BATON_RESULT_MAX};
    static uint8_t result[BATON_RESULT_MAX];
    pattern_fill(result, sizeof(result), 1);
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i / 2];
        size_t got = 77;
        begin_acknowledged();
        cr_assert_null(baton_operation_peer_result(h.passive, &got), "it is not over");
        cr_assert_eq(got, 0);
        cr_assert_eq(
            (i % 2 == 0 ? baton_operation_ack : baton_operation_nack)(h.active, result, size),
            BATON_OK);
        pair_pump();
        const void *there = baton_operation_peer_result(h.passive, &got);
        cr_assert_eq(got, size);
        cr_assert(size == 0 || pattern_is(there, size, 1));
        cr_assert_null(baton_operation_peer_result(h.active, &got), "an active one gets none");
        cr_assert_eq(got, 0);
        pair_end(&h);
    }
}

typedef struct settling {
    baton_task task;
    baton_operation *operation;
    baton_settlement settlement;
    const baton_key *key;
    baton_status reason;
    const void *result;
    size_t size;
    baton_status status;
} settling;

static void settle_now(baton_task *task)
{
    settling *s = (settling *)task;
    s->status =
        baton_operation_settle(s->operation, s->settlement, s->key, s->reason, s->result, s->size);
}

static baton_status settle(settling s)
{
    s.task.run = settle_now;
    cr_assert(baton_loop_post(s.operation->connector->loop, &s.task));
    pair_pump();
    return s.status;
}

Test(operation_api, settling_needs_the_owner_the_grant_and_sound_arguments)
{
    static const char large[BATON_RESULT_MAX + 1];
    baton_settle_keys keys = {.ack_key = {{1}}, .cancel_key = {{2}}};
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_ACK, 0);
    cr_assert_eq(baton_operation_settle_keys(h.passive, &keys), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_operation_settle_keys(h.active, &keys), BATON_ERR_WRONG_STATE);
    cr_assert_eq(keys.ack_key.bytes[0], 1, "the output is untouched");
    cr_assert_eq(baton_operation_settle_keys(NULL, &keys), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_settle_keys(h.active, NULL), BATON_ERR_INVALID_ARGUMENT);
    settling done = {.operation = h.passive, .settlement = BATON_SETTLE_DONE, .key = &keys.ack_key};
    (void)baton_connector_progress(connectors[ORIGIN]);
    done.task.run = settle_now;
    cr_assert(baton_loop_post(connectors[ORIGIN]->loop, &done.task));
    (void)baton_connector_progress(connectors[ORIGIN]);
    cr_assert_eq(done.status, BATON_ERR_WRONG_STATE, "no grant yet");
    pair_pump();
    cr_assert_eq(baton_operation_settle_keys(h.passive, &keys), BATON_OK);
    cr_assert_eq(
        baton_operation_settle(h.passive, BATON_SETTLE_DONE, &keys.ack_key, BATON_OK, NULL, 0),
        BATON_ERR_WRONG_THREAD);
    cr_assert_eq(baton_operation_settle(NULL, BATON_SETTLE_DONE, &keys.ack_key, BATON_OK, NULL, 0),
                 BATON_ERR_INVALID_ARGUMENT);
    done.key = NULL;
    cr_assert_eq(settle(done), BATON_ERR_INVALID_ARGUMENT);
    done.key = &keys.ack_key;
    done.size = 1;
    cr_assert_eq(settle(done), BATON_ERR_INVALID_ARGUMENT);
    done.result = large;
    done.size = sizeof(large);
    cr_assert_eq(settle(done), BATON_ERR_TOO_LARGE);
    cr_assert_not(baton_operation_is_over(h.passive));
    cancel_and_end();
}

Test(operation_api, an_answer_over_another_channel_brings_its_result)
{
    for (int no = 0; no < 2; no++) {
        baton_settle_keys keys;
        size_t size = 0;
        begin_acknowledged();
        cr_assert_eq(baton_operation_settle_keys(h.passive, &keys), BATON_OK);
        settling answer = {.operation = h.passive,
                           .settlement = no ? BATON_SETTLE_NACK : BATON_SETTLE_DONE,
                           .key = &keys.ack_key,
                           .result = "well",
                           .size = 4};
        cr_assert_eq(settle(answer), BATON_OK);
        cr_assert_eq(baton_operation_reason(h.passive), no ? BATON_ERR_NACKED : BATON_OK);
        cr_assert_str_eq(baton_operation_peer_result(h.passive, &size), "well");
        cr_assert_eq(size, 4);
        cr_assert_eq(settle(answer), BATON_OK, "what is over is not settled again");
        settling cancel = {.operation = h.active,
                           .settlement = BATON_SETTLE_CANCEL,
                           .key = &keys.cancel_key,
                           .reason = BATON_ERR_DEADLINE};
        cr_assert_eq(settle(cancel), BATON_OK);
        cr_assert(baton_operation_is_over(h.active));
        pair_end(&h);
    }
}

Test(operation_api, a_nack_is_confirmed_over_another_channel)
{
    baton_settle_keys keys;
    begin_acknowledged();
    cr_assert_eq(baton_operation_settle_keys(h.active, &keys), BATON_OK);
    settling nacked = {
        .operation = h.active, .settlement = BATON_SETTLE_NACKED, .key = &keys.cancel_key};
    cr_assert_eq(settle(nacked), BATON_OK);
    cr_assert_not(baton_operation_is_over(h.active), "nobody has said no");
    fake_plan(BATON__FRAME_NACKED, FAKE_DROP, 1);
    cr_assert_eq(baton_operation_nack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.active));
    cr_assert_eq(settle(nacked), BATON_OK);
    pair_expect(&h, BATON_ERR_NACKED, BATON_ERR_NACKED);
    pair_end(&h);
}

Test(operation_api, only_a_passive_one_under_way_has_metadata)
{
    baton_metadata *metadata = NULL;
    begin_acknowledged();
    cr_assert_eq(baton_operation_metadata(h.active, &metadata), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_operation_metadata(NULL, &metadata), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_metadata(h.passive, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    cr_assert_eq(baton_operation_metadata(h.passive, &metadata), BATON_ERR_WRONG_STATE);
    cr_assert_null(metadata);
    pair_end(&h);
}

Test(operation_api, a_report_is_filled_up_to_its_size)
{
    baton_operation_report report = {.struct_size = 0, .bytes_total = 77};
    begin_acknowledged();
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_ERR_INVALID_ARGUMENT);
    report.struct_size = SIZE_MAX;
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_get_report(NULL, &report), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_get_report(h.active, NULL), BATON_ERR_INVALID_ARGUMENT);
    report.struct_size = offsetof(baton_operation_report, bytes_total);
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_OK);
    cr_assert_eq(report.kind, BATON_OPERATION_READ);
    cr_assert_eq(report.bytes_total, 77);
    report.struct_size = sizeof(report);
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_OK);
    cr_assert_eq(report.bytes_total, SMALL);
    cr_assert_eq(report.status, BATON_OPERATION_IN_PROGRESS);
    cr_assert_eq(report.reason, BATON_OK);
    cancel_and_end();
}

Test(operation_api, a_close_waits_for_chunks_in_flight)
{
    pair_begin(&h, true, 1, LARGE, BATON_COMPLETION_ACK, 0);
    fake_plan(BATON__FRAME_DATA, FAKE_HOLD, 1);
    pair_pump();
    cr_assert_eq(baton_operation_close(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_close(h.passive, 0), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_operation_wait(h.passive, 0), BATON_ERR_TIMED_OUT);
    cr_assert_eq(baton_operation_wait(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.passive), "the peer may still fetch a chunk");
    pair_advance_ms(101); /* drain_ms */
    cr_assert_eq(baton_operation_close(h.passive, 0), BATON_OK);
    cr_assert_eq(baton_operation_wait(h.passive, 0), BATON_ERR_CANCELLED);
    pair_end(&h);
}

static bool is_readable(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

Test(operation_api, its_descriptor_is_readable_once_it_is_over)
{
    int before = -1;
    int again = -1;
    int late = -1;
    begin_acknowledged();
    cr_assert_eq(baton_operation_fd(NULL, &before), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_fd(h.active, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(before, -1);
    cr_assert_eq(baton_operation_fd(h.active, &before), BATON_OK);
    cr_assert_eq(baton_operation_fd(h.active, &again), BATON_OK);
    cr_assert_eq(before, again);
    cr_assert_not(is_readable(before));
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    cr_assert(is_readable(before));
    cr_assert_eq(baton_operation_fd(h.passive, &late), BATON_OK);
    cr_assert(is_readable(late), "also if it is asked for later");
    pair_end(&h);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The path rma over a fake transport and a fake device: orders of messages, devices that cannot be trusted, and messages that
 * nobody should believe. test_rma.c has two processes and verbs. */
#include "base/wire.h"
#include "core/rma_state.h"
#include "support/fake_pair.h"
#include "support/fake_rma.h"

enum { SIZE = 3 * BATON__CHUNK_BYTES + 5 };

static handed h;

static void open_pair(bool origin, bool consumer)
{
    const bool wanted[2] = {origin, consumer};
    static const char *const names[2] = {"origin", "consumer"};
    fake_reset();
    for (int i = 0; i < 2; i++) {
        baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
        options.name = names[i];
        options.progress = BATON_PROGRESS_APPLICATION;
        options.spin_us = 0;
        options.rma = wanted[i];
        cr_assert_eq(baton__connector_create_with(&options, &fake_transport_table, &fake_clock, &connectors[i]), BATON_OK);
    }
}

static void open_both(void)
{
    fake_rma_reset();
    open_pair(true, true);
}

static void close_both(void)
{
    fake_rma_hold(false);
    if (connectors[0] != NULL) {
        pair_close();
    }
    cr_assert_eq(fake_rma_regions(), 0, "%u registrations are left", fake_rma_regions());
    cr_assert_eq(fake_rma_links(), 0);
    fake_rma_reset();
}

TestSuite(rma_protocol, .init = open_both, .fini = close_both);

static baton_operation_report report(const baton_operation *op)
{
    baton_operation_report found = {.struct_size = sizeof(found)};
    cr_assert_eq(baton_operation_get_report(op, &found), BATON_OK);
    return found;
}

static void went(const char *path)
{
    cr_assert_str_eq(report(h.active).path, path, "%s", report(h.active).why_not_rma);
    cr_assert_str_eq(report(h.passive).path, path);
}

static void end_well(const char *path)
{
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    went(path);
    pair_end(&h);
    cr_assert_eq(fake_rma_regions(), 0);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
}

static void why_not(const char *words)
{
    char text[400];
    (void)baton_operation_explain(h.active, text, sizeof(text));
    cr_assert_not_null(strstr(text, words), "%s", text);
}

Test(rma_protocol, every_completion_in_both_directions)
{
    for (int read = 0; read < 2; read++) {
        for (int completion = BATON_COMPLETION_BYTES; completion <= BATON_COMPLETION_ACK; completion++) {
            pair_begin(&h, read, 3, SIZE, (baton_completion)completion, 1000);
            pair_pump();
            pair_answer_if_due(&h, (baton_completion)completion);
            cr_assert_eq(report(h.active).copies, 0);
            cr_assert_str_eq(report(h.active).transport, "rc_fake");
            cr_assert_str_eq(report(h.passive).transport, "rc_fake");
            end_well("rma");
        }
    }
    cr_assert_eq(fake_sent(BATON__FRAME_READ) + fake_sent(BATON__FRAME_WRITE) + fake_sent(BATON__FRAME_DATA), 0);
    cr_assert_eq(pair_stats(CONSUMER).bytes_reached, 6 * 3 * (uint64_t)SIZE);
    /* Two trials and a link, then the keys of each. */
    cr_assert_eq(fake_sent(BATON__FRAME_REACH), 3 + 6);
}

Test(rma_protocol, a_nack_of_what_was_written)
{
    pair_begin(&h, false, 1, SIZE, BATON_COMPLETION_ACK, 1000);
    pair_pump();
    cr_assert_eq(baton_operation_nack(h.active, "no", 2), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_ERR_NACKED, BATON_ERR_NACKED);
    pair_end(&h);
}

/* Each of these devices brings right data in the end, and by messages. */
Test(rma_protocol, devices_that_cannot_be_trusted)
{
    static const struct {
        fake_rma_fault fault;
        const char *why;
    } cases[] = {
        {FAKE_RMA_STALE_WORKS, "not rma: keys are not enforced"},
        {FAKE_RMA_NO_KEYS, "not rma: keys are not enforced"},
        {FAKE_RMA_WRONG_BYTES, "not rma: the device brings other bytes"},
        {FAKE_RMA_UNREACHABLE, "not rma: the verbs devices of the two hosts do not reach each other"},
        {FAKE_RMA_NO_REGISTER, "not rma: the peer's device cannot register the memory"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int read = 0; read < 2; read++) {
            fake_rma_set(cases[i].fault);
            pair_begin(&h, read, 2, SIZE, BATON_COMPLETION_COMMIT, 60000);
            pair_pump();
            why_not(cases[i].why);
            end_well("am");
            fake_rma_set(FAKE_RMA_SOUND);
            pair_advance_ms(BATON__RMA_RETRY_MS + 1);
        }
    }
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000); /* and it is tried again */
    pair_pump();
    end_well("rma");
}

Test(rma_protocol, a_device_that_does_not_answer_is_waited_for_no_longer_than_its_patience)
{
    fake_rma_set(FAKE_RMA_DEAF);
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 60000);
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.active));
    pair_advance_ms(BATON__RMA_PATIENCE_MS + 1);
    why_not("not proven in time");
    end_well("am");
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 60000); /* barred: at once */
    pair_pump();
    end_well("am");
}

Test(rma_protocol, one_side_has_none)
{
    static const char *const why[] = {"switched off here", "peer has rma switched off"};
    for (int side = 0; side < 2; side++) {
        pair_close();
        open_pair(side == 0, side == 1);
        pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
        pair_pump();
        why_not(why[side]);
        end_well("am");
    }
    pair_close();
    fake_rma_set(FAKE_RMA_NO_DEVICE);
    open_pair(true, true);
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    why_not("there is no fake device");
    end_well("am");
}

Test(rma_protocol, what_is_too_small_goes_by_messages)
{
    pair_begin(&h, true, 1, BATON__RMA_MIN - 1, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    why_not("less than 64 KiB");
    end_well("am");
    cr_assert_eq(fake_sent(BATON__FRAME_REACH), 0);
}

Test(rma_protocol, lost_messages_come_again_in_the_next_session)
{
    static const baton__frame_type lost[] = {BATON__FRAME_REACH, BATON__FRAME_REACHED, BATON__FRAME_MOVED};
    for (int read = 0; read < 2; read++) {
        for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
            pair_begin(&h, read, 2, SIZE, BATON_COMPLETION_COMMIT, 0);
            fake_plan(lost[i], FAKE_DROP, 1);
            pair_pump();
            cr_assert_not(baton_operation_is_over(h.passive));
            fake_break();
            pair_pump();
            end_well("rma");
        }
    }
}

/* In the middle of a transfer. */
static void begin_held(bool read, baton_completion completion, uint32_t lease_ms)
{
    fake_rma_hold(true);
    pair_begin(&h, read, 1, SIZE, completion, lease_ms);
    pair_pump();
    cr_assert_eq(baton__reach_jobs(h.active), BATON__DEPTH);
    cr_assert_eq(fake_rma_regions(), 2); /* one on each side */
}

Test(rma_protocol, a_session_that_is_lost_in_the_middle_does_not_disturb_it)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 0);
        fake_break();
        pair_pump();
        fake_rma_hold(false);
        pair_pump();
        end_well("rma");
    }
}

Test(rma_protocol, a_link_that_breaks_in_the_middle_ends_in_messages)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        fake_rma_break();
        pair_pump();
        why_not("broke in the middle");
        end_well("am");
        fake_rma_hold(false);
        pair_begin(&h, read, 1, SIZE, BATON_COMPLETION_COMMIT, 1000); /* the next one has a new link */
        pair_pump();
        end_well("rma");
    }
}

Test(rma_protocol, the_passive_side_cancels_and_waits_for_nobody)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
        (void)baton_connector_progress(connectors[ORIGIN]);
        cr_assert(baton_operation_is_over(h.passive));
        cr_assert_eq(fake_rma_regions(), 1); /* the consumer's own */
        fake_rma_hold(false);
        pair_pump();
        pair_advance_ms(200);
        pair_expect(&h, BATON_ERR_CANCELLED, BATON_ERR_PEER_CANCELLED);
        pair_end(&h);
        cr_assert_eq(fake_rma_regions(), 0);
    }
}

Test(rma_protocol, a_lease_ends_and_the_key_with_it)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        fake_set_cut(true); /* it is not heard */
        for (int i = 0; i < 12; i++) {
            pair_advance_ms(100);
        }
        cr_assert(baton_operation_is_over(h.passive));
        fake_set_cut(false);
        fake_rma_hold(false);
        unsigned accesses = fake_rma_accesses();
        pair_pump();
        pair_advance_ms(3000);
        cr_assert_eq(fake_rma_accesses(), accesses, "memory was reached after the end");
        pair_expect(&h, BATON_ERR_EXPIRED, BATON_ERR_EXPIRED);
        pair_end(&h);
    }
}

/* What does not end by itself ends with its link. */
Test(rma_protocol, the_active_side_cancels_and_its_link_is_closed)
{
    for (int read = 0; read < 2; read++) {
        begin_held(read, BATON_COMPLETION_COMMIT, 1000);
        cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
        pair_pump();
        cr_assert_not(baton_operation_is_over(h.active));
        cr_assert(baton_operation_is_over(h.passive));
        pair_advance_ms(101);
        pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_CANCELLED);
        pair_end(&h);
        cr_assert_eq(fake_rma_regions(), 0);
        fake_rma_hold(false);
    }
}

Test(rma_protocol, a_device_that_gives_nothing_back_ends_in_quarantine)
{
    begin_held(true, BATON_COMPLETION_COMMIT, 60000);
    fake_rma_set(FAKE_RMA_STUCK);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    pair_advance_ms(101);
    cr_assert_not(baton_operation_is_over(h.active));
    pair_advance_ms(BATON__STUCK_MS + 1);
    pair_expect(&h, BATON_ERR_PEER_CANCELLED, BATON_ERR_QUARANTINED);
    cr_assert_eq(baton_operation_close(h.active, 0), BATON_ERR_QUARANTINED);
    cr_assert_eq(fake_rma_regions(), 1);
    pair_end(&h);
    fake_rma_set(FAKE_RMA_SOUND);
    fake_rma_hold(false);
    pair_pump();
    cr_assert_eq(fake_rma_regions(), 0);
}

Test(rma_protocol, a_device_that_takes_no_key_back_ends_in_quarantine)
{
    for (int read = 0; read < 2; read++) {
        pair_begin(&h, read, 2, SIZE, BATON_COMPLETION_COMMIT, 60000);
        fake_rma_hold(true);
        pair_pump();
        fake_rma_set(FAKE_RMA_NO_DEREGISTER);
        cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
        (void)baton_connector_progress(connectors[ORIGIN]);
        cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
        cr_assert_eq(pair_stats(ORIGIN).quarantined, 1 + (uint64_t)read);
        fake_rma_set(FAKE_RMA_SOUND);
        fake_rma_hold(false);
        pair_pump();
        pair_advance_ms(200);
        pair_end(&h);
    }
}

/* Also where everything went well until then. */
Test(rma_protocol, the_same_at_a_good_end)
{
    pair_begin(&h, false, 1, SIZE, BATON_COMPLETION_COMMIT, 60000);
    fake_plan(BATON__FRAME_MOVED, FAKE_HOLD, 1);
    pair_pump();
    fake_rma_set(FAKE_RMA_NO_DEREGISTER);
    fake_release();
    pair_pump();
    pair_advance_ms(200);
    pair_expect(&h, BATON_ERR_QUARANTINED, BATON_ERR_PEER_FAILED);
    fake_rma_set(FAKE_RMA_SOUND);
    pair_end(&h);
}

Test(rma_protocol, two_readers_have_a_key_each)
{
    handed other;
    fake_rma_hold(true);
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    pair_begin(&other, true, 1, SIZE, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    cr_assert_eq(fake_rma_regions(), 4);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    (void)baton_connector_progress(connectors[ORIGIN]);
    cr_assert_eq(fake_rma_regions(), 3);
    fake_rma_hold(false);
    pair_pump();
    pair_advance_ms(200);
    pair_expect(&h, BATON_ERR_CANCELLED, BATON_ERR_PEER_CANCELLED);
    pair_end(&h);
    h = other; /* they share the link, which a refused access broke: the rest came by messages, or it was there before */
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    baton_operation_destroy(h.active);
    baton_operation_destroy(h.passive);
    pair_pump();
    baton_descriptor_release(h.source[0]);
    baton_descriptor_release(h.target[0]);
}

static void send_to_consumer(const baton__frame *what, const uint8_t *body, size_t size)
{
    baton_connector *to = connectors[CONSUMER];
    baton__frame frame = *what;
    frame.type = BATON__FRAME_REACHED;
    frame.to_instance = to->instance;
    frame.to_epoch = to->epoch;
    frame.session = h.active->peer->out_session;
    frame.operation = h.active->id;
    frame.nonce = h.active->a.nonce;
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), body, size, false);
    pair_pump();
}

/* Answers that make no sense end the way, and nothing else. */
Test(rma_protocol, answers_that_make_no_sense)
{
    static const uint8_t noise[600] = {9, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const size_t sizes[] = {1, 2, 9, 11, 40, 599};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        pair_begin(&h, true, 2, SIZE, BATON_COMPLETION_COMMIT, 0);
        fake_plan(BATON__FRAME_REACHED, FAKE_HOLD, 1);
        pair_pump();
        uint64_t refused = pair_stats(CONSUMER).refused_state;
        send_to_consumer(&(baton__frame){.a = 12345, .d = BATON__REACH_LINK}, noise, sizes[i]); /* an older link's */
        send_to_consumer(&(baton__frame){.a = 1, .d = 7}, noise, sizes[i]);
        cr_assert_eq(pair_stats(CONSUMER).refused_state, refused + 2);
        send_to_consumer(&(baton__frame){.a = i + 1, .d = BATON__REACH_LINK}, noise, sizes[i]);
        fake_reset();
        pair_pump();
        end_well("am");
        pair_advance_ms(BATON__RMA_RETRY_MS + 1);
    }
}

Test(rma_protocol, keys_that_make_no_sense)
{
    static const uint8_t noise[600] = {8, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const size_t sizes[] = {1, 2, 9, 17, 18, 34, 599}; /* 33 would be keys, of nothing */
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    end_well("rma");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        pair_begin(&h, true, 2, SIZE, BATON_COMPLETION_COMMIT, 0);
        fake_plan(BATON__FRAME_REACHED, FAKE_HOLD, 1);
        pair_pump();
        send_to_consumer(&(baton__frame){.d = BATON__REACH_KEYS}, noise, sizes[i]);
        fake_reset();
        pair_pump();
        why_not("keys do not fit");
        end_well("am");
    }
    pair_begin(&h, true, 2, SIZE, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_REACHED, FAKE_HOLD, 1);
    pair_pump();
    send_to_consumer(&(baton__frame){.d = BATON__REACH_KEYS}, noise, 33); /* refused by the device */
    fake_reset();
    pair_pump();
    end_well("am");
}

/* Who has no link gets no keys, and what is no address breaks nothing. */
Test(rma_protocol, questions_that_make_no_sense)
{
    static const struct {
        uint32_t d;
        size_t size;
    } cases[] = {{0, 0}, {0, 8}, {3, 0}, {BATON__REACH_LINK, 0}, {BATON__REACH_LINK, 3}, {BATON__REACH_KEYS, 0}, {BATON__REACH_KEYS, 8}};
    static const uint8_t noise[16] = {1};
    fake_plan(BATON__FRAME_REACH, FAKE_HOLD, 1);
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    baton_connector *to = connectors[ORIGIN];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        baton__frame frame = {.type = BATON__FRAME_REACH,
                              .to_instance = to->instance,
                              .to_epoch = to->epoch,
                              .session = h.active->peer->out_session,
                              .operation = h.active->id,
                              .key = h.active->a.token,
                              .nonce = h.active->a.nonce,
                              .a = 999,
                              .d = cases[i].d};
        uint8_t header[BATON__FRAME_SIZE];
        baton__frame_encode(&frame, header);
        fake_inject(ORIGIN, header, sizeof(header), noise, cases[i].size, false);
        pair_pump();
        cr_assert_eq(fake_rma_regions(), 0);
    }
    fake_release();
    pair_pump();
    end_well("rma");
}

Test(rma_protocol, connectors_end_in_the_middle)
{
    for (int first = 0; first < 2; first++) {
        begin_held(true, BATON_COMPLETION_COMMIT, 0);
        if (first == ORIGIN) {
            baton_connector_destroy(connectors[ORIGIN]);
            cr_assert_eq(fake_rma_regions(), 1);
        }
        fake_rma_hold(false); /* the clock stands still: what is under way has to come back by itself */
        baton_connector_destroy(connectors[CONSUMER]);
        if (first != ORIGIN) {
            baton_connector_destroy(connectors[ORIGIN]);
        }
        baton_operation_destroy(h.active);
        baton_operation_destroy(h.passive);
        baton_descriptor_release(h.source[0]);
        baton_descriptor_release(h.target[0]);
        cr_assert_eq(fake_rma_regions(), 0);
        open_pair(true, true);
    }
}

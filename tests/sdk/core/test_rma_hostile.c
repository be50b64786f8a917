/* SPDX-License-Identifier: Apache-2.0 */
/* The path rma: devices that cannot be trusted, and messages that nobody should believe. */
#include "support/rma_pair.h"

TestSuite(rma_hostile, .init = open_both, .fini = close_both);

/* Each of these devices brings right data in the end, and by messages. */
Test(rma_hostile, devices_that_cannot_be_trusted)
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

Test(rma_hostile, a_device_that_does_not_answer_is_waited_for_no_longer_than_its_patience)
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

/* Its trial never comes back: the next operation waits as long, and not for ever. */
Test(rma_hostile, a_trial_that_is_never_given_back)
{
    fake_rma_set(FAKE_RMA_STUCK);
    for (int i = 0; i < 2; i++) {
        pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 60000);
        pair_pump();
        cr_assert_not(baton_operation_is_over(h.active));
        pair_advance_ms(BATON__RMA_PATIENCE_MS + 1);
        why_not("not proven in time");
        end_well("am");
        pair_advance_ms(BATON__RMA_RETRY_MS + 1);
    }
    fake_rma_set(FAKE_RMA_SOUND);
    pair_pump();
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 60000);
    pair_pump();
    end_well("rma");
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
Test(rma_hostile, answers_that_make_no_sense)
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

Test(rma_hostile, keys_that_make_no_sense)
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
Test(rma_hostile, questions_that_make_no_sense)
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

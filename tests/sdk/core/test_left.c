/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk that its own device does not end, while everything else goes on: what it reaches, on either side, stays until it has ended. */
#include "support/direct_pair.h"

TestSuite(left, .init = direct_open, .fini = cuda_pair_close, .timeout = 120);

/* The consumer's device is reading the origin's memory, for a read, or the other way round. */
static void begin_slow(handed *h, bool read)
{
    hand_over(read, BATON_COMPLETION_COMMIT, 1, CHUNK, BOTH); /* the two know each other */
    fake_delay_arrivals(1);
    cuda_pair_begin(h, read, 1, CHUNK, BATON_COMPLETION_COMMIT, 0, BOTH);
    const baton_operation *receiver = read ? h->active : h->passive;
    CUDA_PAIR_UNTIL(receiver->inflight != 0);
    pair_pump();
}

static void drop_all(handed *h)
{
    baton_operation_destroy(h->active);
    baton_operation_destroy(h->passive);
    baton_descriptor_release(h->source[0]);
    baton_descriptor_release(h->target[0]);
    pair_pump();
}

static void pass_s(int seconds)
{
    for (int i = 0; i < seconds * 10; i++) {
        pair_advance_ms(100);
    }
}

/* Nothing is given back before the chunk has ended; everything is afterwards. */
static void expect_kept(handed *h)
{
    pass_s(60);
    cr_assert(cuda_pair_is_over(h));
    cr_assert_eq(baton_operation_reason(h->active), BATON_ERR_QUARANTINED);
    cr_assert_eq(baton_operation_reason(h->passive), BATON_ERR_QUARANTINED);
    drop_all(h);
    cr_assert_eq(on_device(), 2, "a device still reads one and writes the other");
    fake_let_arrive();
    pass_s(30);
    cr_assert_eq(pair_stats(ORIGIN).quarantined + pair_stats(CONSUMER).quarantined, 0);
    cr_assert_eq(on_device(), 0);
}

Test(left, a_cancelled_read_keeps_what_it_still_reads)
{
    static handed h;
    begin_slow(&h, true);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    expect_kept(&h);
}

Test(left, a_read_that_loses_its_session_does_not_end_well_before_its_chunk)
{
    static handed h;
    begin_slow(&h, true);
    baton__peer_failed(h.active->peer, -80);
    expect_kept(&h);
}

Test(left, a_write_that_loses_its_session_does_not_end_well_before_its_chunk)
{
    static handed h;
    begin_slow(&h, false);
    baton__peer_failed(h.active->peer, -80);
    expect_kept(&h);
}

Test(left, a_cancelled_write_keeps_what_is_still_read)
{
    static handed h;
    begin_slow(&h, false);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    expect_kept(&h);
}

Test(left, a_cancelled_writable_keeps_what_it_still_reads)
{
    static handed h;
    begin_slow(&h, false);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    expect_kept(&h);
}

/* A question of its, about an operation that is long over. */
static unsigned answers_to(const baton_connector *asker)
{
    const baton__identity *identity = baton__identity_get((baton_connector *)asker);
    baton__frame frame = {.type = BATON__FRAME_CANCEL,
                          .to_instance = connectors[CONSUMER]->instance,
                          .to_epoch = connectors[CONSUMER]->epoch,
                          .nonce = baton_key_random()};
    uint8_t header[BATON__FRAME_SIZE];
    unsigned before = fake_sent(BATON__FRAME_RELEASE);
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), identity->block, identity->size, false);
    (void)baton_connector_progress(connectors[CONSUMER]);
    return fake_sent(BATON__FRAME_RELEASE) - before;
}

Test(left, other_peers_get_their_answers)
{
    static handed h;
    baton_connector *first = connectors[ORIGIN];
    baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
    options.name = "other";
    options.progress = BATON_PROGRESS_APPLICATION;
    options.spin_us = 0;
    begin_slow(&h, true);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pass_s(10);
    cr_assert_eq(baton__connector_create_with(&options, &fake_transport_table, &fake_clock, &connectors[ORIGIN]), BATON_OK);
    hand_over(true, BATON_COMPLETION_COMMIT, 1, CHUNK, BOTH);
    cr_assert_eq(answers_to(connectors[ORIGIN]), 1);
    cr_assert_eq(answers_to(first), 0);
    baton_connector_destroy(connectors[ORIGIN]);
    connectors[ORIGIN] = first;
    expect_kept(&h);
}

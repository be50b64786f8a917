/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of ours that nothing comes through any more, and how everybody gets past it (core/inbox.h). test_blocked_inbox has
 * the real one. */
#include "core/engine.h"
#include "support/fake_pair.h"

enum { SMALL = 1000, LARGE_SIZE = 8 * 1024 * 1024, TICK_MS = 1000, BLOCKED_MS = 500, RETIRED_MS = 3100 };

static handed h;

static void open_sharing(void)
{
    pair_open();
    fake_set_shared(true);
}

TestSuite(inbox, .init = open_sharing, .fini = pair_close);

static void begin_acked(void)
{
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_ACK, 0);
    pair_pump();
    cr_assert_neq(h.events & 1U << BATON_EVENT_MOVED, 0);
}

/* Silence is noticed, and the message to ourselves does not come. */
static void pass_until_renewed(int which)
{
    for (int i = 0; i < 12 && pair_stats(which).workers_renewed == 0; i++) {
        pair_advance_ms(BLOCKED_MS);
    }
    cr_assert_eq(pair_stats(which).workers_renewed, 1);
}

static void end_acked(void)
{
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
}

Test(inbox, the_passive_side_gets_past_it)
{
    begin_acked();
    fake_block(fake_address(ORIGIN));
    pass_until_renewed(ORIGIN);
    end_acked();
    cr_assert_eq(pair_stats(CONSUMER).workers_renewed, 0);
}

Test(inbox, the_active_side_gets_past_it)
{
    fake_block(fake_address(CONSUMER));
    pair_begin(&h, true, 1, LARGE_SIZE, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    cr_assert_eq(baton_operation_get_status(h.active), BATON_OPERATION_INITIALIZED);
    pass_until_renewed(CONSUMER);
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
}

Test(inbox, a_write_gets_past_it)
{
    pair_begin(&h, false, 1, LARGE_SIZE, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_WRITE, FAKE_HOLD, 2);
    pair_pump();
    fake_block(fake_address(ORIGIN));
    fake_release();
    pass_until_renewed(ORIGIN);
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    pair_end(&h);
}

Test(inbox, what_comes_through_is_left_alone)
{
    begin_acked();
    for (int i = 0; i < 20; i++) {
        pair_advance_ms(TICK_MS);
    }
    /* Doubted after 2, 4, 8 and 16 silent ticks, on both sides. */
    cr_assert_eq(fake_loopbacks(), 8);
    cr_assert_eq(pair_stats(ORIGIN).workers_renewed + pair_stats(CONSUMER).workers_renewed, 0);
    end_acked();
}

Test(inbox, nothing_is_looked_at_without_operations)
{
    begin_acked();
    end_acked();
    for (int i = 0; i < 20; i++) {
        pair_advance_ms(TICK_MS);
    }
    cr_assert_eq(fake_loopbacks(), 0);
}

/* A peer without operations has an endpoint to the old address: it is told. */
Test(inbox, who_is_idle_learns_the_new_address)
{
    begin_acked();
    end_acked();
    fake_block(fake_address(ORIGIN));
    baton__loop_enter(connectors[ORIGIN]->loop);
    baton__renewal_begin(connectors[ORIGIN], "a test");
    baton__loop_leave(connectors[ORIGIN]->loop);
    pair_pump();
    pair_advance_ms(RETIRED_MS);
    unsigned known = 0;
    baton__peer *peer = baton__peer_find(connectors[CONSUMER], &connectors[ORIGIN]->instance);
    cr_assert_not_null(peer);
    cr_assert_eq(peer->address_size, sizeof(known));
    memcpy(&known, peer->address, sizeof(known));
    cr_assert_eq(known, fake_address(CONSUMER + 1));
    begin_acked();
    end_acked();
}

Test(inbox, metadata_of_before_leads_nowhere_and_new_metadata_leads_there)
{
    baton_metadata *before = NULL;
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    cr_assert_eq(baton_operation_metadata(h.passive, &before), BATON_OK);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
    uint32_t version = baton__metadata_block(before)->address_version;
    baton__loop_enter(connectors[ORIGIN]->loop);
    baton__renewal_begin(connectors[ORIGIN], "a test");
    baton__loop_leave(connectors[ORIGIN]->loop);
    pair_pump();
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_COMMIT, 0);
    baton_metadata *after = NULL;
    cr_assert_eq(baton_operation_metadata(h.passive, &after), BATON_OK);
    cr_assert_eq(baton__metadata_block(after)->address_version, version + 1);
    /* The old one comes late: what the peer has said since counts. */
    baton__peer *peer = NULL;
    cr_assert_eq(baton__peer_get(connectors[CONSUMER], baton__metadata_block(before), &peer), BATON_OK);
    cr_assert_eq(peer->address_version, version + 1);
    pair_pump();
    pair_expect(&h, BATON_OK, BATON_OK);
    pair_end(&h);
    baton_metadata_destroy(before);
    baton_metadata_destroy(after);
}

static void inject_reset(const baton_uuid *session, const void *body, size_t size)
{
    const baton_connector *to = connectors[CONSUMER];
    baton__frame frame = {.type = BATON__FRAME_RESET,
                          .session = *session,
                          .to_instance = to->instance,
                          .to_epoch = to->epoch};
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), body, size, false);
    pair_pump();
}

/* Who knows a session may end it, and say where its owner is; not where somebody else is. */
Test(inbox, a_reset_with_the_block_of_somebody_else_is_refused)
{
    begin_acked();
    baton__peer *peer = baton__peer_find(connectors[CONSUMER], &connectors[ORIGIN]->instance);
    uint64_t before = pair_stats(CONSUMER).refused_address;
    inject_reset(&peer->out_session, connectors[CONSUMER]->identity->block,
                 connectors[CONSUMER]->identity->size);
    inject_reset(&peer->out_session, "no block", 8);
    cr_assert_eq(pair_stats(CONSUMER).refused_address, before + 2);
    cr_assert(baton__peer_is_up(peer));
    end_acked();
}

/* Places for sessions that there were not are no sessions. */
Test(inbox, no_session_is_known_by_nobody)
{
    begin_acked();
    baton__peer *peer = baton__peer_find(connectors[CONSUMER], &connectors[ORIGIN]->instance);
    const baton__identity *identity = connectors[ORIGIN]->identity;
    baton__block block;
    cr_assert_eq(baton__block_decode(identity->block, identity->size, &block), BATON_OK);
    block.address_version += 1000;
    uint8_t forged[BATON__BLOCK_MAX];
    size_t size = 0;
    cr_assert_eq(baton__block_encode(&block, forged, sizeof(forged), &size), BATON_OK);
    inject_reset(&(baton_uuid){0}, forged, size);
    cr_assert_eq(peer->address_version, 0);
    cr_assert(baton__peer_is_up(peer));
    end_acked();
}

static void renew_origin(void)
{
    baton__loop_enter(connectors[ORIGIN]->loop);
    baton__renewal_begin(connectors[ORIGIN], "a test");
    baton__loop_leave(connectors[ORIGIN]->loop);
}

/* It has not heard of the new worker, nor closed its side. */
Test(inbox, who_does_not_run_has_its_lease_to_come_back)
{
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_ACK, 10000);
    pair_pump();
    renew_origin();
    for (int i = 0; i < 12; i++) {
        while (baton_connector_progress(connectors[ORIGIN]) != 0) {
        }
        fake_clock_advance_ms(BLOCKED_MS);
    }
    pair_pump();
    cr_assert_not(baton_operation_is_over(h.passive));
    end_acked();
}

/* Its metadata is of before, and there was nobody to tell. What is served on the way to the old worker ends with it. */
Test(inbox, who_opens_at_the_old_worker_is_told)
{
    fake_plan(BATON__FRAME_OPEN, FAKE_HOLD, 1);
    pair_begin(&h, true, 1, SMALL, BATON_COMPLETION_ACK, 0);
    pair_pump();
    renew_origin();
    pair_pump();
    fake_release();
    pair_pump();
    const baton__peer *peer = baton__peer_find(connectors[CONSUMER], &connectors[ORIGIN]->instance);
    cr_assert_not_null(peer);
    cr_assert_eq(peer->address_version, 1);
    pair_advance_ms(RETIRED_MS);
    end_acked();
    cr_assert_eq(pair_stats(CONSUMER).sessions_resumed, 1);
    cr_assert_leq(pair_stats(ORIGIN).sessions_resumed, 1);
}

/* Another process has died in the middle of a message to the new worker already, and no operation is left that waits. */
Test(inbox, a_doubt_waits_for_the_end_of_the_last_renewal)
{
    begin_acked();
    end_acked();
    renew_origin();
    pair_pump();
    fake_block(fake_address(ORIGIN));
    baton__loop_enter(connectors[ORIGIN]->loop);
    baton__inbox_suspect(connectors[ORIGIN]);
    baton__loop_leave(connectors[ORIGIN]->loop);
    cr_assert_eq(fake_loopbacks(), 0);
    pair_advance_ms(RETIRED_MS);
    for (int i = 0; i < 3; i++) {
        pair_advance_ms(BLOCKED_MS);
    }
    cr_assert_eq(fake_loopbacks(), 1);
    cr_assert_eq(pair_stats(ORIGIN).workers_renewed, 2);
    begin_acked();
    end_acked();
}

/* The old worker stays, and with it what does not need the queue. */
Test(inbox, without_a_new_worker_nothing_changes)
{
    begin_acked();
    fake_refuse_renewal(true);
    fake_block(fake_address(ORIGIN));
    for (int i = 0; i < 6; i++) {
        pair_advance_ms(BLOCKED_MS);
    }
    cr_assert_eq(pair_stats(ORIGIN).workers_renewed, 0);
    cr_assert_not(baton_operation_is_over(h.passive));
    fake_refuse_renewal(false);
    pass_until_renewed(ORIGIN);
    end_acked();
}

Test(inbox, a_connector_may_end_in_the_middle)
{
    begin_acked();
    fake_block(fake_address(ORIGIN));
    for (int i = 0; i < 3; i++) {
        pair_advance_ms(TICK_MS); /* then it is being probed */
    }
    cr_assert_geq(fake_loopbacks(), 1);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    pair_pump();
    pair_end(&h);
}

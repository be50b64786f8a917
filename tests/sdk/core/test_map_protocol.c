/* SPDX-License-Identifier: Apache-2.0 */
/* The path map over the fake transport: many pieces, lost messages, and messages that nobody should believe. The memory is
 * really mapped. test_map has two processes. */
#include "base/wire.h"
#include "core/engine.h"
#include "memory/pool.h"
#include "support/fake_pair.h"

enum { SIZE = 200 * 1024, POOLS = BATON__MAP_POOLS_MAX + 1 };

static handed h;
static baton_pool *pools[POOLS];

static baton_pool *make_pool(const char *group)
{
    baton_pool_options options = BATON_POOL_OPTIONS_INIT;
    options.capacity_bytes = 4 * 1024 * 1024;
    options.group = group;
    baton_pool *pool = NULL;
    cr_assert_eq(baton_pool_create(&options, &pool), BATON_OK, "%s", baton_error_text());
    return pool;
}

static void open_with_groups(void)
{
    pair_open();
    for (int i = 0; i < 2; i++) {
        connectors[i]->has_map_group = true;
        connectors[i]->map_group = baton__group_key("group");
    }
    for (int i = 0; i < POOLS; i++) {
        pools[i] = make_pool("group");
    }
}

static void close_all(void)
{
    pair_close();
    for (int i = 0; i < POOLS; i++) {
        baton_pool_destroy(pools[i]);
    }
}

TestSuite(map_protocol, .init = open_with_groups, .fini = close_all);

/* Pieces of so many pools, one after the other. */
static void begin(size_t count, size_t of_pools, baton_completion completion, uint32_t lease_ms)
{
    h = (handed){.count = count, .size = SIZE, .read = true};
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(baton_pool_allocate(pools[i % of_pools], SIZE, &h.source[i]), BATON_OK, "%s", baton_error_text());
        cr_assert_eq(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &h.target[i]), BATON_OK);
        pattern_fill(baton_descriptor_pointer(h.source[i]), SIZE, i);
    }
    baton_operation_options options = pair_options(&h, completion, lease_ms);
    cr_assert_eq(baton_connector_create_readable(connectors[ORIGIN], h.source, count, &options, &h.passive), BATON_OK);
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(h.passive, &metadata), BATON_OK);
    options.completion = BATON_COMPLETION_BYTES;
    options.lease_ms = 0;
    cr_assert_eq(baton_connector_begin_read(connectors[CONSUMER], metadata, h.target, count, &options, &h.active), BATON_OK);
    baton_metadata_destroy(metadata);
}

static const char *path(void)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_OK);
    return report.path;
}

static void end_well(const char *wanted)
{
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    cr_assert_str_eq(path(), wanted);
    pair_end(&h);
    for (int i = 0; i < POOLS; i++) {
        baton_pool_stats stats = {.struct_size = sizeof(stats)};
        cr_assert_eq(baton_pool_get_stats(pools[i], &stats), BATON_OK);
        cr_assert_eq(stats.pieces, 0);
    }
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
}

Test(map_protocol, pieces_of_several_pools)
{
    begin(PIECES_MAX, 5, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    cr_assert_eq(pair_stats(CONSUMER).pools_mapped, 5);
    cr_assert_eq(pair_stats(CONSUMER).bytes_mapped, PIECES_MAX * SIZE);
    end_well("map");
}

Test(map_protocol, the_application_has_the_last_word)
{
    begin(2, 1, BATON_COMPLETION_ACK, 1000);
    pair_pump();
    cr_assert_neq(h.events & 1U << BATON_EVENT_MOVED, 0);
    cr_assert_not(baton_operation_is_over(h.passive));
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    end_well("map");
}

/* One secret is proven, so a piece of another group is not for this reader. */
Test(map_protocol, a_piece_of_another_group_is_not_mapped)
{
    baton_pool_destroy(pools[1]);
    pools[1] = make_pool("another");
    begin(2, 2, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    cr_assert_eq(pair_stats(CONSUMER).bytes_mapped, 0);
    cr_assert_eq(pair_stats(ORIGIN).refused_token, 1);
    end_well("am");
}

Test(map_protocol, lost_messages_come_again_in_the_next_session)
{
    static const baton__frame_type lost[] = {BATON__FRAME_GRANT, BATON__FRAME_KEYS, BATON__FRAME_MAP, BATON__FRAME_MOVED};
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        begin(2, 2, BATON_COMPLETION_COMMIT, 0);
        if (lost[i] == BATON__FRAME_MAP) { /* which only a second session needs */
            fake_plan(BATON__FRAME_GRANT, FAKE_DROP, 1);
            pair_pump();
            fake_break();
        }
        fake_plan(lost[i], FAKE_DROP, 1);
        pair_pump();
        cr_assert_not(baton_operation_is_over(h.passive), "%s", baton__frame_type_name(lost[i]));
        fake_break();
        pair_pump();
        end_well("map");
    }
}

/* Keys are only for who proves the secret, whatever else he has. */
Test(map_protocol, a_wrong_proof_gets_no_keys)
{
    connectors[CONSUMER]->map_group = baton__group_key("guess");
    begin(1, 1, BATON_COMPLETION_COMMIT, 1000);
    pair_pump();
    cr_assert_eq(pair_stats(ORIGIN).refused_token, 1);
    cr_assert_eq(fake_sent(BATON__FRAME_KEYS), 1);
    end_well("am");
}

static void send_keys(const uint8_t *body, size_t size, const baton_key *group)
{
    baton_connector *to = connectors[CONSUMER];
    baton__frame frame = {.type = BATON__FRAME_KEYS,
                          .to_instance = to->instance,
                          .to_epoch = to->epoch,
                          .session = h.active->peer->out_session,
                          .operation = h.active->id,
                          .nonce = h.active->a.nonce,
                          .aux = baton__map_proof(group, &h.active->a.nonce, 'O')};
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), body, size, false);
    pair_pump();
}

/* Each of them ends the attempt to map; the read goes on by messages, and the owner is told that nothing is held any more. */
Test(map_protocol, keys_that_make_no_sense_are_refused)
{
    uint8_t good[256];
    size_t good_size = 0;
    const baton__share *share;
    for (int which = 0; which < 7; which++) {
        begin(1, 1, BATON_COMPLETION_COMMIT, 0);
        fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
        pair_pump();
        share = baton__pool_share(h.source[0]);
        baton__writer writer = baton__writer_make(good, sizeof(good));
        baton__write_u16(&writer, which == 0 ? 0 : which == 1 ? 17 : 1);
        baton__write_bytes(&writer, share->id.bytes, sizeof(share->id.bytes));
        baton__write_u64(&writer, (uint64_t)(uintptr_t)share->segment->pointer);
        baton__write_u64(&writer, which == 2 ? SIZE - 1 : share->segment->size);
        baton__write_u16(&writer, (uint16_t)share->segment->key_size);
        baton__write_bytes(&writer, share->segment->key, share->segment->key_size);
        baton__write_u16(&writer, which == 3 ? 1 : 0);
        baton__write_u64(&writer, which == 4 ? share->segment->size - SIZE + 1 : which == 5 ? UINT64_MAX : 0);
        good_size = writer.used + (which == 6);
        send_keys(good, good_size, &connectors[CONSUMER]->map_group);
        fake_reset();
        pair_pump();
        cr_assert_eq(pair_stats(CONSUMER).bytes_mapped, 0, "%d", which);
        end_well("am");
    }
    cr_assert_eq(fake_sent(BATON__FRAME_MAP), 0, "counts were reset");
}

Test(map_protocol, keys_from_who_does_not_know_the_secret_are_not_used)
{
    begin(1, 1, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
    pair_pump();
    baton_key other = baton__group_key("guess");
    send_keys((const uint8_t *)"keys", 4, &other);
    cr_assert_eq(pair_stats(CONSUMER).refused_token, 1);
    fake_reset();
    pair_pump();
    end_well("am");
}

Test(map_protocol, keys_that_nobody_asked_for)
{
    begin(1, 1, BATON_COMPLETION_ACK, 0);
    pair_pump(); /* copied, and not acknowledged yet */
    uint64_t before = pair_stats(CONSUMER).refused_state;
    send_keys((const uint8_t *)"keys", 4, &connectors[CONSUMER]->map_group);
    cr_assert_eq(pair_stats(CONSUMER).refused_state, before + 1);
    cr_assert_eq(baton_operation_ack(h.active, NULL, 0), BATON_OK);
    pair_pump();
    end_well("map");
}

/* The reader ends it by its own deadline while nobody hears it: its word comes with the next connection. */
Test(map_protocol, a_release_that_could_not_be_sent_comes_later)
{
    begin(1, 1, BATON_COMPLETION_ACK, 1000);
    pair_pump();
    fake_set_cut(true);
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    for (int i = 0; i < 12; i++) {
        pair_advance_ms(200);
    }
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 1);
    fake_set_cut(false);
    fake_release();
    pair_pump();
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    pair_end(&h);
}

/* The same where the connection is lost at that very moment. */
Test(map_protocol, a_release_survives_the_loss_of_its_session)
{
    begin(1, 1, BATON_COMPLETION_ACK, 0);
    pair_pump();
    fake_break();
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    (void)baton_connector_progress(connectors[CONSUMER]);
    pair_pump();
    cr_assert_eq(fake_sent(BATON__FRAME_RELEASE), 1);
    cr_assert_null(baton__peer_find(connectors[CONSUMER], &connectors[ORIGIN]->instance)->releases);
    pair_advance_ms(2100); /* the time to come back is over */
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_PEER_LOST);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    pair_end(&h);
}

Test(map_protocol, a_mapping_is_undone_when_nobody_has_used_it_for_a_while)
{
    begin(1, 1, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    end_well("map");
    cr_assert_eq(pair_stats(CONSUMER).pools_mapped, 1);
    pair_advance_ms(BATON__MAP_IDLE_MS - 100);
    cr_assert_eq(pair_stats(CONSUMER).pools_mapped, 1);
    pair_advance_ms(200);
    cr_assert_eq(pair_stats(CONSUMER).pools_mapped, 0);
}

/* The reader has copied the first of many pieces. */
static void begin_in_the_middle(baton_completion completion, uint32_t lease_ms)
{
    begin(PIECES_MAX, 1, completion, lease_ms);
    fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
    pair_pump();
    fake_release();
    (void)baton_connector_progress(connectors[CONSUMER]);
    cr_assert_eq(pair_stats(CONSUMER).bytes_mapped, BATON__CHUNK_BYTES);
}

/* Its owner is lost for good: nothing is copied any more into what the application has back. */
Test(map_protocol, a_read_that_loses_its_owner_in_the_middle_copies_no_more)
{
    begin_in_the_middle(BATON_COMPLETION_COMMIT, 0);
    fake_set_unreachable(true);
    fake_break();
    for (int i = 0; i < 100 && !baton_operation_is_over(h.active); i++) {
        (void)baton_connector_progress(connectors[CONSUMER]);
    }
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_PEER_LOST);
    cr_assert_lt(pair_stats(CONSUMER).bytes_mapped, PIECES_MAX * SIZE);
    cr_assert_null(connectors[CONSUMER]->copying);
    pair_pump();
    pair_advance_ms(2100);
    pair_advance_ms(200);
    pair_end(&h);
    pair_advance_ms(BATON__MAP_IDLE_MS);
    cr_assert_eq(pair_stats(CONSUMER).pools_mapped, 0);
}

/* Signs of life of a reader that has not heard yet that it is over: it may still be copying. */
Test(map_protocol, a_renewal_gives_no_memory_back)
{
    static const baton__frame_type types[] = {BATON__FRAME_RENEW, BATON__FRAME_MAP};
    begin_in_the_middle(BATON_COMPLETION_COMMIT, 60000);
    fake_plan(BATON__FRAME_CANCEL, FAKE_HOLD, 1);
    cr_assert_eq(baton_operation_cancel(h.passive), BATON_OK);
    (void)baton_connector_progress(connectors[ORIGIN]);
    fake_clock_advance_ms(200);
    for (int i = 0; i < 4; i++) {
        (void)baton_connector_progress(connectors[ORIGIN]);
    }
    cr_assert_eq(baton_operation_reason(h.passive), BATON_ERR_QUARANTINED);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 1);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        baton_connector *to = connectors[ORIGIN];
        baton__frame frame = {.type = types[i],
                              .to_instance = to->instance,
                              .to_epoch = to->epoch,
                              .session = h.active->peer->out_session,
                              .operation = h.active->id,
                              .key = h.active->a.token,
                              .nonce = h.active->a.nonce};
        uint8_t header[BATON__FRAME_SIZE];
        baton__frame_encode(&frame, header);
        fake_inject(ORIGIN, header, sizeof(header), NULL, 0, false);
        (void)baton_connector_progress(connectors[ORIGIN]);
        cr_assert_eq(pair_stats(ORIGIN).quarantined, 1, "%s", baton__frame_type_name(types[i]));
    }
    cr_assert_neq(connectors[CONSUMER]->copying, NULL);
    fake_release();
    pair_pump();
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    pair_end(&h);
}

/* The keys never came, but they were sent: the owner waits for a word. */
Test(map_protocol, a_read_that_ends_before_its_keys_came_lets_go)
{
    begin(1, 1, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_KEYS, FAKE_DROP, 1);
    pair_pump();
    fake_break();
    cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
    pair_pump();
    pair_advance_ms(2100);
    pair_advance_ms(200);
    cr_assert(baton_operation_is_over(h.passive));
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    pair_end(&h);
}

/* What it sent last was lost, and nobody answers: it reads nothing any more. */
Test(map_protocol, a_read_that_ends_without_an_answer_lets_go)
{
    begin(1, 1, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_MOVED, FAKE_DROP, 1);
    pair_pump();
    fake_break();
    cr_assert_eq(baton_operation_fail(h.active, BATON_ERR_DEADLINE), BATON_OK);
    pair_pump();
    cr_assert_eq(baton_operation_reason(h.active), BATON_ERR_UNCONFIRMED);
    pair_advance_ms(2100);
    pair_advance_ms(200);
    cr_assert(baton_operation_is_over(h.passive));
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
    pair_end(&h);
}

typedef struct settling {
    baton_task task;
    baton_settlement settlement;
    baton_key key;
    baton_status status;
} settling;

static void settle_now(baton_task *task)
{
    settling *s = (settling *)task;
    s->status = baton_operation_settle(h.passive, s->settlement, &s->key, BATON_ERR_CANCELLED, NULL, 0);
}

/* What a reader acknowledges by another channel, it has read. */
Test(map_protocol, a_settlement_ends_the_hold)
{
    static const baton_settlement settlements[] = {BATON_SETTLE_DONE, BATON_SETTLE_NACK};
    static const baton_status reasons[] = {BATON_OK, BATON_ERR_NACKED};
    for (size_t i = 0; i < 2; i++) {
        begin(1, 1, BATON_COMPLETION_ACK, 1000);
        pair_pump();
        baton_settle_keys keys;
        cr_assert_eq(baton_operation_settle_keys(h.active, &keys), BATON_OK);
        settling s = {.task = {.run = settle_now}, .settlement = settlements[i], .key = keys.ack_key};
        cr_assert(baton_loop_post(baton_connector_loop(connectors[ORIGIN]), &s.task));
        pair_pump();
        cr_assert_eq(s.status, BATON_OK);
        cr_assert(baton_operation_is_over(h.passive), "%zu", i);
        cr_assert_eq(baton_operation_reason(h.passive), reasons[i]);
        cr_assert_eq(baton_operation_cancel(h.active), BATON_OK);
        pair_pump();
        pair_end(&h);
    }
}

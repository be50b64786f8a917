/* SPDX-License-Identifier: Apache-2.0 */
/* Views that cannot be had, calls that make no sense, and messages that nobody should believe while one is held. */
#include "base/wire.h"
#include "support/view_pair.h"

enum { SIZE = 200 * 1024 };

TestSuite(view_refused, .init = view_open, .fini = view_close);

static void expect_refusal(const baton_metadata *metadata, baton_status status, const char *words)
{
    baton_operation *view = NULL;
    cr_assert_eq(baton_connector_begin_view(connectors[CONSUMER], metadata, NULL, &view), status);
    cr_assert_null(view);
    cr_assert_not_null(strstr(baton_error_text(), words), "%s", baton_error_text());
}

/* The origin's handle and memory. */
static void end_origin(void)
{
    baton_operation_destroy(h.passive);
    for (size_t i = 0; i < h.count; i++) {
        baton_descriptor_release(h.source[i]);
    }
}

Test(view_refused, what_the_metadata_tells_is_told_at_once)
{
    baton_metadata *metadata = view_offer(1, 1, SIZE, BATON_COMPLETION_BYTES, 0);
    connectors[CONSUMER]->has_map_group = false;
    expect_refusal(metadata, BATON_ERR_NOT_SUPPORTED, "map_group");
    connectors[CONSUMER]->has_map_group = true;
    connectors[CONSUMER]->process.boot_id[0] ^= 1;
    expect_refusal(metadata, BATON_ERR_NOT_SUPPORTED, "another host");
    connectors[CONSUMER]->process.boot_id[0] ^= 1;
    expect_refusal(NULL, BATON_ERR_INVALID_ARGUMENT, "no metadata");
    cr_assert_eq(baton_connector_begin_view(connectors[CONSUMER], metadata, NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
    baton_operation *view = NULL;
    baton_operation_options wrong = BATON_OPERATION_OPTIONS_INIT;
    wrong.deadline_ms = 0;
    cr_assert_eq(baton_connector_begin_view(connectors[CONSUMER], metadata, &wrong, &view), BATON_ERR_INVALID_ARGUMENT);
    baton_metadata_destroy(metadata);
    baton_operation_destroy(h.passive);
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    baton_descriptor *host = NULL;
    cr_assert_eq(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &host), BATON_OK);
    cr_assert_eq(baton_connector_create_readable(connectors[ORIGIN], &host, 1, &options, &h.passive), BATON_OK);
    cr_assert_eq(baton_operation_metadata(h.passive, &metadata), BATON_OK);
    expect_refusal(metadata, BATON_ERR_NOT_SUPPORTED, "of a pool");
    baton_metadata_destroy(metadata);
    baton_operation_destroy(h.passive);
    cr_assert_eq(baton_connector_create_writable(connectors[ORIGIN], h.source, 1, &options, &h.passive), BATON_OK);
    cr_assert_eq(baton_operation_metadata(h.passive, &metadata), BATON_OK);
    expect_refusal(metadata, BATON_ERR_KIND_MISMATCH, "writable");
    baton_metadata_destroy(metadata);
    baton_descriptor_release(host);
    end_origin();
}

static void expect_end(baton_status active, const char *why)
{
    pair_pump();
    cr_assert_eq(baton_operation_wait_view(h.active, 0), active, "%s", baton_error_text());
    cr_assert_not_null(strstr(baton_error_text(), why), "%s", baton_error_text());
    baton_operation_report report = {.struct_size = sizeof(report)};
    cr_assert_eq(baton_operation_get_report(h.active, &report), BATON_OK);
    cr_assert_not_null(strstr(report.why_not_map, why), "%s", report.why_not_map);
    cr_assert_eq(report.bytes_moved, 0, "never a copy");
    view_end(BATON_ERR_PEER_FAILED, active);
}

Test(view_refused, what_only_the_peer_knows_ends_it)
{
    view_begin(1, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    connectors[CONSUMER]->map_group = baton__group_key("guess");
    expect_end(BATON_ERR_FORBIDDEN, "secret");
    connectors[CONSUMER]->map_group = baton__group_key("group");
    baton_metadata *metadata = view_offer(1, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    baton_metadata_destroy(metadata);
    end_origin();
}

Test(view_refused, calls_on_what_is_no_view)
{
    pair_begin(&h, true, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    pair_pump();
    baton_operation *const operations[] = {h.active, h.passive, NULL};
    for (size_t i = 0; i < 3; i++) {
        const void *pointer = NULL;
        size_t size = 0;
        int fd = -1;
        cr_assert_eq(baton_operation_view(operations[i], 0, &pointer, &size), BATON_ERR_INVALID_ARGUMENT);
        cr_assert_eq(baton_operation_wait_view(operations[i], 0), BATON_ERR_INVALID_ARGUMENT);
        cr_assert_eq(baton_operation_view_fd(operations[i], &fd), BATON_ERR_INVALID_ARGUMENT);
        cr_assert_eq(baton_operation_release_view(operations[i]), BATON_ERR_INVALID_ARGUMENT);
        cr_assert(pointer == NULL && size == 0 && fd == -1);
    }
    pair_end(&h);
}

Test(view_refused, calls_that_come_too_early_or_ask_for_too_much)
{
    view_begin(1, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    const void *pointer = NULL;
    size_t size = 0;
    baton_descriptor *descriptor = NULL;
    cr_assert_eq(baton_operation_view(h.active, 0, &pointer, &size), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_operation_release_view(h.active), BATON_ERR_WRONG_STATE);
    cr_assert_eq(baton_operation_result(h.active, 0, &descriptor), BATON_ERR_WRONG_STATE);
    pair_pump();
    cr_assert_eq(baton_operation_view(h.active, 1, &pointer, &size), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_view(h.active, 0, NULL, &size), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_view(h.active, 0, &pointer, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_operation_view_fd(h.active, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(pointer == NULL && size == 0 && descriptor == NULL);
    cr_assert_eq(baton_operation_count(h.active), 1);
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    view_end(BATON_OK, BATON_OK);
}

static void inject(baton__frame_type type, const void *body, size_t size, uint32_t d)
{
    baton_connector *to = connectors[CONSUMER];
    baton__frame frame = {.type = type,
                          .d = d,
                          .to_instance = to->instance,
                          .to_epoch = to->epoch,
                          .session = h.active->peer->out_session,
                          .operation = h.active->id,
                          .nonce = h.active->a.nonce,
                          .aux = baton__map_proof(&to->map_group, &h.active->a.nonce, 'O')};
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(&frame, header);
    fake_inject(CONSUMER, header, sizeof(header), body, size, false);
    pair_pump();
}

/* It has no memory of its own that anything could be written to, and no answer is due before the release. */
Test(view_refused, messages_that_do_not_fit_a_view_change_nothing)
{
    static const baton__frame_type types[] = {BATON__FRAME_DATA, BATON__FRAME_COMMIT, BATON__FRAME_NACKED,
                                              BATON__FRAME_WROTE, BATON__FRAME_GRANT, BATON__FRAME_KEYS};
    static const uint8_t body[100];
    view_take(SIZE, BATON_COMPLETION_COMMIT, 0);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        inject(types[i], body, baton__frame_has_payload(types[i]) ? sizeof(body) : 0, 0);
        view_expect_readable();
        cr_assert_not(baton_operation_is_over(h.active), "%s", baton__frame_type_name(types[i]));
    }
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    view_end(BATON_OK, BATON_OK);
}

Test(view_refused, data_before_the_keys_is_refused)
{
    static const uint8_t body[SIZE];
    view_begin(1, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
    pair_pump();
    inject(BATON__FRAME_DATA, body, sizeof(body), 0);
    cr_assert_eq(pair_stats(CONSUMER).refused_state, 1);
    fake_release();
    pair_pump();
    view_expect_readable();
    cr_assert_eq(baton_operation_release_view(h.active), BATON_OK);
    pair_pump();
    view_end(BATON_OK, BATON_OK);
}

Test(view_refused, keys_that_reach_beyond_the_pool_end_it)
{
    view_begin(1, 1, SIZE, BATON_COMPLETION_COMMIT, 0);
    fake_plan(BATON__FRAME_KEYS, FAKE_HOLD, 1);
    pair_pump();
    uint8_t keys[256];
    const baton__share *share = baton__pool_share(h.source[0]);
    baton__writer writer = baton__writer_make(keys, sizeof(keys));
    baton__write_u16(&writer, 1);
    baton__write_bytes(&writer, share->id.bytes, sizeof(share->id.bytes));
    baton__write_u64(&writer, (uint64_t)(uintptr_t)share->segment->pointer);
    baton__write_u64(&writer, share->segment->size);
    baton__write_u16(&writer, (uint16_t)share->segment->key_size);
    baton__write_bytes(&writer, share->segment->key, share->segment->key_size);
    baton__write_u16(&writer, 0);
    baton__write_u64(&writer, share->segment->size - SIZE + 1);
    inject(BATON__FRAME_KEYS, keys, writer.used, 0);
    fake_reset();
    expect_end(BATON_ERR_MALFORMED, "do not fit");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that speaks raw UCX and means no good: everything is refused and counted, and a proper operation beside it
 * still completes. */
#include "core/engine.h"
#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <ucp/api/ucp.h>

enum { SIZE = 20000, PATIENCE_MS = 20000 };

static ucp_context_h context;
static ucp_worker_h worker;
static ucp_ep_h ep;
static baton_connector *victim;
static baton_operation *readable;
static baton_metadata *metadata;
static unsigned char memory[SIZE];
static baton__frame last; /* what the victim sent */
static unsigned grants;
static baton_uuid own_instance; /* one for all OPENs: there is one worker */
static baton_uuid own_session;

static ucs_status_t on_frame(void *argument, const void *header, size_t length, void *data, size_t size,
                             const ucp_am_recv_param_t *param)
{
    (void)argument;
    (void)data;
    (void)size;
    (void)param;
    cr_assert_eq(baton__frame_decode(header, length, &last), BATON_OK);
    grants += last.type == BATON__FRAME_GRANT;
    return UCS_OK;
}

static void open_raw(const baton__block *block)
{
    ucp_params_t params = {.field_mask = UCP_PARAM_FIELD_FEATURES, .features = UCP_FEATURE_AM};
    ucp_worker_params_t worker_params = {.field_mask = 0};
    cr_assert_eq(ucp_init(&params, NULL, &context), UCS_OK);
    cr_assert_eq(ucp_worker_create(context, &worker_params, &worker), UCS_OK);
    ucp_am_handler_param_t handler = {.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB,
                                      .id = 0xBA,
                                      .cb = on_frame};
    cr_assert_eq(ucp_worker_set_am_recv_handler(worker, &handler), UCS_OK);
    ucp_ep_params_t ep_params = {
        .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE,
        .address = (const ucp_address_t *)block->address,
        .err_mode = UCP_ERR_HANDLING_MODE_PEER};
    cr_assert_eq(ucp_ep_create(worker, &ep_params, &ep), UCS_OK);
}

static void send_raw(unsigned id, const void *header, size_t header_size, const void *data, size_t size,
                     uint32_t flags)
{
    ucp_request_param_t params = {.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS, .flags = flags};
    ucs_status_ptr_t request = ucp_am_send_nbx(ep, id, header, header_size, data, size, &params);
    cr_assert(!UCS_PTR_IS_ERR(request));
    while (request != NULL && ucp_request_check_status(request) == UCS_INPROGRESS) {
        (void)ucp_worker_progress(worker);
    }
    if (request != NULL) {
        ucp_request_free(request);
    }
}

static void send_frame(const baton__frame *frame, const void *data, size_t size)
{
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame_encode(frame, header);
    send_raw(0xBA, header, sizeof(header), data, size, UCP_AM_SEND_FLAG_EAGER);
}

static baton_connector_stats stats(void)
{
    baton_connector_stats now = {.struct_size = sizeof(now)};
    cr_assert_eq(baton_connector_get_stats(victim, &now), BATON_OK);
    return now;
}

/* Waits until the counter has grown by so many. */
#define GROWS(field, by, action)                                                                   \
    do {                                                                                           \
        uint64_t before_ = stats().field;                                                          \
        action;                                                                                    \
        uint64_t end_ = baton__clock_now(&baton__clock_boottime) + PATIENCE_MS * BATON__NS_PER_MS;      \
        while (stats().field < before_ + (by)) {                                                   \
            (void)ucp_worker_progress(worker);                                                     \
            (void)sched_yield();                                                                   \
            cr_assert_lt(baton__clock_now(&baton__clock_boottime), end_, #field " does not grow");      \
        }                                                                                          \
        cr_assert_eq(stats().field, before_ + (by), #field);                                       \
    } while (0)

static void set_up(void)
{
    baton_descriptor *descriptor = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.readers = 2;
    options.completion = BATON_COMPLETION_COMMIT;
    own_instance = baton_uuid_random();
    own_session = baton_uuid_random();
    cr_assert_eq(baton_connector_create(NULL, &victim), BATON_OK);
    cr_assert_eq(baton_descriptor_from_pointer(memory, SIZE, BATON_DEVICE_HOST, NULL, NULL, &descriptor), BATON_OK);
    cr_assert_eq(baton_connector_create_readable(victim, &descriptor, 1, &options, &readable), BATON_OK);
    cr_assert_eq(baton_operation_metadata(readable, &metadata), BATON_OK);
    baton_descriptor_release(descriptor);
    open_raw(baton__metadata_block(metadata));
}

static baton__frame frame_of(baton__frame_type type)
{
    const baton__block *block = baton__metadata_block(metadata);
    return (baton__frame){.type = type,
                          .to_instance = block->instance,
                          .to_epoch = block->epoch,
                          .operation = block->operation_id};
}

static void read_properly(void)
{
    baton_connector *reader = NULL;
    baton_descriptor *into = NULL;
    baton_operation *read = NULL;
    cr_assert_eq(baton_connector_create(NULL, &reader), BATON_OK);
    cr_assert_eq(baton_descriptor_allocate(SIZE, BATON_DEVICE_HOST, &into), BATON_OK);
    cr_assert_eq(baton_connector_begin_read(reader, metadata, &into, 1, NULL, &read), BATON_OK);
    cr_assert_eq(baton_operation_wait(read, PATIENCE_MS), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(memcmp(baton_descriptor_pointer(into), memory, SIZE), 0);
    baton_operation_destroy(read);
    baton_descriptor_release(into);
    baton_connector_destroy(reader);
}

static void tear_down(void)
{
    read_properly();
    ucp_request_param_t force = {.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS, .flags = UCP_EP_CLOSE_FLAG_FORCE};
    ucs_status_ptr_t request = ucp_ep_close_nbx(ep, &force);
    while (UCS_PTR_IS_PTR(request) && ucp_request_check_status(request) == UCS_INPROGRESS) {
        (void)ucp_worker_progress(worker);
    }
    if (UCS_PTR_IS_PTR(request)) {
        ucp_request_free(request);
    }
    baton_operation_destroy(readable);
    baton_metadata_destroy(metadata);
    baton_connector_destroy(victim);
    ucp_worker_destroy(worker);
    ucp_cleanup(context);
}

Test(hostile, every_identifier_is_refused)
{
    set_up();
    GROWS(refused_identifier, 65535, for (unsigned id = 0; id < 65536; id++) {
        if (id != 0xBA) {
            send_raw(id, "x", 1, NULL, 0, UCP_AM_SEND_FLAG_EAGER);
        }
    });
    GROWS(refused_identifier, 1, send_raw(60000, "x", 1, memory, 1 << 14, UCP_AM_SEND_FLAG_RNDV));
    tear_down();
}

Test(hostile, broken_headers_are_refused)
{
    set_up();
    uint8_t header[BATON__FRAME_SIZE + 1] = {0};
    baton__frame frame = frame_of(BATON__FRAME_READ);
    baton__frame_encode(&frame, header);
    for (size_t size = 0; size <= sizeof(header); size++) {
        if (size != BATON__FRAME_SIZE) {
            GROWS(refused_length, 1, send_raw(0xBA, header, size, NULL, 0, UCP_AM_SEND_FLAG_EAGER));
        }
    }
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 1}, {3, 0}, {3, BATON__FRAME_TYPES}, {3, 255}, {132, 1}};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        baton__frame_encode(&frame, header);
        header[changes[i].at] = changes[i].value;
        GROWS(refused_length, 1, send_raw(0xBA, header, BATON__FRAME_SIZE, NULL, 0, UCP_AM_SEND_FLAG_EAGER));
    }
    baton__frame_encode(&frame, header);
    header[2] = 9;
    GROWS(refused_version, 1, send_raw(0xBA, header, BATON__FRAME_SIZE, NULL, 0, UCP_AM_SEND_FLAG_EAGER));
    GROWS(refused_length, 1, send_frame(&frame, memory, 10)); /* a READ has no payload */
    tear_down();
}

Test(hostile, payloads_of_a_wrong_size_or_kind_are_refused)
{
    set_up();
    uint8_t header[BATON__FRAME_SIZE];
    baton__frame ack = frame_of(BATON__FRAME_ACK);
    unsigned char *big = calloc(1, BATON_RESULT_MAX + 1);
    GROWS(refused_length, 1, send_frame(&ack, big, BATON_RESULT_MAX + 1));
    free(big);
    baton__frame_encode(&ack, header);
    GROWS(refused_length, 1, send_raw(0xBA, header, sizeof(header), memory, SIZE, UCP_AM_SEND_FLAG_RNDV));
    baton__frame open = frame_of(BATON__FRAME_OPEN);
    GROWS(refused_length, 1, send_frame(&open, NULL, 0));
    baton__frame_encode(&open, header);
    GROWS(refused_length, 1, send_raw(0xBA, header, sizeof(header), memory, SIZE, UCP_AM_SEND_FLAG_RNDV));
    tear_down();
}

Test(hostile, a_broken_address_block_is_refused_before_ucx_sees_it)
{
    set_up();
    size_t size;
    const void *block = baton_metadata_transport_block(metadata, &size);
    uint8_t *copy = malloc(size);
    baton__frame open = frame_of(BATON__FRAME_OPEN);
    for (size_t i = 0; i < size; i += 7) {
        memcpy(copy, block, size);
        copy[i] ^= 0x40;
        GROWS(refused_address, 1, send_frame(&open, copy, size));
    }
    GROWS(refused_address, 1, send_frame(&open, block, size - 1));
    free(copy);
    tear_down();
}

Test(hostile, what_is_meant_for_others_is_refused)
{
    set_up();
    baton__frame frame = frame_of(BATON__FRAME_READ);
    frame.to_epoch++;
    GROWS(refused_instance, 1, send_frame(&frame, NULL, 0));
    frame = frame_of(BATON__FRAME_MOVED);
    frame.to_instance = baton_uuid_random();
    GROWS(refused_instance, 1, send_frame(&frame, NULL, 0));
    frame = frame_of(BATON__FRAME_READ);
    frame.operation = baton_uuid_random();
    GROWS(refused_operation, 1, send_frame(&frame, NULL, 0));
    frame = frame_of(BATON__FRAME_COMMIT);
    GROWS(refused_operation, 1, send_frame(&frame, NULL, 0));
    frame = frame_of(BATON__FRAME_RESET);
    GROWS(refused_session, 1, send_frame(&frame, NULL, 0));
    tear_down();
}

/* An OPEN of our own, with the right token if asked for, and its block. */
static baton__frame make_open(bool right_token, uint64_t chunk_size, uint8_t encoded[BATON__BLOCK_MAX],
                              size_t *size_out)
{
    ucp_address_t *address;
    const baton__block *of_victim = baton__metadata_block(metadata);
    baton__block block = {.instance = own_instance, .epoch = 1, .operation_id = of_victim->operation_id,
                          .attempt = 1, .transport_major = 1, .name = "raw"};
    cr_assert_eq(ucp_worker_get_address(worker, &address, &block.address_size), UCS_OK);
    block.address = (const uint8_t *)address;
    cr_assert_eq(baton__block_encode(&block, encoded, BATON__BLOCK_MAX, size_out), BATON_OK);
    ucp_worker_release_address(worker, address);
    baton__frame open = frame_of(BATON__FRAME_OPEN);
    open.session = own_session;
    open.key = right_token ? of_victim->claim_token : baton_key_random();
    open.nonce = baton_key_random();
    open.a = SIZE;
    open.b = chunk_size;
    open.c = 1;
    open.d = baton__open_pack(1, BATON_OPERATION_READ, 0);
    return open;
}

/* The same, sent; waits for the answer. */
static baton__frame open_as(bool right_token, uint64_t chunk_size)
{
    static uint8_t encoded[BATON__BLOCK_MAX];
    size_t size = 0;
    baton__frame open = make_open(right_token, chunk_size, encoded, &size);
    last = (baton__frame){0};
    send_frame(&open, encoded, size);
    uint64_t end = baton__clock_now(&baton__clock_boottime) + PATIENCE_MS * BATON__NS_PER_MS;
    while (last.type != BATON__FRAME_GRANT && last.type != BATON__FRAME_REFUSE) {
        (void)ucp_worker_progress(worker);
        cr_assert_lt(baton__clock_now(&baton__clock_boottime), end, "no answer to OPEN");
    }
    baton__frame answer = last;
    if (right_token && answer.type == BATON__FRAME_GRANT) {
        GROWS(refused_duplicate, 1, send_frame(&open, encoded, size)); /* the very same again */
    }
    return answer;
}

/* What it says of itself is not believed: no place in the table, no endpoint, no answer. */
Test(hostile, a_stranger_without_the_token_costs_nothing)
{
    static uint8_t encoded[BATON__BLOCK_MAX];
    size_t size = 0;
    set_up();
    baton_connector_stats before = stats();
    for (int i = 0; i < 100; i++) {
        own_instance = baton_uuid_random();
        baton__frame open = make_open(false, BATON__CHUNK_BYTES, encoded, &size);
        if (i % 2 == 0) {
            open.operation = baton_uuid_random();
        }
        GROWS(refused_token, 1, send_frame(&open, encoded, size));
    }
    baton_connector_stats after = stats();
    cr_assert_eq(after.peers_live, before.peers_live);
    cr_assert_eq(after.endpoints_created, before.endpoints_created);
    tear_down();
}

Test(hostile, a_wrong_token_and_a_wrong_plan_are_refused_with_a_reason)
{
    set_up();
    baton__frame answer = open_as(true, 4097);
    cr_assert_eq(answer.type, BATON__FRAME_REFUSE);
    cr_assert_eq(baton__reason_unpack(answer.c), BATON_ERR_INVALID_ARGUMENT);
    answer = open_as(false, BATON__CHUNK_BYTES); /* it is known by now */
    cr_assert_eq(answer.type, BATON__FRAME_REFUSE);
    cr_assert_eq(baton__reason_unpack(answer.c), BATON_ERR_FORBIDDEN);
    cr_assert_eq(grants, 0);
    tear_down();
}

Test(hostile, a_consumer_that_was_granted_is_held_to_its_rights)
{
    set_up();
    baton__frame grant = open_as(true, BATON__CHUNK_BYTES);
    cr_assert_eq(grant.type, BATON__FRAME_GRANT);
    baton__frame frame = frame_of(BATON__FRAME_READ);
    frame.session = grant.session;
    frame.nonce = grant.nonce;
    frame.key = baton_key_random();
    frame.c = 1;
    GROWS(refused_token, 1, send_frame(&frame, NULL, 0));
    frame.key = grant.key;
    frame.session = baton_uuid_random();
    GROWS(refused_session, 1, send_frame(&frame, NULL, 0));
    frame.session = grant.session;
    static const struct {
        uint32_t chunk;
        uint32_t count;
    } bad[] = {{1, 1}, {0, 2}, {0, 0}, {UINT32_MAX, 1}, {0, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        frame.d = bad[i].chunk;
        frame.c = bad[i].count;
        GROWS(refused_bounds, 1, send_frame(&frame, NULL, 0));
    }
    frame.type = BATON__FRAME_WRITE;
    frame.d = 0;
    GROWS(refused_state, 1, send_frame(&frame, memory, 100)); /* a readable is not written */
    frame.type = BATON__FRAME_ACK;
    GROWS(refused_state, 1, send_frame(&frame, "x", 1)); /* nor acknowledged in this mode */
    tear_down();
}

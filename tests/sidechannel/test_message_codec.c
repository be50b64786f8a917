/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include "sidechannel/message_sample.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect_text(const char *a, const char *b)
{
    cr_expect_eq(a == NULL, b == NULL);
    if (a != NULL && b != NULL) {
        cr_expect_str_eq(a, b);
    }
}

static void expect_tensors(const baton__message *a, const baton__message *b)
{
    cr_assert_eq(a->tensors == NULL, b->tensors == NULL);
    for (size_t i = 0; a->tensors != NULL && i < baton_metadata_count(a->metadata); i++) {
        const baton_tensor *x = &a->tensors[i];
        const baton_tensor *y = &b->tensors[i];
        cr_expect_eq(x->type_code, y->type_code);
        cr_expect_eq(x->type_bits, y->type_bits);
        cr_expect_eq(x->type_lanes, y->type_lanes);
        cr_expect_eq(x->dimensions, y->dimensions);
        cr_expect_eq(memcmp(x->shape, y->shape, x->dimensions * sizeof(x->shape[0])), 0);
    }
}

static void expect_metadata(const baton_metadata *a, const baton_metadata *b)
{
    uint8_t encoded[2][4096];
    size_t size[2];
    cr_assert_eq(a == NULL, b == NULL);
    if (a != NULL) {
        cr_assert_eq(baton_metadata_encode(a, encoded[0], sizeof(encoded[0]), &size[0]), BATON_OK);
        cr_assert_eq(baton_metadata_encode(b, encoded[1], sizeof(encoded[1]), &size[1]), BATON_OK);
        cr_expect_eq(size[0], size[1]);
        cr_expect_eq(memcmp(encoded[0], encoded[1], size[0]), 0);
    }
}

static void expect_more(const baton__message *a, const baton__message *b)
{
    cr_assert_eq(a->more_count, b->more_count);
    for (uint32_t i = 0; i < a->more_count; i++) {
        cr_expect(baton_uuid_equal(&a->more[i].id, &b->more[i].id));
        cr_expect_eq(a->more[i].attempt, b->more[i].attempt);
        cr_expect(baton_key_equal(&a->more[i].key, &b->more[i].key));
    }
}

static void expect_equal(const baton__message *a, const baton__message *b)
{
    cr_expect_eq(a->type, b->type);
    cr_expect(baton_uuid_equal(&a->id, &b->id));
    cr_expect_eq(a->attempt, b->attempt);
    cr_expect_str_eq(a->origin, b->origin);
    cr_expect_str_eq(a->worker, b->worker);
    cr_expect(baton_key_equal(&a->key, &b->key));
    cr_expect_eq(a->reason, b->reason);
    cr_expect_eq(a->epoch, b->epoch);
    cr_expect_eq(a->ttl_ms, b->ttl_ms);
    cr_expect_eq(a->deadline_ms, b->deadline_ms);
    cr_expect_eq(a->lease_ms, b->lease_ms);
    cr_expect_eq(a->acknowledge, b->acknowledge);
    expect_text(a->text, b->text);
    expect_text(a->result, b->result);
    expect_text(a->user, b->user);
    expect_metadata(a->metadata, b->metadata);
    expect_tensors(a, b);
    expect_more(a, b);
}

static void round_trip(const baton__message *message)
{
    char *text = NULL;
    size_t size = 0;
    baton__message again;
    cr_assert_eq(baton__message_encode(message, &text, &size), BATON_OK, "%s", baton_error_text());
    cr_expect_eq(size, strlen(text));
    cr_assert_eq(baton__message_decode(text, size, 65536, &again), BATON_OK, "%s: %s",
                 baton_error_text(), text);
    expect_equal(message, &again);
    baton__message_fini(&again);
    free(text);
}

static const baton__message_type answers[] = {
    BATON__MESSAGE_BUSY,   BATON__MESSAGE_REJECT, BATON__MESSAGE_PROGRESS,
    BATON__MESSAGE_DONE,   BATON__MESSAGE_NACK,   BATON__MESSAGE_FAIL,
    BATON__MESSAGE_CANCEL, BATON__MESSAGE_COMMIT, BATON__MESSAGE_NACKED,
    BATON__MESSAGE_PING,   BATON__MESSAGE_PONG,
};
enum { ANSWERS = sizeof(answers) / sizeof(answers[0]) };

static bool has_reason(baton__message_type type)
{
    return type == BATON__MESSAGE_REJECT || type == BATON__MESSAGE_FAIL ||
           type == BATON__MESSAGE_CANCEL;
}

static bool has_result(baton__message_type type)
{
    return type == BATON__MESSAGE_DONE || type == BATON__MESSAGE_NACK;
}

Test(message_codec, types_have_names)
{
    cr_expect_str_eq(baton__message_type_name(BATON__MESSAGE_OFFER), "offer");
    cr_expect_str_eq(baton__message_type_name(BATON__MESSAGE_NACKED), "nacked");
    cr_expect_str_eq(baton__message_type_name((baton__message_type)99), "unknown");
}

Test(message_codec, an_offer_comes_back)
{
    baton__message offer = sample_offer();
    round_trip(&offer);
    offer.user = "{\"big\":12345678901234567890, \"text\":\"\xc3\xa4\\u00e4\"}";
    offer.acknowledge = BATON_ACKNOWLEDGE_APPLICATION;
    offer.epoch = UINT64_MAX;
    offer.ttl_ms = UINT32_MAX;
    offer.deadline_ms = 0;
    offer.attempt = UINT32_MAX;
    round_trip(&offer);
    offer.user = "null";
    round_trip(&offer);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
}

Test(message_codec, tensors_come_back)
{
    baton_tensor tensors[2] = {
        {.type_code = 2, .type_bits = 16, .type_lanes = 1, .dimensions = 2, .shape = {1, 577}},
        {.type_bits = 0}};
    baton__message offer = sample_offer();
    offer.tensors = tensors;
    round_trip(&offer);
    tensors[1] = (baton_tensor){.type_code = 4, .type_bits = 16, .type_lanes = 4};
    round_trip(&offer);
    tensors[0] = (baton_tensor){.type_code = 200, .type_bits = 255, .type_lanes = 65535};
    tensors[0].dimensions = BATON_TENSOR_DIMENSIONS_MAX;
    for (size_t i = 0; i < BATON_TENSOR_DIMENSIONS_MAX; i++) {
        tensors[0].shape[i] = INT64_MAX - (int64_t)i;
    }
    round_trip(&offer);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
}

Test(message_codec, tensors_that_are_alike_are_printed_once)
{
    baton_tensor tensors[2] = {{.type_code = 2, .type_bits = 16, .type_lanes = 1, .dimensions = 2, .shape = {1, 577}}};
    tensors[1] = tensors[0];
    char *text = NULL;
    size_t size = 0;
    baton__message offer = sample_offer();
    offer.tensors = tensors;
    round_trip(&offer);
    cr_assert_eq(baton__message_encode(&offer, &text, &size), BATON_OK);
    cr_assert_not_null(strstr(text, "\"tensors\":[{\"dtype\":\"float16\",\"shape\":[\"1\",\"577\"],\"count\":2}]"), "%s", text);
    free(text);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
}

Test(message_codec, a_list_without_tensors_is_no_list)
{
    baton_tensor tensors[2] = {{.type_bits = 0}, {.type_bits = 0}};
    char *text = NULL;
    size_t size = 0;
    baton__message again;
    baton__message offer = sample_offer();
    offer.tensors = tensors;
    cr_assert_eq(baton__message_encode(&offer, &text, &size), BATON_OK);
    cr_assert_eq(baton__message_decode(text, size, 65536, &again), BATON_OK);
    cr_expect_null(again.tensors);
    baton__message_fini(&again);
    cr_expect_null(again.metadata);
    free(text);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
}

Test(message_codec, every_answer_comes_back)
{
    for (size_t i = 0; i < ANSWERS; i++) {
        baton__message message = sample_answer(answers[i]);
        if (has_reason(answers[i])) {
            message.reason = BATON_ERR_QUEUE_FULL;
            round_trip(&message);
            message.text = "what \"happened\"\n\x01 \xc3\xa4";
        }
        static const baton__message_end ends[] = {{{{1, 2, 3}}, 1, {{4, 5}}}, {{{6}}, 4294967295, {{7}}}};
        if (answers[i] == BATON__MESSAGE_DONE) {
            round_trip(&message);
            message.more = ends;
            message.more_count = 2;
        }
        if (has_result(answers[i])) {
            round_trip(&message);
            message.result = "[1, {\"a\": 12345678901234567890}]";
        }
        round_trip(&message);
    }
}

Test(message_codec, every_reason_comes_back)
{
    static const baton_status statuses[] = {
#define STATUS_ENTRY(name, value, text) BATON_##name,
        BATON_STATUS_LIST(STATUS_ENTRY)
#undef STATUS_ENTRY
    };
    for (size_t i = 1; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        baton__message message = sample_answer(BATON__MESSAGE_FAIL);
        message.reason = statuses[i];
        round_trip(&message);
    }
}

/* The text is what others read: it does not change by accident. */
Test(message_codec, prints_what_the_header_says)
{
    char *text = NULL;
    size_t size = 0;
    baton__message done = sample_answer(BATON__MESSAGE_DONE);
    done.result = "{\"ok\":true}";
    cr_assert_eq(baton__message_encode(&done, &text, &size), BATON_OK);
    cr_expect_str_eq(text, "{\"v\":1,\"type\":\"done\",\"id\":\"" SAMPLE_ID
                           "\",\"attempt\":7,\"origin\":\"a-1\",\"key\":\"" SAMPLE_KEY
                           "\",\"worker\":\"b_2\",\"result\":{\"ok\":true}}");
    free(text);
    static const baton__message_end end = {.attempt = 3};
    done.result = NULL;
    done.more = &end;
    done.more_count = 1;
    cr_assert_eq(baton__message_encode(&done, &text, &size), BATON_OK);
    cr_expect_str_eq(text, "{\"v\":1,\"type\":\"done\",\"id\":\"" SAMPLE_ID
                           "\",\"attempt\":7,\"origin\":\"a-1\",\"key\":\"" SAMPLE_KEY
                           "\",\"worker\":\"b_2\",\"more\":[\"00000000-0000-0000-0000-000000000000/3/"
                           "00000000000000000000000000000000\"]}");
    free(text);
    baton__message cancel = sample_answer(BATON__MESSAGE_CANCEL);
    cancel.reason = BATON_ERR_DEADLINE;
    cancel.text = "too\nlate";
    cr_assert_eq(baton__message_encode(&cancel, &text, &size), BATON_OK);
    cr_expect_str_eq(text, "{\"v\":1,\"type\":\"cancel\",\"id\":\"" SAMPLE_ID
                           "\",\"attempt\":7,\"origin\":\"a-1\",\"key\":\"" SAMPLE_KEY
                           "\",\"worker\":\"b_2\",\"reason\":\"ERR_DEADLINE\","
                           "\"text\":\"too\\nlate\"}");
    free(text);
}

Test(message_codec, text_that_is_not_utf8_is_made_so)
{
    char *text = NULL;
    size_t size = 0;
    baton__message again;
    baton__message fail = sample_answer(BATON__MESSAGE_FAIL);
    fail.reason = BATON_ERR_SYSTEM;
    fail.text = "a\xff\xc3(b";
    cr_assert_eq(baton__message_encode(&fail, &text, &size), BATON_OK);
    cr_assert_eq(baton__message_decode(text, size, 100, &again), BATON_OK, "%s",
                 baton_error_text());
    cr_expect_str_eq(again.text, "a\xef\xbf\xbd\xef\xbf\xbd(b");
    baton__message_fini(&again);
    free(text);
}

static void does_not_print(const baton__message *message)
{
    char *text = (char *)"untouched";
    size_t size = 99;
    cr_expect_eq(baton__message_encode(message, &text, &size), BATON_ERR_INVALID_ARGUMENT);
    cr_expect_str_eq(text, "untouched");
    cr_expect_eq(size, 99);
}

Test(message_codec, does_not_print_what_is_not_json)
{
    static const char *const texts[] = {"", "{", "{} {}", "nul", "\"\\u0000\"", "'x'", "\"\xff\""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        baton__message offer = sample_offer();
        offer.user = texts[i];
        does_not_print(&offer);
        baton_metadata_destroy((baton_metadata *)offer.metadata);
        baton__message done = sample_answer(BATON__MESSAGE_DONE);
        done.result = texts[i];
        does_not_print(&done);
        cr_expect_not(baton__json_is_valid(texts[i]), "%s", texts[i]);
    }
    cr_expect_not(baton__json_is_valid(NULL));
    cr_expect(baton__json_is_valid(" {\"a\":[1,2]} "));
}

Test(message_codec, does_not_print_what_lacks_something)
{
    baton__message offer = sample_offer();
    baton_metadata_destroy((baton_metadata *)offer.metadata);
    offer.metadata = NULL;
    does_not_print(&offer);
    for (size_t i = 0; i < ANSWERS; i++) {
        if (has_reason(answers[i])) {
            baton__message message = sample_answer(answers[i]);
            message.reason = BATON_OK;
            does_not_print(&message);
        }
    }
    baton__message message = sample_answer((baton__message_type)0);
    does_not_print(&message);
    message.type = (baton__message_type)13;
    does_not_print(&message);
}

/* What is valid for the sender is valid for the receiver, who sees it one level deeper. */
Test(message_codec, the_deepest_json_that_is_valid_can_be_read)
{
    char deep[2 * 64 + 1];
    baton__message done = sample_answer(BATON__MESSAGE_DONE);
    memset(deep, '[', 63);
    memset(deep + 63, ']', 63);
    deep[126] = '\0';
    cr_expect(baton__json_is_valid(deep));
    done.result = deep;
    round_trip(&done);
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    deep[128] = '\0';
    cr_expect_not(baton__json_is_valid(deep));
}

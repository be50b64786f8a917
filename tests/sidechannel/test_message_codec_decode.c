/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoder of messages refuses, and what it lets pass. */
#include "message.h"

#include "sidechannel/message_sample.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 16384, JSON_MAX = 1000 };

static void refuses_bytes(const char *text, size_t size, baton_status status)
{
    baton__message untouched;
    memset(&untouched, 0x5a, sizeof(untouched));
    baton__message out = untouched;
    cr_expect_eq(baton__message_decode(text, size, JSON_MAX, &out), status, "%s: %s",
                 baton_error_text(), text);
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    cr_expect_eq(memcmp(&out, &untouched, sizeof(out)), 0, "%s", text);
}

static void refuses(const char *text, baton_status status)
{
    refuses_bytes(text, strlen(text), status);
}

static void takes(const char *text)
{
    baton__message message;
    cr_assert_eq(baton__message_decode(text, strlen(text), JSON_MAX, &message), BATON_OK, "%s: %s",
                 baton_error_text(), text);
    baton__message_fini(&message);
}

static char *print(const baton__message *message)
{
    char *text = NULL;
    size_t size = 0;
    cr_assert_eq(baton__message_encode(message, &text, &size), BATON_OK, "%s", baton_error_text());
    return text;
}

static char *offer_text(void)
{
    static const baton_tensor tensors[2] = {
        {.type_code = 2, .type_bits = 16, .type_lanes = 1, .dimensions = 2, .shape = {1, 577}}};
    baton__message offer = sample_offer();
    offer.tensors = tensors;
    offer.user = "{\"u\":1}";
    char *text = print(&offer);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
    return text;
}

static char *answer_text(baton__message_type type)
{
    baton__message message = sample_answer(type);
    if (type == BATON__MESSAGE_FAIL) {
        message.reason = BATON_ERR_DEADLINE;
        message.text = "text";
    }
    if (type == BATON__MESSAGE_DONE) {
        message.result = "[1]";
    }
    return print(&message);
}

/* The text with the first `from` replaced by `to`; it must be there. */
static const char *change(const char *text, const char *from, const char *to)
{
    static char changed[TEXT_SIZE];
    const char *at = strstr(text, from);
    cr_assert_not_null(at, "%s is not in %s", from, text);
    (void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to,
                   at + strlen(from));
    return changed;
}

typedef struct edit {
    const char *from;
    const char *to;
    baton_status status;
} edit;

static void refuses_edits(const char *text, const edit *edits, size_t count)
{
    takes(text);
    for (size_t i = 0; i < count; i++) {
        refuses(change(text, edits[i].from, edits[i].to), edits[i].status);
    }
}
#define REFUSES_EDITS(text, edits) refuses_edits(text, edits, sizeof(edits) / sizeof((edits)[0]))
#define M                          BATON_ERR_MALFORMED

Test(message_codec_decode, refuses_other_heads)
{
    static const edit edits[] = {
        {"\"v\":1,", "", M},
        {"\"v\":1", "\"v\":\"1\"", M},
        {"\"v\":1", "\"v\":null", M},
        {"\"v\":1", "\"v\":1.5", M},
        {"\"v\":1", "\"v\":-1", M},
        {"\"v\":1", "\"v\":1,\"v\":1", M},
        {"\"v\":1", "\"v\":0", BATON_ERR_VERSION},
        {"\"v\":1", "\"v\":2", BATON_ERR_VERSION},
        {"\"type\":\"busy\",", "", M},
        {"\"type\":\"busy\"", "\"type\":2", M},
        {"\"type\":\"busy\"", "\"type\":\"busy\",\"type\":\"busy\"", M},
        {"\"type\":\"busy\"", "\"type\":\"BUSY\"", BATON_ERR_NOT_SUPPORTED},
        {"\"type\":\"busy\"", "\"type\":\"\"", BATON_ERR_NOT_SUPPORTED},
        {"\"type\":\"busy\"", "\"type\":\"claim\"", BATON_ERR_NOT_SUPPORTED},
        {"\"id\":\"" SAMPLE_ID "\",", "", M},
        {"\"id\":\"0", "\"id\":\"x", M},
        {"\"id\":\"0", "\"id\":\"", M},
        {"\"id\":\"" SAMPLE_ID "\"", "\"id\":null", M},
        {"\"id\":", "\"id\":\"" SAMPLE_ID "\",\"id\":", M},
        {"\"attempt\":7,", "", M},
        {"\"attempt\":7", "\"attempt\":0", M},
        {"\"attempt\":7", "\"attempt\":-7", M},
        {"\"attempt\":7", "\"attempt\":7.5", M},
        {"\"attempt\":7", "\"attempt\":\"7\"", M},
        {"\"attempt\":7", "\"attempt\":4294967296", M},
        {"\"attempt\":7", "\"attempt\":1e99", M},
        {"\"attempt\":7", "\"attempt\":7,\"attempt\":7", M},
        {"\"origin\":\"a-1\",", "", M},
        {"\"a-1\"", "\"\"", M},
        {"\"a-1\"", "\"a.1\"", M},
        {"\"a-1\"", "\"a 1\"", M},
        {"\"a-1\"", "\"*\"", M},
        {"\"a-1\"", "\"a-1\\u0000\"", M},
        {"\"a-1\"", "\"\xc3\xa4\"", M},
        {"\"a-1\"", "1", M},
        {"\"a-1\"", "\"a234567890123456789012345678901234567890123456789012345678901234\"", M},
        {"\"worker\":\"b_2\"", "\"worker\":\"b_2\",\"worker\":\"b_2\"", M},
        {",\"worker\":\"b_2\"", "", M},
        {"\"b_2\"", "\"\"", M},
        {"\"b_2\"", "null", M},
        {"\"key\":\"" SAMPLE_KEY "\",", "", M},
        {"\"" SAMPLE_KEY "\"", "\"\"", M},
        {"\"" SAMPLE_KEY "\"", "null", M},
        {"\"" SAMPLE_KEY "\"", "\"" SAMPLE_KEY "0\"", M},
    };
    char *text = answer_text(BATON__MESSAGE_BUSY);
    REFUSES_EDITS(text, edits);
    free(text);
}

Test(message_codec_decode, refuses_what_a_type_does_not_have)
{
    static const char *const strangers[] = {
        "\"reason\":\"ERR_BUSY\"", "\"text\":\"x\"", "\"result\":1",
        "\"epoch\":\"1\"",         "\"ttl_ms\":1",   "\"user\":1",
        "\"deadline_ms\":1",       "\"lease_ms\":1", "\"acknowledge\":\"moved\"",
        "\"metadata\":{}",         "\"tensors\":[]", "\"more\":[]"};
    static const baton__message_type types[] = {BATON__MESSAGE_BUSY,   BATON__MESSAGE_PROGRESS,
                                                BATON__MESSAGE_COMMIT, BATON__MESSAGE_NACKED,
                                                BATON__MESSAGE_PING,   BATON__MESSAGE_PONG};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char *text = answer_text(types[i]);
        for (size_t k = 0; k < sizeof(strangers) / sizeof(strangers[0]); k++) {
            char more[64];
            (void)snprintf(more, sizeof(more), "\"v\":1,%s", strangers[k]);
            refuses(change(text, "\"v\":1", more), M);
        }
        free(text);
    }
    char *offer = offer_text();
    refuses(change(offer, "\"v\":1", "\"v\":1,\"worker\":\"b\""), M);
    refuses(change(offer, "\"v\":1", "\"v\":1,\"reason\":\"ERR_BUSY\""), M);
    refuses(change(offer, "\"v\":1", "\"v\":1,\"text\":\"x\""), M);
    refuses(change(offer, "\"v\":1", "\"v\":1,\"result\":1"), M);
    free(offer);
    char *fail = answer_text(BATON__MESSAGE_FAIL);
    refuses(change(fail, "\"v\":1", "\"v\":1,\"result\":1"), M);
    free(fail);
}

Test(message_codec_decode, refuses_other_reasons)
{
    static const edit edits[] = {
        {",\"reason\":\"ERR_DEADLINE\"", "", M},
        {"\"ERR_DEADLINE\"", "null", M},
        {"\"ERR_DEADLINE\"", "-60", M},
        {"\"ERR_DEADLINE\"", "\"OK\"", M},
        {"\"ERR_DEADLINE\"", "\"\"", M},
        {"\"ERR_DEADLINE\"", "\"DEADLINE\"", M},
        {"\"text\":\"text\"", "\"text\":1", M},
        {"\"text\":\"text\"", "\"text\":null", M},
        {"\"text\":\"text\"", "\"text\":\"\",\"text\":\"\"", M},
    };
    char *text = answer_text(BATON__MESSAGE_FAIL);
    REFUSES_EDITS(text, edits);
    /* One of a later version is still a failure. */
    baton__message message;
    const char *later = change(text, "ERR_DEADLINE", "ERR_OF_TOMORROW");
    cr_assert_eq(baton__message_decode(later, strlen(later), JSON_MAX, &message), BATON_OK);
    cr_expect_eq(message.reason, BATON_ERR_PEER_FAILED);
    baton__message_fini(&message);
    free(text);
}

#define END_KEY "0123456789abcdef0123456789abcdef"
#define END(attempt) "\"" SAMPLE_ID "/" attempt "/" END_KEY "\""

Test(message_codec_decode, refuses_other_lists_of_what_is_done)
{
    static const char *const lists[] = {
        "null", "1", "{}", "\"x\"", "[]", "[1]", "[null]", "[\"\"]", "[\"/1/\"]", "[\"//\"]",
        "[" END("0") "]", "[" END("") "]", "[" END("01") "]", "[" END("-1") "]", "[" END("+1") "]", "[" END("1.0") "]",
        "[" END("4294967296") "]", "[" END("99999999999") "]", "[" END("1/1") "]", "[" END("1") ",1]",
        "[" END("1") ",[]]", "[\"" SAMPLE_ID "/1\"]", "[\"" SAMPLE_ID "/1/" END_KEY "0\"]",
        "[\"" SAMPLE_ID "/1/" END_KEY "/\"]", "[\"" SAMPLE_ID "0/1/" END_KEY "\"]",
        "[\"x" SAMPLE_ID "/1/" END_KEY "\"]", "[\"" SAMPLE_ID "/1/0123456789abcdef0123456789abcdeg\"]"};
    char *text = answer_text(BATON__MESSAGE_DONE);
    char with[1024];
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        (void)snprintf(with, sizeof(with), "\"v\":1,\"more\":%s", lists[i]);
        refuses(change(text, "\"v\":1", with), M);
    }
    takes(change(text, "\"v\":1", "\"v\":1,\"more\":[" END("1") "," END("4294967295") "]"));
    free(text);
}

Test(message_codec_decode, bounds_the_list_of_what_is_done)
{
    static baton__message_end ends[BATON__MESSAGE_MORE_MAX];
    static char longer[BATON__MESSAGE_MORE_MAX * 100];
    baton__message done = sample_answer(BATON__MESSAGE_DONE);
    for (uint32_t i = 0; i < BATON__MESSAGE_MORE_MAX; i++) {
        ends[i] = (baton__message_end){.id = done.id, .attempt = i + 1, .key = done.key};
    }
    done.more = ends;
    done.more_count = BATON__MESSAGE_MORE_MAX;
    char *text = print(&done);
    takes(text);
    (void)snprintf(longer, sizeof(longer), "%.*s," END("1") "]}", (int)strlen(text) - 2, text);
    refuses(longer, M);
    free(text);
    done.more_count++;
    size_t size;
    cr_expect_eq(baton__message_encode(&done, &text, &size), BATON_ERR_INVALID_ARGUMENT);
}

Test(message_codec_decode, refuses_other_offers)
{
    static const edit edits[] = {
        {"\"epoch\":\"12345678901234567890\",", "", M},
        {"\"12345678901234567890\"", "\"18446744073709551616\"", M},
        {"\"12345678901234567890\"", "\"-1\"", M},
        {"\"12345678901234567890\"", "1.5", M},
        {"\"12345678901234567890\"", "null", M},
        {"\"ttl_ms\":500,", "", M},
        {"\"ttl_ms\":500", "\"ttl_ms\":4294967296", M},
        {"\"ttl_ms\":500", "\"ttl_ms\":\"500\"", M},
        {"\"deadline_ms\":30000,", "", M},
        {"\"deadline_ms\":30000", "\"deadline_ms\":-1", M},
        {"\"lease_ms\":5000,", "", M},
        {"\"lease_ms\":5000", "\"lease_ms\":true", M},
        {"\"acknowledge\":\"moved\",", "", M},
        {"\"moved\"", "\"MOVED\"", M},
        {"\"moved\"", "0", M},
        {"\"metadata\":{", "\"metadata\":{\"more\":1,", M},
        {"\"metadata\":{", "\"metadata\":null,\"x\":{", M},
        {"\"metadata\":{", "\"metadata\":[],\"x\":{", M},
        {"\"metadata\":{", "\"metadata\":{},\"x\":{", M},
        {"\"metadata\":{", "\"x\":{", M},
        {"\"ptr\":\"4096\"", "\"ptr\":\"0\"", M},
        {"\"size\":\"100\"", "\"size\":0", M},
        {"\"operation_kind\":1", "\"operation_kind\":3", M},
        {"b64:", "zlib:", M},
        {",\"tensors\":[", ",\"tensors\":[null,", M},
        {"\"tensors\":[", "\"tensors\":null,\"x\":[", M},
        {"\"tensors\":[", "\"tensors\":{},\"x\":[", M},
        {"\"dtype\":\"float16\",", "\"dtype\":\"float16\",\"count\":0,", M},
        {"\"dtype\":\"float16\",", "\"dtype\":\"float16\",\"count\":3,", M},
        {"\"dtype\":\"float16\",", "\"dtype\":\"float16\",\"count\":65537,", M},
        {"\"dtype\":\"float16\",", "\"dtype\":\"float16\",\"count\":-1,", M},
        {"\"dtype\":\"float16\",", "\"dtype\":\"float16\",\"count\":\"1\",", M},
        {"\"dtype\":\"float16\",", "\"count\":1,", M},
        {",\"tensors\":[", ",\"tensors\":[{\"count\":65536},", M},
        {",\"tensors\":[", ",\"tensors\":[{},", M},
        {"\"dtype\":\"float16\",", "", M},
        {"\"float16\"", "\"float\"", M},
        {"\"float16\"", "\"float0\"", M},
        {"\"float16\"", "\"float016\"", M},
        {"\"float16\"", "\"float256\"", M},
        {"\"float16\"", "\"float16x\"", M},
        {"\"float16\"", "\"float16x0\"", M},
        {"\"float16\"", "\"float16x1\"", M},
        {"\"float16\"", "\"float16x65536\"", M},
        {"\"float16\"", "\"float16 \"", M},
        {"\"float16\"", "\"code2_16\"", M},
        {"\"float16\"", "\"code256_16\"", M},
        {"\"float16\"", "\"code9\"", M},
        {"\"float16\"", "\"\"", M},
        {"\"float16\"", "16", M},
        {",\"shape\":[\"1\",\"577\"]", "", M},
        {"[\"1\",\"577\"]", "\"1\"", M},
        {"\"577\"", "\"-1\"", M},
        {"\"577\"", "\"9223372036854775808\"", M},
        {"\"577\"", "null", M},
        {"[\"1\",\"577\"]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", M},
        {"\"user\":", "\"user\":1,\"user\":", M},
        {"\"user\":", "\"us\\u0065r\":", M},
        {"{\"u\":1}", "{\"u\":01}", M},
    };
    char *text = offer_text();
    REFUSES_EDITS(text, edits);
    takes(change(text, "[\"1\",\"577\"]", "[1,577]"));
    takes(change(text, "\"float16\"", "\"code9_16x2\""));
    free(text);
}

Test(message_codec_decode, tells_a_broken_block)
{
    char *text = offer_text();
    char *block = strstr(text, "b64:") + strlen("b64:") + 100;
    *block = *block == 'A' ? 'B' : 'A';
    refuses(text, BATON_ERR_CHECKSUM);
    free(text);
}

Test(message_codec_decode, skips_what_it_does_not_know)
{
    char *text = offer_text();
    takes(change(text, "\"v\":1", "\"v\":1,\"later\":[{\"a\":1}],\"later\":2"));
    takes(change(text, "\"dtype\"", "\"strides\":[],\"dtype\""));
    free(text);
}

Test(message_codec_decode, limits_the_json_of_the_application)
{
    char json[JSON_MAX + 2];
    baton__message done = sample_answer(BATON__MESSAGE_DONE);
    memset(json, '1', sizeof(json));
    json[0] = '"';
    json[JSON_MAX - 1] = '"';
    json[JSON_MAX] = '\0';
    done.result = json;
    char *text = print(&done);
    takes(text);
    free(text);
    json[JSON_MAX - 1] = '1';
    json[JSON_MAX] = '"';
    json[JSON_MAX + 1] = '\0';
    text = print(&done);
    refuses(text, BATON_ERR_TOO_LARGE);
    free(text);
}

Test(message_codec_decode, refuses_other_texts)
{
    static const char *const texts[] = {"",     " ", "{",     "{}",   "[]",
                                        "null", "1", "\"x\"", "{}{}", "\xff"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        refuses(texts[i], M);
    }
    char *text = answer_text(BATON__MESSAGE_DONE);
    for (size_t size = 0; size < strlen(text); size++) {
        refuses_bytes(text, size, M);
    }
    refuses_bytes(text, strlen(text) + 1, M); /* the terminating zero is not part of it */
    refuses(change(text, "}", "} x"), M);
    takes(change(text, "{", " \r\n\t{ "));
    refuses_bytes(text, BATON__MESSAGE_MAX + 1, BATON_ERR_TOO_LARGE); /* unread */
    free(text);
}

Test(message_codec_decode, bounds_the_depth)
{
    char deep[300];
    char *text = answer_text(BATON__MESSAGE_BUSY);
    size_t used = (size_t)snprintf(deep, sizeof(deep), "\"v\":1,\"x\":");
    memset(deep + used, '[', 64);
    memset(deep + used + 64, ']', 64);
    deep[used + 128] = '\0';
    refuses(change(text, "\"v\":1", deep), M);
    memset(deep + used + 63, ']', 63);
    deep[used + 126] = '\0';
    takes(change(text, "\"v\":1", deep));
    free(text);
}

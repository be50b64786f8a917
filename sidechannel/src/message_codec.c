/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "json_scan.h"
#include "message_codec_more.h"
#include "message_codec_tensors.h"
#include "message_rules.h"
#include "metadata_json_value.h"
#include "tensor_type.h"
#include <stdlib.h>
#include <string.h>

/*
 * Printing. An OFFER is on the way of every hand-off, so it is printed by hand into one buffer of
 * about the right size: no tree is built for it. JSON of the application's stands in it as it came.
 */

bool baton__json_is_valid(const char *text)
{
    /* One level less: in a message it is inside of an object. */
    return text != NULL && baton__json_scan(text, strlen(text), BATON__JSON_DEPTH_MAX - 1);
}

static void print_string(baton__text *text, const char *name, const char *value)
{
    baton__text_raw(text, name);
    baton__text_quoted(text, value);
}

static void print_number(baton__text *text, const char *name, uint64_t value)
{
    baton__text_raw(text, name);
    baton__text_uint(text, value);
}

static void print_type_and_shape(baton__text *text, const baton_tensor *tensor)
{
    char type[BATON__TENSOR_TYPE_SIZE];
    baton__tensor_type_print(tensor, type);
    baton__text_raw(text, "\"dtype\":\"");
    baton__text_raw(text, type);
    baton__text_raw(text, "\",\"shape\":[");
    for (uint32_t i = 0; i < tensor->dimensions; i++) {
        baton__text_raw(text, i == 0 ? "\"" : ",\"");
        baton__text_uint(text, (uint64_t)tensor->shape[i]);
        baton__text_raw(text, "\"");
    }
    baton__text_raw(text, "]");
}

/* As many in a row are alike. */
static void print_tensor(baton__text *text, const baton_tensor *tensor, size_t count)
{
    if (tensor->type_bits == 0 && count == 1) {
        baton__text_raw(text, "null");
        return;
    }
    baton__text_raw(text, "{");
    if (tensor->type_bits != 0) {
        print_type_and_shape(text, tensor);
    }
    if (count != 1) {
        print_number(text, tensor->type_bits != 0 ? ",\"count\":" : "\"count\":", count);
    }
    baton__text_raw(text, "}");
}

static size_t count_alike(const baton_tensor *tensors, size_t count)
{
    size_t alike = 1;
    while (alike < count && baton__tensor_equal(&tensors[0], &tensors[alike])) {
        alike++;
    }
    return alike;
}

static void print_tensors(baton__text *text, const baton__message *message)
{
    baton__text_raw(text, ",\"tensors\":[");
    size_t count = baton_metadata_count(message->metadata);
    for (size_t i = 0; i < count;) {
        size_t alike = count_alike(&message->tensors[i], count - i);
        baton__text_raw(text, i != 0 ? "," : "");
        print_tensor(text, &message->tensors[i], alike);
        i += alike;
    }
    baton__text_raw(text, "]");
}

static void print_offer(baton__text *text, const baton__message *message)
{
    bool by_application = message->acknowledge == BATON_ACKNOWLEDGE_APPLICATION;
    print_number(text, ",\"epoch\":\"", message->epoch);
    print_number(text, "\",\"ttl_ms\":", message->ttl_ms);
    print_number(text, ",\"deadline_ms\":", message->deadline_ms);
    print_number(text, ",\"lease_ms\":", message->lease_ms);
    baton__text_raw(text, ",\"acknowledge\":");
    baton__text_raw(text, by_application ? "\"application\"" : "\"moved\"");
    baton__text_raw(text, ",\"metadata\":");
    baton__metadata_print(text, message->metadata);
    if (message->tensors != NULL) {
        print_tensors(text, message);
    }
    if (message->user != NULL) {
        baton__text_raw(text, ",\"user\":");
        baton__text_raw(text, message->user);
    }
}

static void print_answer(baton__text *text, const baton__message *message,
                         const baton__message_rule *rule)
{
    print_string(text, ",\"worker\":", message->worker);
    if (rule->reason) {
        print_string(text, ",\"reason\":", baton_status_name(message->reason));
    }
    if (rule->text && message->text != NULL) {
        print_string(text, ",\"text\":", message->text);
    }
    if (rule->result && message->result != NULL) {
        baton__text_raw(text, ",\"result\":");
        baton__text_raw(text, message->result);
    }
    if (rule->more && message->more_count != 0) {
        baton__more_print(text, message->more, message->more_count);
    }
}

static size_t length_of(const char *string)
{
    return string == NULL ? 0 : strlen(string);
}

static size_t print_size(const baton__message *message)
{
    size_t size =
        640 + length_of(message->user) + length_of(message->result) + length_of(message->text);
    size += (size_t)message->more_count * (BATON_UUID_TEXT_SIZE + BATON_KEY_TEXT_SIZE + 16);
    if (message->metadata != NULL) {
        size += baton__metadata_print_size(message->metadata);
    }
    if (message->tensors != NULL) {
        size += 1024; /* most of them are alike; it grows where they are not */
    }
    return size;
}

static baton_status check(const baton__message *message, const baton__message_rule *rule)
{
    if (rule == NULL || (rule->offer && message->metadata == NULL)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "message: no such type, or no metadata");
    }
    if (message->more_count > BATON__MESSAGE_MORE_MAX) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "message: it acknowledges %u more attempts, at most %u",
                           message->more_count, BATON__MESSAGE_MORE_MAX);
    }
    if (rule->reason && message->reason == BATON_OK) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "message: %s needs a reason",
                           baton__message_type_name(message->type));
    }
    if (rule->offer && message->user != NULL && !baton__json_is_valid(message->user)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "message: the user's part is not JSON");
    }
    if (rule->result && message->result != NULL && !baton__json_is_valid(message->result)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "message: the result is not JSON");
    }
    return BATON_OK;
}

baton_status baton__message_encode(const baton__message *message, char **text_out, size_t *size_out)
{
    const baton__message_rule *rule = baton__message_rule_of(message->type);
    baton_status status = check(message, rule);
    if (status != BATON_OK) {
        return status;
    }
    char id[BATON_UUID_TEXT_SIZE];
    char key[BATON_KEY_TEXT_SIZE];
    baton_uuid_print(&message->id, id);
    baton_key_print(&message->key, key);
    baton__text text;
    baton__text_init(&text, print_size(message));
    print_string(&text, "{\"v\":1,\"type\":", baton__message_type_name(message->type));
    print_string(&text, ",\"id\":", id);
    print_number(&text, ",\"attempt\":", message->attempt);
    print_string(&text, ",\"origin\":", message->origin);
    print_string(&text, ",\"key\":", key);
    if (rule->offer) {
        print_offer(&text, message);
    } else {
        print_answer(&text, message, rule);
    }
    baton__text_raw(&text, "}");
    size_t size;
    char *data = baton__text_take(&text, &size);
    if (data == NULL) {
        return baton__fail_memory("message");
    }
    *text_out = data;
    *size_out = size;
    return BATON_OK;
}

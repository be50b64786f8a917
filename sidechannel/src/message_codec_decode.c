/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/name.h"
#include "message_codec_more.h"
#include "message_codec_tensors.h"
#include "message_rules.h"
#include "message_storage.h"
#include "metadata_json_value.h"
#include <stdlib.h>
#include <string.h>

/*
 * Parsing. The text is read once, into a row of values that point into it; what the application put into user and result is
 * taken from the text as it stands there.
 */

enum {
    F_VERSION,
    F_TYPE,
    F_ID,
    F_ATTEMPT,
    F_ORIGIN,
    F_KEY,
    F_EPOCH, /* from here on of an OFFER alone */
    F_TTL,
    F_DEADLINE,
    F_LEASE,
    F_ACKNOWLEDGE,
    F_METADATA,
    F_TENSORS,
    F_USER,
    F_WORKER, /* from here on of any other */
    F_REASON,
    F_TEXT,
    F_RESULT,
    F_MORE,
    F_COUNT
};

typedef struct decoder {
    size_t json_max;
    const baton__message_rule *rule;
    baton__json_field fields[F_COUNT];
    baton__message message;
    baton__message_storage *storage;
} decoder;

static const char *const field_names[F_COUNT] = {
    [F_VERSION] = "v",
    [F_TYPE] = "type",
    [F_ID] = "id",
    [F_ATTEMPT] = "attempt",
    [F_ORIGIN] = "origin",
    [F_EPOCH] = "epoch",
    [F_TTL] = "ttl_ms",
    [F_DEADLINE] = "deadline_ms",
    [F_LEASE] = "lease_ms",
    [F_ACKNOWLEDGE] = "acknowledge",
    [F_METADATA] = "metadata",
    [F_TENSORS] = "tensors",
    [F_USER] = "user",
    [F_WORKER] = "worker",
    [F_KEY] = "key",
    [F_REASON] = "reason",
    [F_TEXT] = "text",
    [F_RESULT] = "result",
    [F_MORE] = "more",
};

static baton_status decode_version(decoder *d)
{
    uint64_t version;
    baton_status status = baton__json_integer(&d->fields[F_VERSION], (uint64_t)1 << 53, &version);
    if (status == BATON_OK && version != 1) {
        return baton__fail(BATON_ERR_VERSION, "message: of version %llu, not 1",
                           (unsigned long long)version);
    }
    return status;
}

static baton_status decode_type(decoder *d)
{
    static const baton__message_type types[] = {
#define TYPE_ENTRY(name, value, text) BATON__MESSAGE_##name,
        BATON__MESSAGE_LIST(TYPE_ENTRY)
#undef TYPE_ENTRY
    };
    char name[BATON__JSON_SHORT_SIZE];
    baton_status status = baton__json_short(&d->fields[F_TYPE], name);
    if (status != BATON_OK) {
        return status;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(name, baton__message_type_name(types[i])) == 0) {
            d->message.type = types[i];
            d->rule = baton__message_rule_of(types[i]);
            return BATON_OK;
        }
    }
    return baton__fail(BATON_ERR_NOT_SUPPORTED, "message: of an unknown type");
}

static baton_status decode_u32(const baton__json_field *field, uint32_t *value_out)
{
    uint64_t value;
    baton_status status = baton__json_integer(field, UINT32_MAX, &value);
    if (status == BATON_OK) {
        *value_out = (uint32_t)value;
    }
    return status;
}

static baton_status decode_name(const baton__json_field *field, char name_out[64])
{
    char name[BATON__JSON_SHORT_SIZE];
    baton_status status = baton__json_short(field, name);
    if (status != BATON_OK) {
        return status;
    }
    if (!baton__name_is_valid(name)) {
        return baton__json_refuse(field, "is not a name");
    }
    memcpy(name_out, name, strlen(name) + 1);
    return BATON_OK;
}

static baton_status decode_head(decoder *d)
{
    char id[BATON__JSON_SHORT_SIZE];
    char key[BATON__JSON_SHORT_SIZE];
    baton_status status = baton__json_short(&d->fields[F_ID], id);
    if (status == BATON_OK) {
        status = baton_uuid_parse(id, &d->message.id);
    }
    if (status == BATON_OK) {
        status = decode_u32(&d->fields[F_ATTEMPT], &d->message.attempt);
    }
    if (status == BATON_OK && d->message.attempt == 0) {
        return baton__json_refuse(&d->fields[F_ATTEMPT], "is 0");
    }
    if (status == BATON_OK) {
        status = decode_name(&d->fields[F_ORIGIN], d->message.origin);
    }
    if (status == BATON_OK) {
        status = baton__json_short(&d->fields[F_KEY], key);
    }
    if (status == BATON_OK) {
        status = baton_key_parse(key, &d->message.key);
    }
    return status;
}

/* What a type does not have. */
static baton_status check_foreign(const decoder *d)
{
    bool allowed[F_COUNT] = {[F_VERSION] = true, [F_TYPE] = true,   [F_ID] = true,
                             [F_ATTEMPT] = true, [F_ORIGIN] = true, [F_KEY] = true};
    for (size_t i = F_EPOCH; i < F_WORKER; i++) {
        allowed[i] = d->rule->offer;
    }
    allowed[F_WORKER] = !d->rule->offer;
    allowed[F_REASON] = d->rule->reason;
    allowed[F_TEXT] = d->rule->text;
    allowed[F_RESULT] = d->rule->result;
    allowed[F_MORE] = d->rule->more;
    for (size_t i = 0; i < F_COUNT; i++) {
        if (d->fields[i].item != NULL && !allowed[i]) {
            return baton__json_refuse(&d->fields[i], "does not belong to this type");
        }
    }
    return BATON_OK;
}

/* The application's JSON as it stands in the text; *json_out stays NULL where there is none. */
static baton_status decode_json(const decoder *d, const baton__json_field *field, char **json_out)
{
    const baton__json_value *item = field->item;
    if (item == NULL) {
        return BATON_OK;
    }
    if (item->name_has_escapes) {
        return baton__json_refuse(field, "is written with escapes");
    }
    if (item->size > d->json_max) {
        return baton__fail(BATON_ERR_TOO_LARGE, "message: \"%s\" has %u bytes, at most %zu",
                           field->name, item->size, d->json_max);
    }
    *json_out = strndup(item->text, item->size);
    return *json_out == NULL ? baton__fail_memory("JSON of a message") : BATON_OK;
}

static baton_status decode_acknowledge(decoder *d)
{
    char text[BATON__JSON_SHORT_SIZE];
    baton_status status = baton__json_short(&d->fields[F_ACKNOWLEDGE], text);
    if (status != BATON_OK) {
        return status;
    }
    if (strcmp(text, "application") == 0) {
        d->message.acknowledge = BATON_ACKNOWLEDGE_APPLICATION;
    } else if (strcmp(text, "moved") == 0) {
        d->message.acknowledge = BATON_ACKNOWLEDGE_MOVED;
    } else {
        return baton__json_refuse(&d->fields[F_ACKNOWLEDGE], "is neither moved nor application");
    }
    return BATON_OK;
}

static baton_status decode_offer(decoder *d)
{
    baton__message *message = &d->message;
    baton_status status = baton__json_uint(&d->fields[F_EPOCH], UINT64_MAX, &message->epoch);
    if (status == BATON_OK) {
        status = decode_u32(&d->fields[F_TTL], &message->ttl_ms);
    }
    if (status == BATON_OK) {
        status = decode_u32(&d->fields[F_DEADLINE], &message->deadline_ms);
    }
    if (status == BATON_OK) {
        status = decode_u32(&d->fields[F_LEASE], &message->lease_ms);
    }
    if (status == BATON_OK) {
        status = decode_acknowledge(d);
    }
    if (status == BATON_OK) {
        status = baton__metadata_from_value(d->fields[F_METADATA].item, &d->storage->metadata);
    }
    if (status == BATON_OK) {
        status = baton__tensors_from_value(&d->fields[F_TENSORS],
                                           baton_metadata_count(d->storage->metadata),
                                           &d->storage->tensors);
    }
    message->metadata = d->storage->metadata;
    message->tensors = d->storage->tensors;
    message->user = d->storage->user;
    return status;
}

/* A later version may know more reasons than this one. */
static baton_status decode_reason(const baton__json_field *field, baton_status *reason_out)
{
    static const baton_status statuses[] = {
#define STATUS_ENTRY(name, value, text) BATON_##name,
        BATON_STATUS_LIST(STATUS_ENTRY)
#undef STATUS_ENTRY
    };
    char name[BATON__JSON_SHORT_SIZE];
    baton_status status = baton__json_short(field, name);
    if (status != BATON_OK) {
        return status;
    }
    if (strncmp(name, "ERR_", 4) != 0) {
        return baton__json_refuse(field, "is not the name of an error");
    }
    *reason_out = BATON_ERR_PEER_FAILED;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strcmp(name, baton_status_name(statuses[i])) == 0) {
            *reason_out = statuses[i];
        }
    }
    return BATON_OK;
}

static baton_status decode_text(decoder *d)
{
    if (d->fields[F_TEXT].item == NULL) {
        return BATON_OK;
    }
    baton_status status = baton__json_string(&d->fields[F_TEXT], &d->storage->text);
    d->message.text = d->storage->text;
    return status;
}

static baton_status decode_answer(decoder *d)
{
    baton_status status = decode_name(&d->fields[F_WORKER], d->message.worker);
    if (status == BATON_OK && d->rule->reason) {
        status = decode_reason(&d->fields[F_REASON], &d->message.reason);
    }
    if (status == BATON_OK) {
        status = decode_text(d);
    }
    if (status == BATON_OK) {
        status = baton__more_from_value(&d->fields[F_MORE], &d->storage->more, &d->message.more_count);
    }
    d->message.result = d->storage->result;
    d->message.more = d->storage->more;
    return status;
}

static baton_status decode_object(decoder *d, const baton__json_value *object)
{
    baton_status status = baton__json_fields(object, d->fields, F_COUNT, false);
    if (status == BATON_OK) {
        status = decode_version(d);
    }
    if (status == BATON_OK) {
        status = decode_type(d);
    }
    if (status == BATON_OK) {
        status = check_foreign(d);
    }
    if (status == BATON_OK) {
        status = decode_head(d);
    }
    if (status == BATON_OK) {
        status = decode_json(d, &d->fields[F_USER], &d->storage->user);
    }
    if (status == BATON_OK) {
        status = decode_json(d, &d->fields[F_RESULT], &d->storage->result);
    }
    if (status != BATON_OK) {
        return status;
    }
    return d->rule->offer ? decode_offer(d) : decode_answer(d);
}

baton_status baton__message_decode(const char *data, size_t size, size_t json_max,
                                   baton__message *message_out)
{
    if (size > BATON__MESSAGE_MAX) {
        return baton__fail(BATON_ERR_TOO_LARGE, "message: %zu bytes, at most %zu", size,
                           BATON__MESSAGE_MAX);
    }
    baton__json_row row;
    baton_status status = baton__json_parse(data, size, "message", &row);
    if (status != BATON_OK) {
        return status;
    }
    decoder d = {.json_max = json_max};
    for (size_t i = 0; i < F_COUNT; i++) {
        d.fields[i].name = field_names[i];
    }
    d.storage = calloc(1, sizeof(*d.storage));
    status = d.storage == NULL ? baton__fail_memory("message") : decode_object(&d, &row.values[0]);
    baton__json_row_fini(&row);
    if (status != BATON_OK) {
        baton__message_storage_free(d.storage);
        return status;
    }
    d.message.storage_ = d.storage;
    *message_out = d.message;
    return BATON_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/siphash.h"
#include "base/wire.h"

baton_key baton__claim_token(const baton_connector *connector, const baton_uuid *operation, uint32_t attempt)
{
    uint8_t name[sizeof(operation->bytes) + sizeof(attempt)];
    baton__writer writer = baton__writer_make(name, sizeof(name));
    baton__write_bytes(&writer, operation->bytes, sizeof(operation->bytes));
    baton__write_u32(&writer, attempt);
    baton_key token;
    baton__siphash_128(connector->claim_secret.bytes, name, sizeof(name), token.bytes);
    return token;
}

bool baton__claim_is_proven(const baton_connector *connector, const baton__frame *frame)
{
    baton_key token = baton__claim_token(connector, &frame->operation, frame->c);
    return baton_key_equal(&token, &frame->key);
}

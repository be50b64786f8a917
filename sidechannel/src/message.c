/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include "message_storage.h"
#include <stdlib.h>

const char *baton__message_type_name(baton__message_type type)
{
    switch (type) {
#define TYPE_CASE(name, value, text) \
    case BATON__MESSAGE_##name:      \
        return text;
        BATON__MESSAGE_LIST(TYPE_CASE)
#undef TYPE_CASE
    }
    return "unknown";
}

void baton__message_storage_free(baton__message_storage *storage)
{
    if (storage == NULL) {
        return;
    }
    baton_metadata_destroy(storage->metadata);
    free(storage->tensors);
    free(storage->text);
    free(storage->result);
    free(storage->user);
    free(storage->more);
    free(storage);
}

void baton__message_fini(baton__message *message)
{
    baton__message_storage_free(message->storage_);
    *message = (baton__message){0};
}

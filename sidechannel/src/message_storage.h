/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MESSAGE_STORAGE_H
#define BATON_MESSAGE_STORAGE_H

#include "message.h"

/* What a decoded message owns. */
typedef struct baton__message_storage {
    baton_metadata *metadata;
    baton_tensor *tensors;
    char *text;
    char *result;
    char *user;
    baton__message_end *more;
} baton__message_storage;

/* NULL is legal. */
void baton__message_storage_free(baton__message_storage *storage);

#endif

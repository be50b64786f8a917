/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with known contents, for the tests and the fuzzer of their codec. */
#ifndef BATON_TEST_MESSAGE_SAMPLE_H
#define BATON_TEST_MESSAGE_SAMPLE_H

#include "message.h"
#include "support/metadata_sample.h"

#define SAMPLE_ID  "00112233-4455-4677-8899-aabbccddeeff"
#define SAMPLE_KEY "0123456789abcdef0123456789abcdef"

static inline baton__message sample_answer(baton__message_type type)
{
    baton__message message = {.type = type, .attempt = 7, .origin = "a-1", .worker = "b_2"};
    if (baton_uuid_parse(SAMPLE_ID, &message.id) != BATON_OK ||
        baton_key_parse(SAMPLE_KEY, &message.key) != BATON_OK) {
        message.type = (baton__message_type)0;
    }
    return message;
}

/* With a metadata of two descriptors, to be destroyed by the caller. */
static inline baton__message sample_offer(void)
{
    static const baton_metadata_descriptor descriptors[] = {
        {{BATON_DEVICE_KIND_HOST, 0}, 4096, 100},
        {{BATON_DEVICE_KIND_CUDA, 3}, UINT64_MAX - 1, 1},
    };
    uint8_t block[SAMPLE_BUFFER_SIZE];
    size_t size = sample_encoded_block(block);
    baton_metadata *metadata = NULL;
    baton__message message = sample_answer(BATON__MESSAGE_OFFER);
    message.worker[0] = '\0';
    message.epoch = UINT64_C(12345678901234567890);
    message.ttl_ms = 500;
    message.deadline_ms = 30000;
    message.lease_ms = 5000;
    if (baton_metadata_create(BATON_METADATA_READABLE, descriptors, 2, "key", block, size,
                              &metadata) == BATON_OK) {
        message.metadata = metadata;
    }
    return message;
}

#endif

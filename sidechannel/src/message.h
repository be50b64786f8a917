/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MESSAGE_H
#define BATON_MESSAGE_H

#include <baton/baton.h>

/*
 * The messages of the side channel, as values. JSON is made and read by message_codec.c alone.
 *
 * X(NAME, value, json type, needs) ; sent by the origin: OFFER, CANCEL, COMMIT, NACKED, PING; by the consumer: the others
 * and CANCEL.
 */
#define BATON__MESSAGE_LIST(X)                                                                     \
    X(OFFER, 1, "offer")       /* key: offer key, fresh for each attempt; BUSY and REJECT echo it */ \
    X(BUSY, 2, "busy")         /* key: offer key; not taken by this consumer; offer it elsewhere */ \
    X(REJECT, 3, "reject")     /* key: offer key; nobody should take it; reason, text */           \
    X(PROGRESS, 4, "progress") /* key: ack_key; a sign of life */                                  \
    X(DONE, 5, "done")         /* key: ack_key; acknowledgement of record; result */               \
    X(NACK, 6, "nack")         /* key: ack_key; result */                                          \
    X(FAIL, 7, "fail")         /* key: ack_key; reason, text */                                    \
    X(CANCEL, 8, "cancel")     /* key: ack_key from the consumer, cancel_key from the origin; reason */ \
    X(COMMIT, 9, "commit")     /* key: cancel_key */                                               \
    X(NACKED, 10, "nacked")    /* key: cancel_key */                                               \
    X(PING, 11, "ping")        /* key: fresh; id too; the worker is asked for a PONG */            \
    X(PONG, 12, "pong")        /* key and id: those of the PING */

typedef enum baton__message_type {
#define BATON__MESSAGE_ENUM(name, value, text) BATON__MESSAGE_##name = (value),
    BATON__MESSAGE_LIST(BATON__MESSAGE_ENUM)
#undef BATON__MESSAGE_ENUM
} baton__message_type;

const char *baton__message_type_name(baton__message_type type);

/* An attempt that ended well, and the proof. */
typedef struct baton__message_end {
    baton_uuid id;
    uint32_t attempt;
    baton_key key; /* ack_key */
} baton__message_end;

/* Most further attempts of one DONE; a message of so many has some 80 KB. */
#define BATON__MESSAGE_MORE_MAX 1024U

/* Most tensors and descriptors of one message follow from BATON_DESCRIPTORS_MAX. Strings that point are borrowed
 * for encoding; of a decoded message they belong to it and live until baton__message_fini. */
typedef struct baton__message {
    baton__message_type type;
    baton_uuid id;       /* of the offer; the same in every attempt */
    uint32_t attempt;    /* from 1 */
    char origin[64];     /* worker that offers */
    char worker[64];     /* worker that consumes; "" in an OFFER */
    baton_key key;       /* which one, the list above says; every type has one, OFFER too */
    baton_status reason; /* BATON_OK if none */
    const char *text;    /* for people; NULL if none */
    const char *result;  /* JSON, printed; NULL if none */
    /* DONE alone: what else of the same origin and worker it acknowledges, each without a result */
    const baton__message_end *more;
    uint32_t more_count;
    /* OFFER alone */
    uint64_t epoch;      /* of the origin's connector */
    uint32_t ttl_ms;     /* how long after its arrival it may be opened */
    uint32_t deadline_ms; /* what is left of its deadline */
    uint32_t lease_ms;
    baton_acknowledge acknowledge;
    const baton_metadata *metadata; /* owned by a decoded message */
    const baton_tensor *tensors;    /* one for each descriptor, type_bits 0 where there is none; NULL if none at all */
    const char *user;               /* JSON, printed; NULL if none */
    void *storage_;                 /* of a decoded message */
} baton__message;

/* Largest message that is decoded, in bytes; larger ones are refused unread. */
#define BATON__MESSAGE_MAX ((size_t)64 * 1024 * 1024)

/* Frees what a decoded message owns. */
void baton__message_fini(baton__message *message);

/*
 * Prints one line of JSON into a buffer of the caller's choice:
 *   {"v":1,"type":"offer","id":"<uuid>","attempt":1,"origin":"a","key":"<32 hex>","epoch":"123","ttl_ms":500,"deadline_ms":5000,
 *    "lease_ms":5000,"acknowledge":"moved"|"application","metadata":{...},"tensors":[{"dtype":"float16","shape":["1","577"]}|null],
 *    "user":...}
 *   {"v":1,"type":"done","id":"<uuid>","attempt":1,"origin":"a","worker":"b","key":"<32 hex>","result":...,
 *    "more":["<uuid>/<attempt>/<32 hex>"]}
 * Errors: ERR_OUT_OF_MEMORY, ERR_INVALID_ARGUMENT (user or result is not JSON).
 * Ownership: text_out is freed with free().
 */
baton_status baton__message_encode(const baton__message *message, char **text_out, size_t *size_out);

/*
 * Errors: ERR_MALFORMED (not JSON, not an object, text behind it, depth over 64, a field missing, repeated, of a wrong
 * type or out of range; what a type does not have), ERR_VERSION, ERR_NOT_SUPPORTED (unknown type), ERR_TOO_LARGE
 * (user or result longer than json_max), those of baton_metadata_create, ERR_OUT_OF_MEMORY. Unknown fields are skipped (a later minor
 * version may add some), except in metadata. The output is untouched on failure.
 */
baton_status baton__message_decode(const char *data, size_t size, size_t json_max, baton__message *message_out);

/* True if text is one JSON value with nothing behind it. */
bool baton__json_is_valid(const char *text);

#endif

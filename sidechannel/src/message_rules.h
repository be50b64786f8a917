/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MESSAGE_RULES_H
#define BATON_MESSAGE_RULES_H

#include "message.h"

/* Which of the fields that not every message has belong to one of a type. */
typedef struct baton__message_rule {
    bool offer;  /* the fields of an OFFER; otherwise worker */
    bool reason; /* needed */
    bool text;   /* allowed */
    bool result; /* allowed */
    bool more;   /* allowed */
} baton__message_rule;

/* NULL for a type that is not in the list. */
static inline const baton__message_rule *baton__message_rule_of(baton__message_type type)
{
    static const baton__message_rule rules[] = {
        [BATON__MESSAGE_OFFER] = {.offer = true},
        [BATON__MESSAGE_BUSY] = {0},
        [BATON__MESSAGE_REJECT] = {.reason = true, .text = true},
        [BATON__MESSAGE_PROGRESS] = {0},
        [BATON__MESSAGE_DONE] = {.result = true, .more = true},
        [BATON__MESSAGE_NACK] = {.result = true},
        [BATON__MESSAGE_FAIL] = {.reason = true, .text = true},
        [BATON__MESSAGE_CANCEL] = {.reason = true, .text = true},
        [BATON__MESSAGE_COMMIT] = {0},
        [BATON__MESSAGE_NACKED] = {0},
        [BATON__MESSAGE_PING] = {0},
        [BATON__MESSAGE_PONG] = {0},
    };
    size_t index = (size_t)type;
    return index >= BATON__MESSAGE_OFFER && index < sizeof(rules) / sizeof(rules[0]) ? &rules[index]
                                                                                     : NULL;
}

#endif

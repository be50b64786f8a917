/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_IDENTITY_H
#define BATON_CORE_IDENTITY_H

/*
 * What a connector says of itself, as an encoded transport block: it goes with every OPEN and RESET, and metadata is made of
 * it, on any thread. It never changes; a changed address makes another one, and the old ones stay until the end.
 */
typedef struct baton__identity {
    struct baton__identity *older;
    baton__block decoded; /* its address lies in block */
    size_t size;
    uint8_t block[];
} baton__identity;

/* Owner (or before there is one): the present address of the transport. Errors: ERR_TOO_LARGE, ERR_OUT_OF_MEMORY. */
baton_status baton__identity_renew(baton_connector *connector);
/* Any thread. Borrowed until the connector ends. */
const baton__identity *baton__identity_get(const baton_connector *connector);
void baton__identity_free(baton_connector *connector);

#endif

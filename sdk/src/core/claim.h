/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_CLAIM_H
#define BATON_CORE_CLAIM_H

/*
 * The claim token of a passive operation: who has it has had the metadata. It is made from the operation's id and attempt with
 * a secret of the connector, so that it can still be told from a guess when the operation is long forgotten:
 * nobody without one gets a peer, an endpoint or an answer that would cost either.
 */
baton_key baton__claim_token(const baton_connector *connector, const baton_uuid *operation, uint32_t attempt);
/* Of an OPEN. */
bool baton__claim_is_proven(const baton_connector *connector, const baton__frame *frame);

#endif

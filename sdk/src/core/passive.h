/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_PASSIVE_H
#define BATON_CORE_PASSIVE_H

/* The passive side: grants, serves, judges. grant.c has the life of one grant, passive.c the frames. */

void baton__passive_begin(baton_operation *operation);
/* NULL: no operation of this id is alive. */
baton_operation *baton__passive_find(const baton_connector *connector, const baton_uuid *id);
/* Hints, for who will find one soon: expect first, fetch after some other work. Both cost a few nanoseconds, whatever the id. */
void baton__passive_expect(const baton_connector *connector, const baton_uuid *id);
void baton__passive_fetch(const baton_connector *connector, const baton_uuid *id);
/* OPEN with its verified block, and what is behind the block, as long as baton__open_tail says. peer: has adopted the session; the
 * claim is proven. */
void baton__passive_open(baton__peer *peer, const baton__frame *frame, const baton__block *block, const uint8_t *tail);
/* REFUSE for an OPEN. */
void baton__passive_refuse(baton__peer *peer, const baton__frame *open, baton_status reason);
/* NULL: none of its grants has it. */
baton__grant *baton__grant_of_nonce(baton_operation *operation, const baton_key *nonce);
/* Any other frame of an active side. */
void baton__passive_frame(baton_connector *connector, const baton__frame *frame,
                          const baton__payload *payload);
void baton__passive_chunk_over(baton__grant *grant, const baton__chunk *chunk, baton_status status,
                               int native);
void baton__passive_stop(baton_operation *operation, baton_status reason, int native);
void baton__passive_drained(baton__peer *peer);
baton_status baton__passive_settle(baton_operation *operation, baton_settlement settlement,
                                   const baton_key *key, baton_status reason, const void *result,
                                   size_t size);
void baton__passive_fini(baton_operation *operation);

/* grant.c */
baton_status baton__grant_create(baton_operation *operation, baton__peer *peer, const baton__frame *frame,
                                 const baton__block *block, baton__grant **grant_out);
void baton__grant_destroy(baton__grant *grant);
void baton__grant_renew(baton__grant *grant);
/* No more chunks; ends when quiet; the consumer is told unless it said so itself. */
void baton__grant_close(baton__grant *grant, baton_status reason, int native);
/* Completes it if everything that it needs has happened. */
void baton__grant_try_finish(baton__grant *grant);
/* A hold came up: if it is closing, that counts from now. */
void baton__grant_waits_for_hold(baton__grant *grant);
/* Ends a closing grant that is quiet. */
void baton__grant_quiet(baton__grant *grant);
void baton__grant_send(baton__grant *grant, baton__frame *frame);
/* Ends the operation once all its readers have ended. */
void baton__passive_account(baton_operation *operation);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_ACTIVE_H
#define BATON_CORE_ACTIVE_H

/* The active side: opens, moves the bytes, and waits for the word of the passive side. */

void baton__active_begin(baton_operation *operation);
/* A frame of the passive side; the header is checked, the payload is not. */
void baton__active_frame(baton_operation *operation, const baton__frame *frame, const baton__payload *payload);
void baton__active_chunk_over(baton_operation *operation, const baton__chunk *chunk, baton_status status,
                              int native);
/* Stops it with a reason: tells the passive side, drains, ends. */
void baton__active_stop(baton_operation *operation, baton_status reason, int native);
/* The application acknowledged. */
void baton__active_answer(baton_operation *operation);
/* The peer is lost for good. */
void baton__active_lost(baton_operation *operation, baton_status reason, int native);
/* A new session with its peer is up: opens again. */
void baton__active_resume(baton_operation *operation);
/* Everything of the peer's old session is drained. */
void baton__active_drained(baton__peer *peer);
baton_status baton__active_settle(baton_operation *operation, baton_settlement settlement,
                                  const baton_key *key, baton_status reason);
void baton__active_fini(baton_operation *operation);
/* Its peer is up: sends an OPEN, the first one or the one of a new session. */
void baton__active_open(baton_operation *operation);
/* Asks for chunks, or sends them; and MOVED when it is time. */
void baton__active_pump(baton_operation *operation);
/* active_chunks.c: as many as may be in flight. */
void baton__active_ask(baton_operation *operation);
void baton__active_write_chunks(baton_operation *operation);
/* Sends MOVED, ACK or NACK, whichever is due. */
void baton__active_finish(baton_operation *operation);
bool baton__active_send(baton_operation *operation, baton__frame *frame, const void *body, size_t size);
/* Ends once nothing is in flight. */
void baton__active_quiet(baton_operation *operation);
void baton__active_timer(baton_timer *timer);
/* A sign of life. */
void baton__active_renew(baton_operation *operation);
void baton__active_plan_timer(baton_operation *operation);

#endif

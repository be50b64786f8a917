/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_PROGRESS_H
#define BATON_CORE_PROGRESS_H

/* What the loop drives: the transport, and the lists that its callbacks fill. dispatch.c has the message callback,
 * dispatch_open.c what an OPEN needs. */
int baton__engine_progress(void *context);
bool baton__engine_arm(void *context);
/* The loop drives the transport's present worker. Errors: ERR_SYSTEM. */
baton_status baton__engine_drive(baton_connector *connector);
/* Receives what is here already. Bounded: others go on sending. Not in a callback of the transport. */
void baton__engine_hear(baton_connector *connector);

void baton__dispatch_message(void *context, const void *header, size_t header_size,
                             const baton__payload *payload);
void baton__dispatch_foreign(void *context);
void baton__dispatch_failed(void *context, void *owner, int native);
/* OPEN; its length is checked, the block in it is not. */
void baton__dispatch_open(baton_connector *connector, const baton__frame *frame, const baton__payload *payload);
/* OPEN that is for somebody else: its address was recycled. */
void baton__dispatch_stale(baton_connector *connector, const baton__frame *frame, const baton__payload *payload);
/* Frames that had to wait for something that a callback may not do. */
int baton__deferred_work(baton_connector *connector);
void baton__deferred_free(baton_connector *connector);

#endif

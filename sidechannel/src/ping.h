/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_PING_H
#define BATON_PING_H

#include "session.h"

/*
 * Round trips over NATS alone: PING on the subject of a worker, PONG on ours. A ping lives on the
 * stack of the thread that waits for it; the list of those under way is the owner's.
 *
 * All of these: owner thread.
 */

/* A PING arrived: answers it. */
void baton__ping_answer(baton__session *session, const baton__message *message);
/* A PONG arrived. */
void baton__pings_answered(baton__session *session, const baton__message *message);
/* The server's 503: nobody listens to the ping with this token. False if there is none. */
bool baton__pings_unheard(baton__session *session, const char *token);
/* The server denies to publish on the subject. */
void baton__pings_denied(baton__session *session, const baton__subject *subject);
/* Ends all of them with ERR_SHUT_DOWN. */
void baton__pings_shut_down(baton__session *session);

#endif

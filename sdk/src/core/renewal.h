/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_RENEWAL_H
#define BATON_CORE_RENEWAL_H

#include <baton/connector.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A new worker of UCX for the connector, where something has made the old one useless that UCX itself never gets over:
 *
 * - its inbox is blocked (inbox.h);
 * - it has something to send to a queue that nobody empties any more, that of a killed process or of a worker that was left.
 *   The endpoint may be closed; UCX 1.13 still tries for ever, cannot be armed, and the loop would never sleep again.
 *
 * It has another address. Every peer is told (RESET carries our identity), all endpoints are closed by force as ever, and
 * what was alive goes on in new sessions. The old worker is kept for a while: peers go on sending to it until they know,
 * and they could not close their side if nobody took that.
 */
typedef struct baton__renewal {
    baton_timer look;     /* while the old worker is there */
    bool retiring;
    bool published;       /* the new address is in our identity */
    uint64_t since_ns;    /* retiring */
    baton_timer stall;    /* looks again while the transport cannot be armed */
    uint64_t stalled_ns;  /* since when it cannot be, and does nothing either; 0: it can */
    bool unheeded;        /* meanwhile its descriptor, which is readable all the time, wakes nobody */
} baton__renewal;

void baton__renewal_init(baton_connector *connector);
void baton__renewal_fini(baton_connector *connector);
/* Neither at the end of the connector, nor while the last one is not over. */
bool baton__renewal_is_possible(const baton_connector *connector);
/* Not in a callback of the transport. why: for the log. */
void baton__renewal_begin(baton_connector *connector, const char *why);
/* What the transport says: it did something, or it could be armed; or it could not, though there was nothing to do. */
void baton__renewal_moves(baton_connector *connector);
/* True: sleep all the same; a timer looks again soon. */
bool baton__renewal_stalls(baton_connector *connector);

#endif

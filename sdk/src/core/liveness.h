/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_LIVENESS_H
#define BATON_CORE_LIVENESS_H

/*
 * The death of a peer on the same host, at once and proven: a pidfd, watched by the loop while there is an endpoint.
 * UCX does not tell of a killed peer on shared memory (its keepalive is off: ucx_process.c). Where the system cannot tell either
 * (another host or PID namespace, no descriptor left) a lost connection, lease and deadline are what remains.
 */

/* False: its process has ended. Not in a callback of the transport. */
bool baton__liveness_watch(baton__peer *peer);
/* Legal when it is not watched. */
void baton__liveness_unwatch(baton__peer *peer);

#endif

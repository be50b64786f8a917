/* SPDX-License-Identifier: Apache-2.0 */
/* A connector is destroyed while its peer is stopped in the middle of a transfer of memory that UCX takes directly: every operation is told, however
 * patient the connector was to be with what is in flight. */
#include "support/process_case.h"

static void end_beside_a_stopped_peer(bool read)
{
    own offered = own_offer(read, LARGE, 1, 0, BATON_COMPLETION_COMMIT);
    peer_takes(&offered, 1, 30000);
    own_await_bytes(&offered, 2 * MIB);
    peer_signal(&peer, SIGSTOP);
    baton_connector_destroy(connector);
    connector = NULL;
    cr_assert(baton_operation_is_over(offered.operation));
    peer_kill(&peer);
    own_end(&offered);
}

PROCESS_CASE(the_owner_of_a_readable_ends)
{
    end_beside_a_stopped_peer(true);
}

PROCESS_CASE(the_owner_of_a_writable_ends)
{
    end_beside_a_stopped_peer(false);
}

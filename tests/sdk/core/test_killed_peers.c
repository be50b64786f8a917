/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that are killed while they connect, at a different moment each: whoever is left goes on. With UCX 1.13 over TCP
 * one of some twenty such deaths took this process with it. Over TCP alone: a peer that is killed while it writes may
 * block shared memory for good (sdk/README.md, "Limits"). */
#include "support/process_case.h"

enum { KILLS = 60, KILLED_SIZE = 4 * MIB, LATEST_US = 3000 };

static void spin_us(uint64_t us)
{
    uint64_t end = baton__clock_now(&baton__clock_boottime) + us * BATON__NS_PER_US;
    while (baton__clock_now(&baton__clock_boottime) < end) {
    }
}

static void kill_while_it_connects(bool read, unsigned moment_us)
{
    own offered = own_offer(read, KILLED_SIZE, 1, 0, BATON_COMPLETION_BYTES);
    peer_takes(&offered, 1, 30000);
    spin_us(moment_us);
    peer_kill(&peer);
    own_end(&offered);
}

Test(processes_tcp, peers_killed_while_they_connect_take_nobody_with_them)
{
    case_begin("tcp,self");
    for (unsigned i = 0; i < KILLS; i++) {
        baton_metadata_destroy(peer_offers("readable", 1, 1, 0, BATON_COMPLETION_BYTES)); /* it is up */
        kill_while_it_connects(i % 4 != 0, i * 7919 % LATEST_US);
        peer_start(&peer, "sdk_peer", NULL);
    }
    own offered = own_offer(true, MIB, 2, 0, BATON_COMPLETION_COMMIT);
    peer_takes(&offered, 2, 30000);
    cr_assert_eq(own_wait(&offered, SOON_MS), BATON_OK, "%s", baton_error_text());
    own_end(&offered);
    peer_quit(&peer);
    case_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/log.h"
#include <sys/epoll.h>
#include <unistd.h>

static void on_death(baton_source *source, uint32_t events)
{
    (void)events;
    baton__peer *peer = (baton__peer *)((char *)source - offsetof(baton__peer, life));
    BATON__DEBUG("%s: the process of %s has ended", peer->connector->name, peer->name);
    baton__liveness_unwatch(peer);
    /* What it sent before it died, on this host, is here already: a MOVED or an ACK counts. */
    baton__engine_hear(peer->connector);
    bool doubtful = peer->shares_inbox;
    baton__peer_died(peer);
    if (doubtful) {
        baton__inbox_suspect(peer->connector);
    }
}

bool baton__liveness_watch(baton__peer *peer)
{
    if (peer->life.added_) {
        return true;
    }
    int fd = -1;
    switch (baton__process_watch(&peer->process, &fd)) {
    case BATON__PROCESS_DEAD:
        return false;
    case BATON__PROCESS_ALIVE:
        peer->life = (baton_source){.fd = fd, .events = EPOLLIN, .ready = on_death, .patient = true};
        if (baton_loop_source_add(peer->connector->loop, &peer->life) != BATON_OK) {
            (void)close(fd);
        }
        break;
    case BATON__PROCESS_UNKNOWN:
        break;
    }
    return true;
}

void baton__liveness_unwatch(baton__peer *peer)
{
    if (peer->life.added_) {
        baton_loop_source_remove(peer->connector->loop, &peer->life);
        (void)close(peer->life.fd);
    }
}

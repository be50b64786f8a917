/* SPDX-License-Identifier: Apache-2.0 */
/* Last words that somebody waits for, whatever has become of the session. */
#include "core/engine.h"

#include "base/log.h"
#include <stdlib.h>

struct baton__release {
    baton__release *next;
    baton__frame_type type;
    baton_uuid operation;
    baton_key nonce;
    baton_key token;
};

static bool send(baton__peer *peer, const baton__release *release)
{
    baton__frame frame = {.type = release->type,
                          .session = peer->out_session,
                          .operation = release->operation,
                          .nonce = release->nonce,
                          .key = release->token};
    return baton__send_control(peer, &frame, NULL, 0) == BATON_OK;
}

void baton__release_tell(baton__peer *peer, baton__frame_type type, const baton_uuid *operation, const baton_key *nonce,
                         const baton_key *token)
{
    baton__release made = {.type = type, .operation = *operation, .nonce = *nonce, .token = *token};
    if (peer->dead || send(peer, &made)) {
        return;
    }
    if (peer->releases_count == BATON__RELEASES_MAX) {
        BATON__COUNT(peer->connector, refused_limit);
        return;
    }
    baton__release *release = malloc(sizeof(*release));
    if (release == NULL) {
        BATON__WARN("%s: out of memory: %s holds its memory until it asks", peer->connector->name, peer->name);
        return;
    }
    *release = made;
    LL_PREPEND(peer->releases, release);
    peer->releases_count++;
    peer->to_tell = true;
    baton__peer_trouble(peer);
}

static baton__release *next_of(baton__peer *peer)
{
    baton__release *release = peer->releases;
    if (release != NULL) {
        LL_DELETE(peer->releases, release);
        peer->releases_count--;
    }
    return release;
}

void baton__releases_send(baton__peer *peer)
{
    for (baton__release *release; (release = next_of(peer)) != NULL;) {
        (void)send(peer, release);
        free(release);
    }
}

void baton__releases_forget(baton__peer *peer)
{
    for (baton__release *release; (release = next_of(peer)) != NULL;) {
        free(release);
    }
}

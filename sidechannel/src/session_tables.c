/* SPDX-License-Identifier: Apache-2.0 */
/* The session's tables. uthash's macros are long, so they are written out here alone. Owner thread.
 */
#include "session.h"

#include "handoff.h"
#include "offer.h"
#include "service.h"

/* NOLINTBEGIN(readability-function-size,clang-analyzer-core.NullDereference) */

bool baton__session_add_offer(baton__session *session, baton_offer *offer)
{
    HASH_ADD(hh, session->offers, id, sizeof(offer->id), offer);
    return offer->hh.tbl != NULL;
}

void baton__session_remove_offer(baton__session *session, baton_offer *offer)
{
    HASH_DEL(session->offers, offer);
}

baton_offer *baton__session_find_offer(const baton__session *session, const baton_uuid *id)
{
    baton_offer *offer = NULL;
    HASH_FIND(hh, session->offers, id, sizeof(*id), offer);
    return offer;
}

bool baton__session_add_handoff(baton__session *session, baton_handoff *handoff)
{
    HASH_ADD(hh, session->handoffs, key, sizeof(handoff->key), handoff);
    return handoff->hh.tbl != NULL;
}

void baton__session_remove_handoff(baton__session *session, baton_handoff *handoff)
{
    HASH_DEL(session->handoffs, handoff);
}

baton_handoff *baton__session_find_handoff(const baton__session *session, const baton_uuid *id,
                                           uint32_t attempt)
{
    baton__attempt_key key = baton__attempt_key_make(id, attempt);
    baton_handoff *handoff = NULL;
    HASH_FIND(hh, session->handoffs, &key, sizeof(key), handoff);
    return handoff;
}

void baton__session_add_service(baton__session *session, baton_service *service)
{
    DL_APPEND(session->services, service);
}

void baton__session_remove_service(baton__session *session, baton_service *service)
{
    DL_DELETE(session->services, service);
}

/* NOLINTEND(readability-function-size,clang-analyzer-core.NullDereference) */

/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker does with an OFFER that arrives: refuse it, hold it to be a repetition, or make a
 * handoff of it. */
#include "service.h"

#include "base/clock.h"
#include "base/log.h"
#include <string.h>

static baton_service *find_service(baton__session *session, const char *pool)
{
    baton_service *service;
    DL_FOREACH(session->services, service)
    {
        if (strcmp(service->pool, pool) == 0) {
            return service;
        }
    }
    return NULL;
}

static void refuse_duplicate(baton__session *session, const baton__message *offer)
{
    baton__session_refuse(session, &session->counters.refused_duplicate, offer->origin,
                          "an offer that this worker has, or had");
}

/* True if the attempt is here, or was. */
static bool is_duplicate(baton__session *session, const baton__message *offer)
{
    baton_handoff *handoff = baton__session_find_handoff(session, &offer->id, offer->attempt);
    if (handoff != NULL) {
        if (strcmp(handoff->message.origin, offer->origin) == 0) {
            uint64_t ttl_ns = baton__session_now_ns(session) + offer->ttl_ms * BATON__NS_PER_MS;
            __atomic_store_n(&handoff->ttl_ns, ttl_ns, __ATOMIC_RELAXED);
        }
        refuse_duplicate(session, offer);
        return true;
    }
    baton__recent_entry *entry = baton__recent_find(&session->served, &offer->id, offer->attempt);
    if (entry == NULL) {
        return false;
    }
    refuse_duplicate(session, offer);
    if (entry->reason == BATON_ERR_REJECTED) {
        baton__handoff_refuse(session, offer, BATON__MESSAGE_REJECT, BATON_ERR_REJECTED,
                              "rejected before");
    }
    return true;
}

static bool take_place(baton_service *service)
{
    uint32_t taken = __atomic_add_fetch(&service->places, 1, __ATOMIC_ACQ_REL);
    if (taken <= service->options.concurrency) {
        return true;
    }
    baton__service_free_place(service);
    return false;
}

static bool is_stopping(baton_service *service)
{
    (void)pthread_mutex_lock(&service->lock);
    bool stopping = service->stopping;
    (void)pthread_mutex_unlock(&service->lock);
    return stopping;
}

/* True if the service will not take it; the origin is told. */
static bool is_refused(baton__session *session, baton_service *service, bool is_directed,
                       const baton__message *offer)
{
    if (service == NULL && is_directed) {
        baton__handoff_refuse(session, offer, BATON__MESSAGE_REJECT, BATON_ERR_NO_CONSUMER,
                              "the worker serves nothing that is offered to it by name");
        return true;
    }
    uint64_t size = baton_metadata_total_size(offer->metadata);
    if (service != NULL && service->options.size_max != 0 && size > service->options.size_max) {
        baton__handoff_refuse(session, offer, BATON__MESSAGE_REJECT, BATON_ERR_TOO_LARGE,
                              "larger than size_max of the service");
        return true;
    }
    if (service == NULL || is_stopping(service) || !take_place(service)) {
        (void)baton__counter_add(&session->counters.handoffs_busy);
        baton__handoff_refuse(session, offer, BATON__MESSAGE_BUSY, BATON_ERR_BUSY, NULL);
        return true;
    }
    return false;
}

/* Moves a readable before the application sees it. False: then the application is to do it. */
static bool begin_prefetch(baton_service *service, baton_handoff *handoff)
{
    if (!service->options.prefetch || baton_handoff_kind(handoff) != BATON_OPERATION_READ ||
        baton__handoff_allocate(handoff, &handoff->locals) != BATON_OK) {
        return false;
    }
    handoff->prefetch = true;
    handoff->decision = BATON__DECISION_ACCEPT;
    handoff->count = baton_handoff_count(handoff);
    baton__service_count_fetching(service, true);
    baton__handoff_begin(handoff);
    return true;
}

static void take_in(baton__session *session, baton_service *service, baton__message *message,
                    const char *traceparent)
{
    baton_handoff *handoff = NULL;
    if (baton__handoff_create(session, service, message, traceparent, &handoff) != BATON_OK) {
        BATON__ERROR("worker %s: no memory for a handoff", session->name);
        baton__service_free_place(service);
        return;
    }
    if (!baton__session_add_handoff(session, handoff)) {
        BATON__ERROR("worker %s: no memory for a handoff", session->name);
        baton__service_free_place(service);
        baton__handoff_release(handoff);
        return;
    }
    handoff->has_place = true;
    (void)baton__counter_add(&session->counters.handoffs_live);
    (void)baton__counter_add(&session->counters.handoffs_received);
    baton__handoff_begin_waiting(handoff);
    if (!begin_prefetch(service, handoff)) {
        handoff->is_shown = true;
        baton__service_deliver(service, handoff);
    }
}

void baton__services_offer(baton__session *session, const char *pool, baton__message *message,
                           const char *traceparent)
{
    baton_service *service = find_service(session, pool);
    if (message->ttl_ms == 0 || message->deadline_ms == 0) {
        baton__session_refuse(session, &session->counters.refused_late, message->origin,
                              "an offer whose time to live is over");
        return;
    }
    if (!is_duplicate(session, message) &&
        !is_refused(session, service, pool[0] == '\0', message)) {
        take_in(session, service, message, traceparent);
    }
}

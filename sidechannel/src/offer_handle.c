/* SPDX-License-Identifier: Apache-2.0 */
/* What an application does with an offer that it has: look, wait, cancel, close, destroy. */
#include "offer.h"

#include "base/error.h"
#include "base/options.h"
#include <stdio.h>

static baton_status check_handle(const baton_offer *offer)
{
    return offer != NULL ? BATON_OK : baton__fail(BATON_ERR_INVALID_ARGUMENT, "offer is NULL");
}

static void describe(const baton_offer *offer, char text[160])
{
    char id[BATON_UUID_TEXT_SIZE];
    baton_uuid_print(&offer->id, id);
    (void)snprintf(text, 160, "offer %s to \"%s\"", id, offer->to);
}

/* Waits until it is over and its callback has run. */
static baton_status await(baton_offer *offer, uint32_t timeout_ms)
{
    char what[160];
    if (baton__event_is_set(&offer->record.ended)) {
        baton__session_say_last_words(offer->session, timeout_ms);
        return BATON_OK;
    }
    baton_status status = baton__session_check(offer->session);
    if (status != BATON_OK) {
        return status;
    }
    if (baton__session_is_owner(offer->session)) {
        describe(offer, what);
        return baton__fail(BATON_ERR_WRONG_THREAD,
                           "%s: the owner thread cannot wait for it; use on_complete", what);
    }
    if (!baton__session_wait(offer->session, &offer->record.ended, timeout_ms)) {
        describe(offer, what);
        return baton__fail(BATON_ERR_TIMED_OUT, "%s: not over after %u ms; it goes on", what,
                           timeout_ms);
    }
    return BATON_OK;
}

baton_status baton_offer_wait(baton_offer *offer, uint32_t timeout_ms, baton_outcome *outcome_out)
{
    char what[160];
    baton_status status = check_handle(offer);
    if (status == BATON_OK && outcome_out != NULL && !baton__output_is_sized(outcome_out)) {
        status = baton__fail(BATON_ERR_INVALID_ARGUMENT,
                             "outcome: begin with BATON_OUTCOME_INIT, its struct_size is not set");
    }
    if (status == BATON_OK) {
        status = await(offer, timeout_ms);
    }
    if (status == BATON_OK && outcome_out != NULL) {
        status = baton__record_read(&offer->record, outcome_out);
    }
    if (status != BATON_OK || baton__record_is_complete(&offer->record)) {
        return status;
    }
    describe(offer, what);
    return baton__record_verdict(&offer->record, what);
}

baton_status baton_offer_get_outcome(const baton_offer *offer, baton_outcome *outcome_out)
{
    baton_status status = check_handle(offer);
    return status == BATON_OK ? baton__record_read(&offer->record, outcome_out) : status;
}

bool baton_offer_is_over(const baton_offer *offer)
{
    return offer == NULL || baton__record_is_over(&offer->record);
}

baton_uuid baton_offer_id(const baton_offer *offer)
{
    static const baton_uuid none;
    return offer != NULL ? offer->id : none;
}

static void request_cancel(baton_offer *offer)
{
    if (!baton__record_is_over(&offer->record) &&
        !baton__session_post(offer->session, &baton__offer_acquire(offer)->cancel_task)) {
        baton__offer_release(offer);
    }
}

baton_status baton_offer_cancel(baton_offer *offer)
{
    baton_status status = check_handle(offer);
    if (status == BATON_OK) {
        request_cancel(offer);
    }
    return status;
}

baton_status baton_offer_close(baton_offer *offer, uint32_t timeout_ms)
{
    baton_status status = check_handle(offer);
    if (status != BATON_OK) {
        return status;
    }
    if (!baton__event_is_set(&offer->record.ended) && baton__session_is_owner(offer->session)) {
        return baton__fail(BATON_ERR_WRONG_THREAD,
                           "offer: the owner thread cannot wait for its end");
    }
    request_cancel(offer);
    status = await(offer, timeout_ms);
    baton_outcome outcome = BATON_OUTCOME_INIT;
    if (status == BATON_OK) {
        status = baton__record_read(&offer->record, &outcome);
    }
    if (status == BATON_OK && __atomic_load_n(&offer->quarantined, __ATOMIC_RELAXED)) {
        return baton__fail(BATON_ERR_QUARANTINED, "offer: a peer may still reach its memory");
    }
    return status;
}

void baton_offer_destroy(baton_offer *offer)
{
    if (offer == NULL) {
        return;
    }
    request_cancel(offer);
    if (!baton__event_is_set(&offer->record.ended) && !baton__session_is_owner(offer->session)) {
        (void)baton__session_wait(offer->session, &offer->record.ended, BATON_FOREVER);
    }
    baton__offer_release(offer);
}

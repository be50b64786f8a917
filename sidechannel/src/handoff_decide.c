/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the application says about a handoff, on any thread. A decision is taken under the record's
 * lock, so that of two threads, or of the application and the end, one wins; the owner thread then
 * carries it out.
 */
#include "handoff.h"

#include "base/error.h"
#include "service.h"
#include <stdlib.h>
#include <string.h>

static void lock(baton_handoff *handoff)
{
    (void)pthread_mutex_lock(&handoff->record.lock);
}

static void unlock(baton_handoff *handoff)
{
    (void)pthread_mutex_unlock(&handoff->record.lock);
}

bool baton__handoff_ends_place(baton_handoff *handoff)
{
    bool still_moves =
        handoff->decision == BATON__DECISION_ACCEPT && !handoff->moved && !handoff->record.is_over;
    if (!handoff->has_place || !handoff->released || still_moves) {
        return false;
    }
    handoff->has_place = false;
    return true;
}

bool baton__handoff_decide(baton_handoff *handoff, baton__decision decision, baton_status reason,
                           const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    lock(handoff);
    bool is_open = handoff->decision == BATON__DECISION_NONE && !handoff->record.is_over;
    if (is_open) {
        handoff->decision = decision;
        handoff->reject_reason = reason;
        handoff->reject_text = copy;
        copy = NULL;
    }
    unlock(handoff);
    free(copy);
    if (is_open) {
        (void)baton__handoff_post(handoff, &handoff->decide_task);
    }
    return is_open;
}

/* With the lock held: true if a nack is now to be posted. */
static bool nack_what_is_left(baton_handoff *handoff)
{
    if (handoff->decision != BATON__DECISION_ACCEPT || handoff->answer != BATON__ANSWER_NONE ||
        handoff->record.is_over || handoff->given_up ||
        handoff->message.acknowledge != BATON_ACKNOWLEDGE_APPLICATION) {
        return false;
    }
    if (!handoff->moved) {
        handoff->answer_due = true;
        return false;
    }
    handoff->answer = BATON__ANSWER_NACK;
    return true;
}

static void release_place(baton_handoff *handoff)
{
    lock(handoff);
    handoff->released = true;
    baton_operation *viewed = baton__handoff_drop_view(handoff);
    bool ends_place = baton__handoff_ends_place(handoff);
    unlock(handoff);
    baton_operation_destroy(viewed);
    if (ends_place) {
        baton__service_free_place(handoff->service);
    }
    baton__handoff_release(handoff);
}

void baton__handoff_let_go(baton_handoff *handoff, const char *text)
{
    (void)baton__handoff_decide(handoff, BATON__DECISION_REJECT, BATON_ERR_REJECTED, text);
    lock(handoff);
    bool is_nacked = nack_what_is_left(handoff);
    unlock(handoff);
    if (is_nacked) {
        (void)baton__handoff_post(handoff, &handoff->answer_task);
    }
    release_place(handoff);
}

void baton__handoff_give_back(baton_handoff *handoff)
{
    if (!baton__handoff_decide(handoff, BATON__DECISION_RETURN, BATON_OK, NULL) &&
        !baton__record_is_over(&handoff->record)) {
        (void)baton__handoff_post(handoff, &handoff->cancel_task); /* moved beforehand */
    }
    release_place(handoff);
}

static baton_status decide_or_fail(baton_handoff *handoff, baton__decision decision,
                                   const char *text)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    if (!baton__handoff_decide(handoff, decision, BATON_ERR_REJECTED, text)) {
        return baton__fail(BATON_ERR_WRONG_STATE,
                           "handoff: it was accepted, rejected or returned before, or is over");
    }
    return BATON_OK;
}

baton_status baton_handoff_reject(baton_handoff *handoff, const char *text)
{
    return decide_or_fail(handoff, BATON__DECISION_REJECT, text);
}

baton_status baton_handoff_return(baton_handoff *handoff)
{
    return decide_or_fail(handoff, BATON__DECISION_RETURN, NULL);
}

baton_status baton_handoff_cancel(baton_handoff *handoff)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    lock(handoff);
    bool is_accepted = handoff->decision == BATON__DECISION_ACCEPT;
    handoff->given_up = handoff->given_up || is_accepted;
    unlock(handoff);
    if (!is_accepted) {
        return baton__fail(BATON_ERR_WRONG_STATE,
                           "handoff: not accepted; reject or return it instead");
    }
    if (!baton__record_is_over(&handoff->record)) {
        (void)baton__handoff_post(handoff, &handoff->cancel_task);
    }
    return BATON_OK;
}

static baton_status check_result(const baton_handoff *handoff, const char *result)
{
    if (result == NULL) {
        return BATON_OK;
    }
    size_t size = strlen(result);
    if (size > handoff->session->json_max) {
        return baton__fail(BATON_ERR_TOO_LARGE, "handoff: the result has %zu bytes, json_max is %u",
                           size, handoff->session->json_max);
    }
    if (!baton__json_is_valid(result)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff: the result is not JSON");
    }
    return BATON_OK;
}

/* Application mode. result: taken in any case. */
static baton_status answer_with(baton_handoff *handoff, baton__answer answer, char *result)
{
    lock(handoff);
    bool is_due = handoff->decision == BATON__DECISION_ACCEPT && handoff->moved &&
                  handoff->answer == BATON__ANSWER_NONE && !handoff->given_up &&
                  !handoff->record.is_over;
    baton_operation *viewed = NULL;
    if (is_due) {
        handoff->answer = answer;
        handoff->result = result;
        viewed = baton__handoff_forget_view(handoff);
    }
    unlock(handoff);
    baton_operation_destroy(viewed);
    if (!is_due) {
        free(result);
        return baton__fail(BATON_ERR_WRONG_STATE, "handoff: its data is not there, it was "
                                                  "acknowledged or given up before, or it is over");
    }
    (void)baton__handoff_post(handoff, &handoff->answer_task);
    return BATON_OK;
}

static baton_status answer(baton_handoff *handoff, baton__answer answer, const char *result_json)
{
    if (handoff == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "handoff is NULL");
    }
    if (handoff->message.acknowledge != BATON_ACKNOWLEDGE_APPLICATION) {
        if (answer == BATON__ANSWER_ACK && result_json == NULL) {
            return BATON_OK;
        }
        return baton__fail(
            BATON_ERR_WRONG_STATE,
            "handoff: it completes when its data has moved; for results the origin offers it with "
            ".acknowledge = BATON_ACKNOWLEDGE_APPLICATION");
    }
    baton_status status = check_result(handoff, result_json);
    if (status != BATON_OK) {
        return status;
    }
    char *result = result_json != NULL ? strdup(result_json) : NULL;
    if (result_json != NULL && result == NULL) {
        return baton__fail_memory("a result");
    }
    return answer_with(handoff, answer, result);
}

baton_status baton_handoff_ack(baton_handoff *handoff, const char *result_json)
{
    return answer(handoff, BATON__ANSWER_ACK, result_json);
}

baton_status baton_handoff_nack(baton_handoff *handoff, const char *result_json)
{
    return answer(handoff, BATON__ANSWER_NACK, result_json);
}

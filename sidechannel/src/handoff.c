/* SPDX-License-Identifier: Apache-2.0 */
/* A handoff's life, its states, and what it says about the offer. */
#include "handoff.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "service.h"
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
#define STATE_NAME(name, value, text) [value] = (text),
    BATON__HANDOFF_STATE_LIST(STATE_NAME)
#undef STATE_NAME
};

#define BIT(name) (1U << BATON__HANDOFF_##name)
#define OVER      (BIT(COMPLETE) | BIT(CANCELLED) | BIT(ERRORED))

static const uint32_t allowed[] = {
    [BATON__HANDOFF_WAITING] = BIT(OPENING) | BIT(CANCELLED) | BIT(ERRORED),
    [BATON__HANDOFF_OPENING] = BIT(MOVED) | OVER,
    [BATON__HANDOFF_MOVED] = BIT(ANSWERED) | OVER,
    [BATON__HANDOFF_ANSWERED] = OVER,
    [BATON__HANDOFF_COMPLETE] = 0,
    [BATON__HANDOFF_CANCELLED] = 0,
    [BATON__HANDOFF_ERRORED] = 0,
};

const char *baton__handoff_state_name(baton__handoff_state state)
{
    return state_names[state];
}

void baton__handoff_enter(baton_handoff *handoff, baton__handoff_state next)
{
    char id[BATON_UUID_TEXT_SIZE];
    baton__handoff_state old = handoff->state;
    if (next == old) {
        return;
    }
    if ((allowed[old] & (1U << next)) == 0) {
        baton_uuid_print(&handoff->key.id, id);
        BATON__ERROR("handoff %s: %s does not follow %s", id, state_names[next], state_names[old]);
        return;
    }
    if (baton__log_enabled(BATON_LOG_TRACE)) {
        baton_uuid_print(&handoff->key.id, id);
        baton__log_write(BATON_LOG_TRACE, "handoff %s attempt %u: %s -> %s", id,
                         handoff->key.attempt, state_names[old], state_names[next]);
    }
    handoff->state = next;
    if (next >= BATON__HANDOFF_COMPLETE) {
        baton_loop_timer_stop(handoff->session->loop, &handoff->repeat_timer);
    }
}

baton_handoff *baton__handoff_acquire(baton_handoff *handoff)
{
    (void)__atomic_add_fetch(&handoff->references, 1, __ATOMIC_RELAXED);
    return handoff;
}

void baton__handoff_release(baton_handoff *handoff)
{
    if (__atomic_sub_fetch(&handoff->references, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    baton__handoff_free_locals(handoff->locals, handoff->count);
    free(handoff->result);
    free(handoff->reject_text);
    free(handoff->traceparent);
    baton__message_fini(&handoff->message);
    baton__record_fini(&handoff->record);
    baton__service_release(handoff->service);
    baton__session_release(handoff->session);
    free(handoff);
}

bool baton__handoff_post(baton_handoff *handoff, baton_task *task)
{
    (void)baton__handoff_acquire(handoff);
    bool posted = baton__session_post(handoff->session, task);
    if (!posted) {
        baton__handoff_release(handoff);
    }
    return posted;
}

static void init(baton_handoff *handoff, baton__session *session, baton_service *service)
{
    uint64_t now = baton__session_now_ns(session);
    handoff->references = 1;
    handoff->session = baton__session_acquire(session);
    handoff->service = baton__service_acquire(service);
    handoff->key = baton__attempt_key_make(&handoff->message.id, handoff->message.attempt);
    handoff->deadline_ns = now + handoff->message.deadline_ms * BATON__NS_PER_MS;
    handoff->ttl_ns = now + handoff->message.ttl_ms * BATON__NS_PER_MS;
    handoff->decide_task.run = baton__handoff_run_decision;
    handoff->answer_task.run = baton__handoff_run_answer;
    handoff->cancel_task.run = baton__handoff_run_cancel;
    handoff->deliver_task.run = baton__service_run_deliver;
}

baton_status baton__handoff_create(baton__session *session, baton_service *service,
                                   baton__message *message, const char *traceparent,
                                   baton_handoff **handoff_out)
{
    baton_handoff *handoff = calloc(1, sizeof(*handoff));
    if (handoff == NULL) {
        return baton__fail_memory("a handoff");
    }
    handoff->traceparent = strdup(traceparent != NULL ? traceparent : "");
    baton_status status = handoff->traceparent != NULL ? baton__record_init(&handoff->record)
                                                       : baton__fail_memory("a handoff");
    if (status != BATON_OK) {
        free(handoff->traceparent);
        free(handoff);
        return status;
    }
    handoff->message = *message;
    *message = (baton__message){.storage_ = NULL};
    init(handoff, session, service);
    *handoff_out = handoff;
    return BATON_OK;
}

baton_uuid baton_handoff_id(const baton_handoff *handoff)
{
    return handoff->key.id;
}

uint32_t baton_handoff_attempt(const baton_handoff *handoff)
{
    return handoff->key.attempt;
}

const char *baton_handoff_origin(const baton_handoff *handoff)
{
    return handoff->message.origin;
}

baton_operation_kind baton_handoff_kind(const baton_handoff *handoff)
{
    return baton_metadata_get_kind(handoff->message.metadata) == BATON_METADATA_READABLE
               ? BATON_OPERATION_READ
               : BATON_OPERATION_WRITE;
}

baton_acknowledge baton_handoff_acknowledge(const baton_handoff *handoff)
{
    return handoff->message.acknowledge;
}

uint64_t baton_handoff_size(const baton_handoff *handoff)
{
    return baton_metadata_total_size(handoff->message.metadata);
}

size_t baton_handoff_count(const baton_handoff *handoff)
{
    return baton_metadata_count(handoff->message.metadata);
}

baton_status baton_handoff_remote(const baton_handoff *handoff, size_t index,
                                  baton_metadata_descriptor *remote_out)
{
    if (handoff == NULL || remote_out == NULL || index >= baton_handoff_count(handoff)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "handoff: NULL, or there is no descriptor %zu", index);
    }
    *remote_out = *baton_metadata_descriptor_at(handoff->message.metadata, index);
    return BATON_OK;
}

const baton_tensor *baton_handoff_tensor(const baton_handoff *handoff, size_t index)
{
    const baton_tensor *tensors = handoff->message.tensors;
    if (tensors == NULL || index >= baton_handoff_count(handoff) || tensors[index].type_bits == 0) {
        return NULL;
    }
    return &tensors[index];
}

const char *baton_handoff_user_json(const baton_handoff *handoff)
{
    return handoff->message.user != NULL ? handoff->message.user : "";
}

const char *baton_handoff_traceparent(const baton_handoff *handoff)
{
    return handoff->traceparent;
}

uint32_t baton_handoff_remaining_ms(const baton_handoff *handoff)
{
    uint64_t now = baton__clock_now(&baton__clock_boottime);
    return now >= handoff->deadline_ns
               ? 0
               : (uint32_t)((handoff->deadline_ns - now) / BATON__NS_PER_MS);
}

void baton_handoff_keep(baton_handoff *handoff)
{
    if (handoff != NULL) {
        __atomic_store_n(&handoff->kept, true, __ATOMIC_RELEASE);
    }
}

void baton_handoff_destroy(baton_handoff *handoff)
{
    if (handoff != NULL) {
        baton__handoff_let_go(handoff, "the handoff was destroyed without having been accepted");
    }
}

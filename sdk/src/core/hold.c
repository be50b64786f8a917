/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine.h"

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* One transfer in flight of its grant, or in quarantine. */
struct baton__hold {
    baton_connector *connector;
    baton_uuid operation;
    baton_key nonce;
    baton_key token;
    baton__process process;
    bool active; /* ours is the active side */
    /* In quarantine: */
    baton__peer *peer;
    baton_uuid session;
    baton_status reason;
    baton_source life; /* the pidfd of the process */
    uint32_t count;
    baton_descriptor **descriptors;
    baton__hold *prev;
    baton__hold *next;
};

baton_status baton__hold_begin(baton__grant *grant)
{
    baton_operation *op = grant->operation;
    if (grant->hold != NULL) {
        return BATON_OK;
    }
    grant->hold = calloc(1, sizeof(*grant->hold));
    if (grant->hold == NULL) {
        return baton__fail_memory("a hold");
    }
    *grant->hold = (baton__hold){.connector = op->connector,
                                 .operation = op->id,
                                 .nonce = grant->nonce,
                                 .token = grant->token,
                                 .process = grant->peer->process};
    grant->inflight++;
    op->inflight++;
    return BATON_OK;
}

static void let_go(baton__grant *grant)
{
    grant->hold = NULL;
    grant->inflight--;
    grant->operation->inflight--;
}

void baton__hold_end(baton__grant *grant)
{
    if (grant->hold != NULL) {
        free(grant->hold);
        let_go(grant);
    }
}

static void end_quarantine(baton__hold *hold)
{
    baton_connector *connector = hold->connector;
    DL_DELETE(connector->holds, hold);
    hold->peer->holds--;
    BATON__UNCOUNT(connector, quarantined);
    if (hold->life.added_) {
        baton_loop_source_remove(connector->loop, &hold->life);
        (void)close(hold->life.fd);
    }
    for (uint32_t i = 0; i < hold->count; i++) {
        baton_descriptor_release(hold->descriptors[i]);
    }
    free(hold->descriptors);
    free(hold);
}

static void on_death(baton_source *source, uint32_t events)
{
    (void)events;
    end_quarantine((baton__hold *)((char *)source - offsetof(baton__hold, life)));
}

/* The endpoint may have to be made for it, which only a timer may do. A peer that takes nothing gets no more. */
static void ask(baton__hold *hold)
{
    enum { UNANSWERED_MAX = 16 };
    baton__peer *peer = hold->peer;
    const baton__identity *identity = baton__identity_get(hold->connector);
    if (peer->dead || baton__peer_connect(peer) != BATON_OK || peer->transfers > UNANSWERED_MAX) {
        return;
    }
    baton__frame frame = {.type = hold->active ? BATON__FRAME_PROBE : BATON__FRAME_CANCEL,
                          .session = hold->session,
                          .operation = hold->operation,
                          .key = hold->token,
                          .nonce = hold->nonce,
                          .c = baton__reason_pack(hold->reason),
                          .d = hold->active && baton__direct_is_left(peer) ? BATON__FAIL_READING : 0};
    (void)baton__send_control(peer, &frame, identity->block, identity->size);
}

static void start_asking(baton_connector *connector)
{
    /* Without a timer, until the next one: the end of the process tells too. */
    (void)!baton_loop_timer_start(connector->loop, &connector->holds_timer, baton__after_ms(connector, connector->holds_wait_ms));
}

static void ask_soon(baton_connector *connector)
{
    connector->holds_wait_ms = BATON__ASK_MIN_MS;
    start_asking(connector);
}

static void on_time_to_ask(baton_timer *timer)
{
    baton_connector *connector = (baton_connector *)((char *)timer - offsetof(baton_connector, holds_timer));
    baton__hold *hold;
    DL_FOREACH(connector->holds, hold)
    {
        ask(hold);
    }
    if (connector->holds != NULL) {
        connector->holds_wait_ms *= 2;
        connector->holds_wait_ms = connector->holds_wait_ms > BATON__ASK_MAX_MS ? BATON__ASK_MAX_MS : connector->holds_wait_ms;
        start_asking(connector);
    }
}

void baton__holds_init(baton_connector *connector)
{
    connector->holds_timer.fire = on_time_to_ask;
}

/* False: it is dead. */
static bool watch(baton__hold *hold)
{
    int fd = -1;
    switch (baton__process_watch(&hold->process, &fd)) {
    case BATON__PROCESS_DEAD:
        return false;
    case BATON__PROCESS_ALIVE:
        hold->life = (baton_source){.fd = fd, .events = EPOLLIN, .ready = on_death, .patient = true};
        if (baton_loop_source_add(hold->connector->loop, &hold->life) != BATON_OK) {
            (void)close(fd); /* then its RELEASE alone can end it */
        }
        return true;
    default:
        return true;
    }
}

static void keep_descriptors(baton__hold *hold, const baton_operation *op)
{
    hold->descriptors = calloc(op->count, sizeof(hold->descriptors[0]));
    if (hold->descriptors == NULL) {
        BATON__ERROR("%s: out of memory: what %s may still reach is never given back", op->connector->name, op->peer_name);
    }
    for (uint32_t i = 0; i < op->count; i++) {
        baton_descriptor *kept = baton_descriptor_acquire(op->descriptors[i]);
        if (hold->descriptors != NULL) {
            hold->descriptors[hold->count++] = kept;
        }
    }
}

/* It is watched already. */
static void quarantine(baton__hold *hold, const baton_operation *op, baton__peer *peer)
{
    baton_connector *connector = op->connector;
    keep_descriptors(hold, op);
    hold->peer = peer;
    peer->holds++;
    DL_APPEND(connector->holds, hold);
    ask_soon(connector);
    BATON__COUNT(connector, quarantined);
    BATON__WARN("%s: %s may still reach memory of ours; it is held back", connector->name, op->peer_name);
}

void baton__hold_quarantine(baton__grant *grant)
{
    baton__hold *hold = grant->hold;
    baton_operation *op = grant->operation;
    if (!watch(hold)) {
        baton__hold_end(grant);
        return;
    }
    hold->session = grant->session;
    hold->reason = grant->reason;
    quarantine(hold, op, grant->peer);
    let_go(grant);
    grant->reason = BATON_ERR_QUARANTINED;
    op->reason = BATON_ERR_QUARANTINED;
}

bool baton__hold_active(baton_operation *op)
{
    baton__peer *peer = op->peer;
    baton__hold *hold = peer->dead ? NULL : calloc(1, sizeof(*hold));
    if (hold == NULL) {
        if (!peer->dead) {
            baton__hold lost = {.descriptors = NULL};
            keep_descriptors(&lost, op);
        }
        return !peer->dead;
    }
    *hold = (baton__hold){.connector = op->connector,
                          .operation = op->id,
                          .nonce = op->a.nonce,
                          .token = op->a.token,
                          .process = peer->process,
                          .active = true,
                          .session = peer->out_session,
                          .reason = op->reason};
    if (!watch(hold)) {
        free(hold);
        return false;
    }
    quarantine(hold, op, peer);
    return true;
}

static bool answered(baton_connector *connector, const baton__frame *frame, bool active)
{
    baton__hold *hold;
    baton__hold *next;
    DL_FOREACH_SAFE(connector->holds, hold, next)
    {
        if (hold->active == active && baton_key_equal(&hold->nonce, &frame->nonce) && baton_key_equal(&hold->token, &frame->key) &&
            baton_uuid_equal(&hold->operation, &frame->operation)) {
            end_quarantine(hold);
            return true;
        }
    }
    return false;
}

bool baton__hold_released(baton_connector *connector, const baton__frame *frame)
{
    return answered(connector, frame, false);
}

void baton__hold_probed(baton_connector *connector, const baton__frame *frame)
{
    if (!answered(connector, frame, true)) {
        BATON__COUNT(connector, refused_operation);
    }
}

/* What no connector watches any more, of all that ever were: it stays. */
static baton__hold *kept;

static void keep(baton__hold *hold)
{
    baton_connector *connector = hold->connector;
    DL_DELETE(connector->holds, hold);
    BATON__WARN("%s: memory that a peer may still reach is never given back", connector->name);
    if (hold->life.added_) {
        baton_loop_source_remove(connector->loop, &hold->life);
        (void)close(hold->life.fd);
    }
    hold->connector = NULL;
    hold->next = __atomic_load_n(&kept, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&kept, &hold->next, hold, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

void baton__holds_fini(baton_connector *connector)
{
    baton_loop_timer_stop(connector->loop, &connector->holds_timer);
    baton__hold *hold;
    baton__hold *next;
    DL_FOREACH_SAFE(connector->holds, hold, next)
    {
        int fd = -1;
        bool dead = baton__process_watch(&hold->process, &fd) == BATON__PROCESS_DEAD;
        if (fd >= 0) {
            (void)close(fd);
        }
        if (dead) {
            end_quarantine(hold);
        } else {
            keep(hold);
        }
    }
}

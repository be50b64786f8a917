/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of the path `map`: who may read, and until when. */
#include "core/engine.h"

#include "base/log.h"
#include "base/process.h"
#include "base/wire.h"
#include "memory/pool.h"
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A consumer may read the memory of an operation: one transfer in flight of its grant, or in quarantine. */
struct baton__hold {
    baton_connector *connector;
    baton_uuid operation;
    baton_key nonce;
    baton_key token;
    baton__process process;
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

static void refuse(baton__grant *grant, baton_status reason)
{
    baton__frame frame = {.type = BATON__FRAME_KEYS, .c = baton__reason_pack(reason)};
    baton__grant_send(grant, &frame);
}

typedef struct pools {
    const baton__share *share[BATON__MAP_POOLS_MAX];
    uint16_t count;
} pools;

static baton_status collect(const baton_operation *op, pools *found)
{
    for (uint32_t i = 0; i < op->count; i++) {
        const baton__share *share = baton__pool_share(op->descriptors[i]);
        uint16_t at = 0;
        if (share == NULL) {
            return BATON_ERR_NOT_SUPPORTED;
        }
        while (at < found->count && found->share[at] != share) {
            at++;
        }
        if (at == found->count) {
            if (found->count == BATON__MAP_POOLS_MAX) {
                return BATON_ERR_TOO_LARGE;
            }
            found->share[found->count++] = share;
        }
    }
    return BATON_OK;
}

/* One proof for all: of the group of the first pool, and the others have the same. */
static baton_status check(const baton_operation *op, const baton_key *nonce, const baton_key *proven, pools *found)
{
    if (op->kind != BATON_OPERATION_READABLE) {
        return BATON_ERR_NOT_SUPPORTED;
    }
    baton_status status = collect(op, found);
    if (status != BATON_OK) {
        return status;
    }
    for (uint16_t i = 0; i < found->count; i++) {
        baton_key proof = baton__map_proof(&found->share[i]->group, nonce, 'C');
        if (!baton_key_equal(&proof, proven)) {
            return BATON_ERR_FORBIDDEN;
        }
    }
    return BATON_OK;
}

static void write_keys(const baton_operation *op, const pools *found, baton__writer *writer)
{
    baton__write_u16(writer, found->count);
    for (uint16_t i = 0; i < found->count; i++) {
        const baton__segment *segment = found->share[i]->segment;
        baton__write_bytes(writer, found->share[i]->id.bytes, sizeof(found->share[i]->id.bytes));
        baton__write_u64(writer, (uint64_t)(uintptr_t)segment->pointer);
        baton__write_u64(writer, segment->size);
        baton__write_u16(writer, (uint16_t)segment->key_size);
        baton__write_bytes(writer, segment->key, segment->key_size);
    }
    for (uint32_t i = 0; i < op->count; i++) {
        const baton__share *share = baton__pool_share(op->descriptors[i]);
        uint16_t at = 0;
        while (found->share[at] != share) {
            at++;
        }
        baton__write_u16(writer, at);
        baton__write_u64(writer, (uint64_t)((const uint8_t *)baton_descriptor_pointer(op->descriptors[i]) -
                                            (const uint8_t *)share->segment->pointer));
    }
}

static void send_keys(baton__grant *grant, const pools *found)
{
    size_t room = 2 + (size_t)found->count * BATON__KEYS_POOL_MAX + (size_t)grant->operation->count * BATON__KEYS_PLACE;
    uint8_t *bytes = malloc(room);
    if (bytes == NULL) {
        refuse(grant, BATON_ERR_OUT_OF_MEMORY); /* the reader lets go of its hold by what it does next */
        return;
    }
    baton__writer writer = baton__writer_make(bytes, room);
    write_keys(grant->operation, found, &writer);
    baton__frame frame = {.type = BATON__FRAME_KEYS,
                          .session = grant->session,
                          .operation = grant->operation->id,
                          .nonce = grant->nonce,
                          .aux = baton__map_proof(&found->share[0]->group, &grant->nonce, 'O')};
    if (grant->peer != NULL && grant->attached) {
        (void)baton__send_control(grant->peer, &frame, bytes, writer.used);
    }
    free(bytes);
}

void baton__hold_ask(baton__grant *grant, const baton_key *proof, bool view)
{
    baton_operation *op = grant->operation;
    pools found = {.count = 0};
    baton_status status = op->staged != 0 ? BATON_ERR_NOT_SUPPORTED : check(op, &grant->nonce, proof, &found);
    if (status == BATON_OK && grant->hold == NULL) {
        grant->hold = calloc(1, sizeof(*grant->hold));
        status = grant->hold != NULL ? BATON_OK : BATON_ERR_OUT_OF_MEMORY;
        if (status == BATON_OK) {
            *grant->hold = (baton__hold){.connector = op->connector,
                                         .operation = op->id,
                                         .nonce = grant->nonce,
                                         .token = grant->token,
                                         .process = grant->peer->process};
            grant->inflight++;
            op->inflight++;
        }
    }
    if (status != BATON_OK) {
        BATON__COUNT_BY(op->connector, refused_token, status == BATON_ERR_FORBIDDEN);
        refuse(grant, status);
        return;
    }
    __atomic_store_n(&op->mapped, true, __ATOMIC_RELAXED);
    __atomic_store_n(&op->viewed, view, __ATOMIC_RELAXED);
    baton__operation_note_transport(op, grant->peer);
    send_keys(grant, &found);
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
    baton__frame frame = {.type = BATON__FRAME_CANCEL,
                          .session = hold->session,
                          .operation = hold->operation,
                          .key = hold->token,
                          .nonce = hold->nonce,
                          .c = baton__reason_pack(hold->reason)};
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

void baton__hold_quarantine(baton__grant *grant)
{
    baton__hold *hold = grant->hold;
    baton_operation *op = grant->operation;
    if (!watch(hold)) {
        baton__hold_end(grant);
        return;
    }
    hold->descriptors = calloc(op->count, sizeof(hold->descriptors[0]));
    if (hold->descriptors == NULL) {
        BATON__ERROR("%s: out of memory: what %s may still read is never given back", op->connector->name, op->peer_name);
    }
    for (uint32_t i = 0; i < op->count; i++) {
        baton_descriptor *kept = baton_descriptor_acquire(op->descriptors[i]);
        if (hold->descriptors != NULL) {
            hold->descriptors[hold->count++] = kept;
        }
    }
    hold->peer = grant->peer;
    hold->session = grant->session;
    hold->reason = grant->reason;
    grant->peer->holds++;
    DL_APPEND(op->connector->holds, hold);
    ask_soon(op->connector);
    BATON__COUNT(op->connector, quarantined);
    BATON__WARN("%s: %s may still read memory of ours; it is held back", op->connector->name, op->peer_name);
    let_go(grant);
    grant->reason = BATON_ERR_QUARANTINED;
    op->reason = BATON_ERR_QUARANTINED;
}

bool baton__hold_released(baton_connector *connector, const baton__frame *frame)
{
    baton__hold *hold;
    baton__hold *next;
    DL_FOREACH_SAFE(connector->holds, hold, next)
    {
        if (baton_key_equal(&hold->nonce, &frame->nonce) && baton_key_equal(&hold->token, &frame->key) &&
            baton_uuid_equal(&hold->operation, &frame->operation)) {
            end_quarantine(hold);
            return true;
        }
    }
    return false;
}

/* What no connector watches any more, of all that ever were: it stays. */
static baton__hold *kept;

static void keep(baton__hold *hold)
{
    baton_connector *connector = hold->connector;
    DL_DELETE(connector->holds, hold);
    BATON__WARN("%s: memory that a peer may still read is never given back", connector->name);
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
